"""The questions to databases judge fairly: a careless query gives other rows, and no superlative hides a tie."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from evals.sql_match import match_rows, run_gold
from evals.suite import Case
from evals.suites.analytics_sql.databases import DOMAINS
from evals.suites.analytics_sql.suite import database_of, suite
from evals.suites.chinook_sql.suite import DATABASE
from evals.suites.chinook_sql.suite import suite as chinook

CASES = suite().cases
GROUPS: dict[str, list[Case]] = {}
for each in (*CASES, *chinook().cases):
    if each.expected["gold_sql"] is not None:
        GROUPS.setdefault(str(each.expected.get("database", "chinook")), []).append(each)
PARSED = {
    case.id: sqlglot.parse_one(str(case.expected["gold_sql"]), read="sqlite")
    for cases in GROUPS.values()
    for case in cases
}


def rows_of(case: Case, sql: Any = None) -> list[tuple[Any, ...]]:
    database = database_of(case) if "database" in case.expected else DATABASE
    return run_gold(database, str(case.expected["gold_sql"] if sql is None else sql))


def conditions(query: exp.Expression) -> list[exp.Expression]:
    """What the query asks for, one by one, but for people's names: one half of a name is often enough."""
    each = [node.this for node in query.find_all(exp.Where, exp.Having)]
    parts = [part for one in each for part in (one.flatten() if isinstance(one, exp.And) else [one])]
    return [part for part in parts if getattr(part.find(exp.Column), "name", "") not in ("FirstName", "LastName")]


def careless(gold: exp.Expression) -> Iterator[exp.Expression]:
    """The query with one condition, limit, direction or `distinct` forgotten."""
    for number, _ in enumerate(conditions(gold)):
        copy = gold.copy()
        conditions(copy)[number].replace(exp.true())
        yield copy
    for kind in (exp.Limit, exp.Distinct):
        for number, _ in enumerate(gold.find_all(kind)):
            copy = gold.copy()
            node = list(copy.find_all(kind))[number]
            if isinstance(node.parent, exp.Count):
                node.replace(node.expressions[0])
            else:
                node.pop()
            yield copy
    if gold.args.get("limit"):
        copy = gold.copy()
        ordered = next(copy.find_all(exp.Ordered))
        ordered.set("desc", not ordered.args.get("desc"))
        yield copy


@pytest.mark.parametrize("database", GROUPS)
def test_a_careless_query_gives_other_rows(database: str) -> None:
    for case in GROUPS[database]:
        gold = rows_of(case)
        assert any(cell is not None for row in gold for cell in row), case.id
        for mutant in careless(PARSED[case.id]):
            sql = mutant.sql(dialect="sqlite")
            assert not match_rows(gold, rows_of(case, sql)), f"{case.id}: {sql}"


@pytest.mark.parametrize("database", GROUPS)
def test_what_a_limit_keeps_is_not_tied_with_what_it_drops(database: str) -> None:
    for case in GROUPS[database]:
        query = PARSED[case.id].copy()
        if isinstance(query, exp.Select) and query.args.get("limit"):
            most = int(query.args["limit"].expression.name)
            keys = [ordered.this.copy() for ordered in query.args["order"].expressions]
            query.set("limit", None)
            ranked = [row[-len(keys) :] for row in rows_of(case, query.select(*keys).sql(dialect="sqlite"))]
            assert len(ranked) > most, case.id
            assert ranked[most - 1] != ranked[most], case.id


@pytest.mark.parametrize("database", GROUPS)
def test_every_alternative_runs(database: str) -> None:
    for case in GROUPS[database]:
        alternatives = case.expected.get("alternatives", [])
        assert isinstance(alternatives, list)
        for sql in alternatives:
            assert rows_of(case, sql), case.id


def test_no_two_cases_share_an_id_or_a_question() -> None:
    assert len({case.id for case in CASES}) == len(CASES)
    assert len({(case.expected["database"], case.input) for case in CASES}) == len(CASES)


def test_a_database_is_the_same_every_time(tmp_path) -> None:
    for name, domain in DOMAINS.items():
        path = tmp_path / f"{name}.sqlite"
        case = Case(id=name, input="", expected={"database": name})
        assert domain.write(path).read_bytes() == database_of(case).read_bytes()


def test_the_suite_is_large_varied_and_split_by_database() -> None:
    splits = [domain.split for domain in DOMAINS.values()]
    assert splits.count("dev") >= 6
    assert splits.count("heldout") >= 6
    for name in DOMAINS:
        asked = [case for case in CASES if case.expected["database"] == name]
        assert len(asked) >= 15
        assert any("unanswerable" in case.tags for case in asked)
    unanswerable = [case for case in CASES if case.expected["gold_sql"] is None]
    assert len(CASES) >= 200
    assert 0.1 <= len(unanswerable) / len(CASES) <= 0.15


def test_the_tag_says_whether_a_question_can_be_answered() -> None:
    for case in CASES:
        assert ("unanswerable" in case.tags) == (case.expected["gold_sql"] is None), case.id
