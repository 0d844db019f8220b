"""Another corpus of conversations, read from whichever of four shapes it comes in, for `benchmarks.memory_locomo`."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.memory_data import Conversation, Question, Spoken, locomo_like
from lyceum.errors import UserError

SHAPES = """Expected is one of:
- a folder (LMEB, BEIR) with corpus.jsonl {id, text, title}, queries.jsonl {id, text}, qrels.tsv (query, document,
  score) and candidates.jsonl {query or scene id, list of document ids}; a category may have a folder below
- LongMemEval: a JSON list of {question_id, question_type, question, haystack_session_ids, haystack_dates,
  haystack_sessions: [[{role, content, has_answer}]], answer_session_ids}
- LoCoMo: a JSON list of {sample_id, conversation: {session_1: [{dia_id, speaker, text}], session_1_date_time}, qa:
  [{question, category, evidence: [dia_id]}]}
- JSON Lines of {name, turns: [{id, session, speaker, said, text}], questions: [{text, category, evidence: [id]}]}"""
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
_NAMED = re.compile(r"^([A-Z][\w .'-]{0,30}):\s+")
_LAST = re.compile(r"[\W_]*\d+$")
MOSTLY = 0.8  # of a conversation's turns that begin with a name


def read(path: Path) -> list[Conversation]:
    """Read a corpus; raises UserError, which names the shapes, for anything else and where no question has evidence."""
    try:
        found = list(_folder(path)) if path.is_dir() else _file(path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is no corpus that can be read ({type(error).__name__}: {error}).", next_step=SHAPES
        ) from error
    if not any(each.questions for each in found):
        raise UserError(f"No question of {path} has a turn of its own conversation that answers it.", next_step=SHAPES)
    return found


def _file(path: Path) -> list[Conversation]:
    text = path.read_text(encoding="utf-8")
    try:
        rows = json.loads(text)
    except ValueError:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    rows = rows if isinstance(rows, list) else [rows]
    if not rows:
        raise ValueError("it is empty")
    if "haystack_sessions" in rows[0]:
        return [_long(row) for row in rows]
    if "qa" in rows[0]:
        return [locomo_like(row) for row in rows]
    return [_plain(row) for row in rows]


def _plain(row: dict[str, Any]) -> Conversation:
    turns = [Spoken(**turn | {"said": _moment(str(turn["said"]))}) for turn in row["turns"]]
    asked = [Question(each["text"], str(each["category"]), frozenset(each["evidence"])) for each in row["questions"]]
    return Conversation(row["name"], turns, asked)


def _long(row: dict[str, Any]) -> Conversation:
    """Read a question of LongMemEval (Wu et al. 2024, arXiv:2410.10813), which has a history of its own."""
    turns: list[Spoken] = []
    evidence: set[str] = set()
    answering = set(row.get("answer_session_ids", ()))
    for place, (session, date, said) in enumerate(
        zip(row["haystack_session_ids"], row["haystack_dates"], row["haystack_sessions"], strict=True)
    ):
        for number, turn in enumerate(said):
            name = f"{place}/{session}/{number}"  # a session may stand in a history twice
            role = "assistant" if turn["role"] == "assistant" else "user"
            turns.append(Spoken(name, f"{place}/{session}", role, _moment(date), turn["content"], role))
            if turn.get("has_answer") and (not answering or session in answering):
                evidence.add(name)
    asked = [Question(row["question"], str(row["question_type"]), frozenset(evidence))] if evidence else []
    return Conversation(str(row["question_id"]), turns, asked)


def _folder(root: Path) -> Iterator[Conversation]:
    """Read a data set of LMEB (arXiv:2603.12572): the candidates of a question are the turns of its conversation."""
    asked: dict[tuple[str, ...], list[Question]] = {}
    turns: dict[str, dict[str, Any]] = {}
    files = sorted(root.rglob("queries.jsonl"))
    if not files:
        raise ValueError("there is no queries.jsonl")
    for queries in files:
        folder = queries.parent
        texts = {_id(row): row for row in _lines(_above(folder, root, "corpus.jsonl"))}
        turns |= texts
        pools = _pools(folder, root)
        relevant = _relevant(folder)
        category = folder.name if len(files) > 1 else ""
        for row in _lines(queries):
            pool = _pool(row, pools) or tuple(texts)
            evidence = frozenset(relevant.get(_id(row), ())) & set(pool)
            if evidence:
                kind = category or str(row.get("category") or row.get("type") or "all")
                asked.setdefault(pool, []).append(Question(str(row["text"]), kind, evidence))
    for number, (pool, questions) in enumerate(asked.items()):
        yield Conversation(f"conversation-{number}", _spoken([(name, turns[name]) for name in pool]), questions)


def _spoken(rows: list[tuple[str, dict[str, Any]]]) -> list[Spoken]:
    """Turn documents into turns; who spoke may stand in a field or before the text, the session in a field or id."""
    texts = ["\n".join(filter(None, [str(row.get("title") or "").strip(), str(row["text"])])) for _, row in rows]
    named = [_NAMED.match(text) for text in texts]
    begins = sum(match is not None for match in named) >= MOSTLY * len(texts)
    found: list[Spoken] = []
    for (name, row), text, match in zip(rows, texts, named, strict=True):
        speaker = str(row.get("speaker") or row.get("role") or "")
        if not speaker and begins and match is not None:
            speaker, text = match[1], text[match.end() :]
        session = str(row.get("session") or row.get("session_id") or _LAST.sub("", name) or "all")
        origin = "assistant" if speaker == "assistant" else "user"
        said = _moment(str(row.get("said") or row.get("date") or row.get("timestamp") or ""))
        found.append(Spoken(name, session, speaker or "user", said, text, origin))
    return found


def _pools(folder: Path, root: Path) -> dict[str, tuple[str, ...]]:
    try:
        file = _above(folder, root, "candidates.jsonl")
    except ValueError:
        return {}  # every document is a candidate
    found: dict[str, tuple[str, ...]] = {}
    for row in _lines(file):
        (ids,) = (value for value in row.values() if isinstance(value, list))
        pool = tuple(str(name) for name in ids)
        found |= {str(value): pool for value in row.values() if isinstance(value, str | int)}
    return found


def _pool(row: dict[str, Any], pools: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the candidates named by the question's id or by that of its scene, which may begin the question's id."""
    keys = [_id(row), *(str(row[name]) for name in ("scene_id", "conversation", "sample_id") if name in row)]
    for key in keys:
        if key in pools:
            return pools[key]
    longest = max((key for key in pools if _id(row).startswith(key)), key=len, default=None)
    if longest is None and pools:
        raise ValueError(f"candidates.jsonl has nothing for the question {_id(row)}")
    return pools[longest] if longest is not None else ()


def _relevant(folder: Path) -> dict[str, list[str]]:
    file = next(
        (each for each in (folder / "qrels.tsv", *sorted((folder / "qrels").glob("*.tsv"))) if each.is_file()), None
    )
    if file is None:
        raise ValueError(f"there is no qrels.tsv beside {folder / 'queries.jsonl'}")
    found: dict[str, list[str]] = {}
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines, delimiter="\t"):
            if len(row) >= 3 and row[-1].strip().lstrip("-").isdigit() and int(row[-1]) > 0:
                found.setdefault(row[0], []).append(row[-2])
    return found


def _above(folder: Path, root: Path, name: str) -> Path:
    for each in (folder, *folder.parents):
        if (each / name).is_file():
            return each / name
        if each == root:
            break
    raise ValueError(f"there is no {name} for {folder}")


def _lines(file: Path) -> Iterable[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _id(row: dict[str, Any]) -> str:
    return str(row["_id"] if "_id" in row else row["id"])


def _moment(text: str) -> datetime:
    """Read a time in ISO's form or LongMemEval's; what has none is long ago, which no score depends on."""
    for form in ("%Y/%m/%d (%a) %H:%M", "%Y/%m/%d %H:%M"):
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return LONG_AGO
    return found if found.tzinfo else found.replace(tzinfo=UTC)
