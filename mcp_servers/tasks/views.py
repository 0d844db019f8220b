"""What a run looks like as a task, and what an answer to a task means to its run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR, INVALID_PARAMS

from lyceum.events import Answered, Event, Note, PlanMade, PlannedStep, RunFinished, StepStarted
from lyceum.runs import ENDED, Approval, Decision, Run
from mcp_servers.tasks.ids import Ticket

POLL_MS = 1000
_LONGEST = 2000  # characters of a request that a person is shown
_CALL = "tool_call"  # the flow of a tool's call that this process goes on with

Json = dict[str, Any]


def created(task: str, ticket: Ticket, run: Run) -> Json:
    """Return a CreateTaskResult."""
    at = run.created.isoformat()
    return {"resultType": "task", **_base(task, ticket, "working", at, at)}


def detailed(
    task: str, ticket: Ticket, run: Run, events: Sequence[Event], approvals: Sequence[Approval], *, driven: bool
) -> Json:
    """Return a DetailedTask; `approvals` are those that wait for an answer, `driven`: some process works on it."""
    at = events[-1].at if events else run.created
    pending: Sequence[Approval] = approvals if run.status not in ENDED else ()
    lost = ticket.kind == "call" and run.status == "running" and not driven
    failed = lost or (ticket.kind == "call" and run.status == "failed")
    status = (
        "failed"
        if failed
        else "cancelled"
        if run.status == "cancelled"
        else "completed"
        if run.status in ENDED
        else "input_required"
        if pending
        else "working"
    )
    view: Json = {"resultType": "complete", **_base(task, ticket, status, run.created.isoformat(), at.isoformat())}
    if message := said(events):
        view["statusMessage"] = message
    if failed:
        view["error"] = _error(run, lost=lost)
    elif status == "completed":
        view["result"] = run.result if ticket.kind == "call" else result_of(run, events)
    elif status == "input_required":
        view["inputRequests"] = {approval.id: request_of(approval) for approval in pending}
    return view


def said(events: Sequence[Event]) -> str:
    """Return what a run is at, in its own words."""
    for event in reversed(events):
        match event:
            case Note(text=text):
                return text[:500]
            case StepStarted(task=task):
                return task[:500]
            case PlanMade(steps=steps):
                return _plan(steps)[:500]
            case RunFinished(error=error) if error:
                return error[:500]
            case _:
                continue
    return ""


def result_of(run: Run, events: Sequence[Event]) -> Json:
    """Return an ended run as a tool's result: its answer as text, and what a program needs beside it."""
    answer = next((event for event in reversed(events) if isinstance(event, Answered)), None)
    text = answer.text if answer else ""
    if run.error:
        text = f"{text}\n\nThe run ended as {run.status}: {run.error}".strip()
    structured: Json = {"run": run.id, "status": run.status}
    if answer:
        structured["sources"] = [source.model_dump(mode="json") for source in answer.sources]
    return {
        "content": [{"type": "text", "text": text or f"The run ended as {run.status}."}],
        "structuredContent": structured,
        "isError": run.status == "failed",
    }


def request_of(approval: Approval) -> Json:
    """Return the question of an approval as a request to the client: its own, or a form to approve with."""
    if "method" in approval.request:
        return approval.request
    shown = json.dumps(approval.request.get("arguments", approval.request), ensure_ascii=False)
    shown = shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]} ..."
    fields: Json = {
        "approve": {"type": "boolean", "title": "Approve", "description": "Go on with what is asked."},
        "reason": {"type": "string", "title": "Reason", "description": "Told to the run.", "maxLength": 2000},
    }
    if approval.edits:
        said = "What is asked, changed, as JSON; leave it empty to keep it."
        fields["edited"] = {"type": "string", "title": "Changed", "description": said, "maxLength": 50_000}
    schema = {"type": "object", "properties": fields, "required": ["approve"]}
    params = {"mode": "form", "message": f"{approval.title}\n\n{shown}", "requestedSchema": schema}
    return {"method": "elicitation/create", "params": params}


def decision_of(approval: Approval, response: Any) -> Decision:
    """Return what a client's response decides; raises MCPError for one that does not fit what was asked."""
    request = request_of(approval)
    if not isinstance(response, dict):
        raise _unfit("it is no object")
    answer: Json = response  # pyright: ignore[reportUnknownVariableType] - JSON as it came
    if request["method"] == "elicitation/create":
        if answer.get("action") not in ("accept", "decline", "cancel"):
            raise _unfit("its action is not accept, decline or cancel")
        if answer["action"] == "accept":
            from jsonschema import ValidationError, validate  # 0.1 s that no server needs to start

            try:
                validate(answer.get("content") or {}, request["params"]["requestedSchema"])
            except ValidationError as error:
                raise _unfit(error.message[:300]) from None
    accepted = answer.get("action", "accept") == "accept"
    if "method" in approval.request:
        return Decision(approved=accepted, edited=answer, by="mcp")
    content: Json = answer.get("content") or {}
    return Decision(
        approved=accepted and content.get("approve") is True,
        reason=str(content.get("reason", "")),
        edited=_edited(content.get("edited")),
        by="mcp",
    )


def error_text(code: int, message: str) -> str:
    """Return a protocol error as a failed call keeps it."""
    return json.dumps({"code": code, "message": message})


def _edited(text: Any) -> Json | None:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        raise _unfit("the changed request is no JSON") from None


def _base(task: str, ticket: Ticket, status: str, since: str, updated: str) -> Json:
    return {
        "taskId": task,
        "status": status,
        "createdAt": since,
        "lastUpdatedAt": updated,
        "ttlMs": ticket.ttl,
        "pollIntervalMs": POLL_MS,
    }


def _error(run: Run, *, lost: bool) -> Json:
    if lost:
        return {"code": INTERNAL_ERROR, "message": "The process that worked on it has ended; call the tool again."}
    return json.loads(run.error)


def _plan(steps: Sequence[PlannedStep]) -> str:
    return "Planned: " + "; ".join(step.task for step in steps)


def _unfit(why: str) -> MCPError:
    return MCPError(code=INVALID_PARAMS, message=f"The response does not fit what was asked: {why}.")
