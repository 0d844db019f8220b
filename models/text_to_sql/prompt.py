"""What a small model is shown of a database: a lean schema, worked examples over it, the meaning of a question's words.

The system text is the same for every question to a database, so that its prefix stays in the model's cache.
"""

from __future__ import annotations

import re

from lyceum.tables import Cell, Column, Schema, Table
from models.offline.tables.lexicon import COMPARATIVES, SUPERLATIVES
from models.tables import Candidate, Links
from models.tables.entries import date_like, hinted
from models.tables.graph import Edge, display_of, graph, keys_of
from models.tables.words import TIME_UNITS, name_words, stem
from models.text_to_sql.meant import likely

BEGIN = "```sql\nSELECT"
STOP = (";", "```")
_SYSTEM = """You write {dialect} queries over these tables (values in brackets, key -> referenced column):
{tables}

Answer with one SELECT statement. Name people and things by their name columns, not by ids. \
Add no columns that were not asked for.

{examples}"""
_DIALECTS = {"sqlite": "SQLite", "duckdb": "DuckDB", "postgres": "PostgreSQL"}
_PLAIN = re.compile(r"[A-Za-z_]\w*")
_KEYWORDS = frozenset("order group select from where table index values check references key column user".split())
_LISTED = 60  # characters of values that a column may show


def system_text(schema: Schema) -> str:
    return _SYSTEM.format(
        dialect=_DIALECTS[schema.dialect],
        tables="\n".join(_table_line(table, schema) for table in schema.tables),
        examples="\n".join(f"Question: {asked}\n```sql\n{sql};\n```" for asked, sql in examples(schema)),
    )


def user_text(question: str, schema: Schema, links: Links) -> str:
    notes = [*_meanings(schema, links), *_extremes(schema, links), *_joins(schema, links), *_units(question, schema)]
    return (f"Notes: {'; '.join(notes)}\n" if notes else "") + f"Question: {question}"


def quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) and name.lower() not in _KEYWORDS else f'"{name}"'


def _literal(value: Cell) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''")[:40] + "'"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _table_line(table: Table, schema: Schema) -> str:
    edges = {edge.column: edge for edge in graph(schema).edges if edge.child == table.name}
    columns = [_column_text(column, edges.get(column.name)) for column in table.columns]
    return f"{quoted(table.name)}({', '.join(columns)})"


def _column_text(column: Column, edge: Edge | None) -> str:
    name = quoted(column.name)
    values = [value for value in column.values if value is not None]
    if edge is not None:
        return f"{name} -> {quoted(edge.parent)}.{quoted(edge.references)}"
    if not values:
        return name
    if column.complete and len(values) <= 8 and sum(len(str(value)) for value in values) <= _LISTED:
        return f"{name} ({', '.join(_literal(value) for value in values)})"
    if date_like(column) or column.affinity not in ("integer", "number", "text"):
        return f"{name} ({_literal(values[0])})"
    short = column.affinity == "text" and len(str(values[0])) <= 10
    return f"{name} ({_literal(values[0])}, ..)" if short else name


def examples(schema: Schema) -> list[tuple[str, str]]:
    """Questions and queries over this very schema, one each for the most of, none of, and each across two joins."""
    tables = {table.name: table for table in schema.tables}
    edges = [edge for edge in graph(schema).edges if edge.child != edge.parent and display_of(tables[edge.parent])]
    edges.sort(key=lambda edge: -(tables[edge.child].rows or 0))
    if not edges:
        return []
    found = [_most_of(edges[0], tables), _none_of(edges[-1], tables)]
    chains = ((upper, lower) for lower in edges for upper in edges if upper.child == lower.parent)
    chain = next((pair for pair in chains if pair[0].parent != pair[1].child), None)
    return [*found, _each_across(*chain, tables)] if chain else found


def _most_of(edge: Edge, tables: dict[str, Table]) -> tuple[str, str]:
    key = f"p.{quoted(edge.references)}"
    sql = (
        f"SELECT {_shown(tables[edge.parent], 'p.')}, COUNT(*) FROM {quoted(edge.parent)} p "
        f"JOIN {quoted(edge.child)} c ON c.{quoted(edge.column)} = {key} "
        f"GROUP BY {key} ORDER BY COUNT(*) DESC LIMIT 1"
    )
    return f"Which {_spoken(edge.parent)} has the most {_plural(edge.child)}?", sql


def _none_of(edge: Edge, tables: dict[str, Table]) -> tuple[str, str]:
    column = quoted(edge.column)
    sql = (
        f"SELECT {_shown(tables[edge.parent])} FROM {quoted(edge.parent)} WHERE {quoted(edge.references)} NOT IN "
        f"(SELECT {column} FROM {quoted(edge.child)} WHERE {column} IS NOT NULL)"
    )
    return f"Which {_plural(edge.parent)} have no {_spoken(edge.child)}?", sql


def _each_across(upper: Edge, lower: Edge, tables: dict[str, Table]) -> tuple[str, str]:
    sql = (
        f"SELECT {_shown(tables[upper.parent], 'a.')}, COUNT(*) FROM {quoted(upper.parent)} a "
        f"JOIN {quoted(upper.child)} b ON b.{quoted(upper.column)} = a.{quoted(upper.references)} "
        f"JOIN {quoted(lower.child)} c ON c.{quoted(lower.column)} = b.{quoted(lower.references)} "
        f"GROUP BY a.{quoted(upper.references)}"
    )
    return f"How many {_plural(lower.child)} are there for each {_spoken(upper.parent)}?", sql


def _shown(table: Table, alias: str = "") -> str:
    return ", ".join(f"{alias}{quoted(name)}" for name in display_of(table) or keys_of(table))


def _spoken(name: str) -> str:
    return " ".join(name_words(name))


def _plural(name: str) -> str:
    spoken = _spoken(name)
    if spoken.endswith(("s", "x", "ch", "sh")):
        return f"{spoken}es"
    return f"{spoken[:-1]}ies" if spoken.endswith("y") and spoken[-2:-1] not in "aeiou" else f"{spoken}s"


def _meanings(schema: Schema, links: Links) -> list[str]:
    tables = {table.name: table for table in schema.tables}
    notes: dict[str, None] = {}
    for link in links.links:
        meant = [_meaning(each, tables) for each in likely(link, links, schema)]
        if meant:
            notes[f'"{link.phrase}": {" or ".join(dict.fromkeys(meant))}'] = None
    return list(notes)


def _meaning(candidate: Candidate, tables: dict[str, Table]) -> str:
    table, columns = quoted(candidate.table), [quoted(name) for name in candidate.columns]
    if candidate.kind == "table":
        names = ", ".join(quoted(name) for name in display_of(tables[candidate.table]))
        return f"{table} ({names})" if names else table
    if candidate.kind == "value":
        return f"{table}.{columns[0]} = {_literal(candidate.value)}"
    if candidate.kind == "measure":
        price = f" * {quoted(candidate.other or candidate.table)}.{columns[1]}" if len(columns) > 1 else ""
        return f"SUM({table}.{columns[0]}{price})"
    return " and ".join(f"{table}.{name}" for name in columns)


def _joins(schema: Schema, links: Links) -> list[str]:
    meant = [likely(link, links, schema)[:1] for link in links.links]
    tables = list(dict.fromkeys(each.table for first in meant for each in first))
    path = graph(schema).connect(tables) if len(tables) > 1 else None
    if path is None or not 1 <= len(path.edges) <= 4:
        return []
    on = [f"{quoted(e.child)}.{quoted(e.column)} = {quoted(e.parent)}.{quoted(e.references)}" for e in path.edges]
    return [f"joins: {', '.join(on)}"]


def _extremes(schema: Schema, links: Links) -> list[str]:
    """What an adjective compares: `longest` a length, `oldest` the earliest birth date."""
    tables = {table.name: table for table in schema.tables}
    linked = {each.candidates[0].table for each in links.links}
    said = f" {' '.join(token.lower for token in links.tokens)} "
    notes: list[str] = []
    for phrase, (how, concept) in (SUPERLATIVES | COMPARATIVES).items():
        if concept and f" {phrase} " in said:
            stems = {stem(token.lower) for token in links.tokens}
            about = sorted(
                hinted(concept, schema),
                key=lambda each: (_far(each.table, linked, schema), not _said(each, stems), -each.score),
            )
            order = f" {how.upper()}" if phrase in SUPERLATIVES else ""
            notes += [f'"{phrase}": {_meaning(each, tables)}{order}' for each in about[:1]]
    return notes


def _said(candidate: Candidate, stems: set[str]) -> bool:
    """Whether the question says what kind of date or figure a column is: who was hired last asks for a hire date."""
    own = {*name_words(candidate.table), "date"}
    return bool({stem(word) for word in name_words(candidate.column) if word not in own} & stems)


def _far(table: str, linked: set[str], schema: Schema) -> int:
    """Joins from the linked tables to one: the price of a media type is that of its tracks."""
    path = graph(schema).connect([*sorted(linked), table]) if linked else None
    return len(path.edges) if path else 99


def _units(question: str, schema: Schema) -> list[str]:
    """The figures that a question gives in another unit than a column of milliseconds keeps."""
    kept = [(table, column) for table in schema.tables for column in table.columns if "milli" in column.name.lower()]
    if not kept:
        return []
    column = f"{quoted(kept[0][0].name)}.{quoted(kept[0][1].name)}"
    said = re.findall(r"(\d+(?:\.\d+)?)[ -]?(second|minute|hour)s?\b|\b(second|minute|hour)s\b", question.lower())
    figures = [(number or "1", unit or plural) for number, unit, plural in said]
    return [f"{number} {unit} = {float(number) * TIME_UNITS[unit]:.0f} of {column}" for number, unit in figures]
