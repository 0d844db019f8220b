"""Single small changes of a function, in the order in which they are likely the mistake: another operator, one more or
less, another of a pair of names. Which of them is right, tests must say (Debroy and Wong 2010).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

MOST = 60
_OPERATORS = {
    "<": ["<=", ">"], "<=": ["<", ">="], ">": [">=", "<"], ">=": [">", "<="], "==": ["!="], "!=": ["=="],
    "is": ["is not"], "is not": ["is"], "in": ["not in"], "not in": ["in"],
    "+": ["-"], "-": ["+"], "*": ["/", "**", "+"], "/": ["//", "*"], "//": ["/", "%"], "%": ["//"], "**": ["*"],
    "and": ["or"], "or": ["and"], "+=": ["-="], "-=": ["+="], "*=": ["/="], "/=": ["*="],
}  # fmt: skip
_PAIRS = [
    ("min", "max"), ("any", "all"), ("startswith", "endswith"), ("lower", "upper"), ("floor", "ceil"),
    ("find", "rfind"),
    ("lstrip", "rstrip"), ("ljust", "rjust"), ("keys", "values"), ("append", "extend"), ("True", "False"),
    ("union", "intersection"), ("int", "float"), ("round", "int"), ("index", "rindex"), ("split", "rsplit"),
]  # fmt: skip
_OTHER = dict(_PAIRS) | {b: a for a, b in reversed(_PAIRS)}

Change = tuple[int, int, str]  # first and last byte, and what stands there instead


def mutants(text: str, first: int, last: int) -> list[str]:
    """Return the file with one change in the lines from `first` to `last` (from 1), the likeliest first."""
    data = text.encode()
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    starts = [0]
    for line in data.split(b"\n"):
        starts.append(starts[-1] + len(line) + 1)
    kinds: list[list[Change]] = [[], [], [], []]
    for node in ast.walk(tree):
        if isinstance(node, ast.expr | ast.stmt) and first <= node.lineno <= last:
            for rank, change in _changes(node, data, starts):
                kinds[rank].append(change)
    made = dict.fromkeys(_shared_defaults(text, tree, first, last))
    for start, end, new in [change for kind in kinds for change in kind]:
        mutant = (data[:start] + new.encode() + data[end:]).decode()
        if mutant != text and _reads(mutant):
            made[mutant] = None
    return list(made)[:MOST]


def _changes(node: ast.expr | ast.stmt, data: bytes, starts: list[int]) -> Iterator[tuple[int, Change]]:
    """Yield what may be changed in one node, with its rank: 0 is likeliest."""

    def span(part: ast.expr) -> tuple[int, int]:
        return (
            starts[part.lineno - 1] + part.col_offset,
            starts[(part.end_lineno or part.lineno) - 1] + (part.end_col_offset or 0),
        )

    def source(part: ast.expr) -> str:
        return data[slice(*span(part))].decode()

    def between(left: ast.expr, right: ast.expr) -> Iterator[Change]:
        start, end = span(left)[1], span(right)[0]
        gap = data[start:end].decode()
        met = re.search(r"not\s+in|is\s+not|[-+*/%<>=!]+|\b(?:and|or|in|is)\b", gap)
        if met:
            known = " ".join(met.group().split())
            at = start + len(gap[: met.start()].encode())
            for other in _OPERATORS.get(known, []):
                yield at, at + len(met.group().encode()), other

    if isinstance(node, ast.Compare):
        for left, right in zip([node.left, *node.comparators], node.comparators, strict=False):
            yield from ((0, change) for change in between(left, right))
    elif isinstance(node, ast.BinOp):
        yield from ((0, change) for change in between(node.left, node.right))
        if isinstance(node.op, ast.Sub | ast.Div | ast.FloorDiv | ast.Mod):
            start, end = span(node)
            middle = data[span(node.left)[1] : span(node.right)[0]].decode()
            if "(" not in middle and ")" not in middle:
                yield 2, (start, end, f"{source(node.right)}{middle}{source(node.left)}")
    elif isinstance(node, ast.BoolOp):
        for left, right in zip(node.values, node.values[1:], strict=False):
            yield from ((0, change) for change in between(left, right))
    elif isinstance(node, ast.AugAssign):
        yield from ((0, change) for change in between(node.target, node.value))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield 1, (*span(node), source(node.operand))
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield 1, (*span(node), str(node.value + 1))
        yield 1, (*span(node), str(node.value - 1))
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield 1, (*span(node), str(not node.value))
    elif isinstance(node, ast.Name) and node.id in _OTHER:
        yield 2, (*span(node), _OTHER[node.id])
    elif isinstance(node, ast.Attribute) and node.attr in _OTHER:
        end = span(node)[1]
        yield 2, (end - len(node.attr), end, _OTHER[node.attr])
    elif isinstance(node, ast.If | ast.While):
        yield 3, (*span(node.test), f"not ({source(node.test)})")
    for part in _bounds(node):
        for step in (" + 1", " - 1"):
            yield 1, (*span(part), source(part) + step)


def _shared_defaults(text: str, tree: ast.Module, first: int, last: int) -> Iterator[str]:
    """Yield the file with a default that all calls share made anew in each: a list, a dict or a set."""
    lines = text.split("\n")
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not first <= node.lineno <= last:
            continue
        named = [*node.args.posonlyargs, *node.args.args]
        given = [*zip(named[len(named) - len(node.args.defaults) :], node.args.defaults, strict=True)]
        given += [
            (name, value) for name, value in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if value
        ]
        for name, value in given:
            body = node.body[1:] if ast.get_docstring(node) is not None else node.body
            if not isinstance(value, ast.List | ast.Dict | ast.Set) or not body or body[0].lineno == node.lineno:
                continue
            line, indent = lines[value.lineno - 1].encode(), " " * body[0].col_offset
            start, end = value.col_offset, value.end_col_offset or 0
            kept = [*lines]
            kept[value.lineno - 1] = (line[:start] + b"None" + line[end:]).decode()
            anew = [f"{indent}if {name.arg} is None:", f"{indent}    {name.arg} = {ast.unparse(value)}"]
            at = body[0].lineno - 1
            if value.lineno == value.end_lineno:
                yield "\n".join([*kept[:at], *anew, *kept[at:]])


def _bounds(node: ast.expr | ast.stmt) -> list[ast.expr]:
    """The expressions that counting goes wrong in: bounds of ranges and slices, indexes, what is returned or kept."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range":
        return list(node.args)
    if isinstance(node, ast.Subscript):
        given = node.slice
        parts = [given.lower, given.upper] if isinstance(given, ast.Slice) else [given]
        return [part for part in parts if part is not None and not isinstance(part, ast.Constant | ast.Tuple)]
    if isinstance(node, ast.Return | ast.Assign) and isinstance(node.value, ast.Name | ast.BinOp | ast.Call):
        return [node.value]
    return []


def _reads(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return False
    return True
