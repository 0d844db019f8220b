"""A research report as one HTML page that needs nothing else: no script, no request, every text escaped.

A citation is a link to its source below, which opens with the quoted passage highlighted (`:target`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape

from workflows.steps.research.report import CheckedClaim, Report, Section
from workflows.steps.research.searching import Registered

# The page may load nothing and run nothing, whatever a source's text holds.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
ROWS = 50
STYLE = """
:root{color-scheme:light dark;--line:#8886;--soft:#8881;--mark:#fd06}
body{font:16px/1.55 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;line-height:1.25}
h2{font-size:1.2rem;margin-top:2rem;border-top:1px solid var(--line);padding-top:1rem}
a.cite{font-size:.8em;vertical-align:super;text-decoration:none;padding:0 .15em}
.label,.note{opacity:.75}.partial{border-left:4px solid #c60;padding:.3rem .8rem;background:var(--soft)}
.mark{font-size:.8em;border:1px solid var(--line);border-radius:3px;padding:0 .3em}
article{border:1px solid var(--line);border-radius:6px;padding:.6rem .9rem;margin:.7rem 0}
article:target{outline:3px solid #fa0;background:var(--soft)}article h3{font-size:1rem;margin:.1rem 0}
blockquote{white-space:pre-wrap;margin:.5rem 0;padding:.2rem .8rem;border-left:3px solid var(--line)}
mark{background:var(--mark);color:inherit}code,pre{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
pre{white-space:pre-wrap;background:var(--soft);padding:.5rem}
table{border-collapse:collapse;display:block;overflow-x:auto;font-size:.9em}
td,th{border:1px solid var(--line);padding:.2rem .5rem;text-align:left}
@media print{article{break-inside:avoid}h2{break-after:avoid}}
"""


def page(report: Report) -> str:
    """Return the whole page."""
    numbers = {each.source.id: number for number, each in enumerate(report.cited, 1)}
    quotes = _quoted(report)
    body = [
        f"<h1>{escape(report.question)}</h1>",
        f'<p class="label">{escape(report.label)}</p>',
        f'<p class="partial"><strong>Partial report:</strong> {escape(report.partial)}.</p>' if report.partial else "",
        _listed("What changed", report.changes or ["Nothing that it says has changed."]) if report.since else "",
        *(_section(section, numbers) for section in report.sections),
        _contradictions(report, numbers),
        _listed("Missing", report.missing),
        _listed("The reviewer objects", [f"{each.section}: {each.reason}" for each in report.objections]),
        _trust(report),
        "<h2>Sources</h2>",
        _table(
            ["", "source", "kind", "read (UTC)", "SHA-256", "notes"],
            [
                [
                    f'<a href="#s{n}">{n}</a>', escape(each.source.title), escape(each.source.kind),
                    f"{each.retrieved:%Y-%m-%d %H:%M:%S}", f"<code>{each.source.hash[:12]}</code>",
                    escape("; ".join(each.notes)),
                ]
                for n, each in enumerate(report.cited, 1)
            ],
        ),
        *(_source(n, each, quotes.get(each.source.id, [])) for n, each in enumerate(report.cited, 1)),
        _plan(report),
        "<h2>Timeline</h2>",
        _table(["at (UTC)", "what"], [[f"{m.at:%Y-%m-%d %H:%M:%S}", escape(m.what)] for m in report.timeline]),
        f'<p class="note">Run <code>{escape(report.run)}</code></p>',
    ]  # fmt: skip
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(report.question[:120])}</title><style>{STYLE}</style></head><body><main>",
            *filter(None, body),
            "</main></body></html>\n",
        ]
    )


def _section(section: Section, numbers: dict[str, int]) -> str:
    claims = "".join(f"<p>{_claim(claim, numbers)}</p>" for claim in section.claims)
    missing = f'<p class="note">Not answered: {escape(section.missing)}</p>' if section.missing else ""
    return f'<section id="{escape(section.id)}"><h2>{escape(section.question)}</h2>{claims}{missing}</section>'


def _claim(claim: CheckedClaim, numbers: dict[str, int]) -> str:
    bold = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", escape(claim.text))  # rows are told with one value in bold
    marked = {"partly": "supported in part", "unchecked": "not checked"}.get(claim.support, "")
    mark = f' <span class="mark">{marked}</span>' if marked else ""
    return f"{bold} {_cites(claim.citations, numbers)}{mark}"


def _cites(citations: Iterable[str], numbers: dict[str, int]) -> str:
    return "".join(f'<a class="cite" href="#s{numbers[each]}">[{numbers[each]}]</a>' for each in citations)


def _contradictions(report: Report, numbers: dict[str, int]) -> str:
    if not report.contradictions:
        return ""
    rows = [
        f"<li><strong>{escape(each.value_a)}</strong> against <strong>{escape(each.value_b)}</strong>"
        f"<ul><li>{escape(each.text_a)} {_cites([each.source_a], numbers)}</li>"
        f"<li>{escape(each.text_b)} {_cites([each.source_b], numbers)}</li></ul></li>"
        for each in report.contradictions
    ]
    return f"<h2>Contradictions</h2><ul>{''.join(rows)}</ul>"


def _listed(title: str, lines: Iterable[str]) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f"<h2>{title}</h2><ul>{items}</ul>" if items else ""


def _trust(report: Report) -> str:
    rates = report.rates
    existing = f"{rates.existing} of {rates.cited} citations resolve to a source that was read"
    carried = f"{rates.supported} of {rates.checked} checked claims are carried by what they cite"
    rest = f"{rates.partly} in part, {rates.removed} not (left out), {rates.unchecked} could not be checked"
    return _listed("How far to trust this", [f"Existence: {existing}.", f"Support: {carried}; {rest}.", *report.notes])


def _source(number: int, each: Registered, quotes: list[str]) -> str:
    source = each.source
    where = f", {escape(source.locator)}" if source.locator else ""
    uri = f"<br><code>{escape(source.uri)}</code>" if source.uri else ""
    if source.kind == "rows":
        cells = [[escape("" if cell is None else str(cell)) for cell in row] for row in source.rows[:ROWS]]
        more = f"<p>… {len(source.rows) - ROWS} more rows</p>" if len(source.rows) > ROWS else ""
        held = f"<pre>{escape(source.query)}</pre>{_table(map(escape, source.columns), cells)}{more}"
    else:
        held = f"<blockquote>{_marked(source.text, quotes)}</blockquote>"
    return (
        f'<article id="s{number}"><h3>[{number}] {escape(source.title)}{where}</h3>'
        f"<code>{escape(source.id)}</code>{uri}{held}</article>"
    )


def _quoted(report: Report) -> dict[str, list[str]]:
    """Return which texts to highlight in each source: what was quoted from it word for word."""
    said = [(claim.text, claim.citations) for section in report.sections for claim in section.claims]
    said += [(each.text_a, [each.source_a]) for each in report.contradictions]
    said += [(each.text_b, [each.source_b]) for each in report.contradictions]
    found: dict[str, list[str]] = {}
    for text, cited in said:
        for each in cited:
            found.setdefault(each, []).append(text)
    return found


def _marked(text: str, quotes: Iterable[str]) -> str:
    """Escape a passage and mark the quoted sentences in it, wherever its lines break."""
    places: list[tuple[int, int]] = []
    for quote in quotes:
        pattern = r"\s+".join(re.escape(word) for word in quote.split())
        if pattern and (found := re.search(pattern, text)):
            places.append(found.span())
    parts: list[str] = []
    end = 0
    for start, stop in sorted(places):
        if start < end:
            continue
        parts += [escape(text[end:start]), f"<mark>{escape(text[start:stop])}</mark>"]
        end = stop
    return "".join([*parts, escape(text[end:])])


def _plan(report: Report) -> str:
    plan = report.plan
    lines = [f"{each.id} {each.question} (in {', '.join(each.sources)})" for each in plan.sub_questions]
    limits = ", ".join(
        f"{name} {value:g}" for name, value in plan.budget.model_dump(exclude={"stages"}, exclude_none=True).items()
    )
    used = f"{report.used.calls} tool calls, {report.used.model_calls} model calls, {report.used.tokens:,} tokens"
    lines += [f"rounds of looking again: {plan.rounds}; budget: {limits}", f"used: {used}, ${report.used.dollars:.4f}"]
    return _listed("Plan", lines)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Make a table of cells that are HTML already."""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
