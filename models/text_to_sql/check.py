"""What a question says for certain about its query: numbers, names and words that leave a trace in the SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlglot import exp

from lyceum.tables import Schema
from models.tables import Links
from models.text_to_sql.meant import asked_thing
from models.text_to_sql.rewrite import Tree
from models.text_to_sql.scope import Scope

Rows = Sequence[Sequence[object]]
SCALES = (1, 60, 3600, 1000, 60_000, 3_600_000, 100, 0.01, 7, 12, 24, 1024, 1_048_576)  # units a number is kept in


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(rf"\b(?:{pattern})\b" for pattern in patterns), re.IGNORECASE)


_ONE = re.compile(
    r"\s*(?:how many|how much|what (?:is|was) the (?:total|average|mean|number|sum|overall))\b", re.IGNORECASE
)
_SEVERAL = _any("each|every|per|by|for all|grouped|broken down|respective(?:ly)?|which|and")
_GROUPED = _any("for each|for every|per|broken down by|grouped by", "by (?:month|year|day|quarter|week)")
_EXTREME = _any(
    "(?<!at )most|(?<!at )least|fewest|highest|lowest|largest|smallest|biggest|greatest",
    "longest|shortest|oldest|youngest|newest|latest|earliest|cheapest|top|bottom|maximum|minimum|best|worst",
)
_MEAN = _any("average|mean|avg")
_SHARE = _any("percentage|percent|share|ratio|proportion|fraction|rate")
_NOT = _any("not|never|no|without|none|neither|nobody|except|excluding|other than|n't")
_WORD_NUMBERS = {word: n for n, word in enumerate("zero one two three four five six seven eight nine ten".split())}


def doubts(question: str, links: Links, tree: Tree, rows: Rows, schema: Schema) -> list[str]:
    """Return what the question says and the query or its rows do not show; an empty list is no proof."""
    found = [*_missing_values(links, tree), *_missing_numbers(question, tree), *_summed_twice(tree, schema)]
    superlative = bool(_EXTREME.search(question))
    single = bool(_ONE.match(question)) and not _SEVERAL.search(question)
    if single and not superlative and (len(rows) != 1 or len(rows[0]) != 1):
        found.append("the question asks for one figure")
    if _GROUPED.search(question) and not _groups(tree):
        found.append("the question asks for a figure for each of several things")
    if superlative and not _orders(tree):
        found.append("the question asks for the most or least")
    thing = asked_thing(links)
    if thing and thing.kind == "table" and not _shows(thing.table, tree, schema):
        found.append(f"the question asks which {thing.table}")
    if _MEAN.search(question) and not (tree.find(exp.Avg) or tree.find(exp.Div)):
        found.append("the question asks for an average")
    if _SHARE.search(question) and not (tree.find(exp.Div) or tree.find(exp.Avg) or _names_column(question, tree)):
        found.append("the question asks for a share")
    if _SHARE.search(question) and len(rows) == 1 and rows[0][0] in (1, 100):
        found.append("the share is taken of its own rows, so that it is all of them")
    if _NOT.search(question) and not _denies(tree):
        found.append("the question excludes something")
    if not rows or all(cell is None for row in rows for cell in row):
        found.append("the result is empty")
    return found


def _summed_twice(tree: Tree, schema: Schema) -> list[str]:
    """Figures that a join to the many rows of another table repeats, such as an invoice's total across its lines."""
    found: list[str] = []
    for select in tree.find_all(exp.Select):
        scope = Scope(select, schema)
        for figure in select.find_all(exp.Sum, exp.Avg):
            sources = {
                source.alias: source for column in figure.find_all(exp.Column) if (source := scope.source_of(column))
            }
            mine = figure.find_ancestor(exp.Select) is select and sources and not figure.find(exp.Case, exp.Predicate)
            if mine and all(source.table and scope.repeats(source) for source in sources.values()):
                found.append(f"{figure.sql()} counts rows more than once")
    return found


def _missing_values(links: Links, tree: Tree) -> list[str]:
    literals = [literal.name.casefold() for literal in tree.find_all(exp.Literal)]
    found: list[str] = []
    for link in links.links:
        values = [each.value for each in link.candidates if each.kind == "value" and each.score >= 0.85]
        texts = [value.casefold() for value in values if isinstance(value, str)]
        sure = link.candidates[0].kind == "value" and texts and len(texts) == len(values)
        if sure and not any(text in literal for text in texts for literal in literals):
            found.append(f"{link.phrase} is not in the query")
    return found


def _missing_numbers(question: str, tree: Tree) -> list[str]:
    text = re.sub(r"(['\"]).*?\1", " ", question)
    numbers = [float(number.replace(",", "")) for number in re.findall(r"(?<![\w.])\d[\d,]*(?:\.\d+)?(?![\w])", text)]
    numbers += [float(_WORD_NUMBERS[w]) for w in re.findall(r"[a-z]+", text.lower()) if _WORD_NUMBERS.get(w, 0) >= 2]
    literals = [literal.name for literal in tree.find_all(exp.Literal)]
    texts = [literal.name for literal in tree.find_all(exp.Literal) if literal.is_string]
    held = {float(each) for each in literals if re.fullmatch(r"-?\d+(?:\.\d+)?", each)}
    held |= {value + step for value in held for step in (1, -1)}  # more than 4 is at least 5
    return [
        f"{number:g} is not in the query"
        for number in numbers
        if not any(abs(number * scale - value) < 1e-9 for scale in SCALES for value in held)
        and not any(f"{number:g}" in text or f"{number:02g}" in text for text in texts)
    ]


def _shows(table: str, tree: Tree, schema: Schema) -> bool:
    """Whether the outer query lists something of a table's rows."""
    select = tree if isinstance(tree, exp.Select) else tree.find(exp.Select)
    if select is None:
        return True
    scope = Scope(select, schema)
    columns = [column for each in select.expressions for column in each.find_all(exp.Column)]
    sources = [scope.source_of(column) for column in columns if not column.find_ancestor(exp.AggFunc)]
    return any(source is None or (source.table and source.table.name == table) for source in sources)


def _groups(tree: Tree) -> bool:
    return bool(tree.find(exp.Group) or tree.find(exp.Window) or tree.find(exp.Subquery))


def _orders(tree: Tree) -> bool:
    return bool(tree.find(exp.Order) or tree.find(exp.Max) or tree.find(exp.Min) or tree.find(exp.Window))


def _denies(tree: Tree) -> bool:
    kinds = (exp.Not, exp.NEQ, exp.Except, exp.Is, exp.Case)
    zero = any(literal.name in ("0", "N", "No", "false") for literal in tree.find_all(exp.Literal))
    left = any(join.side == "LEFT" for join in tree.find_all(exp.Join))
    return zero or left or any(tree.find(kind) for kind in kinds)


def _names_column(question: str, tree: Tree) -> bool:
    words = set(re.findall(r"[a-z]+", question.lower()))
    return any(set(re.findall(r"[a-z]+", column.name.lower())) & words for column in tree.find_all(exp.Column))
