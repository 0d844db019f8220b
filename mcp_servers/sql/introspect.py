"""What a database holds, as a `Schema`: columns, keys and enough real values to link words to them."""

from __future__ import annotations

import unicodedata

from lyceum.tables import Cell, Column, ForeignKey, Schema, Table
from mcp_servers.sql.files import Database

COMPLETE = 50  # text columns with at most this many distinct values are listed in full
SAMPLES = 5


def read_schema(name: str, database: Database) -> Schema:
    tables = _sqlite_tables(database) if database.dialect == "sqlite" else _duckdb_tables(database)
    return Schema(database=name, dialect=database.dialect, tables=tuple(tables))


def find_values(database: Database, schema: Schema, phrases: list[str], *, most: int = 8) -> list[dict[str, Cell]]:
    """Find phrases as whole values of text columns, case ignored; a phrase with no such value is left out."""
    hits: list[dict[str, Cell]] = []
    for table in schema.tables:
        for column in table.columns:
            if column.affinity != "text":
                continue
            name, owner = quoted(column.name), quoted(table.name)
            marks = ", ".join("?" * len(phrases))
            found = database.run(
                f"SELECT DISTINCT {name} FROM {owner} WHERE lower({name}) IN ({marks}) LIMIT {most}",  # noqa: S608
                tuple(phrase.lower() for phrase in phrases),
            )
            hits += [
                {
                    "phrase": _phrase_of(str(row[0]), phrases),
                    "table": table.name,
                    "column": column.name,
                    "value": row[0],
                }
                for row in found.rows
            ]
    return hits


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _phrase_of(value: str, phrases: list[str]) -> str:
    return next((phrase for phrase in phrases if phrase.lower() == value.lower()), value)


def _sqlite_tables(database: Database) -> list[Table]:
    names = database.run(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    )
    tables: list[Table] = []
    for (name,) in names.rows:
        owner = str(name)
        info = database.run(f"PRAGMA table_info({quoted(owner)})")  # cid, name, type, notnull, default, pk
        keys = database.run(f"PRAGMA foreign_key_list({quoted(owner)})")  # id, seq, table, from, to, ...
        primary = sorted((int(str(row[5])), str(row[1])) for row in info.rows if row[5])
        columns = tuple(_column(database, owner, str(row[1]), str(row[2]), not row[3]) for row in info.rows)
        foreign = tuple(
            ForeignKey(column=str(row[3]), table=str(row[2]), references=str(row[4] or row[3])) for row in keys.rows
        )
        tables.append(
            Table(
                name=owner,
                columns=columns,
                primary_key=tuple(column for _, column in primary),
                foreign_keys=foreign,
                rows=_count(database, owner),
            )
        )
    return tables


def _duckdb_tables(database: Database) -> list[Table]:
    names = database.run("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY table_oid")
    tables: list[Table] = []
    for (name,) in names.rows:
        owner = str(name)
        info = database.run(
            """SELECT column_name, data_type, is_nullable FROM duckdb_columns()
               WHERE table_name = ? ORDER BY column_index""",
            (owner,),
        )
        keys = database.run(
            """SELECT constraint_type, unnest(constraint_column_names), referenced_table,
                      unnest(coalesce(referenced_column_names, constraint_column_names))
               FROM duckdb_constraints() WHERE table_name = ? AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')""",
            (owner,),
        )
        tables.append(
            Table(
                name=owner,
                columns=tuple(_column(database, owner, str(r[0]), str(r[1]), bool(r[2])) for r in info.rows),
                primary_key=tuple(str(row[1]) for row in keys.rows if row[0] == "PRIMARY KEY"),
                foreign_keys=tuple(
                    ForeignKey(column=str(row[1]), table=str(row[2]), references=str(row[3]))
                    for row in keys.rows
                    if row[0] == "FOREIGN KEY"
                ),
                rows=_count(database, owner),
            )
        )
    return tables


def _count(database: Database, table: str) -> int:
    return int(str(database.run(f"SELECT count(*) FROM {quoted(table)}").rows[0][0]))  # noqa: S608


def _column(database: Database, table: str, name: str, declared: str, nullable: bool) -> Column:
    column, owner = quoted(name), quoted(table)
    found = database.run(
        f"SELECT DISTINCT {column} FROM {owner} WHERE {column} IS NOT NULL LIMIT {COMPLETE + 1}"  # noqa: S608
    )
    values = [row[0] for row in found.rows]
    affinity = _affinity(declared, values)
    complete = affinity == "text" and len(values) <= COMPLETE
    distinct = len(values) if len(values) <= COMPLETE else None
    kept = sorted(values, key=lambda value: unicodedata.normalize("NFKD", str(value))) if complete else values[:SAMPLES]
    return Column(
        name=name,
        type=declared,
        affinity=affinity,
        nullable=nullable,
        distinct=distinct,
        values=tuple(kept),
        complete=complete,
    )


def _affinity(declared: str, values: list[Cell]):
    kind = declared.upper()
    if "BOOL" in kind:
        return "boolean"
    if "DATE" in kind or "TIMESTAMP" in kind:
        return "date"
    if kind.startswith("TIME"):
        return "time"
    if "INT" in kind:
        return "integer"
    if any(part in kind for part in ("REAL", "FLOA", "DOUB", "NUMERIC", "DECIMAL")):
        return "number"
    texts = [value for value in values if isinstance(value, str)]
    if texts and len(texts) == len(values) and all(_is_date(value) for value in texts[:20]):
        return "date"
    if any(part in kind for part in ("CHAR", "TEXT", "CLOB", "ENUM")) or texts:
        return "text"
    return "number" if values and all(isinstance(value, (int, float)) for value in values) else "other"


def _is_date(value: str) -> bool:
    return len(value) >= 10 and value[:4].isdigit() and value[4] == "-" and value[5:7].isdigit() and value[7] == "-"
