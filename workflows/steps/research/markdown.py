"""A report as Markdown: all that differs between two runs of the same plan stands in its last section."""

from __future__ import annotations

import re

from lyceum.sources import Source
from lyceum.tables import Cell
from workflows.runtime import Runtime
from workflows.steps.research.report import CheckedClaim, Report, Section

VOLATILE_HEADING = "## Run record"
QUOTED = 600  # characters of a source
ROWS = 10  # of a query's result

MARKS = {"partly": " *(supported in part)*", "unchecked": " *(not checked)*"}


async def render_report(runtime: Runtime, report: Report) -> str:
    del runtime
    return markdown_of(report)


def markdown_of(report: Report) -> str:
    numbers = {each.source.id: number for number, each in enumerate(report.cited, 1)}
    blocks = [f"# {_line(report.question)}", f"*{report.label}*"]
    if report.partial:
        blocks.append(f"**Partial report: {report.partial}.** What is missing stands under *Missing*.")
    if report.since:
        told = "\n".join(f"- {_line(each)}" for each in report.changes) or "Nothing that it says has changed."
        blocks += ["## What changed", told]
    for section in report.sections:
        blocks += _section(section, numbers)
    if report.contradictions:
        blocks.append("## Contradictions")
        blocks += [
            f"- **{_line(each.value_a)}** against **{_line(each.value_b)}** ({_line(each.about)}):\n"
            f"  - {_line(each.text_a)} [{numbers[each.source_a]}]\n"
            f"  - {_line(each.text_b)} [{numbers[each.source_b]}]"
            for each in report.contradictions
        ]
    if report.missing:
        blocks += ["## Missing", "\n".join(f"- {_line(each)}" for each in report.missing)]
    if report.objections:
        blocks += ["## The reviewer objects", "\n".join(f"- {o.section}: {_line(o.reason)}" for o in report.objections)]
    blocks += ["## How far to trust this", *_trust(report)]
    blocks += ["## Sources", *(_source(n, each.source, each.notes) for n, each in enumerate(report.cited, 1))]
    blocks += ["## Plan", _plan(report)]
    blocks += [VOLATILE_HEADING, _record(report)]
    return "\n\n".join(blocks) + "\n"


def stable_part(markdown: str) -> str:
    """Return what two runs of the same plan have in common: all but the run record."""
    return markdown.partition(f"\n{VOLATILE_HEADING}\n")[0]


def _section(section: Section, numbers: dict[str, int]) -> list[str]:
    lines = [_claim(claim, numbers) for claim in section.claims]
    return [
        f"## {_line(section.question)}",
        *lines,
        *([f"*Not answered: {_line(section.missing)}*"] if section.missing else []),
    ]


def _claim(claim: CheckedClaim, numbers: dict[str, int]) -> str:
    marks = " ".join(f"[{numbers[cited]}]" for cited in claim.citations)
    return f"{_line(claim.text)} {marks}{MARKS.get(claim.support, '')}"


def _trust(report: Report) -> list[str]:
    rates = report.rates
    lines = [
        f"- Existence: {rates.existing} of {rates.cited} citations resolve to a source that was read"
        f"{_percent(rates.existence)}.",
        f"- Support: {rates.supported} of {rates.checked} checked claims are carried by what they cite"
        f"{_percent(rates.support)}; "
        f"{rates.partly} in part, {rates.removed} were not and are left out, {rates.unchecked} could not be checked.",
    ]
    lines += [f"- {_line(note)}" for note in report.notes]
    return ["\n".join(lines)]


def _percent(share: float | None) -> str:
    return "" if share is None else f" ({share:.0%})"


def _source(number: int, source: Source, notes: list[str]) -> str:
    where = f", {_line(source.locator)}" if source.locator else ""
    head = f"[{number}] **{_line(source.title)}**{where} (`{source.id}`, sha256 {source.hash[:12]}): {'; '.join(notes)}"
    if source.kind == "rows":
        return "\n\n".join([head, f"```sql\n{source.query}\n```", _table(source.columns, source.rows)])
    text = source.text if len(source.text) <= QUOTED else f"{source.text[:QUOTED]}…"
    quoted = "\n".join(f"> {_line(line)}" for line in text.splitlines() if line.strip())
    return f"{head}\n\n{quoted}"


def _table(columns: tuple[str, ...], rows: tuple[tuple[Cell, ...], ...]) -> str:
    def row(cells: tuple[object, ...]) -> str:
        return "| " + " | ".join(_line(str("" if cell is None else cell)).replace("|", "\\|") for cell in cells) + " |"

    more = [f"… {len(rows) - ROWS} more rows"] if len(rows) > ROWS else []
    return "\n".join([row(columns), "|" + " --- |" * len(columns), *map(row, rows[:ROWS]), *more])


def _plan(report: Report) -> str:
    plan = report.plan
    lines = [f"- {each.id} {_line(each.question)} (in {', '.join(each.sources)})" for each in plan.sub_questions]
    limits = plan.budget.model_dump(exclude_none=True, exclude_defaults=False)
    stages = limits.pop("stages", {})
    kept = ", ".join(f"{name} {value:g}" for name, value in limits.items())
    own = "".join(f"; {stage}: " + ", ".join(f"{k} {v:g}" for k, v in held.items()) for stage, held in stages.items())
    lines.append(f"- rounds of looking again: {plan.rounds}; budget: {kept}{own}")
    lines.append(f"- used: {report.used.calls} tool calls, {report.used.tokens:,} tokens, ${report.used.dollars:.4f}")
    return "\n".join(lines)


def _record(report: Report) -> str:
    lines = [f"- run {report.run}", *([f"- compared with run {report.since}"] if report.since else [])]
    lines += [f"- {moment.at:%Y-%m-%d %H:%M:%S} UTC {moment.what}" for moment in report.timeline]
    lines += [f"- [{n}] read {each.retrieved:%Y-%m-%d %H:%M:%S} UTC" for n, each in enumerate(report.cited, 1)]
    return "\n".join(lines)


def _line(text: str) -> str:
    """Return text that stays a line of text: what a source holds must not become a heading, a picture or HTML."""
    joined = " ".join(text.split())
    escaped = joined.replace("<", "&lt;").replace("![", "!\\[").replace("](", "]\\(")
    return re.sub(r"^(#{1,6}\s|>|[-+*]\s|```|~~~|\d+\.\s)", r"\\\1", escaped)
