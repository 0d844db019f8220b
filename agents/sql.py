"""The SQL agent: answers questions about tables with one read-only query, and shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.role import DATA_RULE, Answer, Role
from lyceum.tables import Cell, Schema
from models.local.think import Think
from models.offline.skill import Call, Result, Turn, field_of, question_of
from models.offline.tables import Decline, translate
from models.tables import ValueHit, link, phrases_to_find
from models.text_to_sql import BELIEVED, choose, judge, propose, repair

INSTRUCTIONS = (
    """You answer questions about tables by writing one query.
Read the schema (sql_schema), look up names that the question mentions (sql_find_values), then run sql_query.
When a query fails, read the error and correct the query once or twice. Return the columns that answer the question
and no others. Return the SQL that you ran; its columns and rows are filled in from the result.
"""
    + DATA_RULE
)


class SqlAnswer(Answer):
    sql: str = Field(default="", description="The query that was run, exactly.")
    columns: list[str] = Field(default_factory=list[str], description="Leave empty: filled from the query's result.")
    rows: list[list[Cell]] = Field(default_factory=list[list[Cell]], description="Leave empty: filled from the result.")
    explanation: str = Field(default="", description="One plain sentence: what was counted, filtered and ordered.")


def sql(
    model: Model,
    toolsets: Sequence[AbstractToolset[Any]] = (),
    capabilities: Sequence[AbstractCapability[Any]] = (),
) -> Agent[None, SqlAnswer]:
    return Agent(
        model,
        name="sql",
        output_type=SqlAnswer,
        instructions=INSTRUCTIONS,
        toolsets=toolsets,
        capabilities=capabilities,
        retries=2,
    )


def offline(turn: Turn) -> Sequence[Call] | BaseModel:
    """Schema, then values, then the query that the words of the question stand for; decline what they leave open."""
    asked = _look_up(turn)
    if not isinstance(asked, Asked):
        return asked
    query = translate(asked.question, asked.schema, asked.hits)
    if isinstance(query, Decline):
        return SqlAnswer(declined=query.reason)
    queries = turn.of("sql_query")
    if not queries:
        return [Call("sql_query", {"database": asked.database, "sql": query.sql})]
    if not queries[-1].ok:
        return SqlAnswer(declined=f"The query was refused: {queries[-1].content}")
    return _answer(queries[-1], query.explanation)


async def guided(turn: Turn, think: Think) -> Sequence[Call] | BaseModel:
    """Answer as offline where the words leave nothing open; else let the model write queries and believe a majority.

    When too few agree, it writes more once, shown what was wrong with the first.
    """
    asked = _look_up(turn)
    if not isinstance(asked, Asked) or not isinstance(translate(asked.question, asked.schema, asked.hits), Decline):
        return offline(turn)
    links = link(asked.question, asked.schema, asked.hits)
    runs = turn.of("sql_query")
    ran = [
        judge(asked.question, asked.schema, links, run.arguments["sql"], run.votes, run.content["rows"])
        for run in runs
        if run.ok
    ]
    choice = choose(ran)
    if choice is not None and choice.support >= BELIEVED:
        believed = next(run for run in runs if run.ok and run.arguments["sql"] == choice.candidate.sql)
        written = sum(run.votes for run in runs)
        return _answer(believed, f"{choice.votes} of {written} queries that the model wrote gave these rows.")
    if len({run.step for run in runs}) > 1:
        return SqlAnswer(declined="The queries that the model wrote do not agree, so none of them is to be trusted.")
    if not runs:
        queries = await propose(asked.question, asked.schema, links, think)
    else:
        failed = choice.candidate.sql if choice else str(runs[0].arguments["sql"])
        problems = choice.candidate.doubts if choice else [str(runs[0].content)[:200]]
        queries = await repair(asked.question, asked.schema, links, think, failed, problems)
    if not queries:
        return SqlAnswer(declined="The model wrote no query that these tables could answer.")
    return [Call("sql_query", {"database": asked.database, "sql": sql}, votes) for sql, votes in queries.most_common()]


@dataclass(frozen=True)
class Asked:
    """A question with the schema and the values that its words were found as."""

    question: str
    database: str
    schema: Schema
    hits: Sequence[ValueHit]


def _look_up(turn: Turn) -> Asked | Sequence[Call] | SqlAnswer:
    """What a question can be linked to, or the calls that are still needed to know it."""
    question = question_of(turn.request)
    database = field_of(turn.request, "Database") or "chinook"
    schemas = turn.of("sql_schema")
    if not schemas:
        return [Call("sql_schema", {"database": database})]
    if not schemas[-1].ok:
        return SqlAnswer(declined=f"The schema could not be read: {schemas[-1].content}")
    schema = Schema.model_validate(schemas[-1].content)
    found = turn.of("sql_find_values")
    phrases = phrases_to_find(question, schema)[:20]
    if phrases and not found:
        return [Call("sql_find_values", {"database": database, "phrases": phrases})]
    hits = [ValueHit(**hit) for result in found if result.ok for hit in result.content["hits"]]
    return Asked(question, database, schema, hits)


def _answer(run: Result, explanation: str) -> SqlAnswer:
    content = run.content
    return SqlAnswer(sql=content["sql"], columns=content["columns"], rows=content["rows"], explanation=explanation)


ROLE = Role(
    name="sql",
    description="Answers questions about tables and databases with a read-only query and its rows.",
    servers=("sql",),
    output=SqlAnswer,
    factory=sql,
    skill=offline,
    guide=guided,
)
