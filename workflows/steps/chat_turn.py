"""The steps of a chat turn: what it may read, who takes it, and how typed outputs become one cited answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import FunctionToolset

from agents.connector import CONNECTED
from agents.reviewer import StepEvidence, Work
from agents.routing import assign, split
from lyceum.errors import UserError, nearest
from lyceum.events import Answered, SourceFound, TextDelta
from lyceum.runs import Run
from lyceum.sources import Claim, Source, by_id, resolve
from lyceum.tables import Schema
from models.offline.model import OfflineModel
from models.offline.select import select
from models.offline.skill import content_words
from models.tables.words import name_words
from workflows.runtime import Runtime
from workflows.steps.phrasing import counts, row_text, sentence_for

SAMPLE_DATABASE = "chinook"
HISTORY_TURNS = 6
REPORT_TURNS = 200  # within which a thread's report is looked for
ANSWERING = ("chat_turn", "deep_research", "plan_execute_review")  # flows whose questions and answers are history
EVIDENCE_CHARACTERS = 6000
REPORT_CHARACTERS = 8000
REPORT_ENDS = "\n## How far to trust this\n"
STOPPED = "(stopped here)"
ATTACH = "Attach a source that holds the answer (--attach PATH)."
ASK_A_MODEL = (
    "Attach a source (--attach PATH), pull a local model (`lyceum models pull qwen2.5-coder-1.5b`: 1.1 GB, "
    "Apache-2.0), start Ollama or set a provider key; `lyceum models list` shows who can answer."
)

_MEND = re.compile(
    r"\btests?\b.{0,40}\b(pass|passing|green|work|succeed)\b|\b(failing|broken|red) (unit )?tests?\b"
    r"|\b(fix|repair|mend|debug|correct)\b.{0,60}\b(tests?|bugs?|code|repo|repository|project|function|errors?)\b",
    re.IGNORECASE | re.DOTALL,
)


class Opened(BaseModel):
    """What a turn may read: earlier turns, attached sources, and the words that name things in its tables.

    `report` is the thread's newest run that ended with a research report.
    """

    history: list[tuple[str, str]] = []
    databases: list[str] = []
    collections: list[str] = []
    workspaces: list[str] = []
    vocabulary: list[str] = []
    report: str = ""
    turn: str = ""
    remembered: str = ""


class Route(BaseModel):
    role: str
    reason: str
    runner_up: str | None = None


class Piece(BaseModel):
    """One step's work: `output` is the role's typed output, `claims` what it says, `sources` what carries it.

    `known` is what the steps that it needs found; `rejected` is why an earlier attempt did not stand; `notes` are for
    the person, beside the answer.
    """

    id: str
    role: str
    task: str
    known: list[str] = []
    rejected: str = ""
    output: dict[str, Any] = {}
    claims: list[Claim] = []
    sources: list[Source] = []
    declined: str = ""
    failed: str = ""
    objection: str = ""
    notes: list[str] = []

    @property
    def summary(self) -> str:
        return " ".join(claim.text for claim in self.claims)[:2000]


class Composed(BaseModel):
    event: Answered
    dropped: list[str] = []


async def open_turn(runtime: Runtime, thread: str, run: str) -> Opened:
    """Collect the thread's finished turns, its attachments and the vocabulary of its tables."""
    history: list[tuple[str, str]] = []
    runs = await runtime.store.runs(thread=thread, limit=REPORT_TURNS)  # newest first
    for earlier in reversed(runs[: HISTORY_TURNS + 1]):
        if earlier.id == run or earlier.flow not in ANSWERING:
            continue
        answers = [event for event in await runtime.store.events(earlier.id) if isinstance(event, Answered)]
        if answers:
            # Of a report, what it says: its sources are the thread's own, and can be asked.
            said = answers[-1].text.partition(REPORT_ENDS)[0][:REPORT_CHARACTERS]
            history.append((str(earlier.input.get("question", "")), said))
    attached = (await runtime.store.thread(thread)).attachments
    databases = [item.name for item in attached if item.kind == "database"]
    collections = [item.name for item in attached if item.kind == "collection"]
    workspaces = [item.name for item in attached if item.kind == "workspace"]
    if not attached:
        databases = [SAMPLE_DATABASE]
    vocabulary: dict[str, None] = {}
    for database in databases:
        schema = Schema.model_validate(await runtime.tools.call("sql", "sql_schema", {"database": database}))
        vocabulary |= dict.fromkeys(_words_of(schema))
    return Opened(
        history=history,
        databases=databases,
        collections=collections,
        workspaces=workspaces,
        vocabulary=list(vocabulary),
        report=await _latest_report(runtime, runs),
    )


async def _latest_report(runtime: Runtime, runs: Sequence[Run]) -> str:
    """Return the newest of a thread's runs that ended with a report, or an empty string."""
    for earlier in runs:
        if earlier.flow == "deep_research":
            answers = [event for event in await runtime.store.events(earlier.id) if isinstance(event, Answered)]
            if answers and "sections" in (answers[-1].output or {}):
                return earlier.id
    return ""


def asks_to_mend(question: str) -> bool:
    """Tell whether a request about a workspace is to make its tests pass."""
    return _MEND.search(question) is not None and "```" not in question


def _words_of(schema: Schema) -> list[str]:
    names = [name for table in schema.tables for name in (table.name, *(column.name for column in table.columns))]
    words = [word for name in names for word in name_words(name)]
    values = [
        str(value)
        for table in schema.tables
        for column in table.columns
        if column.complete
        for value in column.values
        if isinstance(value, str)
    ]
    return [word for word in [*content_words(" ".join(words)), *content_words(" ".join(values))] if not word.isdigit()]


async def decide_route(runtime: Runtime, question: str, agent: str | None, plan: bool | None, opened: Opened) -> Route:
    """Choose the one agent of the fast path, or the planner where the request has several parts or `plan` says so."""
    if agent is not None:
        if agent not in runtime.team:
            raise UserError(f"There is no agent {agent!r}.", next_step=nearest(agent, runtime.team, what="agents"))
        return Route(role=agent, reason="you chose it")
    if plan:
        return Route(role="planner", reason="you asked for a plan")
    if opened.workspaces and asks_to_mend(question):
        return Route(role="coder", reason="it asks to mend the attached repository")
    vocabulary = frozenset(opened.vocabulary)
    parts = [assign(part, vocabulary) for part in ([question] if plan is False else split(question))]
    if len(parts) > 1:
        roles = ", ".join(dict.fromkeys(part.role for part in parts))
        return Route(role="planner", reason=f"{len(parts)} parts, for {roles}")
    if parts[0].role in ("researcher", "sql") and (reason := await asks_third_party(runtime, question, parts[0].role)):
        return Route(role="connector", reason=reason, runner_up=parts[0].role)
    return Route(role=parts[0].role, reason=parts[0].reason, runner_up=parts[0].runner_up)


async def asks_third_party(runtime: Runtime, question: str, role: str) -> str:
    """Say why a request is for a third-party server: it names one, or fits a pinned tool better than the role's own.

    Only definitions that a person has approved are compared; no server is started for it.
    """
    if CONNECTED not in runtime.tools.servers():
        return ""
    known = await runtime.tools.call(CONNECTED, "connected_pinned", {})
    words = {word.strip(".,:;?!\"'()").lower() for word in question.split()}
    if named := next((name for name in known["servers"] if name.lower() in words and content_words(name)), None):
        return f"it names {named}"
    theirs = [ToolDefinition(**each) for each in known["tools"]]
    if not theirs:
        return ""
    own: list[ToolDefinition] = []
    for server in runtime.team[role].servers:
        toolset = await runtime.tools.toolset(server)
        if isinstance(toolset, FunctionToolset):
            own += [tool.tool_def for tool in toolset.tools.values()]
    chosen = select(question, [*own, *theirs])
    return f"it fits {chosen.name}" if chosen in theirs else ""


def prompt_for(role: str, task: str, opened: Opened, piece: Piece | None = None) -> str:
    """Put what the role may read, and what is known, above its task, as `Name: value` lines."""
    notes = [("Known", known) for known in piece.known] + [("Rejected", piece.rejected)] if piece else []
    lines = [f"{name}: {' '.join(note.split())}" for name, note in notes if note]
    if role == "sql" and opened.databases:
        lines.append(f"Database: {opened.databases[0]}")
        if len(opened.databases) > 1:
            lines.append(f"Other databases: {', '.join(opened.databases[1:])}")
    if role == "coder" and opened.workspaces:
        lines.append(f"Workspaces: {', '.join(opened.workspaces)}")
    if role == "researcher" and opened.collections:
        lines.append(f"Collections: {', '.join(opened.collections)}")
    if role == "memory" and opened.turn:
        lines.append(f"Turn: {opened.turn}")
    if role in ("researcher", "tutor", "memory") and opened.remembered:
        lines.append(f"Remembered: {opened.remembered}")
    if role == "planner":
        lines.append(f"Table words: {' '.join(opened.vocabulary[:400])}")
    return "\n".join([*lines, "", task]) if lines else task


async def ground(runtime: Runtime, run: str, piece: Piece, output: dict[str, Any]) -> Piece:
    """Tie an output to what tools returned: rows come from the query's own result, claims keep real citations."""
    found = [event.source for event in await runtime.store.events(run) if isinstance(event, SourceFound)]
    registry = by_id(found)
    grounded = piece.model_copy(update={"output": output, "declined": str(output.get("declined") or "")})
    member = runtime.team.get(piece.role)
    if member and CONNECTED in member.servers and CONNECTED in runtime.tools.servers():
        left_out = await runtime.tools.call(CONNECTED, "connected_left_out", {})
        grounded = grounded.model_copy(update={"notes": left_out["notes"]})
    if grounded.declined:
        return grounded
    if piece.role == "sql":
        return _ground_rows(grounded, found)
    if piece.role == "coder":
        return _ground_code(grounded)
    if piece.role == "reviewer":
        return _ground_review(grounded)
    if piece.role == "tutor":
        cited = [str(cited) for cited in output.get("citations", [])]
        texts = [output.get("explanation", ""), output.get("example", ""), output.get("check_question", "")]
        claims = [Claim(text=text, citations=cited if n < 2 else []) for n, text in enumerate(texts) if text]
    else:
        claims = [Claim.model_validate(claim) for claim in output.get("claims", [])]
    cited_sources = [registry[cited] for claim in claims for cited in claim.citations if cited in registry]
    return grounded.model_copy(update={"claims": claims, "sources": list(by_id(cited_sources).values())})


def _ground_rows(piece: Piece, found: list[Source]) -> Piece:
    wanted = str(piece.output.get("sql", ""))
    rows = [source for source in found if source.kind == "rows"]
    source = next((each for each in reversed(rows) if each.query == wanted), rows[-1] if rows else None)
    if source is None:
        return piece.model_copy(update={"failed": "no query was run"})
    output = {
        **piece.output,
        "sql": source.query,
        "columns": list(source.columns),
        "rows": [list(row) for row in source.rows],
    }
    claim = Claim(text=sentence_for(source, str(output.get("explanation", ""))), citations=[source.id])
    return piece.model_copy(update={"output": output, "claims": [claim], "sources": [source]})


def _ground_code(piece: Piece) -> Piece:
    output = piece.output
    printed = "\n".join(part for part in (output.get("stdout"), output.get("result")) if part).strip()
    if output.get("error"):
        return piece.model_copy(update={"claims": [Claim(text=f"The code ended with {output['error']}.")]})
    return piece.model_copy(update={"claims": [Claim(text=printed or "The code printed nothing.")]})


def _ground_review(piece: Piece) -> Piece:
    issues = [f"{issue['step']} is rejected: {issue['reason']}" for issue in piece.output.get("issues", [])]
    return piece.model_copy(update={"claims": [Claim(text=text) for text in issues or ["All that I can check holds."]]})


async def work_of(runtime: Runtime, question: str, pieces: list[Piece]) -> Work:
    """Show the reviewer each step with the evidence that its answer rests on."""
    del runtime
    steps = [
        StepEvidence(
            id=piece.id,
            task="\n".join([piece.task, *piece.known]),
            answer=piece.summary or piece.declined,
            evidence=_evidence(piece)[:EVIDENCE_CHARACTERS] or piece.declined,
            failed=piece.failed,
        )
        for piece in pieces
    ]
    return Work(request=question, steps=steps)


def _evidence(piece: Piece) -> str:
    if piece.role == "coder":
        return "\n".join(str(piece.output.get(key, "")) for key in ("code", "stdout", "result", "error"))
    return (
        "\n".join(
            "\n".join([source.title, source.text, source.query, *map(row_text, source.rows), counts(source)])
            for source in piece.sources
        )
        + str(piece.output.get("explanation", ""))
        + str(piece.output.get("check_question", ""))
    )


async def compose(runtime: Runtime, question: str, pieces: list[Piece]) -> Composed:
    """Write the answer: every piece in order, citations numbered; what does not resolve is dropped and named."""
    del question
    registry = by_id(source for piece in pieces for source in piece.sources)
    answered = [piece for piece in pieces if piece.claims and not piece.failed]
    resolved = resolve([claim for piece in answered for claim in piece.claims], registry)
    kept = {(claim.text, tuple(claim.citations)) for claim in resolved.claims}
    blocks: list[str] = []
    for piece in pieces:
        if piece not in answered:
            reason = piece.declined or piece.failed
            blocks.append(reason if len(pieces) == 1 else f"**{piece.task}**\n\n{reason}")
            continue
        lines: list[str] = []
        for claim in piece.claims:
            marks = [cited for cited in claim.citations if cited in registry]
            if (claim.text, tuple(dict.fromkeys(marks))) in kept:
                numbers = "".join(f" [{resolved.number(cited)}]" for cited in dict.fromkeys(marks))
                lines.append(f"{claim.text}{numbers}")
        body = "\n\n".join(lines)
        if piece.role == "sql":
            body += f"\n\n```sql\n{piece.output.get('sql', '')}\n```"
        if piece.output.get("diff"):
            body += f"\n\n```diff\n{piece.output['diff'].rstrip()}\n```"
        if piece.objection:
            body += f"\n\n(The reviewer objects: {piece.objection})"
        blocks.append(body if len(pieces) == 1 else f"**{piece.task}**\n\n{body}")
    declined = not answered
    next_action = ASK_A_MODEL if isinstance(runtime.models.get(), OfflineModel) else ATTACH
    output: Any = pieces[0].output if len(pieces) == 1 else {piece.id: piece.output for piece in pieces}
    event = Answered(
        role=pieces[0].role if len(pieces) == 1 else "team",
        text="\n\n".join(blocks),
        claims=resolved.claims,
        sources=resolved.sources,
        output=output,
        declined=declined,
        next_action=next_action if declined else "",
    )
    return Composed(event=event, dropped=resolved.dropped)


async def so_far(runtime: Runtime, run: str, pieces: list[Piece]) -> Answered | None:
    """Return what a turn that ends early has to say: finished pieces with their sources, then what was being said;
    before anything was said, the rows that queries returned.

    None where there is nothing yet. History is made of answers, so a tool call without its result never enters it.
    """
    events = await runtime.store.events(run)
    drafts = [event.text for event in events if isinstance(event, TextDelta)]
    whole = [piece for piece in pieces if piece.claims and not piece.failed]
    if not drafts and not whole:
        found = by_id(
            event.source for event in events if isinstance(event, SourceFound) and event.source.kind == "rows"
        )
        claims = [Claim(text=sentence_for(source, ""), citations=[source.id]) for source in found.values()]
        whole = [Piece(id="s1", role="sql", task="", claims=claims, sources=list(found.values()))] if claims else []
    if not drafts and not whole:
        return None
    said = (await compose(runtime, "", whole)).event if whole else Answered(role="team", text="")
    text = "\n\n".join(part for part in (said.text, *drafts, STOPPED) if part)
    return said.model_copy(update={"text": text})
