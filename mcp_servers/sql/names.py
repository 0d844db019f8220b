"""Every table and column that a query names is looked up where it stands, as the engine will look it up.

A CTE is known to the siblings after it and to the query that it heads, never outside; a name that only looks like a
CTE from elsewhere is a table, and has to be in the schema. Columns are sets of names, so that no query can make its
own check grow.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlglot import exp

from lyceum.errors import ModelRetry, nearest
from lyceum.tables import Schema
from mcp_servers.sql.allowed import TABLE_FUNCTIONS

RESERVED = ("sqlite_", "pragma_", "duckdb_", "pg_", "information_schema", "json_")
DEFAULT_SCHEMA = {"sqlite": "main", "duckdb": "main", "postgres": "public"}
MOST_PROBLEMS = 4  # told at once, so that one more try can correct them all
_ROW_NAMES: dict[str, frozenset[str]] = {
    "sqlite": frozenset({"rowid", "_rowid_", "oid"}),
    "duckdb": frozenset({"rowid"}),
    "postgres": frozenset(),
}
_SOURCE_ARGS = ("joins", "pivots")
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)

Columns = frozenset[str] | None  # None where only the engine can tell: then any name may be one
Ctes = Mapping[str, Columns]


def resolve(tree: exp.Expr, schema: Schema, *, qualify: bool = True) -> list[exp.Table]:
    """Find every name of a parsed query in the schema; raises ModelRetry with the nearest name where there is none.

    Returns the nodes that name tables of the schema (and no CTE); for PostgreSQL they are written with their schema.
    """
    names = _Names(schema, qualify=qualify)
    names.query(tree, {}, [])
    if names.problems:
        raise ModelRetry(" ".join(list(dict.fromkeys(names.problems))[:MOST_PROBLEMS]))
    for table in tree.find_all(exp.Table):
        if id(table) not in names.seen:
            raise ModelRetry(f"{table.name!r} stands where no table can; name tables after FROM or JOIN.")
    return names.found


class _Frame:
    """What one SELECT offers to its expressions: its sources by alias, and the names of its own projections."""

    def __init__(self) -> None:
        self.sources: dict[str, Columns] = {}
        self.tables: dict[str, str] = {}  # by alias, where a source is a table of the schema
        self.own: set[str] = set()


class _Names:
    def __init__(self, schema: Schema, *, qualify: bool) -> None:
        self.schema = schema
        self.qualify = qualify and schema.dialect == "postgres"
        self.found: list[exp.Table] = []
        self.seen: set[int] = set()
        self.problems: list[str] = []
        self.tables = {
            self.fold(table.name): frozenset(self.fold(column.name) for column in table.columns)
            for table in schema.tables
        }
        self.spelt = {self.fold(table.name): table.name for table in schema.tables}
        self.columns = {
            self.fold(table.name): {self.fold(column.name): column.name for column in table.columns}
            for table in schema.tables
        }

    def fold(self, name: str) -> str:
        """Letters beyond ASCII stay: the engines keep them apart, and Python's `lower` makes `k` of a Kelvin sign."""
        return name.translate(_LOWER)

    def query(self, node: exp.Expr, ctes: Ctes, outer: list[_Frame]) -> Columns:
        """Check a query and return the names of its columns."""
        ctes = self._with(node, ctes, outer)
        if isinstance(node, exp.Select):
            return self._select(node, ctes, outer)
        frame, found = _Frame(), None
        if isinstance(node, exp.SetOperation):
            found = self.query(node.left, ctes, outer)
            self.query(node.right, ctes, outer)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table):  # FROM (a JOIN b ON ...)
            self._source(node.this, ctes, outer, frame)
        elif isinstance(node, exp.Pivot):
            self._source(node.this, ctes, outer, frame)
            self._visit_args(node, ("this", "with_", "alias"), ctes, [*outer, frame])
            return None
        elif isinstance(node, (exp.Describe, exp.Summarize)):
            if isinstance(node.this, exp.Table):
                self._source(node.this, ctes, outer, frame)
            else:
                self.query(node.this, ctes, outer)
            return None
        elif isinstance(node, exp.Subquery):
            found = self.query(node.this, ctes, outer)
        frame.sources[""] = found
        self._visit_args(node, ("this", "expression", "with_", "alias", *_SOURCE_ARGS), ctes, [*outer, frame])
        return found

    def _with(self, node: exp.Expr, ctes: Ctes, outer: list[_Frame]) -> Ctes:
        clause = node.args.get("with_")
        if not isinstance(clause, exp.With):
            return ctes
        known = dict(ctes)
        for cte in cast("list[exp.CTE]", clause.expressions):
            name = self.fold(cte.alias)
            if name.startswith(RESERVED):
                raise ModelRetry(f"{cte.alias!r} is a name of the engine; call that part of the query something else.")
            given = self._given(cte)
            body = cte.this
            if isinstance(body, exp.SetOperation) and self.schema.dialect == "sqlite":
                found = self.query(body, {**known, name: given}, outer)  # a CTE to itself, said or not
            elif isinstance(body, exp.SetOperation) and clause.recursive:
                # Engines let only the part after the first UNION see the CTE; before it, its name is a table's.
                inside = self._with(body, known, outer)
                first = self.query(body.left, inside, outer)
                found = given or first
                self.query(body.right, {**inside, name: found}, outer)
                frame = _Frame()
                frame.sources[""] = found
                self._visit_args(body, ("this", "expression", "with_"), inside, [*outer, frame])
            else:
                found = self.query(body, known, outer)
            known[name] = given or found
        if clause.args.get("search"):  # it adds columns to the last one
            known[self.fold(clause.expressions[-1].alias)] = None
        return known

    def _select(self, node: exp.Select, ctes: Ctes, outer: list[_Frame]) -> Columns:
        frame = _Frame()
        frames = [*outer, frame]
        start = node.args.get("from_")
        if isinstance(start, exp.From):
            self._source(start.this, ctes, outer, frame)
        laterals = cast("list[exp.Expr]", node.args.get("laterals") or [])
        for join in cast("list[exp.Join]", node.args.get("joins") or []):
            self._source(join.this, ctes, outer, frame)
        for lateral in laterals:
            self._source(lateral, ctes, outer, frame)
        for join in cast("list[exp.Join]", node.args.get("joins") or []):
            self._visit_args(join, ("this",), ctes, frames)
        for projection in node.selects:
            self._visit(projection, ctes, frames)
            if isinstance(projection, exp.Alias) and self.schema.dialect == "duckdb":
                frame.own.add(self.fold(projection.alias))  # known to the projections after it
        frame.own = {self.fold(projection.alias) for projection in node.selects if isinstance(projection, exp.Alias)}
        self._visit_args(node, ("from_", "joins", "laterals", "with_", "expressions"), ctes, frames)
        return self._outputs(node, frame)

    def _outputs(self, node: exp.Select, frame: _Frame) -> Columns:
        found: set[str] = set()
        for projection in node.selects:
            if isinstance(projection, exp.Star) and not any(projection.args.values()):
                offers = list(frame.sources.values())
            elif isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star):
                offers = [frame.sources.get(self.fold(projection.table))]
            else:
                name = self.fold(projection.alias_or_name)
                offers = [frozenset({name}) if name and not projection.is_star else None]
            for offer in offers:
                if offer is None:
                    return None
                found |= offer
        return frozenset(found)

    def _source(self, node: exp.Expr, ctes: Ctes, outer: list[_Frame], frame: _Frame) -> None:
        """Add what stands after FROM or JOIN to a frame."""
        alias = self.fold(node.alias)
        beside = [*outer, frame]  # what a lateral source or a table function may refer to
        if isinstance(node, exp.Table):
            self.seen.add(id(node))
            written = self.fold(node.name)
            found = self._table(node, ctes, beside)
            alias = alias or written
            if self.found and self.found[-1] is node:
                frame.tables[alias] = self._key(node)
        elif isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table) and not alias:
            self._source(node.this, ctes, outer, frame)  # FROM (a JOIN b ON ...)
            found = None
        elif isinstance(node, exp.Subquery):
            found = self.query(node, ctes, outer if self.schema.dialect == "sqlite" else beside)
        else:
            self._visit_args(node, ("alias", *_SOURCE_ARGS), ctes, beside)
            found = None
        opaque = node.args.get("pivots") or isinstance(node, exp.Unnest) or isinstance(node.this, exp.Func)
        if alias or not (isinstance(node, exp.Subquery) and isinstance(node.this, exp.Table)):
            frame.sources[alias] = None if opaque else self._given(node) or found
        for join in cast("list[exp.Join]", node.args.get("joins") or []):
            self._source(join.this, ctes, outer, frame)
            self._visit_args(join, ("this",), ctes, beside)
        for pivot in cast("list[exp.Expr]", node.args.get("pivots") or []):
            open_frame = _Frame()
            open_frame.sources[""] = None
            self._visit(pivot, ctes, [*beside, open_frame])

    def _table(self, table: exp.Table, ctes: Ctes, frames: list[_Frame]) -> Columns:
        place = self.fold(table.db)
        if table.args.get("catalog"):
            raise ModelRetry("Name tables plainly, without a database in front.")
        if isinstance(table.this, exp.Func):
            name = function_name(table.this)
            if name not in TABLE_FUNCTIONS[self.schema.dialect] or place:
                raise ModelRetry(
                    f"The table function {name} is not allowed. {nearest(name, self._known(), what='tables')}"
                )
            self._visit_args(table.this, (), ctes, frames)
            return None
        if not isinstance(table.this, exp.Identifier):
            raise ModelRetry("Name tables plainly, without schema, file or table function.")
        name = self.fold(table.name)
        if not place and name in ctes:
            return ctes[name]
        name = self._key(table)
        if name not in self.tables:
            written = f"{table.db}.{table.name}" if place else table.name
            self.problems.append(f"There is no table {written!r}. {nearest(written, self._known(), what='tables')}")
            return None
        self.found.append(table)
        if self.qualify:
            self._qualify(table, name)
        return self.tables[name]

    def _key(self, table: exp.Table) -> str:
        """Return the name of a table in the schema, in lower case."""
        name, place = self.fold(table.name), self.fold(table.db)
        return f"{place}.{name}" if place not in ("", DEFAULT_SCHEMA[self.schema.dialect]) else name

    def _qualify(self, table: exp.Table, name: str) -> None:
        """Write a table with its schema and as it is spelt: the session looks nowhere by itself."""
        before, _, plain = self.spelt[name].rpartition(".")
        if plain != self.fold(plain) and not table.alias:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(table.name)))
        table.set("this", exp.to_identifier(plain, quoted=True))
        table.set("db", exp.to_identifier(before or DEFAULT_SCHEMA["postgres"], quoted=True))

    def _visit_args(self, node: exp.Expr, without: tuple[str, ...], ctes: Ctes, frames: list[_Frame]) -> None:
        for key, value in node.args.items():
            if key not in without:
                for child in cast("list[Any]", value if isinstance(value, list) else [value]):
                    if isinstance(child, exp.Expr):
                        self._visit(child, ctes, frames)

    def _visit(self, node: exp.Expr, ctes: Ctes, frames: list[_Frame]) -> None:
        if isinstance(node, exp.Query) and not isinstance(node, exp.Table):
            self.query(node, ctes, frames)
        elif isinstance(node, exp.Column):
            self._column(node, frames)
        elif isinstance(node, exp.Comprehension):  # [x + 1 FOR x, position IN list IF ...]
            inside = _Frame()
            inside.sources[""] = frozenset(
                self.fold(name.name) for name in (node.expression, node.args.get("position")) if name is not None
            )
            self._visit_args(node, ("expression", "position"), ctes, [*frames, inside])
        elif isinstance(node, exp.UnpivotColumns):
            return  # names that it gives
        else:
            self._visit_args(node, (), ctes, frames)

    def _column(self, column: exp.Column, frames: list[_Frame]) -> None:
        parts = [self.fold(part.name) for part in column.parts]
        written = list(column.parts)
        default = DEFAULT_SCHEMA[self.schema.dialect]
        if len(parts) > 2 and parts[0] == default and not any(default in frame.sources for frame in frames):
            parts, written = parts[1:], written[1:]
        if len(parts) > (3 if self.schema.dialect == "duckdb" else 2):
            raise ModelRetry(f"Name the column {column.name!r} as column or table.column.")
        places: list[str] = []
        for frame in reversed(frames):
            if len(parts) > 1 and parts[0] in frame.sources:
                offered = frame.sources[parts[0]]
                if offered is None or isinstance(column.this, exp.Star) or parts[1] in offered | self._row_names:
                    self._spell(written[1], [frame.tables.get(parts[0])])
                    return
                self.problems.append(self._unknown(written[1].name, [parts[0]]))
                return
            if (len(parts) == 1 or self.schema.dialect != "sqlite") and self._offers(frame, parts[0]):
                if parts[0] not in frame.own:
                    self._spell(written[0], list(frame.tables.values()))
                return  # a column, or elsewhere than in SQLite a field of one
            places += frame.sources
        if len(parts) > 1:
            known = [place for place in places if place]
            self.problems.append(
                f"There is no {written[0].name!r} here. {nearest(parts[0], known, what='tables here')}"
            )
        else:
            self.problems.append(self._unknown(column.name, places))

    def _spell(self, name: exp.Expr, tables: Sequence[str | None]) -> None:
        """PostgreSQL reads a name in lower case unless it is quoted; people and models write it as they see it."""
        if self.schema.dialect != "postgres" or not isinstance(name, exp.Identifier):
            return
        folded = self.fold(name.name)
        known = [self.columns[table][folded] for table in tables if table and folded in self.columns[table]]
        if len(set(known)) == 1 and known[0] != folded:
            name.set("this", known[0])
            name.set("quoted", True)

    def _offers(self, frame: _Frame, name: str) -> bool:
        if name in frame.own or any(offer is None or name in offer for offer in frame.sources.values()):
            return True
        if not frame.sources:
            return False
        return name in self._row_names or (self.schema.dialect != "sqlite" and name in frame.sources)

    @property
    def _row_names(self) -> frozenset[str]:
        return _ROW_NAMES[self.schema.dialect]

    def _given(self, node: exp.Expr) -> Columns:
        alias = node.args.get("alias")
        columns = cast("list[exp.Expr]", alias.args.get("columns") or []) if isinstance(alias, exp.TableAlias) else []
        return frozenset(self.fold(column.name) for column in columns) or None

    def _known(self) -> list[str]:
        return [table.name for table in self.schema.tables]

    def _unknown(self, name: str, places: list[str]) -> str:
        owners = [table.name for table in self.schema.tables if self.fold(name) in self.tables[self.fold(table.name)]]
        if owners:
            advice = (
                f"{' and '.join(owners[:3])} {'has' if len(owners) == 1 else 'have'} it: join it or qualify the name."
            )
        else:
            here = {self.fold(table.name) for table in self.schema.tables} & set(places)
            columns = {
                column.name
                for table in self.schema.tables
                if not here or self.fold(table.name) in here
                for column in table.columns
            }
            advice = nearest(name, columns, what="columns")
        where = ", ".join(dict.fromkeys(place for place in places if place))
        return f"There is no column {name!r}{f' in {where}' if where else ''}. {advice}"


def function_name(node: exp.Func) -> str:
    """Return the name of a function in lower case: as written where the parser does not know it."""
    return (node.name if isinstance(node, exp.Anonymous) else node.sql_name()).lower()
