"""Evidence: the sentences that bear on a sub-question, where it is thin, and what to look for then."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from lyceum.errors import LyceumError
from models.offline.extract import sentences
from models.offline.skill import content_words
from workflows.runtime import Runtime
from workflows.steps.research.contradictions import Contradiction, Statement, contradictions, numbers_in
from workflows.steps.research.likeness import orders_among
from workflows.steps.research.plan import Kind, SubQuestion
from workflows.steps.research.searching import Found, Registered, registry_of
from workflows.steps.research.untrusted import addresses_reader

MOST = 12  # sentences kept for a sub-question
LEAST = 0.35  # score below which a sentence does not bear on the question
LEAST_WORDS = 0.25  # share of the question's words, those of the whole document counted in part, ...
LEAST_NEAR = 0.5  # ... or cosine, without which a sentence is about something else
NEAR_BEST = 0.8  # share of the best score that the others must reach
SAME = 0.8  # share of words that two sentences have in common when they say the same
LONGEST = 420  # characters of a sentence
CODE = 0.06  # share of brackets, equal signs and underscores from which a line is code
THIN = 2  # witnesses below which evidence is thin
SENTENCES = 120  # of a sub-question that are compared in meaning
_QUESTION = re.compile(r"\?[\"'”’)]*(?:$|[,}\]])")  # what asks states nothing
_WHOLE = re.compile(r"^[^()].*[.!;]['\"”’)]*$|^[-*] ", re.DOTALL)  # a sentence, and not a title or half of one
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)\s]*\)")  # of Markdown: its text says what it is
_SIGNS = re.compile(r"[(){}\[\]=_<>]")
COUNTING = re.compile(r"\bhow (?:many|much|long|far|often|big|large|old)\b|\bwhen\b|\bwhich year\b", re.IGNORECASE)


class Evidence(BaseModel):
    """A sentence and the source that it stands in; `also` are sources of other documents that say the same."""

    source: str
    document: str
    text: str
    score: float = Field(description="How well it bears on the sub-question, 0 to about 1.")
    kind: str = "passage"
    also: list[str] = []


class Gathered(BaseModel):
    """What one sub-question has: every call's finds, and the evidence in them, best first."""

    id: str
    found: list[Found] = []
    evidence: list[Evidence] = []
    skipped: str = ""

    @property
    def witnesses(self) -> int:
        documents = [each.document for each in self.evidence]
        return len(dict.fromkeys([*documents, *(also for each in self.evidence for also in each.also)]))

    def preferring(self, kind: Kind | None) -> Gathered:
        """Return the same with the evidence of one kind of source first."""
        kinds = {"docs": "passage", "sql": "rows", "web": "page"}
        if kind is None:
            return self
        return self.model_copy(update={"evidence": sorted(self.evidence, key=lambda each: each.kind != kinds[kind])})


class Gap(BaseModel):
    """Why a sub-question is looked up once more, and with which words."""

    id: str
    query: str
    why: str


async def pick_evidence(runtime: Runtime, question: str, found: list[Found]) -> list[Evidence]:
    """Choose what bears on the question; sentences that give orders to a reader are left out."""
    del runtime
    rows = [
        Evidence(source=each.registered[0].source.id, document=each.origin, text=each.said, score=1.0, kind="rows")
        for each in found
        if each.said and not addresses_reader(each.said)
    ]
    candidates = [
        (registered, sentence[:LONGEST])
        for registered in registry_of(found).values()
        if registered.source.kind != "rows"
        for sentence in _units(registered)
        if not addresses_reader(sentence) and not _QUESTION.search(sentence)
    ]
    # What shares most words is compared in meaning: embedding everything would take longer than all the rest.
    around = _around(found)
    worded = [(_worded(question, each, around[each.document], text), each, text) for each, text in candidates]
    ranked = sorted(worded, key=lambda each: -each[0])[:SENTENCES]
    meant = await asyncio.to_thread(_meant, question, [_placed(registered, text) for _, registered, text in ranked])
    scored = [
        Evidence(
            source=registered.source.id,
            document=registered.document,
            text=text,
            kind=registered.source.kind,
            # A passage that answers holds sentences that only make sense together: half of the score is the passage's.
            score=round((0.6 * near + 0.4 * words if meant else words) / 2 + registered.confidence / 2, 4),
        )
        for (words, registered, text), near in zip(ranked, meant or [0.0] * len(ranked), strict=True)
        if words >= LEAST_WORDS or near >= LEAST_NEAR
    ]
    scored.sort(key=lambda each: (-each.score, each.source, each.text))
    ahead = scored[: 3 * MOST]
    meant_as_orders = await asyncio.to_thread(orders_among, [each.text for each in ahead])
    told = [each for each, order in zip(ahead, meant_as_orders, strict=True) if not order]
    scored = [*told, *scored[len(ahead) :]]
    best = scored[0].score if scored else 0.0
    return _merged([*rows, *(each for each in scored if each.score >= max(LEAST, NEAR_BEST * best))])[:MOST]


def _units(registered: Registered) -> list[str]:
    """Sentences of prose; of a table, its rows, which hold their columns' names only where the passage does."""
    text = _LINK.sub(r"\1", registered.source.text)
    prose = [line for line in sentences(text) if not line.startswith("|") and not _is_code(line)]
    rows = [line.strip().strip("|").strip() for line in text.splitlines()]
    table = [row for row in rows if " | " in row and len(row) < LONGEST and re.search(r"\w", row)]
    if len(table) > 2 * len(prose):
        return table[1:] or table  # the first row names the columns
    return [line for line in prose if _WHOLE.search(line)] or prose


def _is_code(line: str) -> bool:
    return len(_SIGNS.findall(line)) > CODE * len(line)


def _placed(registered: Registered, sentence: str) -> str:
    """A sentence under its heading: "It takes nine days" alone is about nothing."""
    place = registered.source.locator.removeprefix("heading ") if "heading" in registered.source.locator else ""
    return f"{place or registered.source.title}: {sentence}"


def _around(found: Sequence[Found]) -> dict[str, frozenset[str]]:
    """Return the words of every document, as far as it was found: what its sentences are about without saying so."""
    texts: dict[str, str] = {}
    for each in registry_of(found).values():
        held = f"{each.source.title} {each.source.locator} {each.source.text}"
        texts[each.document] = f"{texts.get(each.document, '')} {held}"
    return {document: frozenset(content_words(text)) for document, text in texts.items()}


def _worded(question: str, registered: Registered, around: frozenset[str], sentence: str) -> float:
    """Return the share of the question's words: whole in the sentence, less in its passage, least in its document."""
    wanted = list(dict.fromkeys(content_words(question)))
    source = registered.source
    here, near = content_words(sentence), content_words(f"{source.title} {source.locator} {source.text}")
    if not wanted:
        return 0.0
    worth = [1.0 if word in here else 0.6 if word in near else 0.3 if word in around else 0.0 for word in wanted]
    covered = sum(worth) / len(wanted)
    counted = 0.15 if COUNTING.search(question) and re.search(r"\d", sentence) else 0.0
    return min(1.0, covered + counted)


def _meant(question: str, texts: Sequence[str]) -> list[float]:
    """Return how near each text is to the question in meaning, or nothing where no embedder is there."""
    from models.embeddings import default_embedder

    if not texts:
        return []
    try:
        vectors: Any = default_embedder().embed([question, *texts])
    except LyceumError:
        return []
    return [round(float(near), 3) for near in vectors[1:] @ vectors[0]]


def _merged(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Join what says the same: another document that does is a second witness, the same one adds nothing."""
    kept: list[Evidence] = []
    for each in evidence:
        twin = next((other for other in kept if _same(each.text, other.text)), None)
        if twin is None:
            kept.append(each)
        elif each.document != twin.document and each.source not in twin.also:
            twin.also.append(each.source)
    return kept


def _same(a: str, b: str) -> bool:
    if numbers_in(a) != numbers_in(b):
        return False
    left, right = content_words(a), content_words(b)
    shared = len([word for word in dict.fromkeys(left) if word in right])
    return shared >= SAME * max(len(dict.fromkeys(left)), len(dict.fromkeys(right)), 1)


async def assess(runtime: Runtime, questions: list[SubQuestion], gathered: list[Gathered]) -> list[Gap]:
    """Return where to look again: nothing found, one witness only, or sources that contradict each other."""
    del runtime
    by_id = {each.id: each for each in gathered}
    gaps: list[Gap] = []
    for question in questions:
        held = by_id.get(question.id, Gathered(id=question.id))
        if held.skipped or [each.kind for each in held.evidence] == ["rows"]:
            continue
        against = contradictions(question.question, _statements(question.question, held))
        if against:
            gaps.append(Gap(id=question.id, query=_about(against[0]), why="sources contradict each other"))
        elif held.witnesses < THIN:
            what = "one source only" if held.evidence else "nothing found"
            gaps.append(Gap(id=question.id, query=" ".join(content_words(question.question)), why=what))
    return [gap for gap in gaps if gap.query.strip()]


def _statements(question: str, held: Gathered) -> list[Statement]:
    return [
        Statement(each.source, each.document, each.text, question if each.kind == "rows" else "")
        for each in held.evidence
    ]


def _about(found: Contradiction) -> str:
    return " ".join(word for word in dict.fromkeys(content_words(found.text_a)) if not word.isdigit())[:500]


async def contradict(runtime: Runtime, questions: list[SubQuestion], gathered: list[Gathered]) -> list[Contradiction]:
    del runtime
    return contradicting(questions, gathered)


def contradicting(questions: Sequence[SubQuestion], gathered: Sequence[Gathered]) -> list[Contradiction]:
    """Return the contradictions of numbers and dates among all that was found for each sub-question."""
    asked = {each.id: each.question for each in questions}
    found: dict[tuple[str, ...], Contradiction] = {}
    for held in gathered:
        question = asked.get(held.id, "")
        for each in contradictions(question, _statements(question, held)):
            sides = sorted([(each.source_a, each.value_a), (each.source_b, each.value_b)])
            found.setdefault((*sides[0], *sides[1]), each)
    return list(found.values())
