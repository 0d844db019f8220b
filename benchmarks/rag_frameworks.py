"""The RAG pipeline of lab L53 from nothing and with LangChain, on the same texts, vectors and model.

`python -m benchmarks.rag_frameworks [--model local] --json benchmarks/results/rag_frameworks.json`

LangChain runs in an environment of its own that uv makes, with its splitter, in-memory store, retriever, prompt and
chain. It asks this process for vectors and completions over its standard streams, so that only the framework differs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from lyceum.settings import load_settings
from mcp_servers.retrieval import from_scratch
from mcp_servers.retrieval.measure import Case
from models.embeddings import MiniLM

LAB = Path(__file__).parents[1] / "mcp_servers" / "retrieval" / "labs" / "L53.yaml"
WITH = ("langchain-core", "langchain-text-splitters", "numpy")
SIZE, OVERLAP, LIMIT = 300, 80, 3
LONGEST_LINE = 50_000_000

CHILD = """
import json, sys, time

began = time.perf_counter()
from langchain_core import __version__
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import PromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_text_splitters import RecursiveCharacterTextSplitter

imported = time.perf_counter() - began


def ask(kind, value):
    print(json.dumps({kind: value}), flush=True)
    return json.loads(sys.stdin.readline())


class Outside(Embeddings):
    def embed_documents(self, texts):
        return ask("embed", texts)

    def embed_query(self, text):
        return ask("embed", [text])[0]


given = json.loads(sys.stdin.readline())
started = time.perf_counter()
splitter = RecursiveCharacterTextSplitter(chunk_size=given["size"], chunk_overlap=given["overlap"])
documents = splitter.split_documents([Document(text) for text in given["texts"]])
store = InMemoryVectorStore.from_documents(documents, Outside())
indexed = time.perf_counter() - started
retriever = store.as_retriever(search_kwargs={"k": given["limit"]})
prompt = PromptTemplate.from_template(given["prompt"])
seen = []


def shown(found):
    seen[:] = [document.page_content for document in found]
    numbered = reversed(list(enumerate(seen, 1)))
    return "\\n\\n".join(f"Passage {number}: {text}" for number, text in numbered)


chain = (
    {"passages": retriever | RunnableLambda(shown), "question": RunnablePassthrough()}
    | prompt
    | RunnableLambda(lambda value: ask("complete", {"prompt": value.to_string(), "passages": seen}))
    | StrOutputParser()
)
answers = []
for question in given["questions"]:
    started = time.perf_counter()
    answer = chain.invoke(question)
    answers.append({"answer": answer, "passages": list(seen), "seconds": time.perf_counter() - started})
print(json.dumps({"done": {"version": __version__, "import_seconds": imported, "index_seconds": indexed,
                           "chunks": len(documents), "answers": answers}}), flush=True)
"""


class Answers:
    """Completes a prompt by the model that was asked for, or by the nearest sentence; adds up the time it takes."""

    def __init__(self, name: str | None, embedder: MiniLM) -> None:
        from models.resolve import ResolvedModels

        self.name = name
        self.seconds = 0.0
        self._embedder = embedder
        self._models = ResolvedModels(load_settings(model=name, offline=name is None), os.environ)

    async def complete(self, prompt: str) -> str | None:
        if self.name is None:
            return None
        from pydantic_ai.direct import model_request
        from pydantic_ai.messages import ModelRequest, TextPart

        started = time.perf_counter()
        response = await model_request(self._models.get(), [ModelRequest.user_text_prompt(prompt)])
        self.seconds += time.perf_counter() - started
        return "\n".join(part.content for part in response.parts if isinstance(part, TextPart)).strip()

    async def answer(self, prompt: str, passages: list[str], question: str) -> str:
        said = await self.complete(prompt)
        if said is not None:
            return said
        vector = self._embedder.embed([question])[0]
        return from_scratch.nearest_sentence(vector, passages, self._embedder)


async def langchain(texts: list[str], cases: list[Case], answers: Answers, embedder: MiniLM) -> dict[str, Any]:
    """Run the child and serve its requests; its own time is the rest, with what the streams take."""
    uv = Path(sys.executable).parent / "uv"
    packages = [part for name in WITH for part in ("--with", name)]
    options = ["run", "-q", "--isolated", "--no-project", "--python", sys.executable, *packages]
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(
        uv, *options, "python", "-c", CHILD, stdin=pipe, stdout=pipe, limit=LONGEST_LINE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    given = {"texts": texts, "questions": [case.question for case in cases], "prompt": from_scratch.PROMPT}
    child.stdin.write(_line({**given, "size": SIZE, "overlap": OVERLAP, "limit": LIMIT}))
    asked, outside, for_index = 0, 0.0, -1.0
    while line := await child.stdout.readline():
        message: dict[str, Any] = json.loads(line)
        if "done" in message:
            await child.wait()
            return _told(message["done"], cases, for_index, outside)
        started = time.perf_counter()
        if "embed" in message:
            reply: Any = embedder.embed(message["embed"]).tolist()
        else:
            what = message["complete"]
            reply = await answers.answer(what["prompt"], what["passages"], cases[asked].question)
            asked += 1
        spent = time.perf_counter() - started
        for_index, outside = (spent, outside) if for_index < 0 else (for_index, outside + spent)
        child.stdin.write(_line(reply))
    raise SystemExit("LangChain's environment could not be made: uv needs a package index.")


def _line(value: Any) -> bytes:
    return (json.dumps(value) + "\n").encode()


def _told(done: dict[str, Any], cases: list[Case], for_index: float, outside: float) -> dict[str, Any]:
    rows = list(zip(done["answers"], cases, strict=True))
    return {
        "pipeline": f"langchain-core {done['version']}",
        "chunks": done["chunks"],
        "retrieved": _share([any(_in(case, text) for text in row["passages"]) for row, case in rows]),
        "answered": _share([_in(case, row["answer"]) for row, case in rows]),
        "import_seconds": round(done["import_seconds"], 3),
        "index_milliseconds_of_its_own": round(1000 * (done["index_seconds"] - for_index), 3),
        "question_milliseconds_of_its_own": round(
            1000 * (sum(row["seconds"] for row, _ in rows) - outside) / len(rows), 3
        ),
        "lines": len(CHILD.strip().splitlines()),
    }


async def scratch(texts: list[str], cases: list[Case], answers: Answers, embedder: MiniLM) -> dict[str, Any]:
    done = await from_scratch.run(
        texts,
        cases,
        embedder,
        answers.complete,
        size=SIZE,
        overlap=OVERLAP,
        limit=LIMIT,
        answered_by=answers.name or "",
    )
    return {
        "pipeline": "from scratch",
        "answered_by": done.answered_by,
        "chunks": done.chunks,
        "retrieved": done.retrieved,
        "answered": done.answered,
        "index_milliseconds_of_its_own": done.milliseconds["chunk"],
        "question_milliseconds_of_its_own": done.milliseconds["retrieve"],
        "lines": len(Path(from_scratch.__file__).read_text(encoding="utf-8").splitlines()),
    }


def _in(case: Case, text: str) -> bool:
    return case.carries.casefold() in text.casefold()


def _share(right: list[bool]) -> float:
    return round(sum(right) / len(right), 4)


async def measured(model: str | None) -> list[dict[str, Any]]:
    files: dict[str, str] = yaml.safe_load(LAB.read_text(encoding="utf-8"))["files"]
    texts = [text for name, text in sorted(files.items()) if name.endswith(".md")]
    cases = [Case.model_validate(row) for row in yaml.safe_load(files["cases.yaml"])]
    with tempfile.TemporaryDirectory() as folder:
        embedder = MiniLM(Path(folder))
        embedder.embed(["warm"])
        answers = Answers(model, embedder)
        return [await each(texts, cases, answers, embedder) for each in (scratch, langchain)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", help="Who answers: local, or provider:name; without it the nearest sentence does.")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = asyncio.run(measured(arguments.model))
    for row in rows:
        print("  ".join(f"{name} {value}" for name, value in row.items()))
    if arguments.json:
        table = {
            "date": datetime.now(UTC).date().isoformat(),
            "machine": {"cpu": platform.machine(), "cores": os.cpu_count(), "python": platform.python_version()},
            "model": arguments.model or "none",
            "pipelines": rows,
        }
        arguments.json.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
