"""The SQL agent: answers questions about tables with one read-only query, and shows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field
from pydantic_ai import Agent
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset

from agents.role import DATA_RULE, Answer, Role
from lyceum.tables import Cell, Schema
from models.offline.skill import Call, Turn, field_of, question_of
from models.offline.tables import Decline, translate
from models.tables import ValueHit, phrases_to_find

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
    asked = translate(question, schema, hits)
    if isinstance(asked, Decline):
        return SqlAnswer(declined=asked.reason)
    queries = turn.of("sql_query")
    if not queries:
        return [Call("sql_query", {"database": database, "sql": asked.sql})]
    if not queries[-1].ok:
        return SqlAnswer(declined=f"The query was refused: {queries[-1].content}")
    answer = queries[-1].content
    return SqlAnswer(sql=answer["sql"], columns=answer["columns"], rows=answer["rows"], explanation=asked.explanation)


ROLE = Role(
    name="sql",
    description="Answers questions about tables and databases with a read-only query and its rows.",
    servers=("sql",),
    output=SqlAnswer,
    factory=sql,
    skill=offline,
)
