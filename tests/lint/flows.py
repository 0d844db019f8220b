"""What a flow must not do: whatever differs between a run and its resume goes through `ctx`.

Names are resolved through the imports, so that another name for a module changes nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# Called or read, these differ each time; the reason names the verb to use.
FORBIDDEN = {
    "datetime.datetime.now": "ctx.now",
    "datetime.datetime.utcnow": "ctx.now",
    "datetime.datetime.today": "ctx.now",
    "datetime.date.today": "ctx.now",
    "time": "ctx.now or ctx.sleep",
    "random": "a step",
    "secrets": "a step",
    "uuid": "ctx.uuid",
    "open": "a step",
    "io.open": "a step",
    "input": "ctx.approve",
    "os": "a step",
    "subprocess": "a step",
    "socket": "a step",
    "threading": "ctx.gather",
    "concurrent": "ctx.gather",
    "asyncio.create_task": "ctx.gather",
    "asyncio.ensure_future": "ctx.gather",
    "asyncio.gather": "ctx.gather",
    "asyncio.TaskGroup": "ctx.gather",
    "asyncio.to_thread": "a step",
    "asyncio.wait": "ctx.gather",
    "asyncio.as_completed": "ctx.gather",
    "asyncio.wait_for": "a step with `step_options(seconds=...)`",
    "asyncio.timeout": "a step with `step_options(seconds=...)`",
    "asyncio.shield": "ctx.shield",
    "asyncio.sleep": "ctx.sleep",
    "asyncio.FIRST_COMPLETED": "ctx.gather",
}
_SETS = {"set", "frozenset"}
_ORDERED = {"sorted", "len", "sum", "min", "max", "any", "all", "set", "frozenset", "bool"}


def problems(source: str, path: str = "flow.py") -> list[str]:
    """Return `path:line: what, instead of it` for everything that would make a flow's resume differ."""
    tree = ast.parse(source, path)
    names = _imports(tree)
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found: list[tuple[int, str]] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)) and isinstance(node.ctx, ast.Load) and id(node) not in inner:
            dotted = _dotted(node, names)
            if (instead := _forbidden(dotted)) is not None:
                found.append((node.lineno, f"{dotted} differs on a resume: use {instead}"))
        found += [(line, "a set has no order: iterate over sorted(...)") for line in _unordered(node, tree)]
    return [f"{path}:{line}: {what}" for line, what in sorted(set(found))]


def check(folder: Path) -> list[str]:
    return [each for file in sorted(folder.glob("*.py")) for each in problems(file.read_text("utf-8"), str(file))]


def _imports(tree: ast.AST) -> dict[str, str]:
    names = {"open": "open", "input": "input"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                names[each.asname or each.name.partition(".")[0]] = (
                    each.name if each.asname else each.name.split(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {each.asname or each.name: f"{node.module}.{each.name}" for each in node.names}
    return names


def _dotted(node: ast.expr, names: dict[str, str]) -> str:
    if isinstance(node, ast.Name):
        return names.get(node.id, "")
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value, names)):
        return f"{before}.{node.attr}"
    return ""


def _forbidden(dotted: str) -> str | None:
    parts = dotted.split(".")
    for length in range(1, len(parts) + 1):
        if (instead := FORBIDDEN.get(".".join(parts[:length]))) is not None:
            return instead
    return None


def _unordered(node: ast.AST, tree: ast.AST) -> Iterator[int]:
    """Yield the lines on which a set is iterated over in an order of its own."""
    if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        iterated = [node.iter]
    elif isinstance(node, ast.Starred):
        iterated = [node.value]
    elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        takes = {"list", "tuple", "enumerate", "zip", "map", "filter", "iter", "join", "fromkeys", "extend"}
        iterated = node.args if name in takes else []
        if name == "pop" and isinstance(node.func, ast.Attribute) and _is_set(node.func.value, tree):
            yield node.lineno
    else:
        return
    within = {id(arg) for call in ast.walk(tree) if _orders(call) for arg in ast.walk(call)}
    for each in iterated:
        if _is_set(each, tree) and id(each) not in within:
            yield each.lineno


def _orders(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _ORDERED


def _is_set(node: ast.expr, tree: ast.AST) -> bool:
    if isinstance(node, (ast.Set, ast.SetComp)):
        return True
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in _SETS
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)):
        return _is_set(node.left, tree) or _is_set(node.right, tree)
    return isinstance(node, ast.Name) and node.id in _set_names(tree)


def _set_names(tree: ast.AST) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        plain = isinstance(value, (ast.Set, ast.SetComp)) or (
            isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id in _SETS
        )
        if isinstance(node, ast.Assign) and plain:
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, (ast.AnnAssign, ast.arg)) and node.annotation is not None:
            kind = ast.unparse(node.annotation).partition("[")[0]
            if plain or kind in _SETS:
                target = node.target if isinstance(node, ast.AnnAssign) else ast.Name(node.arg)
                found |= {target.id} if isinstance(target, ast.Name) else set()
    return found
