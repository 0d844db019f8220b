"""What a client may suggest while a person fills in an argument of a prompt or of a resource's address."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from mcp.server.context import ServerRequestContext
from mcp_types import CompleteRequestParams, CompleteResult, Completion, PromptReference

Complete = Callable[[str], Awaitable[Sequence[str]]]  # what was typed so far -> values, best first

MOST = 100  # the protocol's own limit


class Completers(dict[tuple[str, str], Complete]):
    """By the name of a prompt or the address of a template, and the argument: what suggests its values."""

    async def answer(self, ctx: ServerRequestContext[Any, Any], params: CompleteRequestParams) -> CompleteResult:
        """Answer `completion/complete`; what nobody suggests values for gets none."""
        del ctx
        of = params.ref.name if isinstance(params.ref, PromptReference) else params.ref.uri
        suggest = self.get((of, params.argument.name))
        values = list(await suggest(params.argument.value)) if suggest else []
        completion = Completion(values=values[:MOST], total=len(values), has_more=len(values) > MOST)
        return CompleteResult(completion=completion)
