"""The plan of a research run: its sub-questions, where each is looked up, and what all of it may use."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from agents.routing import assign, split
from lyceum.errors import ModelRetry, UserError
from lyceum.runs import Attachment
from lyceum.tables import Schema
from models.offline.skill import content_words
from models.tables.words import name_words
from workflows.context import step_options
from workflows.runtime import Runtime
from workflows.steps.research.budget import Budget

Kind = Literal["docs", "sql", "web"]

MOST_SUB_QUESTIONS = 12
LONGEST_QUESTION = 2000  # characters; what a search takes

_ITEM = r"[\w'-]+(?: [\w'-]+){0,3}?"
_LISTED = re.compile(
    rf"^(?P<head>(?:what|which|how|describe|explain|list|name)\b(?: (?:is|are|was|were))?(?: the)?) "
    rf"(?P<items>{_ITEM}(?:, {_ITEM})*,? and {_ITEM}) (?P<tail>(?:of|for|in|on|about|behind) .+)$",
    re.IGNORECASE,
)
_COMPARED = re.compile(
    r"^(?:please )?(?:compare|contrast|what (?:is|are) the differences? between|how (?:do|does|is|are)) "
    r"(?P<a>.+?) (?:and|with|to|versus|vs\.?|from|compared (?:to|with)|different from) (?P<b>.+?)"
    r"(?P<tail>(?: (?:in terms of|with regard to|regarding|for|by) .+)?)[?.!]*$",
    re.IGNORECASE,
)
_COMPARING = re.compile(r"\b(compare|contrast|differences?|differ|versus|vs|compared)\b", re.IGNORECASE)
_DROP = re.compile(
    r"\b(?:drop|skip|remove|leave out)\b.{0,30}?\b(?:q|sub-?question |question )(\d{1,2})\b", re.IGNORECASE
)
_PREFER = re.compile(r"\bprefer\b.*\b(docs?|documents?|sql|tables?|databases?|web)\b", re.IGNORECASE)


_PREDICATE = re.compile(r"(?:ed|ing|able|ible|ful|ous|en)$")  # what is said of a subject, and is none
_KINDS: dict[str, Kind] = {"doc": "docs", "sql": "sql", "table": "sql", "database": "sql", "web": "web"}


class Place(BaseModel):
    """A source to open: `name` is the collection or database that it becomes; `uri` the folder or file."""

    kind: Kind
    name: str = Field(min_length=1, max_length=80)
    uri: str = ""


class Opened(BaseModel):
    """A source that can be read; `words` are those that name things in its tables; `problem`: why it cannot be read."""

    kind: Kind
    name: str
    uri: str = ""
    words: list[str] = []
    size: str = ""
    problem: str = ""


class SubQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^q\d{1,2}$", description="q1, q2, ...")
    question: str = Field(min_length=3, max_length=LONGEST_QUESTION)
    sources: list[str] = Field(min_length=1, description="Names of the sources to look in.")


class Plan(BaseModel):
    """What is done when it is approved, and nothing else: `rounds` is how often thin evidence is looked for again."""

    model_config = ConfigDict(extra="forbid")

    sub_questions: list[SubQuestion] = Field(min_length=1, max_length=MOST_SUB_QUESTIONS)
    rounds: int = Field(default=1, ge=0, le=3)
    budget: Budget = Budget()


def plan_over(names: Sequence[str]) -> type[Plan]:
    """Return the type of plans that use only these sources: what an edited plan must fit."""
    source: Any = Literal[tuple(names)]
    sources: Any = list[source]
    question = create_model("SubQuestion", __base__=SubQuestion, sources=(sources, Field(min_length=1)))
    questions: Any = list[question]
    return create_model(
        "Plan", __base__=Plan, sub_questions=(questions, Field(min_length=1, max_length=MOST_SUB_QUESTIONS))
    )


@step_options(seconds=1800)
async def open_source(runtime: Runtime, thread: str, place: Place) -> Opened:
    """Make a source readable through its tool server, and the thread's own, so that a chat can go on with it."""
    opened = Opened(kind=place.kind, name=place.name, uri=place.uri)
    try:
        if place.kind == "docs":
            report = await runtime.tools.call(
                "retrieval", "retrieval_ingest", {"path": place.uri, "collection": place.name}
            )
            opened.size = f"{report['documents']} documents, {report['passages']} passages"
            if not report["documents"]:
                opened.problem = "It holds no document that can be read."
        elif place.kind == "sql":
            listed = await runtime.tools.call("sql", "sql_attach", {"path": place.uri})
            opened.name = str(listed["name"])
            schema = Schema.model_validate(await runtime.tools.call("sql", "sql_schema", {"database": opened.name}))
            opened.words = _words_of(schema)
            opened.size = f"{len(schema.tables)} tables"
        else:
            status = await runtime.tools.call("web", "web_status", {})
            opened.size = str(status["searches_with"])
            opened.problem = "" if status["ready"] else opened.size
    except (ModelRetry, UserError) as error:
        opened.problem = f"{error.message} {error.next_step}".strip()
    if not opened.problem and opened.kind != "web":
        kind = "collection" if opened.kind == "docs" else "database"
        await runtime.store.attach(thread, [Attachment(kind=kind, name=opened.name, uri=opened.uri)])
    return opened


def _words_of(schema: Schema) -> list[str]:
    """Return the words of names and of columns whose values are few enough to be all known."""
    names = [name for table in schema.tables for name in (table.name, *(column.name for column in table.columns))]
    values = [
        value
        for table in schema.tables
        for column in table.columns
        if column.complete
        for value in column.values
        if isinstance(value, str)
    ]
    words = [word for name in names for word in name_words(name)]
    return list(dict.fromkeys(word for word in content_words(" ".join([*words, *values])) if not word.isdigit()))


async def shape_plan(
    runtime: Runtime, question: str, tasks: list[str], opened: list[Opened], rounds: int, budget: Budget
) -> Plan:
    """Make a plan of a question and of how a planner cut it; words say which sub-questions tables can answer."""
    del runtime
    parts = [part for task in _whole(tasks or split(question)) for part in structured(task)]
    distinct = list({" ".join(part.lower().split()): part for part in parts}.values())[:MOST_SUB_QUESTIONS]
    questions = [
        SubQuestion(id=f"q{number}", question=part[:LONGEST_QUESTION], sources=_sources_for(part, opened))
        for number, part in enumerate(distinct, 1)
    ]
    return Plan(sub_questions=questions, rounds=rounds, budget=budget)


def _whole(tasks: Sequence[str]) -> list[str]:
    """Put a part without a subject of its own ("and what is not guaranteed?") to the one before it."""
    kept: list[str] = []
    for task in tasks:
        words = content_words(task)
        if kept and (not words or (len(words) == 1 and _PREDICATE.search(words[0]))):
            kept[-1] = f"{kept[-1].rstrip(' ?.')} and {task}"
        else:
            kept.append(task)
    return kept


def structured(question: str) -> list[str]:
    """Cut one question by its structure: a list of aspects becomes one question each, a comparison one a side."""
    asked = question.strip().rstrip("?.!")
    listed = _LISTED.match(asked)
    if listed:
        items = [item for item in re.split(r",? and |, ", listed["items"]) if item.strip()]
        return [f"{listed['head']} {item.removeprefix('the ').strip()} {listed['tail']}?" for item in items]
    compared = _COMPARED.match(asked)
    if compared and _COMPARING.search(asked):
        tail = compared["tail"].strip()
        sides = [re.sub(r"\s+(?:differ|compare)$", "", compared[side].strip()) for side in ("a", "b")]
        return [f"What is said about {side}{f' {tail}' if tail else ''}?" for side in sides]
    return [question.strip()]


def _sources_for(part: str, opened: Sequence[Opened]) -> list[str]:
    """Texts are asked everything; a database what its words can answer, or all where there is nothing else."""
    texts = [each.name for each in opened if each.kind != "sql"]
    tables = [each for each in opened if each.kind == "sql"]
    fitting = [each.name for each in tables if assign(part, frozenset(each.words)).role == "sql"]
    return [*fitting, *texts] or [each.name for each in tables]


def steered(plan: Plan, notes: Sequence[str], started: Sequence[str]) -> tuple[Plan, Kind | None, list[str]]:
    """Return the plan as notes change it, the kind of source they prefer, and what was done about each note.

    Notes are `drop q3` and `prefer documents`; of what was looked up already, the finds are left out of the report.
    """
    said: list[str] = []
    preferred: Kind | None = None
    questions = list(plan.sub_questions)
    for note in notes:
        dropped, prefer = _DROP.search(note), _PREFER.search(note)
        known = dropped and f"q{dropped[1]}" in [each.id for each in questions] and len(questions) > 1
        if dropped and known and f"q{dropped[1]}" not in started:
            questions = [each for each in questions if each.id != f"q{dropped[1]}"]
            said.append(f"{note!r}: q{dropped[1]} is left out.")
        elif dropped and known:
            questions = [each for each in questions if each.id != f"q{dropped[1]}"]
            said.append(f"{note!r}: what was found for q{dropped[1]} is left out of the report.")
        elif prefer:
            preferred = next(kind for word, kind in _KINDS.items() if prefer[1].lower().startswith(word))
            said.append(f"{note!r}: evidence of {preferred} comes first.")
        else:
            said.append(f"{note!r} was not understood; `drop q2` and `prefer documents` are.")
    return plan.model_copy(update={"sub_questions": questions}), preferred, said
