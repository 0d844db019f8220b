"""The suites there are: a card is the docstring of a suite's module, read without importing it."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

from evals.suite import Suite
from lyceum.errors import UserError, nearest

FOLDER = Path(__file__).parent / "suites"


def cards() -> dict[str, str]:
    """Return the first sentence about every suite that has cases, by name."""
    found: dict[str, str] = {}
    for path in sorted(FOLDER.glob("*/suite.py")):
        if any(path.parent.glob("cases*")):
            docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            found[path.parent.name] = docstring.split("\n\n")[0]
    return found


def baseline(name: str) -> Path:
    """Return where a suite's baseline lies, which need not be there yet."""
    return FOLDER / name / "baseline.json"


def load(name: str) -> Suite:
    """Import one suite; raises UserError with the nearest name where there is none."""
    known = cards()
    if name not in known:
        raise UserError(f"There is no suite {name!r}.", next_step=nearest(name, known, what="suites"))
    return importlib.import_module(f"evals.suites.{name}.suite").suite()
