"""The steps of mending a workspace: run its tests, find the function that is likeliest wrong, apply or undo an edit."""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel

from agents.repairing import Assignment, Edit, Failing, Suspect
from lyceum.errors import ModelRetry
from workflows.runtime import Runtime

PLACES = 12  # that are considered
ATTEMPTS = 4  # that one place is given
TEST_LINES = 40
WHOLE_LINES = 60  # of a file that is written anew as a whole
_NO_NAME = re.compile(r"cannot import name '(\w+)' from '([\w.]+)'|module '([\w.]+)' has no attribute '(\w+)'")
_NO_METHOD = re.compile(r"(?:'(\w+)' object|type object '(\w+)') has no attribute '(\w+)'")
_UNDEFINED = re.compile(r"NameError: name '(\w+)' is not defined")


class Place(BaseModel):
    path: str
    line: int
    name: str
    passed: int = 0


class FailedTest(BaseModel):
    test: str
    path: str
    line: int
    message: str
    frames: list[Place] = []
    calls: list[Place] = []


class Tests(BaseModel):
    """What the tests said; `problem` where they could not be run."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    not_run: int = 0
    files: list[str] = []
    failures: list[FailedTest] = []
    passing: list[str] = []
    calls: list[Place] = []
    problem: str = ""

    @property
    def green(self) -> bool:
        return not (self.problem or self.failed or self.not_run) and self.passed > 0

    def better_than(self, other: Tests) -> bool:
        """Tell whether fewer tests fail and none that passed fails now."""
        if self.problem or self.failed + self.not_run >= other.failed + other.not_run or self.passed < other.passed:
            return False
        return not set(other.passing) & {failure.test for failure in self.failures}


class Applied(BaseModel):
    checkpoint: int
    diff: str


class Found(BaseModel):
    """What to do next; None: nothing is left that could be tried."""

    assignment: Assignment | None = None


async def run_tests(runtime: Runtime, workspace: str, edits: list[Edit]) -> Tests:
    """Run the tests of a workspace in the sandbox, with edits that are not made; a misfit edit is a problem."""
    tried = [edit.model_dump() for edit in edits]
    try:
        report = await runtime.tools.call("workspace", "workspace_test", {"workspace": workspace, "edits": tried})
    except ModelRetry as error:
        return Tests(problem=error.message)
    return Tests.model_validate(report)


async def difference(runtime: Runtime, workspace: str, edits: list[Edit]) -> str:
    """Show what edits would change, as a unified diff."""
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    for edit in edits:
        if edit.path not in before:
            before[edit.path] = after[edit.path] = await _text(runtime, workspace, edit.path)
        after[edit.path] = after[edit.path].replace(edit.old, edit.new, 1) if edit.old else edit.new
    parts = [
        "".join(difflib.unified_diff(_lines(before[path]), _lines(after[path]), f"a/{path}", f"b/{path}"))
        for path in before
    ]
    return "".join(parts)


async def apply(runtime: Runtime, workspace: str, edits: list[Edit], key: str) -> Applied:
    """Make edits in the user's files, once for a key."""
    given = {"workspace": workspace, "edits": [edit.model_dump() for edit in edits], "key": key}
    made = await runtime.tools.call("workspace", "workspace_edit", given)
    return Applied(checkpoint=made["checkpoint"], diff=made["diff"])


async def undo(runtime: Runtime, workspace: str, applied: Applied) -> bool:
    """Take an applied change back; False where a person changed the files since, which then stay as they are."""
    try:
        history = await runtime.tools.call("workspace", "workspace_history", {"workspace": workspace})
        earlier = [each["checkpoint"] for each in history["checkpoints"] if each["checkpoint"] < applied.checkpoint]
        given = {"workspace": workspace, "checkpoint": max(earlier, default=0)}
        await runtime.tools.call("workspace", "workspace_undo", given)
    except ModelRetry:
        return False
    return True


async def localise(
    runtime: Runtime,
    workspace: str,
    request: str,
    tests: Tests,
    edits: list[Edit],
    attempts: dict[str, int],
    tried: list[tuple[str, str]],
) -> Found:
    """Choose what to correct next and gather what the coder must see.

    `attempts` counts the rounds that a place had, `tried` holds (place, code) of proposals that did not help; a place
    that had its turn yields to less suspicious ones. How suspicious a function is: Ochiai's coefficient over the tests
    that called it (Abreu et al. 2007), more where an error passed.
    """
    listed = await runtime.tools.call("workspace", "workspace_list", {"workspace": workspace, "depth": 8, "most": 1000})
    sources = [each["path"] for each in listed["entries"] if each["kind"] == "file" and each["path"].endswith(".py")]
    texts: dict[str, str] = {}
    for path in sources[:80]:
        text = await _text(runtime, workspace, path)
        for edit in edits:
            if edit.path == path:
                text = text.replace(edit.old, edit.new, 1) if edit.old else edit.new
        texts[path] = text
    code = {path: text for path, text in texts.items() if not _is_test(path, tests)}
    undefined = _undefined(tests, code)
    ranked = [*_missing(tests, code), *_ranked(tests, code)]
    had = [attempts.get(key_of(each), 0) for each in ranked]
    waits = [had[place] + place / 2 + (each.kind == "file") for place, each in enumerate(ranked)]
    order = sorted((place for place in range(len(ranked)) if had[place] < ATTEMPTS), key=lambda place: waits[place])
    if not order:
        return Found()
    suspect = ranked[order[0]]
    own = [code for place, code in tried if place == key_of(suspect)]
    shown = _failing(tests, suspect, texts)
    paths = dict.fromkeys([suspect.path, *(path for path, _ in undefined), *code])
    return Found(
        assignment=Assignment(
            request=request,
            failing=shown,
            suspect=suspect,
            undefined=[] if attempts else undefined,
            texts={path: code[path] for path in list(paths)[:10]},
            attempt=1 + had[order[0]],
            tried=own,
        )
    )


def key_of(suspect: Suspect) -> str:
    return f"{suspect.path}:{suspect.name}"


def _failing(tests: Tests, suspect: Suspect, texts: dict[str, str]) -> list[Failing]:
    """The failing tests that meet the suspect, the shortest first; one of each test function."""
    name = suspect.name.rsplit(".", 1)[-1]
    meets = [
        failure
        for failure in tests.failures
        if any(
            place.path == suspect.path and _outer(place.name) == suspect.name
            for place in [*failure.calls, *failure.frames]
        )
        or name in failure.message
    ]
    said: dict[tuple[str, int], list[FailedTest]] = {}
    for failure in meets or tests.failures:
        said.setdefault((failure.path, failure.line), []).append(failure)
    shown = [
        Failing(
            test=each[0].test,
            source=_test_source(texts.get(each[0].path, ""), each[0], name),
            message="\n".join(dict.fromkeys(failure.message for failure in each[:3])),
        )
        for each in said.values()
    ]
    return sorted(shown, key=lambda failing: len(failing.source))[:3]


def _test_source(text: str, failure: FailedTest, name: str) -> str:
    lines = text.split("\n")
    if failure.line <= 1:  # the file could not be imported: show where it uses what is missing
        used = [number for number, line in enumerate(lines) if re.search(rf"\b{re.escape(name)}\b", line)]
        return "\n".join(lines[number] for number in used[:TEST_LINES]) or "\n".join(lines[:TEST_LINES])
    for node in _definitions(text):
        if _first(node) <= failure.line <= (node.end_lineno or 0) and not isinstance(node, ast.ClassDef):
            return "\n".join(lines[_first(node) - 1 : node.end_lineno][:TEST_LINES])
    return "\n".join(lines[failure.line - 1 : failure.line + 10])


def _undefined(tests: Tests, code: dict[str, str]) -> list[tuple[str, str]]:
    found: dict[tuple[str, str], None] = {}
    for failure in tests.failures:
        for name in _UNDEFINED.findall(failure.message):
            places = [frame.path for frame in failure.frames if frame.path in code]
            for path in places[-1:] or [path for path, text in code.items() if re.search(rf"\b{name}\b", text)]:
                found[(path, name)] = None
    return list(found)[:5]


def _missing(tests: Tests, code: dict[str, str]) -> list[Suspect]:
    """Functions and methods that tests use and that do not exist."""
    found: dict[str, Suspect] = {}
    for failure in tests.failures:
        for name, module, other, attribute in _NO_NAME.findall(failure.message):
            path = _module_path(module or other, code)
            if path is not None:
                wanted, last = name or attribute, code[path].count("\n") + 1
                kind = "missing class" if wanted[0].isupper() else "missing function"
                suspect = Suspect(path=path, name=wanted, kind=kind, first=last, last=last, text=code[path])
                found[key_of(suspect)] = suspect
        for instance, owner, attribute in _NO_METHOD.findall(failure.message):
            for path, text in code.items():
                for node in _definitions(text):
                    if isinstance(node, ast.ClassDef) and node.name == (instance or owner):
                        end = node.end_lineno or node.lineno
                        suspect = Suspect(
                            path=path,
                            name=f"{node.name}.{attribute}",
                            kind="missing method",
                            first=end,
                            last=end,
                            text=text,
                        )
                        found[key_of(suspect)] = suspect
    return list(found.values())


def _module_path(module: str, code: dict[str, str]) -> str | None:
    stem = module.replace(".", "/")
    for path in code:
        plain = path.removeprefix("src/")
        if plain in (f"{stem}.py", f"{stem}/__init__.py"):
            return path
    return None


def _ranked(tests: Tests, code: dict[str, str]) -> list[Suspect]:
    """The functions that failing tests met, the most suspicious first."""
    failing = max(1, len(tests.failures))
    met: dict[tuple[str, str], float] = {}
    passed: dict[tuple[str, str], int] = {}
    for place in tests.calls:
        if place.path in code:
            key = (place.path, _outer(place.name))
            passed[key] = max(passed.get(key, 0), place.passed)
    for failure in tests.failures:
        for key in {(place.path, _outer(place.name)) for place in failure.calls if place.path in code}:
            met[key] = met.get(key, 0) + 1
    scores = {key: count / math.sqrt(failing * (count + passed.get(key, 0))) for key, count in met.items()}
    for failure in tests.failures:
        own = [(frame.path, _outer(frame.name)) for frame in failure.frames if frame.path in code]
        if own:
            scores[own[-1]] = scores.get(own[-1], 0.0) + 1 / failing
    suspects: list[Suspect] = []
    for (path, name), _ in sorted(scores.items(), key=lambda item: -item[1])[:PLACES]:
        node = next((each for each, full in _named(code[path]) if full == name), None)
        if node is not None:
            first, last = _first(node), node.end_lineno or 0
            suspects.append(Suspect(path=path, name=name, kind="function", first=first, last=last, text=code[path]))
    frames = [frame.path for failure in tests.failures for frame in failure.frames if frame.path in code]
    paths = dict.fromkeys([*(suspect.path for suspect in suspects), *frames])
    for path in paths:  # what is wrong may be a constant, or keep the file from being read
        last = code[path].count("\n") + 1
        if last <= WHOLE_LINES and code[path]:
            suspects.append(Suspect(path=path, name=path, kind="file", first=1, last=last, text=code[path]))
    return suspects


def _outer(name: str) -> str:
    """Return the function or method that holds a nested one; a method of a class stays one."""
    return name.split(".<locals>")[0]


def _named(text: str) -> Iterable[tuple[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, str]]:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found: list[tuple[Any, str]] = []

    def collect(body: Sequence[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.append((node, f"{prefix}{node.name}"))
                if isinstance(node, ast.ClassDef):
                    collect(node.body, f"{prefix}{node.name}.")

    collect(tree.body, "")
    return found


def _definitions(text: str) -> list[Any]:
    return [node for node, _ in _named(text)]


def _first(node: Any) -> int:
    return min([node.lineno, *(each.lineno for each in node.decorator_list)])


def _is_test(path: str, tests: Tests) -> bool:
    return path in tests.files or path.rsplit("/", 1)[-1] == "conftest.py" or path.split("/")[0] in ("tests", "test")


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


async def _text(runtime: Runtime, workspace: str, path: str) -> str:
    try:
        read = await runtime.tools.call("workspace", "workspace_read", {"workspace": workspace, "path": path})
    except ModelRetry:  # a new file, or one that is no text
        return ""
    return str(read["text"])
