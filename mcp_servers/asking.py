"""A question to the user before a tool acts, in whichever way the client can be asked.

Clients of the stateless revision call again with the answer, those with sessions answer at once, a task keeps the
question until somebody comes back; a client that declared no elicitation cannot be asked.
"""

from __future__ import annotations

from typing import Any

from mcp.server.mcpserver.context import Context
from mcp_types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_servers.tasks.calls import current

SURE: dict[str, Any] = {
    "type": "object",
    "properties": {"sure": {"type": "boolean", "title": "Go on", "description": "Whether to go on."}},
    "required": ["sure"],
}


async def ask_first(
    context: Context[Any, Any], key: str, message: str, schema: dict[str, Any]
) -> ElicitResult | InputRequiredResult | None:
    """Return the answer, or what the tool has to return so that it is asked, or None where nobody can be asked.

    `schema` is a flat JSON schema of primitive fields; `key` names the question within the call. Nothing may have been
    changed before: a client of the stateless revision calls the tool a second time.
    """
    if not context.session.check_client_capability(ClientCapabilities(elicitation=ElicitationCapability())):
        return None
    call = current()
    request = ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))
    if call is not None:
        return await call.ask(request)
    if context.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return await context.session.elicit_form(message, schema, related_request_id=context.request_id)
    answer = (context.input_responses or {}).get(key)
    return answer if isinstance(answer, ElicitResult) else InputRequiredResult(input_requests={key: request})


async def sure(context: Context[Any, Any], key: str, message: str) -> bool | InputRequiredResult:
    """Ask whether to go on; True where nobody can be asked, because then the client itself confirms its calls."""
    answer = await ask_first(context, key, message, SURE)
    if answer is None or isinstance(answer, InputRequiredResult):
        return answer or True
    return answer.action == "accept" and (answer.content or {}).get("sure") is True
