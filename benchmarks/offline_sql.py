"""How often the table engine alone is right, wrong or declines: `python -m benchmarks.offline_sql --split dev`."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from evals.sql_match import run_gold
from evals.suite import Case, CaseResult, Outcome, Suite, run_suite
from lyceum.tables import Schema
from mcp_servers.sql.files import Database
from mcp_servers.sql.introspect import find_values, read_schema
from models.offline.tables import Decline, translate
from models.tables import ValueHit, phrases_to_find


class TableEngine:
    """The front door with nothing behind it but question to SQL to rows; reads each schema once."""

    def __init__(self) -> None:
        self._open: dict[Path, tuple[Database, Schema]] = {}

    async def ask(self, question: str, *, attach: Sequence[Path] = (), agent: str | None = None) -> Outcome:
        path = attach[0]
        if path not in self._open:
            database = Database(path)
            self._open[path] = (database, read_schema(path.stem, database))
        database, schema = self._open[path]
        phrases = phrases_to_find(question, schema)
        hits = [ValueHit(**hit) for hit in find_values(database, schema, phrases)] if phrases else []  # pyright: ignore[reportArgumentType]
        query = translate(question, schema, hits)
        if isinstance(query, Decline):
            return Outcome(answer=query.reason, declined=True)
        rows = run_gold(path, query.sql)
        return Outcome(answer=query.explanation, output={"sql": query.sql, "rows": [list(row) for row in rows]})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--suite", choices=["chinook_sql", "analytics_sql"], default="chinook_sql")
    parser.add_argument("--split", choices=["dev", "heldout"], default="dev")
    parser.add_argument("--show", choices=["right", "wrong", "declined", "error"], action="append", default=[])
    parser.add_argument("--json", type=Path, help="write the report here")
    options = parser.parse_args()
    suite: Suite = import_module(f"evals.suites.{options.suite}.suite").suite()
    cases = {case.id: case for case in suite.cases}

    def show(result: CaseResult) -> None:
        if options.split == "dev" and result.verdict in options.show:
            _print(cases[result.case], result)

    report = asyncio.run(run_suite(suite, TableEngine(), split=options.split, progress=show))
    total = len(report.results)
    for verdict, count in report.counts.items():
        print(f"{verdict:9} {count:4}  {100 * count / max(1, total):5.1f} %")
    print(f"{total} cases of {options.suite}, {options.split}, in {report.seconds:.1f} s")
    if options.json:
        # Held-out cases are named nowhere, so that nobody tunes on them.
        body = report.model_dump() if options.split == "dev" else report.model_dump(exclude={"results"})
        options.json.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _print(case: Case, result: CaseResult) -> None:
    output = result.outcome.output
    sql = output["sql"] if isinstance(output, dict) else result.outcome.error or result.outcome.answer
    print(f"[{result.verdict}] {case.id}: {case.input}\n    {sql}\n    gold: {case.expected.get('gold_sql')}")


if __name__ == "__main__":
    main()
