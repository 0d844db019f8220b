"""Other ways of asking: parts of a question by rules, and rephrasings or an imagined answer by a language model.

HyDE: Gao et al. 2023, arXiv:2212.10496. What a model writes is only searched with, never shown as a source.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lyceum.errors import LyceumError
from models.analysis import STOP_WORDS, asked, words

if TYPE_CHECKING:
    from pydantic_ai.models import Model

Rewrite = Literal["none", "rules", "model", "hyde"]

MOST = 4  # questions beside the original
LONGEST = 1200  # characters of an imagined answer
_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|please|thanks)\b[\s,!.]*|(?:can|could|would|will) you (?:please )?"
    r"(?:tell|show|explain to|give|find|help)"
    r"(?: me)?\s*|(?:i (?:would like|want|need|am trying) to (?:know|understand|find(?: out)?)|tell me|show me"
    r"|i was wondering|do you know)\s*(?:about|if|whether)?\s*)+",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[?？;；])\s*")
_COMPARED = re.compile(
    r"(?:compare|(?:what (?:is|are) )?(?:the )?differences? between|contrast)\s+(.+?)"
    r"\s+(?:and|with|to|versus|vs\.?)\s+(.+?)"
    r"(?:\s+(?:in terms of|with respect to|regarding|by|for)\s+(.+?))?[?.!]*",
    re.IGNORECASE,
)
_JOINED = re.compile(
    r"[,;]?\s+(?:and|but|or)(?: also)?\s+"
    r"(?=(?:who|what|when|where|why|which|how|is|are|does|do|did|can|may|must)\b)",
    re.IGNORECASE,
)
_REPHRASE = (
    "Write up to three short search queries that would find the passages answering this question, each on its own line,"
    " in the question's language: one with the key terms, one with other words for them, one for each part if the"
    " question has several. Write the queries only.\n\nQuestion: "
)
_IMAGINE = (
    "Write one plausible paragraph, as it might stand in a reference document, that answers this question, in the"
    " question's language. Do not say that you do not know.\n\nQuestion: "
)


@dataclass(frozen=True)
class Rewritten:
    """`questions` to search, the original first; `meant` is embedded in place of the first; `note` what was lacking."""

    questions: tuple[str, ...]
    meant: str = ""
    note: str = ""


async def rewritten(question: str, how: Rewrite, model: Callable[[], Model | None]) -> Rewritten:
    """Return other ways of asking; without a language model by rules, which `note` then says."""
    if how in ("model", "hyde"):
        try:
            text = await _written((_REPHRASE if how == "model" else _IMAGINE) + question, model())
        except LyceumError as error:
            return Rewritten(parts(question), note=f"The question was rewritten by rules: {error.message}")
        if text is None:
            return Rewritten(parts(question), note="The question was rewritten by rules: there is no language model.")
        if how == "hyde":
            return Rewritten((question,), meant=f"{question}\n{text[:LONGEST]}")
        lines = (re.sub(r"^\s*(?:[-*•]|\d+[.)])\s*", "", line).strip(" \"'`") for line in text.splitlines())
        return Rewritten(_distinct(question, *(line[:300] for line in lines if line)))
    return Rewritten(parts(question) if how == "rules" else (question,))


def parts(question: str) -> tuple[str, ...]:
    """Return the question and, where it asks for several things, each of them as a question of its own."""
    plain = _POLITE.sub("", question.strip()) or question
    compared = _COMPARED.fullmatch(plain)
    if compared:
        aspect = f" {compared[3]}" if compared[3] else ""
        return _distinct(question, f"{compared[1]}{aspect}", f"{compared[2]}{aspect}")
    sentences = [part.strip() for part in _SENTENCE.split(plain) if part.strip()]
    pieces = [piece.strip() for sentence in sentences for piece in _JOINED.split(sentence)]
    return _distinct(question, *pieces) if len(pieces) > 1 else (question,)


def _distinct(question: str, *others: str) -> tuple[str, ...]:
    """Return the question first, and what asks for other terms than what stands before it."""
    seen = {frozenset(asked(question))}
    kept = [question]
    for other in others:
        terms = frozenset(asked(other))
        if terms not in seen and any(word not in STOP_WORDS for word in words(other)):
            seen.add(terms)
            kept.append(other)
    return tuple(kept[: MOST + 1])


async def _written(prompt: str, model: Model | None) -> str | None:
    if model is None:
        return None
    from pydantic_ai.direct import model_request
    from pydantic_ai.messages import ModelRequest, TextPart

    from lyceum.errors import Unavailable

    try:
        response = await model_request(model, [ModelRequest.user_text_prompt(prompt)])
    except LyceumError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever a client raises, the search goes on without
        raise Unavailable(f"the language model did not answer ({type(error).__name__}).") from None
    return "\n".join(part.content for part in response.parts if isinstance(part, TextPart)).strip() or None
