"""Tools that need something from the client: a form, a sampled text, its roots; in both revisions' ways."""

from __future__ import annotations

import json
from typing import Any, cast

from mcp.server.mcpserver import Context
from mcp.shared.exceptions import MCPError
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitationCapability,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
    ListRootsRequest,
    ListRootsResult,
    MissingRequiredClientCapabilityErrorData,
    SamplingCapability,
    SamplingMessage,
    TextContent,
)

from mcp_servers.server import ToolServer

Schema = dict[str, Any]
Asked = TextContent | InputRequiredResult

NAME: Schema = {"type": "string"}


def form(message: str, *, required: bool = True, **fields: Schema) -> ElicitRequest:
    schema: Schema = {"type": "object", "properties": fields, **({"required": list(fields)} if required else {})}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str, tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(type="text", text=prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=tokens))


def question(*, state: str | None = None, **requests: Any) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def accepted(context: Context[Any, Any], key: str, field: str) -> Any | None:
    """Return a field of an accepted form, or None where it was not filled in."""
    given = (context.input_responses or {}).get(key)
    if not isinstance(given, ElicitResult) or given.action != "accept":
        return None
    return (given.content or {}).get(field)


def said(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def sampled(result: Any) -> str:
    content = result.content if isinstance(result, CreateMessageResult) else None
    return content.text if isinstance(content, TextContent) else ""


def add_questions(server: ToolServer) -> None:
    _add_older(server)
    _add_newer(server)
    _add_checks(server)


def _add_older(server: ToolServer) -> None:
    """Ask in the middle of a call, as the revision with sessions does."""

    async def ask(context: Context[Any, Any], message: str, schema: Schema, told: str) -> TextContent:
        answer = await context.session.elicit_form(message, schema, related_request_id=context.request_id)
        return said(f"{told}action={answer.action}, content={json.dumps(answer.content or {})}")

    @server.tool(description="Has the client sample a text.")
    async def test_sampling(prompt: str, context: Context[Any, Any]) -> TextContent:
        answer = await context.session.create_message(  # pyright: ignore[reportDeprecated]
            sample(prompt, 100).params.messages, max_tokens=100, related_request_id=context.request_id
        )
        return said(f"LLM response: {sampled(answer)}")

    @server.tool(description="Asks for a name and an address.")
    async def test_elicitation(message: str, context: Context[Any, Any]) -> TextContent:
        fields: Schema = {
            "username": {"type": "string", "description": "User's response"},
            "email": {"type": "string", "description": "User's email address"},
        }
        schema: Schema = {"type": "object", "properties": fields, "required": list(fields)}
        return await ask(context, message, schema, "User response: ")

    @server.tool(description="Asks with a default for each kind of field.")
    async def test_elicitation_sep1034_defaults(context: Context[Any, Any]) -> TextContent:
        fields: Schema = {
            "name": {"type": "string", "default": "John Doe"},
            "age": {"type": "integer", "default": 30},
            "score": {"type": "number", "default": 95.5},
            "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
            "verified": {"type": "boolean", "default": True},
        }
        schema: Schema = {"type": "object", "properties": fields, "required": []}
        return await ask(context, "Please check these values.", schema, "Elicitation completed: ")

    @server.tool(description="Asks with each way to write a choice.")
    async def test_elicitation_sep1330_enums(context: Context[Any, Any]) -> TextContent:
        plain = ["option1", "option2", "option3"]
        titled = [{"const": f"value{n}", "title": f"{word} Option"} for n, word in _COUNTED]
        chosen = [{"const": f"value{n}", "title": f"{word} Choice"} for n, word in _COUNTED]
        old = ["Option One", "Option Two", "Option Three"]
        fields: Schema = {
            "untitledSingle": {"type": "string", "enum": plain},
            "titledSingle": {"type": "string", "oneOf": titled},
            "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": old},
            "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
            "titledMulti": {"type": "array", "items": {"anyOf": chosen}},
        }
        schema: Schema = {"type": "object", "properties": fields, "required": []}
        return await ask(context, "Please choose.", schema, "Elicitation completed: ")


_COUNTED = ((1, "First"), (2, "Second"), (3, "Third"))


def _add_newer(server: ToolServer) -> None:
    """Answer with what is needed and be called again, as the stateless revision does."""

    @server.tool(description="Asks for a name.")
    async def test_input_required_result_elicitation(context: Context[Any, Any]) -> Asked:
        name = accepted(context, "user_name", "name")
        return question(user_name=form("What is your name?", name=NAME)) if name is None else said(f"Hello, {name}!")

    @server.tool(description="Has a text sampled.")
    async def test_input_required_result_sampling(context: Context[Any, Any]) -> Asked:
        text = sampled((context.input_responses or {}).get("capital_question"))
        return said(text) if text else question(capital_question=sample("What is the capital of France?", 100))

    @server.tool(description="Asks for the client's roots.")
    async def test_input_required_result_list_roots(context: Context[Any, Any]) -> Asked:
        given = (context.input_responses or {}).get("client_roots")
        if not isinstance(given, ListRootsResult):
            return question(client_roots=ListRootsRequest(params=cast("Any", {})))
        return said("Roots: " + ", ".join(str(root.uri) for root in given.roots))

    @server.tool(description="Asks for a confirmation and checks the state that comes back.")
    async def test_input_required_result_request_state(context: Context[Any, Any]) -> Asked:
        if context.request_state == "confirming" and accepted(context, "confirm", "ok") is not None:
            return said("state-ok")
        return question(state="confirming", confirm=form("Please confirm", ok={"type": "boolean"}))

    @server.tool(description="Refuses a state that was changed on the way.")
    async def test_input_required_result_tampered_state(context: Context[Any, Any]) -> Asked:
        if context.request_state == "sealed" and accepted(context, "confirm", "ok") is not None:
            return said("state-ok")
        return question(state="sealed", confirm=form("Please confirm", ok={"type": "boolean"}))

    @server.tool(description="Asks for three things at once.")
    async def test_input_required_result_multiple_inputs(context: Context[Any, Any]) -> Asked:
        given = context.input_responses or {}
        name, greeting = accepted(context, "user_name", "name"), sampled(given.get("greeting"))
        roots = given.get("client_roots")
        if name is not None and greeting and isinstance(roots, ListRootsResult):
            return said(f"{greeting} {name}, {len(roots.roots)} roots")
        return question(
            state="three",
            user_name=form("What is your name?", name=NAME),
            greeting=sample("Generate a greeting", 50),
            client_roots=ListRootsRequest(params=cast("Any", {})),
        )

    @server.tool(description="Asks twice, one question after the other.")
    async def test_input_required_result_multi_round(context: Context[Any, Any]) -> Asked:
        name, color = accepted(context, "step1", "name"), accepted(context, "step2", "color")
        if (context.request_state or "").startswith("named ") and color is not None:
            return said(f"{(context.request_state or '')[6:]} likes {color}.")
        if context.request_state == "unnamed" and name is not None:
            return question(
                state=f"named {name}", step2=form("Step 2: What is your favorite color?", color={"type": "string"})
            )
        return question(state="unnamed", step1=form("Step 1: What is your name?", name=NAME))

    @server.tool(description="Asks only for what the client says it can give.")
    async def test_input_required_result_capabilities(context: Context[Any, Any]) -> Asked:
        if context.input_responses:
            return said("Done.")
        can = context.client_capabilities or ClientCapabilities()
        requests: dict[str, Any] = {}
        if can.elicitation is not None:
            requests["user_name"] = form("What is your name?", name=NAME)
        if can.sampling is not None:
            requests["greeting"] = sample("Generate a greeting", 50)
        return question(**requests) if requests else said("The client can be asked for nothing.")


def _add_checks(server: ToolServer) -> None:
    @server.tool(description="Needs a client that can sample.")
    async def test_missing_capability(context: Context[Any, Any]) -> TextContent:
        needed = ClientCapabilities(sampling=SamplingCapability())
        if not context.session.check_client_capability(needed):
            data = MissingRequiredClientCapabilityErrorData(required_capabilities=needed)
            raise MCPError(
                code=MISSING_REQUIRED_CLIENT_CAPABILITY,
                message="The client declared no sampling.",
                data=data.model_dump(mode="json", by_alias=True, exclude_none=True),
            )
        return said("The client can sample.")

    @server.tool(description="Asks on a stream that has already begun.")
    async def test_streaming_elicitation(context: Context[Any, Any]) -> Asked:
        if context.input_responses:
            return said("Thank you.")
        if not context.session.check_client_capability(ClientCapabilities(elicitation=ElicitationCapability())):
            return said("The client cannot be asked.")
        await context.report_progress(1, 2)
        return question(user_name=form("What is your name?", name=NAME))
