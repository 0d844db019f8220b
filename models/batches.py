"""Many questions at once at a provider's batch price: handed in now, fetched later, by any process of this home.

A batch is known by its provider's id; what was asked is kept beside it, because reading a result needs its request.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_ai.exceptions import ModelAPIError
from pydantic_ai.exceptions import UserError as Refused
from pydantic_ai.messages import ModelRequest, ModelResponse
from pydantic_ai.models.batch import Batch, BatchRequest
from pydantic_ai.settings import ModelSettings

from lyceum.errors import OperatorError, Unavailable, UserError, nearest
from models.errors import friendly
from models.prices import Prices, Tokens

if TYPE_CHECKING:
    from pydantic_ai.models import Model

_BATCH = TypeAdapter(Batch)


class Question(BaseModel):
    """One line of a batch file; `id` finds its answer again."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    prompt: str = Field(min_length=1)
    instructions: str = ""
    max_tokens: int | None = Field(default=None, ge=1)


class Kept(BaseModel):
    """A batch that was handed in: which model answers it, the provider's handle, and what was asked."""

    model: str
    batch: Any
    questions: list[Question]

    @property
    def handle(self) -> Batch:
        return _BATCH.validate_python(self.batch)


@dataclass(frozen=True)
class Reply:
    """The answer to one question, or why there is none; `cost` in US dollars, at the batch price where it is known."""

    id: str
    text: str
    error: str
    input_tokens: int
    output_tokens: int
    cost: float | None


def read_questions(path: Path) -> list[Question]:
    """Read JSON lines; raises UserError that names the line."""
    questions: list[Question] = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read ({type(error).__name__}).", next_step="Check the path.") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            questions.append(Question.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the line"
            raise UserError(
                f"{path}, line {number}: {where}: {first['msg']}.",
                next_step='Each line is an object: {"id": "q1", "prompt": "...", "instructions": "..."}.',
            ) from None
    if not questions:
        raise UserError(f"{path} holds no question.", next_step='Write {"id": "q1", "prompt": "..."}, one a line.')
    twice = {question.id for question in questions if sum(each.id == question.id for each in questions) > 1}
    if twice:
        raise UserError(f"{path} uses the id {min(twice)!r} twice.", next_step="Give every question its own id.")
    return questions


class Batches:
    """The batches of a home folder; `folder` holds one JSON file each."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def submit(self, model: Model, key: str, questions: Sequence[Question]) -> Kept:
        """Hand questions in; raises UserError for a model without batches and for more than one batch takes."""
        most = model.batch_max_requests
        if most is None:
            raise UserError(f"{key} takes no batches.", next_step="Those of openai:, anthropic: and google: do.")
        if len(questions) > most:
            raise UserError(f"One batch takes {most:,} questions, not {len(questions):,}.", next_step="Split the file.")
        try:
            encoded = [await model.batch_encode(_request(question)) for question in questions]
            batch = await model.batch_create(encoded)
        except ModelAPIError as error:
            raise friendly(error) from None
        except Refused as error:
            raise UserError(
                f"{key} cannot take this as a batch: {error}", next_step="Split or change the file."
            ) from None
        kept = Kept(model=key, batch=_BATCH.dump_python(batch, mode="json"), questions=list(questions))
        self._keep(kept)
        return kept

    def find(self, batch_id: str) -> Kept:
        """Return a batch by its id; raises UserError with the nearest."""
        path = self._path(batch_id)
        if not path.is_file():
            known = [each.handle.id for each in self.all()]
            raise UserError(f"There is no batch {batch_id!r} here.", next_step=nearest(batch_id, known, what="batches"))
        try:
            return Kept.model_validate_json(path.read_bytes())
        except ValueError:
            raise OperatorError(f"{path.name} is damaged.", next_step="Fetch it at the provider by its id.") from None

    def all(self) -> list[Kept]:
        """Return every batch that can be read, newest first."""
        paths = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
        found: list[Kept] = []
        for path in paths:
            try:
                found.append(Kept.model_validate_json(path.read_bytes()))
            except ValueError:
                continue
        return found

    async def refresh(self, model: Model, kept: Kept, *, cancel: bool = False) -> Kept:
        """Ask the provider how far a batch is, or to cancel it."""
        try:
            batch = await (model.batch_cancel(kept.handle) if cancel else model.batch_status(kept.handle))
        except ModelAPIError as error:
            raise friendly(error) from None
        except Refused:
            raise OperatorError(
                "This batch was handed in with another account or address.", next_step="Set the key it was made with."
            ) from None
        newer = kept.model_copy(update={"batch": _BATCH.dump_python(batch, mode="json")})
        self._keep(newer)
        return newer

    async def results(self, model: Model, kept: Kept, prices: Prices) -> list[Reply]:
        """Return the answer to each question, in order; raises Unavailable while the batch is not done."""
        kept = await self.refresh(model, kept)
        if kept.handle.status != "ended":
            raise Unavailable(
                f"Batch {kept.handle.id} is not done ({kept.handle.status}).",
                next_step="Ask again later: a batch takes up to a day. `--wait` waits for it.",
            )
        try:
            found = {result.custom_id: result for result in await model.batch_results(kept.handle)}
        except ModelAPIError as error:
            raise friendly(error) from None
        replies: list[Reply] = []
        for question in kept.questions:
            result = found.get(question.id)
            if result is None:
                replies.append(Reply(question.id, "", "The batch ended without an answer to it.", 0, 0, None))
                continue
            try:
                replies.append(_reply(question.id, model.batch_decode(result, _request(question)), prices))
            except ModelAPIError as error:
                why = friendly(error).message if result.status == "errored" else f"It {result.status}."
                replies.append(Reply(question.id, "", why, 0, 0, None))
        return replies

    def _path(self, batch_id: str) -> Path:
        return self._folder / f"{re.sub(r'[^A-Za-z0-9_-]', '-', batch_id)}.json"

    def _keep(self, kept: Kept) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(kept.handle.id)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(kept.model_dump(mode="json"), ensure_ascii=False), encoding="utf-8")
        part.replace(path)


def _request(question: Question) -> BatchRequest:
    message = ModelRequest.user_text_prompt(question.prompt, instructions=question.instructions or None)
    settings = ModelSettings(max_tokens=question.max_tokens) if question.max_tokens else None
    return BatchRequest(custom_id=question.id, messages=[message], model_settings=settings)


def _reply(custom_id: str, response: ModelResponse, prices: Prices) -> Reply:
    usage = response.usage
    used = Tokens(usage.input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens)
    cost = prices.cost(response.model_name or "", response.provider_name or "", used, batch=True)
    return Reply(custom_id, response.text or "", "", used.input, used.output, cost)
