"""The core of the evals stands on `lyceum` alone, so that tool servers and other people's tools may use it."""

from __future__ import annotations

import ast
import json
import runpy
from pathlib import Path

import evals

OURS = {"models", "memory", "agents", "workflows", "mcp_servers", "app"}


def test_the_core_imports_nothing_of_ours_but_lyceum() -> None:
    folder = Path(evals.__path__[0])
    core = [path for path in folder.rglob("*.py") if path.relative_to(folder).parts[0] not in ("suites", "labs")]
    assert len(core) > 20
    for path in core:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & OURS, path
            assert not any(name.startswith(("evals.suites", "evals.labs")) for name in names), path


def test_the_power_table_is_the_one_that_was_measured() -> None:
    root = Path(evals.__path__[0]).parent
    written = runpy.run_path(str(root / "benchmarks" / "evals_power.py"))["written"]
    rows = json.loads((root / "benchmarks" / "results" / "evals_power.json").read_text(encoding="utf-8"))["rows"]
    page = (root / "docs" / "evals.md").read_text(encoding="utf-8")
    assert written(page, rows) == page
    assert page.count("\n| 100 |") == 3
    assert all(row["worse"] <= 0.06 for row in rows if row["drop"] == 0)
