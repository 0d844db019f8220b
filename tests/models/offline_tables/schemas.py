"""Schemas and value hits read from SQLite databases, as the SQL server reads them."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from lyceum.tables import Affinity, Column, ForeignKey, Schema, Table
from models.tables import ValueHit, phrases_to_find


def affinity(declared: str) -> Affinity:
    kind = declared.upper()
    known: list[tuple[str, Affinity]] = [
        ("BOOL", "boolean"), ("INT", "integer"), ("DATETIME", "time"), ("TIMESTAMP", "time"), ("DATE", "date"),
        ("CHAR", "text"), ("TEXT", "text"), ("CLOB", "text"), ("REAL", "number"), ("NUM", "number"), ("DEC", "number"),
        ("DOUB", "number"), ("FLOAT", "number"),
    ]  # fmt: skip
    return next((found for word, found in known if word in kind), "other")


def read_schema(connection: sqlite3.Connection, name: str) -> Schema:
    tables: list[Table] = []
    names = [
        row[0]
        for row in connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
        )
    ]
    for table in names:
        columns: list[Column] = []
        keys: dict[int, str] = {}
        for _, column, declared, required, _, key in connection.execute(f'pragma table_info("{table}")'):
            distinct = connection.execute(f'select count(distinct "{column}") from "{table}"').fetchone()[0]
            kind = affinity(declared)
            complete = kind == "text" and distinct <= 50
            rows = connection.execute(
                f'select distinct "{column}" from "{table}" where "{column}" is not null limit {50 if complete else 5}'
            )
            values = tuple(row[0] for row in rows)
            columns.append(
                Column(
                    name=column,
                    type=declared,
                    affinity=kind,
                    nullable=not required,
                    distinct=distinct,
                    values=values,
                    complete=complete,
                )
            )
            if key:
                keys[key] = column
        foreign = [
            ForeignKey(column=row[3], table=row[2], references=row[4] or "id")
            for row in connection.execute(f'pragma foreign_key_list("{table}")')
        ]
        count = connection.execute(f'select count(*) from "{table}"').fetchone()[0]
        tables.append(
            Table(
                name=table,
                columns=tuple(columns),
                primary_key=tuple(keys[i] for i in sorted(keys)),
                foreign_keys=tuple(foreign),
                rows=count,
            )
        )
    return Schema(database=name, dialect="sqlite", tables=tuple(tables))


def find_hits(connection: sqlite3.Connection, schema: Schema, question: str) -> list[ValueHit]:
    hits: list[ValueHit] = []
    for phrase in phrases_to_find(question, schema):
        for table in schema.tables:
            for column in table.columns:
                if column.affinity in ("text", "other"):
                    query = f'select distinct "{column.name}" from "{table.name}" where "{column.name}" = ? collate nocase limit 1'
                    hits += [
                        ValueHit(phrase, table.name, column.name, row[0])
                        for row in connection.execute(query, (phrase,))
                    ]
    return hits


def rows(connection: sqlite3.Connection, sql: str) -> Sequence[tuple[object, ...]]:
    return connection.execute(sql).fetchall()


def open_file(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True)
