"""Extractive answers: the sentences of found passages that carry the question's words, quoted as they stand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lyceum.sources import Claim, Source
from models.offline.skill import content_words

_HEADING = re.compile(r"^#{1,6} .*$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\d`$(\[*])|\n{2,}|\n(?=[-*|#])")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CUES = tuple(
    (re.compile(asks, re.IGNORECASE), re.compile(answers, re.IGNORECASE), weight)
    for asks, answers, weight in (
        (r"\bwhy\b|\breason", r"\b(?:because|so that|therefore)\b", 1),
        (r"\bhow (?:many|much|big|large|long|far|often)\b|\bsize\b", r"\d", 1),
        (r"\b(?:formula|equation|calculat\w*|comput\w*)\b", r"`[^`]*[=/(][^`]*`", 1),
        (
            r"\b(?:limit(?:s|ations?)|weak\w*|drawbacks?|disadvantages?|downsides?|problems? (?:of|with))\b",
            r"\b(?:weak\w*|limits? (?:is|are)|drawbacks?|price|costs?|fails?|cannot)\b",
            3,
        ),
        (
            r"\b(?:prevent|avoid|reduc|mitigat|protect|defen[ds]|deal with|counter|against)",
            r"\b(?:mitigat\w*|remed\w*|defen[cs]es?|prevent\w*|countermeasures?) (?:is|are)\b",
            3,
        ),
    )
)
LONGEST = 420
REPEATED = 0.6  # share of a sentence's words that was said already
ALSO = 0.3  # share of the question's words that a second passage must carry to be quoted too


def sentences(text: str) -> list[str]:
    """Split prose into sentences; headings, table rows and lines of code are none."""
    prose = _HEADING.sub("\n\n", text)  # a paragraph may follow its heading without an empty line
    parts = (re.sub(r"\s+", " ", part).strip() for part in _SENTENCE.split(prose))
    return [part for part in parts if len(part) > 20 and not part.startswith(("|", "```", "---"))]


def rows(text: str) -> list[str]:
    """Read a passage that is a table as one line a row, each cell named by its column; empty where it is none."""
    lines = [line.strip().strip("|").strip() for line in text.splitlines()]
    head, *body = [re.split(r"\s*\|\s*", line) for line in lines if line.strip("|:- ")] or [[]]
    if len(head) < 2 or any(len(row) != len(head) for row in body):
        return []
    return [", ".join(f"{name}: {cell}" for name, cell in zip(head, row, strict=True) if cell) for row in body]


def extract(question: str, sources: Sequence[Source], *, most: int = 3) -> list[Claim]:
    """Return up to `most` claims that quote the best sentences of the two best sources, each with its citation.

    A passage's first sentence defines its subject, so it leads; the others follow by how many of the question's
    words they carry, and by saying because where it asks why or a number where it asks how many. The second source
    adds one sentence if it is about the question too. Sources come in order of relevance and keep it. Where the best
    one is a table, the rows that carry most of the question's words answer.
    """
    if sources and (table := rows(sources[0].text)):
        shared = [len(set(content_words(question)) & set(content_words(row))) for row in table]
        fitting = [row for row, words in zip(table, shared, strict=True) if words == max(shared)]
        return [Claim(text=row[:LONGEST], citations=[sources[0].id]) for row in fitting[:most]]
    passages = [(source, lines) for source in sources[:2] if (lines := sentences(source.text))]
    if len(passages) > 1 and overlap(question, passages[1][0]) < ALSO:
        passages.pop()
    if not passages:
        return []
    (best, lines), *others = passages
    chosen = _best(question, lines, most - len(others), lead=True)
    also: list[tuple[Source, str]] = []
    for source, rest in others:
        new = [line for line in rest if _shares_a_word(question, line) and not _says_nothing_new(line, chosen)]
        also += [(source, line) for line in _best(question, new, 1)]
    if not also:
        chosen = _best(question, lines, most, lead=True)
    quoted = [*((best, line) for line in chosen), *also]
    return [Claim(text=line[:LONGEST], citations=[source.id]) for source, line in quoted]


def _best(question: str, lines: Sequence[str], most: int, *, lead: bool = False) -> list[str]:
    """Return the lines that fit best, in their order; `lead` favours the first, which defines a passage's subject."""
    fits = [_fit(question, line) + (lead and n == 0) for n, line in enumerate(lines)]
    return [lines[n] for n in sorted(sorted(range(len(lines)), key=lambda n: -fits[n])[:most])]


def _shares_a_word(question: str, line: str) -> bool:
    """A number alone answers no "how many": what a second passage adds must be about the question."""
    return not set(content_words(question)).isdisjoint(content_words(line))


def _says_nothing_new(line: str, said: Sequence[str]) -> bool:
    before = " ".join(said)
    if not set(_NUMBER.findall(line)) <= set(_NUMBER.findall(before)):
        return False
    words = set(content_words(line))
    return len(words & set(content_words(before))) >= REPEATED * len(words)


def _fit(question: str, line: str) -> float:
    """Return how well a sentence answers: question words it carries, most of all early on, and the kind of answer."""
    wanted, held = set(content_words(question)), content_words(line)
    return len(wanted.intersection(held)) + 0.5 * bool(wanted.intersection(held[:3])) + _cue(question, line)


def _cue(question: str, line: str) -> float:
    """Return the weight of a sentence's answering in the way that the question asks, 0 where it does not."""
    fitting = (weight for asks, answers, weight in _CUES if asks.search(question) and answers.search(line))
    return max(fitting, default=0)


def overlap(question: str, source: Source) -> float:
    """Return the share of the question's content words that the source's title or text carries (0 to 1)."""
    wanted = set(content_words(question))
    held = set(content_words(f"{source.title} {source.locator} {source.text}"))
    return len(wanted & held) / len(wanted) if wanted else 0.0
