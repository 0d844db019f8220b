"""Judged collections in their usual forms, and how a ranking is scored."""

from __future__ import annotations

import hashlib
import html
import json
import math
import os
import platform
import re
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lyceum.errors import UserError

CACM_SHA256 = {
    "cacm.tar.gz": "4e318d8920a384dfe11f81410abdc19d96a0e23e5fb7832c385be75c7cb75bf9",
    "topics.cacm.txt": "1dc7b94fbf4adeb0c49be44fc6d7802ddc7bc4ad1b869013af10d09b44019799",
    "qrels.cacm.txt": "359f77ee6aab89333745a7f25f56370268a493abe1baff76979ad37a4d5428ef",
}


@dataclass(frozen=True)
class Collection:
    """Texts by document, and for every judged question its text and the documents that answer it."""

    documents: dict[str, str]
    questions: dict[str, str]
    relevant: dict[str, set[str]]


def data_folder() -> Path:
    """Return the folder `retrieval` of LYCEUM_BENCH_DATA; raises UserError where it is not there."""
    folder = Path(os.environ.get("LYCEUM_BENCH_DATA", "")) / "retrieval"
    if not folder.is_dir():
        raise UserError(
            "The judged collection is not there.", next_step="Set LYCEUM_BENCH_DATA to the benchmarks' data."
        )
    return folder


def read_collection(folder: Path) -> Collection:
    """Read CACM in TREC form, SMART (NAME.ALL, .QRY, .REL), NPL, or BEIR (corpus.jsonl, queries.jsonl, qrels)."""
    if (folder / "cacm.tar.gz").is_file():
        documents, questions, relevant = _cacm(folder)
    elif (folder / "corpus.jsonl").is_file():
        documents, questions, relevant = _beir(folder)
    elif (folder / "doc-text").is_file():
        documents, questions, relevant = _npl(folder)
    else:
        documents, questions, relevant = _smart(folder)
    judged = {key: text for key, text in questions.items() if relevant.get(key)}
    return Collection(documents, judged, relevant)


def _cacm(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    for name, digest in CACM_SHA256.items():
        if hashlib.sha256((folder / name).read_bytes()).hexdigest() != digest:
            raise UserError(f"{name} is another file than the one that was measured.", next_step="Fetch it again.")
    documents: dict[str, str] = {}
    with tarfile.open(folder / "cacm.tar.gz") as archive:
        for member in archive:
            if (file := archive.extractfile(member)) and member.name.endswith(".html"):
                text = html.unescape(re.sub(r"<[^>]+>", " ", file.read().decode("latin-1")))
                # The lists of citation numbers at the end are no text.
                documents[Path(member.name).stem] = re.sub(r"(?m)^(\d+\s+)+\d+\s*$", "", text).strip()
    topics = (folder / "topics.cacm.txt").read_text(encoding="latin-1")
    found = re.findall(r"<DOCNO>\s*(\d+)\s*</DOCNO>(.*?)</DOC>", topics, re.DOTALL)
    rows = (line.split() for line in (folder / "qrels.cacm.txt").read_text(encoding="ascii").splitlines())
    return documents, {number: " ".join(query.split()) for number, query in found}, _judged(rows)


def _judged(rows: Any) -> dict[str, set[str]]:
    relevant: dict[str, set[str]] = {}
    for topic, _, document, grade in rows:
        if int(grade) > 0:
            relevant.setdefault(topic, set()).add(document)
    return relevant


def _beir(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    def lines(name: str) -> list[dict[str, str]]:
        return [json.loads(line) for line in (folder / name).read_text(encoding="utf-8").splitlines() if line.strip()]

    judgements = next(p for p in (folder / "qrels" / "test.tsv", folder / "qrels.tsv") if p.is_file())
    rows = [line.split("\t") for line in judgements.read_text(encoding="utf-8").splitlines()[1:] if line]
    documents = {row["_id"]: f"{row.get('title', '')}\n{row['text']}".strip() for row in lines("corpus.jsonl")}
    questions = {row["_id"]: row["text"] for row in lines("queries.jsonl")}
    return documents, questions, _judged((topic, 0, document, grade) for topic, document, grade in rows)


def _npl(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    def parts(name: str) -> dict[str, str]:
        cut = (part.strip().partition("\n") for part in re.split(r"\n\s*/\s*\n", (folder / name).read_text()))
        return {number.strip(): " ".join(text.split()).rstrip(" /") for number, _, text in cut if number.strip()}

    relevant = {key: set(value.split()) for key, value in parts("rlv-ass").items()}
    return parts("doc-text"), {key: text.lower() for key, text in parts("query-text").items()}, relevant


def _smart(folder: Path) -> tuple[dict[str, str], dict[str, str], dict[str, set[str]]]:
    def file(*endings: str) -> Path:
        fitting = (path for path in sorted(folder.iterdir()) if any(each in path.name.lower() for each in endings))
        path = next(fitting, None)
        if path is None:
            raise UserError(f"{folder} holds no collection that is read here.", next_step=str(read_collection.__doc__))
        return path

    def texts(ending: str) -> dict[str, str]:
        path = file(ending)
        found: dict[str, str] = {}
        for entry in re.split(r"(?m)^\.I\s+", path.read_text(encoding="utf-8", errors="replace"))[1:]:
            number, _, rest = entry.partition("\n")
            fields = re.findall(r"(?m)^\.([TW])\s*\n((?:(?!^\.[A-Z]\s*$).*\n?)*)", rest)
            found[number.strip()] = "\n".join(text.strip() for _, text in fields)
        return found

    relevant: dict[str, set[str]] = {}
    for line in file(".rel", "qrel").read_text(encoding="utf-8").splitlines():
        if len(cells := line.split()) > 1:  # "1 28 0 0.0" (CISI), "1 0 13 1" (MEDLINE, TREC) or "1 184 2" (Cranfield)
            trec = len(cells) == 4 and cells[1] == "0" and cells[3].isdigit()
            relevant.setdefault(cells[0], set()).add(cells[2] if trec else cells[1])
    questions = texts(".qry")
    if not relevant.keys() <= questions.keys():  # Cranfield's judgements count the questions instead of naming them
        questions = {str(number): text for number, text in enumerate(questions.values(), 1)}
    return texts(".all"), questions, relevant


def embedded(collection: Collection) -> tuple[Any, Any]:
    """Return the vectors of the documents and of the questions, kept by content in the temporary folder."""
    from models.embedding_cache import CachedEmbedder
    from models.embeddings import MiniLM

    folder = Path(tempfile.gettempdir()) / "lyceum-benchmarks"
    embedder = CachedEmbedder(MiniLM(folder), folder / "embeddings.db")
    return embedder.embed(list(collection.documents.values())), embedder.embed(list(collection.questions.values()))


def average_precision(ranked: Sequence[str], relevant: set[str]) -> float:
    places = [place for place, document in enumerate(ranked, 1) if document in relevant]
    return sum(found / place for found, place in enumerate(places, 1)) / len(relevant)


def ndcg(ranked: Sequence[str], relevant: set[str], cut: int = 10) -> float:
    gained = sum(1 / math.log2(place + 1) for place, doc in enumerate(ranked[:cut], 1) if doc in relevant)
    return gained / sum(1 / math.log2(place + 1) for place in range(1, min(cut, len(relevant)) + 1))


def machine() -> dict[str, str]:
    return {
        "measured": datetime.now(UTC).date().isoformat(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
