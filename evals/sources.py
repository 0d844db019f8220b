"""Citations that exist and carry what is said: an answer's marks, held against the sources that there are."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict

from evals.suite import Case, Outcome, Score, Scorer
from evals.verdicts import citations, unless_declined, wanted
from lyceum.errors import UserError

# Judges a claim by the passages it cites; returns why it is not supported, empty where it is.
Check = Callable[[str, Sequence[str]], str]

_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_MARK = re.compile(r"\s*\[([^\[\]\s]{2,200}|\d[\d\s,;]*)\](?!\()")  # a link of Markdown is no mark, nor is a tick
_SENTENCE = re.compile(r"(?<=[.!?])((?:\s*\[[^\[\]\n]{1,200}\])*)\s+(?=[^\s\[a-z])|\n{2,}|\n(?=\s*[-*\d])")


class Sources(BaseModel):
    """`expected.sources`: every mark must name a source that exists, by number or by id.

    A number n is the n-th citation of the typed output; ids are those of `texts`, or the files of `folder` by their
    path in it. With `support`, what a sentence says must be carried by the sources that it marks.
    """

    model_config = ConfigDict(extra="forbid")

    texts: dict[str, str] = {}
    folder: str = ""
    support: bool = False


def supported_by(check: Check) -> Scorer:
    """Return the scorer of `expected.sources`; `check` says whether passages support a claim."""

    def score_sources(case: Case, outcome: Outcome) -> Score | None:
        if "sources" not in case.expected:
            return None
        expected = wanted(Sources, case.expected["sources"], f"{case.id}: sources")
        texts = expected.texts | _files(case, expected.folder)
        if not texts:
            raise UserError(f"{case.id}: sources names none.", next_step="Give `texts` by id, or a `folder`.")
        cited = citations(outcome)
        wrong = [f"cites {each!r}, which does not exist" for each in cited if each not in texts]
        marked = 0
        for sentence in _sentences(_CODE.sub("", outcome.answer)):
            marks = [source for mark in _MARK.findall(sentence) for source in _named(mark, cited, texts)]
            marked += len(marks)
            claim = _MARK.sub("", sentence).strip()
            wrong += [f"{name!r} is no source: {claim[:60]!r}" for name in marks if name not in texts]
            known = [texts[name] for name in marks if name in texts]
            why = check(claim, known) if expected.support and known else ""
            wrong += [f"not supported by {', '.join(marks)} ({why}): {claim[:60]!r}"] if why else []
        if not marked and not cited:
            wrong.append("nothing in the answer is cited")
        return unless_declined("sources", outcome, "; ".join(wrong))

    return score_sources


def _files(case: Case, folder: str) -> dict[str, str]:
    if not folder:
        return {}
    root = case.folder / folder
    if not root.is_dir():
        raise UserError(f"{case.id}: there is no folder {root}.", next_step="Its path begins where the cases lie.")
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in files}


def _sentences(answer: str) -> list[str]:
    """Split an answer into sentences; marks after a full stop belong to the sentence before it."""
    ends = [(found.end(1) if found[1] is not None else found.start(), found.end()) for found in
            _SENTENCE.finditer(answer)]  # fmt: skip
    begins = [0, *(end for _, end in ends)]
    return [answer[start:stop] for start, stop in zip(begins, [*(stop for stop, _ in ends), len(answer)], strict=True)]


def _named(mark: str, cited: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    """Return the ids that stand in one pair of brackets: an id, or numbers of citations."""
    if mark in texts or not mark[0].isdecimal():
        return [mark]
    numbers = re.split(r"[\s,;]+", mark)
    return [cited[int(each) - 1] if each.isdecimal() and 1 <= int(each) <= len(cited) else each for each in numbers]
