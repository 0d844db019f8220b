"""What the coder is told about failing tests, and how a small model is led to an edit that may mend them."""

from __future__ import annotations

import ast
import importlib
import re
import sys
import textwrap

from pydantic import BaseModel, Field

from agents.mutants import mutants
from models.local.think import Think

SAMPLES = 4
REQUEST = 600  # characters of it that are shown
LONGEST = 700  # tokens of one function
_EXPORTERS = (
    "collections", "math", "re", "json", "itertools", "functools", "datetime", "pathlib", "typing", "dataclasses",
    "random", "string", "decimal", "fractions", "statistics", "enum", "abc", "copy", "time", "textwrap", "operator",
    "heapq", "bisect", "contextlib", "collections.abc",
)  # fmt: skip

_REWRITE = (
    "You correct Python code. You see a file's code, a test that fails and what the test said. "
    "Write the whole corrected {what} `{name}`, keep its name, change only what is wrong, add no tests and no examples."
)
_FRESH = (
    "You write Python code. You see a file in which the body of `{name}` is left out, and tests of it. "
    "Write only the {what} `{name}`, in full, so that it does what its description and the tests say; add no tests."
)
_ADD = (
    "You write Python code. You see a file, and a test that needs `{name}`, which does not exist yet. "
    "Write only the {what} `{name}`, in full, so that the test passes; add no tests and no examples."
)


class Edit(BaseModel):
    """Replace `old`, which occurs exactly once in the file, by `new`; an empty `old` makes a new file."""

    path: str = Field(description="Path of the file.")
    old: str = Field(description="The text to replace, copied exactly; empty for a new file.")
    new: str = Field(description="What stands there afterwards.")


class Proposal(BaseModel):
    """Edits that belong together."""

    edits: list[Edit] = Field(min_length=1, max_length=20)


class Failing(BaseModel):
    """A failing test: its name, its source and what it said."""

    test: str
    source: str
    message: str


class Suspect(BaseModel):
    """A place that may be wrong: `text` is the file, `first` to `last` (from 1) the lines of `name` in it.

    `kind` says whether it is to be corrected, or whether `name` is missing and is to be added after `last`.
    """

    path: str
    name: str
    kind: str = Field(description="function, file, missing function, missing class or missing method")
    first: int
    last: int
    text: str


class Assignment(BaseModel):
    """What is to be mended, as JSON in the coder's prompt; `tried` holds earlier proposals that did not help."""

    request: str
    failing: list[Failing]
    suspect: Suspect | None = None
    undefined: list[tuple[str, str]] = Field(default=[], description="Path and name of names that are not defined.")
    texts: dict[str, str] = Field(default={}, description="The files that matter, whole.")
    attempt: int = 1
    tried: list[str] = []


def assignment_in(request: str) -> Assignment | None:
    """Read the assignment that a prompt is, or None."""
    if not request.lstrip().startswith('{"request"'):
        return None
    try:
        return Assignment.model_validate_json(request)
    except ValueError:
        return None


def imports(given: Assignment) -> list[Proposal]:
    """Propose the imports that undefined names stand for: these need no model."""
    proposals: list[Proposal] = []
    for path, name in given.undefined:
        text = given.texts.get(path, "")
        lines = [line for line in _import_lines(name, given.texts) if text and line not in text.splitlines()]
        proposals += [Proposal(edits=[_with_import(path, text, line)]) for line in lines]
    return proposals[:SAMPLES]


def _import_lines(name: str, texts: dict[str, str]) -> list[str]:
    if name in sys.stdlib_module_names:
        return [f"import {name}"]
    lines = [
        f"from {path[:-3].removeprefix('src/').replace('/', '.')} import {name}"
        for path, text in texts.items()
        if path.endswith(".py")
        and re.search(rf"^(?:def|class) {re.escape(name)}\b|^{re.escape(name)} =", text, re.MULTILINE)
    ]
    known = [module for module in _EXPORTERS if hasattr(importlib.import_module(module), name)]
    return lines + [f"from {module} import {name}" for module in known]


def _with_import(path: str, text: str, line: str) -> Edit:
    """Put an import before the first one there is, else after the docstring and the imports from the future."""
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError):
        body = []
    at = 0
    for node in body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            at = node.end_lineno or at
    lines = text.split("\n")
    gap = [""] if at and not lines[at - 1].startswith(("import ", "from ")) else []
    return Edit(path=path, old=text, new="\n".join([*lines[:at], *gap, line, *lines[at:]]))


def small_changes(given: Assignment) -> list[Proposal]:
    """Propose single small changes of the suspect: these need no model either, but tests that tell right from wrong."""
    suspect = given.suspect
    if suspect is None or suspect.kind != "function":
        return []
    return [
        Proposal(edits=[Edit(path=suspect.path, old=suspect.text, new=text)])
        for text in mutants(suspect.text, suspect.first, suspect.last)
    ]


async def propose(given: Assignment, think: Think) -> list[Proposal]:
    """Let a small model write the suspect anew; from its second attempt on several times, shown what did not help.

    A small model that sees a wrong function copies it. So it is first asked to write the function from what it is for,
    its body left out, and then to correct it.
    """
    suspect = given.suspect
    if suspect is None:
        return []
    missing = suspect.kind.startswith("missing ")
    what = suspect.kind.removeprefix("missing ")
    name = suspect.name if what == "file" else suspect.name.rsplit(".", 1)[-1]
    hidden = _without_body(suspect) if what == "function" and not missing else None
    first = given.attempt == 1
    opening = f"{'class' if what == 'class' else 'def'} {name}" if missing else ""  # else it repeats what it sees
    texts: list[str] = []
    for around in [hidden, None] if hidden and first else [hidden]:
        written = await think(
            (_ADD if missing else _FRESH if around else _REWRITE).format(what=what, name=name),
            _shown(given, suspect, around, missing=missing),
            begin=f"```python\n{opening}",
            stop=["```"],
            samples=1 if first else SAMPLES,
            temperature=0.0 if first else 0.8,
            max_tokens=_room(suspect, missing=missing),
        )
        texts += [text if text.lstrip().startswith(opening) else opening + text for text in written]
    proposals: list[Proposal] = []
    for text in dict.fromkeys(texts):
        edit = (
            _added(suspect, text) if missing else _whole(suspect, text) if what == "file" else _rewritten(suspect, text)
        )
        if edit is not None and all(edit != known.edits[0] for known in proposals):
            proposals.append(Proposal(edits=[edit]))
    return proposals


def _without_body(suspect: Suspect) -> str | None:
    """Return the file with the suspect's signature and docstring only."""
    lines = suspect.text.split("\n")
    try:
        (node,) = ast.parse(textwrap.dedent("\n".join(lines[suspect.first - 1 : suspect.last]))).body
    except (SyntaxError, ValueError):
        return None
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    keeps = ast.get_docstring(node) is not None
    at = node.body[0].end_lineno if keeps else node.body[0].lineno - 1
    if at is None or (not keeps and at < 1):
        return None
    indent = " " * node.body[0].col_offset + (re.match(r"\s*", lines[suspect.first - 1]) or [""])[0]
    text = "\n".join([*lines[: suspect.first - 1 + at], f"{indent}...", *lines[suspect.last :]])
    return text if len(lines) <= 60 else _outline(suspect.model_copy(update={"text": text}))


def _room(suspect: Suspect, *, missing: bool) -> int:
    """Return how many tokens may be written: somewhat more than stand there now, so that rambling ends soon."""
    if missing:
        return LONGEST // 2
    lines = suspect.text.split("\n")[suspect.first - 1 : suspect.last]
    return min(LONGEST, 120 + len("\n".join(lines)) // 2)


def _shown(given: Assignment, suspect: Suspect, hidden: str | None, *, missing: bool) -> str:
    """The prompt: what stays the same from attempt to attempt comes first, so that it stays in the cache."""
    lines = suspect.text.split("\n")
    around = hidden or (suspect.text if len(lines) <= 60 else _outline(suspect))
    own = textwrap.dedent("\n".join(lines[suspect.first - 1 : suspect.last]))
    parts = [f"File {suspect.path}:\n```python\n{around.strip()}\n```"]
    if missing:
        parts.append(f"What is asked for: {given.request[:REQUEST]}")
    if not missing and hidden is None and len(lines) > 60:
        parts.append(f"To correct:\n```python\n{own}\n```")
    parts += [
        f"This test fails:\n```python\n{failing.source.strip()}\n```\nIt said: {failing.message[:400]}"
        for failing in given.failing[:2]
    ]
    tried = [each for each in given.tried if each.strip()]
    if tried:
        parts.append("This did not help:\n" + "\n\n".join(f"```python\n{each.strip()}\n```" for each in tried[-2:]))
    return "\n\n".join(parts)


def _outline(suspect: Suspect) -> str:
    """A long file without the bodies of its other functions."""
    lines = suspect.text.split("\n")
    kept = [
        line
        for number, line in enumerate(lines, 1)
        if suspect.first <= number <= suspect.last
        or re.match(r"(import|from|class|@)\b|\s*(def|class) |[A-Za-z_]\w* *[:=]", line)
    ]
    return "\n".join(kept[:150])


def _whole(suspect: Suspect, text: str) -> Edit | None:
    """Take a file as it was written, where it still defines all that it defined."""
    text = text.strip("\n") + "\n"
    try:
        new = _names(ast.parse(text))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    try:
        lost = _names(ast.parse(suspect.text)) - new
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        lost = set[str]()
    return None if lost or not new or text == suspect.text else Edit(path=suspect.path, old=suspect.text, new=text)


def _names(tree: ast.Module) -> set[str]:
    """Return what a file defines: functions, classes and variables."""
    own = {name for node in tree.body if (name := getattr(node, "name", ""))}
    assigned = [node for node in tree.body if isinstance(node, (ast.Assign, ast.AnnAssign))]
    targets = [target for node in assigned for target in getattr(node, "targets", [getattr(node, "target", None)])]
    return own | {target.id for target in targets if isinstance(target, ast.Name)}


def _rewritten(suspect: Suspect, text: str) -> Edit | None:
    """Turn what was written into an edit of the suspect's lines; None where it is not the suspect, or no change."""
    node = _definition(text, suspect.name.rsplit(".", 1)[-1])
    if node is None:
        return None
    lines = suspect.text.split("\n")
    old = lines[suspect.first - 1 : suspect.last]
    try:
        if ast.dump(node[1]) == ast.dump(ast.parse(textwrap.dedent("\n".join(old))).body[0]):
            return None
    except (SyntaxError, IndexError):
        pass
    indent = re.match(r"\s*", old[0])
    new = textwrap.indent(node[0], indent.group() if indent else "").split("\n")
    return _edit(suspect, [*lines[: suspect.first - 1], *new, *lines[suspect.last :]], node[2])


def _added(suspect: Suspect, text: str) -> Edit | None:
    name = suspect.name.rsplit(".", 1)[-1]
    node = _definition(text, name)
    if node is None:
        return None
    lines = suspect.text.split("\n")
    method = suspect.kind == "missing method"
    new = textwrap.indent(node[0], "    ") if method else node[0]
    before, after = lines[: suspect.last], lines[suspect.last :]
    while before and not before[-1].strip():
        before.pop()
    gap = [""] if method else ["", ""] if before else []
    return _edit(suspect, [*before, *gap, *new.split("\n"), *(after or [""])], node[2])


def _definition(text: str, name: str) -> tuple[str, ast.stmt, list[str]] | None:
    """Return the source of a definition in a text that may hold more, its tree, and the imports that came with it."""
    text = textwrap.dedent(text).strip("\n")
    tree = None
    while text and tree is None:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            text = text.rpartition("\n")[0]  # what was cut off, or words after the code
    nodes = [node for node in (tree.body if tree else []) if getattr(node, "name", "") == name]
    lines = text.split("\n")
    if tree and not nodes:  # a method that came with its class around it
        inner = [node for outer in tree.body for node in getattr(outer, "body", [])]
        nodes = [node for node in inner if getattr(node, "name", "") == name]
    if not nodes:
        return None
    node = nodes[-1]
    first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
    source = textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))
    brought = [
        ast.unparse(each) for each in (tree.body if tree else []) if isinstance(each, (ast.Import, ast.ImportFrom))
    ]
    return source, ast.parse(source).body[0], brought


def _edit(suspect: Suspect, lines: list[str], brought: list[str]) -> Edit | None:
    """Make the edit between a file's text and its new lines, with the imports that it now needs."""
    text = "\n".join(lines)
    for line in brought:
        if line not in suspect.text.split("\n"):
            text = _with_import(suspect.path, text, line).new
    try:
        ast.parse(text)
    except (SyntaxError, ValueError):
        return None
    return None if text == suspect.text else Edit(path=suspect.path, old=suspect.text, new=text)
