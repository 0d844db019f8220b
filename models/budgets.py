"""What a run may still use: one ledger a run, shared by all its agents, and hard.

A request is admitted before it is sent, with an estimate of its input; what it writes is counted while it streams, so
that a model which never stops is cut off in mid-sentence; what the provider counted then replaces the estimates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lyceum.errors import LimitReached, OperatorError
from lyceum.events import ModelCalled, ToolCalled
from lyceum.settings import BudgetSettings
from models.prices import Prices, Tokens

BYTES_PER_TOKEN = 3  # English has about four, Chinese three: an estimate that is rather too high
NARROWER = "ask something narrower"
STEP = 8  # tokens: what is being written is priced in such steps, since looking up a price takes longer than a token


def tokens_of(text: str) -> int:
    """Estimate a text's tokens from its UTF-8 bytes, rather too high than too low."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


@dataclass(frozen=True)
class Payee:
    """A model that may answer, as its provider calls it."""

    model: str
    provider: str


@dataclass(eq=False)
class Ledger:
    """What a run has used so far, and the requests that are under way.

    `budget.dollars` can be kept only for models with a known price: others are refused with OperatorError.
    """

    budget: BudgetSettings
    prices: Prices = Prices()
    model_calls: int = 0
    tool_calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    models: dict[str, None] = field(default_factory=dict[str, None])  # who answered, in order
    _open: list[Hold] = field(default_factory=list["Hold"])

    @classmethod
    def of(cls, budget: BudgetSettings, prices: Prices, events: Iterable[object]) -> Ledger:
        """Return the ledger of a run that goes on, from what its events say it used."""
        ledger = cls(budget, prices)
        for event in events:
            if isinstance(event, ModelCalled):
                ledger.paid(event)
            elif isinstance(event, ToolCalled):
                ledger.tool_calls += 1
        return ledger

    def paid(self, called: ModelCalled) -> None:
        """Count a model request that is over."""
        self.model_calls += 1
        self.tokens += called.input_tokens + called.output_tokens
        self.dollars += called.cost or 0.0
        self.models.setdefault(called.model)

    def check_tool(self) -> None:
        """Raise LimitReached where another tool call would be one too many."""
        if self.tool_calls >= self.budget.tool_calls:
            raise self._over(f"{self.tool_calls} tool calls", "tool_calls")

    def admit(self, payees: Sequence[Payee], input_tokens: int) -> Hold:
        """Open a request of about so many tokens; raises LimitReached where it does not fit any more."""
        if self.model_calls + len(self._open) >= self.budget.model_calls:
            raise self._over(f"{self.model_calls} model calls", "model_calls")
        hold = Hold(self, payees, input_tokens)
        self.check(Tokens(input=input_tokens, output=1), payees)
        self._open.append(hold)
        return hold

    def check(self, more: Tokens, payees: Sequence[Payee]) -> None:
        """Raise LimitReached where what is used, under way and asked for now is more than the budget."""
        tokens = self.tokens + more.total + sum(hold.tokens.total for hold in self._open)
        if tokens > self.budget.tokens:
            raise self._over(f"{self.tokens:,} of {self.budget.tokens:,} tokens", "tokens")
        dollars = self.dollars + self.worst(more, payees) + sum(hold.dollars for hold in self._open)
        if self.budget.dollars is not None and dollars > self.budget.dollars:
            raise self._over(f"${self.dollars:.4f} of ${self.budget.dollars:.4f}", "dollars")

    def room(self, payees: Sequence[Payee], input_tokens: int) -> int:
        """Return how many tokens a request with so much input may write, at least one."""
        under_way = sum(each.tokens.total for each in self._open)
        left = self.budget.tokens - self.tokens - under_way - input_tokens
        a_token = self.worst(Tokens(output=1000), payees) / 1000
        if self.budget.dollars is not None and a_token:
            spent = self.dollars + sum(each.dollars for each in self._open)
            money = self.budget.dollars - spent - self.worst(Tokens(input=input_tokens), payees)
            left = min(left, int(money / a_token))
        return max(1, left)

    def close(self, hold: Hold) -> None:
        if hold in self._open:
            self._open.remove(hold)

    def worst(self, tokens: Tokens, payees: Sequence[Payee]) -> float:
        """Return what tokens cost at the dearest of those who may answer; 0.0 where no money is budgeted."""
        costs: list[float] = []
        if self.budget.dollars is None or not tokens.total:
            return 0.0
        for payee in payees:
            cost = self.prices.cost(payee.model, payee.provider, tokens)
            if cost is None:
                raise OperatorError(
                    f"No price is known for {payee.model}, so budget.dollars cannot be kept.",
                    next_step=f'Set prices."{payee.model}".input and .output (US dollars for a million tokens), '
                    "choose another model, or unset budget.dollars.",
                )
            costs.append(cost)
        return max(costs, default=0.0)

    def _over(self, used: str, setting: str) -> LimitReached:
        return LimitReached(f"The run used its budget ({used}).", next_step=f"Raise budget.{setting}, or {NARROWER}.")


@dataclass(eq=False)
class Hold:
    """A request under way: an estimate of its input, and of what it has written so far."""

    ledger: Ledger
    payees: Sequence[Payee]
    input_tokens: int
    written: int = 0  # bytes
    _priced: tuple[int, float] = (-1, 0.0)  # output tokens, and what it all costs at the dearest

    @property
    def tokens(self) -> Tokens:
        return Tokens(input=self.input_tokens, output=-(-self.written // BYTES_PER_TOKEN))

    @property
    def dollars(self) -> float:
        output = -(-self.tokens.output // STEP) * STEP
        if self._priced[0] != output:
            self._priced = output, self.ledger.worst(Tokens(self.input_tokens, output), self.payees)
        return self._priced[1]

    def more(self, text: str) -> None:
        """Count text that has arrived; raises LimitReached as soon as it is too much."""
        self.written += len(text.encode("utf-8", "replace"))
        self.ledger.check(Tokens(), self.payees)
