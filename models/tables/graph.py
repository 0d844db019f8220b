"""The tables of a schema as a graph of foreign keys, declared or plain from the names, and the joins between them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise

from lyceum.tables import Column, Schema, Table
from models.tables.words import name_words


@dataclass(frozen=True)
class Edge:
    """Many rows of `child` refer to one row of `parent`: `child.column = parent.references`."""

    child: str
    column: str
    parent: str
    references: str


@dataclass(frozen=True)
class JoinPath:
    """The joins that connect some tables. `ambiguous`: another path of the same length exists."""

    tables: frozenset[str] = frozenset()
    edges: tuple[Edge, ...] = ()
    ambiguous: bool = False


@dataclass(frozen=True)
class Graph:
    edges: tuple[Edge, ...]
    around: dict[str, list[tuple[str, Edge]]] = field(default_factory=dict[str, "list[tuple[str, Edge]]"])

    def paths(self, sources: Collection[str], goal: str, limit: int = 5) -> list[tuple[Edge, ...]]:
        """Every shortest path from any of `sources` to `goal`, without a table twice.

        A path never goes up to a parent and down again: sharing a department does not make a teacher and a student meet.
        """
        frontier = [(table, tuple[Edge, ...](), frozenset(sources), False) for table in sorted(sources)]
        for _ in range(limit):
            longer = [
                (other, (*path, edge), seen | {other}, edge.parent == other)
                for table, path, seen, rising in frontier
                for other, edge in self.around.get(table, [])
                if other not in seen and not (rising and edge.child == other)
            ]
            if found := [path for table, path, _, _ in longer if table == goal]:
                return found
            frontier = longer[:400]
        return []

    def connect(self, tables: Iterable[str], prefer: Collection[str] = ()) -> JoinPath | None:
        """Join all `tables`, nearest first; None when they are not connected.

        `prefer` names foreign-key columns that the question mentions: they decide between paths of equal length.
        """
        wanted = list(dict.fromkeys(tables))
        joined = set(wanted[:1])
        edges: list[Edge] = []
        ambiguous = False
        while missing := [table for table in wanted if table not in joined]:
            options = [(len(paths[0]), table, paths) for table in missing if (paths := self.paths(joined, table))]
            if not options:
                return None
            _, _, paths = min(options, key=lambda option: option[0])
            preferred = [path for path in paths if any(edge.column in prefer for edge in path)]
            paths = preferred or paths
            if len(paths) > 1:
                spoken = {word for table in wanted for word in name_words(table)}
                paths = [
                    path
                    for path in paths
                    if any(spoken & set(name_words(edge.child)) for edge in path if edge.child not in wanted)
                ] or paths
            ambiguous = ambiguous or len(paths) > 1
            path = paths[0]
            edges += path
            joined |= {table for edge in path for table in (edge.child, edge.parent)}
        return JoinPath(frozenset(joined), tuple(edges), ambiguous)


KEY_ENDINGS = ("id", "key", "code", "number")


def keys_of(table: Table) -> tuple[str, ...]:
    """The primary key, or without a declared one a column that names itself so (`id`, `customer_id`, `branch_code`)."""
    if table.primary_key:
        return table.primary_key
    own = {("id",), *((*name_words(table.name), ending) for ending in KEY_ENDINGS)}
    return tuple(column.name for column in table.columns if name_words(column.name) in own)[:1]


def _inferred(table: Table, column: Column, schema: Schema) -> list[Edge]:
    """What a column refers to by its name: the key of one other table (`branch_code`, `home_branch_code`), or its name and `id`."""
    words = name_words(column.name)
    if len(words) < 2 or words[-1] not in KEY_ENDINGS or keys_of(table) == (column.name,):
        return []
    found: list[Edge] = []
    for other in schema.tables:
        key = keys_of(other)
        if other.name == table.name or len(key) != 1:
            continue
        own = name_words(key[0])
        named = name_words(other.name) == words[:-1] and words[-1] == "id"
        if named or (len(own) > 1 and words[-len(own) :] == own and _included(column, other, key[0])):
            found.append(Edge(table.name, column.name, other.name, key[0]))
    return found if len(found) == 1 else []


def _included(column: Column, other: Table, key: str) -> bool:
    """Whether the values known of a column allow that it refers to `other.key`."""
    parent = next(each for each in other.columns if each.name == key)
    if column.affinity != parent.affinity:
        return False
    return not parent.complete or set(column.values) <= set(parent.values)


@lru_cache(maxsize=32)
def graph(schema: Schema) -> Graph:
    """Declared foreign keys, and for columns of tables that declare none those that the names make plain."""
    edges: list[Edge] = []
    for table in schema.tables:
        edges += [Edge(table.name, key.column, key.table, key.references) for key in table.foreign_keys]
        if not table.foreign_keys:
            edges += [edge for column in table.columns for edge in _inferred(table, column, schema)]
    around: dict[str, list[tuple[str, Edge]]] = {}
    for edge in edges:
        if edge.child != edge.parent:
            around.setdefault(edge.child, []).append((edge.parent, edge))
            around.setdefault(edge.parent, []).append((edge.child, edge))
    return Graph(tuple(edges), around)


PEOPLE = ((("first", "name"), ("last", "name")), (("given", "name"), ("family", "name")), (("forename",), ("surname",)))


NO_NAMES = frozenset("first last middle nick file user contact maiden short brand city country".split())


NO_LABELS = frozenset("at on start end email address phone url note comment description text id date".split())


def display_of(table: Table) -> tuple[str, ...]:
    """The columns people call a row by: its name, else first and last name, else title or label, else its key."""
    own = set(name_words(table.name))
    by_words = {name_words(column.name): column.name for column in table.columns}

    def called(*endings: str) -> list[tuple[str, ...]]:
        return [
            (name,)
            for end in endings
            for words, name in by_words.items()
            if words[-1] == end and set(words[:-1]) <= own
        ]

    people = [(by_words[first], by_words[last]) for first, last in PEOPLE if first in by_words and last in by_words]
    full = [
        (by_words[words],)
        for words in (("full", "name"), ("display", "name"), ("username",), ("user", "name"))
        if words in by_words
    ]
    other = [(name,) for words, name in by_words.items() if words[-1] == "name" and words[0] not in NO_NAMES]
    options = [
        *called("name"),
        *full[:1],
        *people,
        *(other if len(other) == 1 else []),
        *called("title", "label"),
        keys_of(table),
    ]
    references = {key.column for key in table.foreign_keys}
    labels = [
        (column.name,)
        for column in table.columns
        if column.affinity == "text"
        and column.name not in (*references, *keys_of(table))
        and table.rows
        and 1 < table.rows == column.distinct
        and not NO_LABELS & set(name_words(column.name))
    ]
    options[-1:] = [*labels[:1], keys_of(table)]
    return next((option for option in options if option), (table.columns[0].name,) if table.columns else ())


def many_sided(path: JoinPath, root: str) -> set[str]:
    """Tables of the path of which one row of `root` can meet several: summing `root` across them counts twice."""
    one = {root}
    for _ in pairwise((None, *path.edges, None)):
        one |= {edge.parent for edge in path.edges if edge.child in one}
    return set(path.tables) - one
