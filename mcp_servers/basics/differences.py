"""Two texts compared: by line as a unified diff, by word within the lines that changed, side by side as a page."""

from __future__ import annotations

import difflib
import re
from typing import Literal

from pydantic import BaseModel, Field

from lyceum.artifacts import Artifact
from lyceum.errors import ModelRetry

LONGEST = 400_000  # characters of a text
MOST_LINES = 5_000
MOST_WORDS = 3_000  # of a changed block that is compared by word
MOST_CHANGES = 200
SHOWN = 60_000  # characters of the unified diff


class Change(BaseModel):
    """Words that differ; `line` counts from 1 in the new text, or the old one for what was only removed."""

    kind: Literal["replaced", "removed", "added"]
    line: int
    before: str = ""
    after: str = ""


class Difference(BaseModel):
    identical: bool
    similarity: float = Field(description="Share of lines that both have, 0 to 1 (2 x common / all).")
    lines_added: int
    lines_removed: int
    unified: str = Field(description="The unified diff; cut at its end where it is long.")
    words: list[Change] = Field(description="What changed, word by word.")
    html: Artifact | None = Field(default=None, description="The side-by-side page, where it was asked for.")
    note: str = ""


def compare(before: str, after: str, context: int = 3) -> Difference:
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > MOST_LINES:
        raise ModelRetry(f"A text has more than {MOST_LINES:,} lines.", next_step="Send the parts that differ.")
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    blocks = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    unified = "\n".join(difflib.unified_diff(old, new, "before", "after", lineterm="", n=context))
    words: list[Change] = []
    for _, start, end, new_start, new_end in blocks:
        words += _by_word(old[start:end], new[new_start:new_end], start + 1, new_start + 1)
    note = "" if before == after or blocks else "Only line ends or a final line break differ."
    if len(words) > MOST_CHANGES:
        note = f"{len(words) - MOST_CHANGES} further changes of words are not listed."
    return Difference(
        identical=before == after,
        similarity=round(matcher.ratio(), 4),
        lines_added=sum(code[4] - code[3] for code in blocks),
        lines_removed=sum(code[2] - code[1] for code in blocks),
        unified=unified if len(unified) <= SHOWN else f"{unified[:SHOWN]}\n[cut here]",
        words=words[:MOST_CHANGES],
        note=note,
    )


def _by_word(old: list[str], new: list[str], old_line: int, new_line: int) -> list[Change]:
    first, second = _words(old), _words(new)
    if not old or not new or max(len(first), len(second)) > MOST_WORDS:
        kind = "added" if not old else "removed" if not new else "replaced"
        line = new_line if new else old_line
        return [Change(kind=kind, line=line, before="\n".join(old)[:2000], after="\n".join(new)[:2000])]
    changes: list[Change] = []
    for code, a, b, c, d in difflib.SequenceMatcher(None, first, second, autojunk=False).get_opcodes():
        if code == "equal":
            continue
        line = new_line + second[:c].count("\n")
        kind = "added" if code == "insert" else "removed" if code == "delete" else "replaced"
        changes.append(Change(kind=kind, line=line, before="".join(first[a:b]), after="".join(second[c:d])))
    return changes


def _words(lines: list[str]) -> list[str]:
    return re.findall(r"\w+|\n|[^\w\n]", "\n".join(lines))


def page(before: str, after: str) -> str:
    """Return a page with both texts side by side; what they hold is escaped."""
    table = difflib.HtmlDiff(tabsize=4, wrapcolumn=90)
    return table.make_file(before.splitlines(), after.splitlines(), "before", "after", context=True, numlines=3)
