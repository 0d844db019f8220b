"""What a database holds, as a `Schema`: columns, keys and enough real values to link words to them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from lyceum.errors import ModelRetry, UserError, nearest
from lyceum.tables import Affinity, Cell, Column, ForeignKey, Schema, Table
from mcp_servers.sql.files import Database

COMPLETE = 50  # text columns with at most this many distinct values are listed in full
SAMPLES = 5
_STRUCTURED = re.compile(r"JSON|XML|\[|STRUCT|MAP|BYTEA|BLOB|POINT|POLYGON|VECTOR")


FEWER_ROWS = 100_000  # to take samples from where all rows take too long


def read_schema(name: str, database: Database, only: Iterable[str] | None = None) -> Schema:
    """Describe all tables, or `only` these; raises UserError for one that is not there."""
    names = _TABLES[database.dialect](database)
    wanted = {table.lower(): table for table in only or ()}
    if only is not None:
        missing = [table for folded, table in wanted.items() if folded not in {known.lower() for known in names}]
        if missing:
            step = nearest(missing[0], names, what="tables")
            raise UserError(f"{database.shown} has no table {missing[0]!r}.", next_step=step)
        names = [known for known in names if known.lower() in wanted]
    tables = tuple(_DESCRIBE[database.dialect](database, table) for table in names)
    if only is not None:  # what leads to a table that may not be read is not shown either
        tables = tuple(
            table.model_copy(
                update={"foreign_keys": tuple(key for key in table.foreign_keys if key.table.lower() in wanted)}
            )
            for table in tables
        )
    return Schema(database=name, dialect=database.dialect, tables=tables)


def find_values(
    database: Database,
    schema: Schema,
    phrases: list[str],
    *,
    most: int = 8,
    place: Callable[[str], str] | None = None,
) -> list[dict[str, Cell]]:
    """Find phrases as whole values of text columns, case ignored; a phrase with no such value is left out.

    `place` tells what stands after FROM for a table, where that is not its name.
    """
    hits: list[dict[str, Cell]] = []
    marks = ", ".join(f"${n}" if database.dialect == "postgres" else "?" for n in range(1, len(phrases) + 1))
    for table in schema.tables:
        owner = place(table.name) if place else source(table.name, database.dialect)
        for column in table.columns:
            if column.affinity != "text":
                continue
            name = quoted(column.name)
            found = database.run(
                f"SELECT DISTINCT {name} FROM {owner} WHERE lower({name}) IN ({marks}) LIMIT {most}",  # noqa: S608
                tuple(phrase.lower() for phrase in phrases),
            )
            for (value,) in found.rows:
                phrase = next((phrase for phrase in phrases if phrase.lower() == str(value).lower()), value)
                hits.append({"phrase": phrase, "table": table.name, "column": column.name, "value": value})
    return hits


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def version(database: Database) -> object:
    """Return what is another thing after tables changed: a file's time, or PostgreSQL's catalogue in a number."""
    if database.path is not None:
        return database.path.stat().st_mtime if database.path.exists() else 0.0
    found = database.run(
        """SELECT count(*),
                  sum(hashtextextended(a.attrelid || a.attname || a.atttypid || a.attisdropped, 0) % 1000000007)
           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = ANY($1) AND a.attnum > 0 AND has_table_privilege(c.oid, 'SELECT')""",
        (list(database.schemas),),
    )
    return tuple(found.rows[0])


def source(table: str, dialect: str) -> str:
    """Return a table's name as it stands after FROM."""
    before, _, plain = table.rpartition(".") if dialect == "postgres" else ("", "", table)
    return f"{quoted(before or 'public')}.{quoted(plain)}" if dialect == "postgres" else quoted(plain)


def _sqlite_names(database: Database) -> list[str]:
    names = database.run(
        "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    )
    return [str(name) for (name,) in names.rows]


def _sqlite_table(database: Database, name: str) -> Table:
    info = database.run(f"PRAGMA table_info({quoted(name)})")  # cid, name, type, notnull, default, pk
    keys = database.run(f"PRAGMA foreign_key_list({quoted(name)})")  # id, seq, table, from, to, ...
    primary = sorted((int(str(row[5])), str(row[1])) for row in info.rows if row[5])
    return Table(
        name=name,
        columns=tuple(_column(database, name, str(row[1]), str(row[2]), not row[3]) for row in info.rows),
        primary_key=tuple(column for _, column in primary),
        foreign_keys=tuple(
            ForeignKey(column=str(row[3]), table=str(row[2]), references=str(row[4] or row[3])) for row in keys.rows
        ),
        rows=_count(database, name),
    )


def _duckdb_names(database: Database) -> list[str]:
    names = database.run(
        """SELECT table_name FROM duckdb_tables() WHERE NOT internal AND schema_name = 'main' ORDER BY table_oid"""
    )
    views = database.run(
        "SELECT view_name FROM duckdb_views() WHERE NOT internal AND schema_name = 'main' ORDER BY view_oid"
    )
    return [str(name) for (name,) in [*names.rows, *views.rows]]


def _duckdb_table(database: Database, name: str) -> Table:
    info = database.run(
        """SELECT column_name, data_type, is_nullable FROM duckdb_columns()
           WHERE table_name = ? AND schema_name = 'main' ORDER BY column_index""",
        (name,),
    )
    keys = database.run(
        """SELECT constraint_type, unnest(constraint_column_names), referenced_table,
                  unnest(coalesce(referenced_column_names, constraint_column_names))
           FROM duckdb_constraints() WHERE table_name = ? AND constraint_type IN ('PRIMARY KEY', 'FOREIGN KEY')""",
        (name,),
    )
    return Table(
        name=name,
        columns=tuple(_column(database, name, str(r[0]), str(r[1]), bool(r[2])) for r in info.rows),
        primary_key=tuple(str(row[1]) for row in keys.rows if row[0] == "PRIMARY KEY"),
        foreign_keys=tuple(
            ForeignKey(column=str(row[1]), table=str(row[2]), references=str(row[3]))
            for row in keys.rows
            if row[0] == "FOREIGN KEY"
        ),
        rows=_count(database, name),
    )


def _postgres_names(database: Database) -> list[str]:
    """Tables and views that the role may read; those of another schema than `public` with it in front."""
    names = database.run(
        """SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE n.nspname = ANY($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
           AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
           AND c.relname NOT LIKE '%.%' AND n.nspname NOT LIKE '%.%' ORDER BY n.nspname <> 'public', c.oid""",
        (list(database.schemas),),
    )
    return [str(name) if place == "public" else f"{place}.{name}" for place, name in names.rows]


def _postgres_table(database: Database, name: str) -> Table:
    place = source(name, "postgres")
    info = database.run(
        """SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, col_description(c.oid, a.attnum),
                  obj_description(c.oid, 'pg_class')
           FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
           WHERE c.oid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum""",
        (place,),
    )
    keys = database.run(
        """SELECT k.contype, a.attname, n.nspname, f.relname, b.attname
           FROM pg_constraint k
           CROSS JOIN LATERAL unnest(k.conkey, coalesce(k.confkey, k.conkey)) WITH ORDINALITY AS u(own, other, place)
           JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.own
           LEFT JOIN pg_class f ON f.oid = k.confrelid LEFT JOIN pg_namespace n ON n.oid = f.relnamespace
           LEFT JOIN pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.other
           WHERE k.conrelid = $1::regclass AND k.contype IN ('p', 'f') ORDER BY k.contype, k.oid, u.place""",
        (place,),
    )
    return Table(
        name=name,
        columns=tuple(
            _column(database, name, str(r[0]), str(r[1]), not r[2], description=str(r[3]) if r[3] else None)
            for r in info.rows
        ),
        primary_key=tuple(str(row[1]) for row in keys.rows if row[0] == "p"),
        foreign_keys=tuple(
            ForeignKey(
                column=str(row[1]),
                table=str(row[3]) if row[2] == "public" else f"{row[2]}.{row[3]}",
                references=str(row[4]),
            )
            for row in keys.rows
            if row[0] == "f"
        ),
        rows=_count(database, name),
        description=str(info.rows[0][4] or "") if info.rows else "",
    )


_TABLES = {"sqlite": _sqlite_names, "duckdb": _duckdb_names, "postgres": _postgres_names}
_DESCRIBE = {"sqlite": _sqlite_table, "duckdb": _duckdb_table, "postgres": _postgres_table}


def _count(database: Database, table: str) -> int | None:
    try:
        counted = database.run(f"SELECT count(*) FROM {source(table, database.dialect)}")  # noqa: S608
    except ModelRetry:
        return None  # too many to count in time, or a view that fails
    return int(str(counted.rows[0][0]))


def _column(
    database: Database, table: str, name: str, declared: str, nullable: bool, description: str | None = None
) -> Column:
    place = source(table, database.dialect)
    return describe_column(database, place, name, declared, nullable=nullable, description=description)


def describe_column(
    database: Database, owner: str, name: str, declared: str, *, nullable: bool, description: str | None = None
) -> Column:
    """Describe a column of what stands after FROM as `owner`; `declared` is its type, where that is known."""
    column = quoted(name)
    structured = _STRUCTURED.search(declared.upper()) is not None
    some = f"(SELECT {column} FROM {owner} LIMIT {FEWER_ROWS}) AS some"  # noqa: S608
    values: list[Cell] = []
    whole = False
    for place in [owner, some] if not structured else [some]:
        distinct = "" if structured and database.dialect == "postgres" else "DISTINCT"  # its json has no equality
        try:
            found = database.run(
                f"SELECT {distinct} {column} FROM {place} WHERE {column} IS NOT NULL LIMIT {COMPLETE + 1}"  # noqa: S608
            )
        except ModelRetry:
            continue
        values, whole = [row[0] for row in found.rows], place == owner
        declared = declared or next(iter(found.types), "")
        break
    affinity = affinity_of(declared, values)
    few = whole and len(values) <= COMPLETE
    complete = affinity == "text" and few
    kept = sorted(values, key=lambda value: unicodedata.normalize("NFKD", str(value))) if complete else values[:SAMPLES]
    return Column(
        name=name,
        type=declared,
        affinity=affinity,
        nullable=nullable,
        distinct=len(values) if few else None,
        values=tuple(kept),
        complete=complete,
        description=description,
    )


def affinity_of(declared: str, values: list[Cell]) -> Affinity:
    """Return what kind of values a column has, by its declared type and, where that says little, by the values."""
    kind = declared.upper()
    if _STRUCTURED.search(kind):
        return "other"
    if "BOOL" in kind:
        return "boolean"
    if "DATE" in kind or "TIMESTAMP" in kind:
        return "date"
    if kind.startswith("TIME"):
        return "time"
    if "INT" in kind and "INTERVAL" not in kind:
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
