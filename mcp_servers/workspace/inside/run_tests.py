"""Finds and runs the tests of a folder and tells what failed, where, and which functions each failing test called.

Where the interpreter has pytest itself, that runs the tests; else `small_pytest` stands in for it.
"""

# pyright: basic

from __future__ import annotations

import ast
import base64
import contextlib
import importlib
import importlib.util
import inspect
import io
import itertools
import json
import os
import signal
import sys
import time
import traceback
import types
import unittest
from typing import Any

from mcp_servers.workspace.inside.small_pytest import (
    FixtureDef,
    Fixtures,
    Param,
    Skipped,
    XFailed,
    cases,
    install,
    marks_of,
)

MESSAGE = 700  # characters
FAILURES, PASSED, CALLED = 30, 400, 60


class TestTimeout(BaseException):
    pass


class Watch:
    """What one test did: the functions of the repository it called, and how it ended."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.called: dict[tuple[str, int, str], None] = {}

    def __call__(self, frame: Any, event: str, _argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(self.root):
            code = frame.f_code
            name = getattr(code, "co_qualname", code.co_name)
            self.called[(code.co_filename[len(self.root) :], code.co_firstlineno, name)] = None


class Runner:
    def __init__(self, root: str, seconds: float, each: float) -> None:
        self.root, self.each = root, each
        self.deadline = time.monotonic() + seconds
        self.failures: list[dict[str, Any]] = []
        self.passed: list[str] = []
        self.calls: dict[tuple[str, int, str], int] = {}
        self.counts = {"passed": 0, "failed": 0, "skipped": 0, "not_run": 0}
        self.paths = [root.rstrip("/")]

    def note(
        self, name: str, outcome: str, watch: Watch, message: str = "", frames: Any = (), where: Any = None
    ) -> None:
        self.counts[outcome] += 1
        if outcome == "passed":
            self.passed.append(name)
            for each in watch.called:
                self.calls[each] = self.calls.get(each, 0) + 1
        elif outcome == "failed" and len(self.failures) < FAILURES:
            called = [{"path": p, "line": n, "name": q} for p, n, q in watch.called if not q.startswith("<")]
            self.failures.append({
                "test": name, "message": message[:MESSAGE], "frames": list(frames)[-12:], "calls": called[:CALLED],
                "path": where[0] if where else "", "line": where[1] if where else 0,
            })  # fmt: skip

    def guarded(self, name: str, body: Any, where: Any) -> None:
        """Run one test within its time, its output kept apart, and note how it ended."""
        left = self.deadline - time.monotonic()
        watch = Watch(self.root)
        if left <= 0:
            self.counts["not_run"] += 1
            return
        out, err = io.StringIO(), io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                signal.setitimer(signal.ITIMER_REAL, min(self.each, left))
                sys.setprofile(watch)
                try:
                    body()
                finally:
                    sys.setprofile(None)
                    signal.setitimer(signal.ITIMER_REAL, 0)
        except (Skipped, unittest.SkipTest):
            self.note(name, "skipped", watch)
        except XFailed:
            self.note(name, "skipped", watch)
        except TestTimeout as late:
            text = f"it ran longer than {self.each:g} s: an endless loop or recursion?"
            self.note(name, "failed", watch, text, self.frames(late), where)
        except BaseException as error:  # noqa: BLE001 - whatever a test raises is its result
            self.note(name, "failed", watch, self.told(error), self.frames(error), where)
        else:
            self.note(name, "passed", watch)

    def frames(self, error: BaseException) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if isinstance(error, SyntaxError) and (error.filename or "").startswith(self.root):
            found.append({"path": str(error.filename)[len(self.root) :], "line": error.lineno or 1, "name": "<module>"})
        for frame, line in traceback.walk_tb(error.__traceback__):
            code = frame.f_code
            if code.co_filename.startswith(self.root):
                name = getattr(code, "co_qualname", code.co_name)
                found.append({"path": code.co_filename[len(self.root) :], "line": line, "name": name})
        return found

    def told(self, error: BaseException) -> str:
        """Say what went wrong; for a bare assert, what its two sides were."""
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        if isinstance(error, AssertionError):
            sides = self.sides(error)
            text = f"{sides}\n{text}" if sides and not str(error) else f"{text}\n{sides}".strip()
        return text

    def sides(self, error: BaseException) -> str:
        last = None
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename.startswith(self.root):
                last = (frame, line)
        if last is None:
            return ""
        frame, line = last
        try:
            with open(frame.f_code.co_filename, encoding="utf-8") as file:  # noqa: PTH123
                tree = ast.parse(file.read())
            node = next(
                each
                for each in ast.walk(tree)
                if isinstance(each, ast.Assert) and each.lineno <= line <= (each.end_lineno or 0)
            )
            return "; ".join(self.shown(part, frame) for part in parts_of(node.test))
        except Exception:  # noqa: BLE001 - this only adds to a message
            return ""

    def shown(self, part: ast.expr, frame: Any) -> str:
        source = ast.unparse(part)
        scope = {**frame.f_globals, **frame.f_locals}
        value = repr(eval(compile(ast.Expression(part), "<shown>", "eval"), scope))[:240]  # noqa: S307
        return source if source == value else f"{source} is {value}"


def parts_of(test: ast.expr) -> list[ast.expr]:
    if isinstance(test, ast.Compare):
        return [test.left, *test.comparators]
    if isinstance(test, ast.BoolOp):
        return [part for value in test.values for part in parts_of(value)]
    if isinstance(test, ast.UnaryOp):
        return parts_of(test.operand)
    if isinstance(test, ast.Call) and getattr(test.func, "id", "") in ("all", "any"):
        return []
    return [test]


def test_files(root: str, wanted: list[str]) -> list[str]:
    found: list[str] = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(each for each in folders if not each.startswith((".", "__")))
        for name in sorted(names):
            path = os.path.join(folder, name)[len(root) :]  # noqa: PTH118
            is_test = name.endswith(".py") and (name.startswith("test") or name.endswith("_test.py"))
            if is_test and (
                not wanted or any(path == each or path.startswith(each.rstrip("/") + "/") for each in wanted)
            ):
                found.append(path)
    return found


def load(runner: Runner, path: str) -> types.ModuleType:
    """Import a test file as pytest does: below the first folder that is no package, which joins the path."""
    base = os.path.dirname(runner.root + path)  # noqa: PTH120
    name = os.path.basename(path)[:-3]  # noqa: PTH119
    while os.path.exists(os.path.join(base, "__init__.py")) and len(base) > len(runner.root.rstrip("/")):  # noqa: PTH110, PTH118
        name = f"{os.path.basename(base)}.{name}"  # noqa: PTH119
        base = os.path.dirname(base)  # noqa: PTH120
    if base not in sys.path:
        sys.path.insert(0, base)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", "") != runner.root + path:
        name = path[:-3].replace("/", "_")
    if "." in name or name not in sys.modules:
        if "." in name:
            return importlib.import_module(name)
        spec = importlib.util.spec_from_file_location(name, runner.root + path)
        module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)  # type: ignore[union-attr]
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module
    return sys.modules[name]


def run_file(runner: Runner, path: str) -> None:
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            signal.setitimer(signal.ITIMER_REAL, runner.each)
            known = conftests(runner, path)
            module = load(runner, path)
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Skipped:
        runner.counts["skipped"] += 1
        return
    except BaseException as error:  # noqa: BLE001
        signal.setitimer(signal.ITIMER_REAL, 0)
        runner.note(path, "failed", Watch(runner.root), runner.told(error), runner.frames(error), (path, 1))
        return
    known |= fixtures_in(vars(module))
    shared: dict[str, Any] = {}
    call(module, "setup_module", module)
    for name, value in list(vars(module).items()):
        if inspect.isclass(value) and issubclass(value, unittest.TestCase):
            if value.__module__ == module.__name__:
                run_case(runner, path, value)
        elif inspect.isclass(value) and name.startswith("Test") and value.__module__ == module.__name__:
            run_class(runner, path, module, value, known, shared)
        elif inspect.isfunction(value) and name.startswith("test"):
            run_function(runner, path, (module,), value, known, shared, name)
    call(module, "teardown_module", module)
    while shared.get("__ends__"):
        with contextlib.suppress(Exception):
            shared["__ends__"].pop()()


def conftests(runner: Runner, path: str) -> dict[str, Any]:
    known: dict[str, Any] = {}
    folders = path.split("/")[:-1]
    for depth in range(len(folders) + 1):
        file = "/".join([*folders[:depth], "conftest.py"])
        if os.path.exists(runner.root + file):  # noqa: PTH110
            folder = os.path.dirname(runner.root + file)  # noqa: PTH120
            if folder not in sys.path:
                sys.path.insert(0, folder)
            name = "conftest" if depth == 0 else "conftest_" + "_".join(folders[:depth])
            if name not in sys.modules:
                spec = importlib.util.spec_from_file_location(name, runner.root + file)
                sys.modules[name] = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
                spec.loader.exec_module(sys.modules[name])  # type: ignore[union-attr]
            known |= fixtures_in(vars(sys.modules[name]))
    return known


def fixtures_in(names: Any) -> dict[str, Any]:
    return {each.name: each for each in names.values() if isinstance(each, FixtureDef)}


def run_case(runner: Runner, path: str, case: Any) -> None:
    """Run a unittest.TestCase, its class's set-up once around all of its tests."""
    names = unittest.defaultTestLoader.getTestCaseNames(case)
    if not names:
        return
    if getattr(case, "__unittest_skip__", False):
        runner.counts["skipped"] += len(names)
        return
    try:
        case.setUpClass()
    except BaseException as error:  # noqa: BLE001
        runner.note(
            f"{path}::{case.__name__}",
            "failed",
            Watch(runner.root),
            runner.told(error),
            runner.frames(error),
            (path, 1),
        )
        return
    for name in names:
        function = getattr(case, name)

        def body(name: str = name) -> None:
            result = Result()
            case(name).run(result)
            if result.first is not None:
                raise result.first
            if result.skipped:
                raise Skipped(result.skipped[0][1])

        runner.guarded(f"{path}::{case.__name__}::{name}", body, (path, line_of(function)))
    with contextlib.suppress(Exception):
        case.tearDownClass()
        case.doClassCleanups()


class Result(unittest.TestResult):
    first: BaseException | None = None

    def _keep(self, error: Any) -> None:
        self.first = self.first or error[1]

    def addError(self, test: Any, err: Any) -> None:  # noqa: N802
        self._keep(err)

    def addFailure(self, test: Any, err: Any) -> None:  # noqa: N802
        self._keep(err)

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:  # noqa: N802
        if err is not None:
            self._keep(err)

    def addUnexpectedSuccess(self, test: Any) -> None:  # noqa: N802
        self.first = AssertionError("it was expected to fail and passed")


def run_class(runner: Runner, path: str, module: Any, owner: Any, known: Any, shared: Any) -> None:
    known = {**known, **{k: v for base in reversed(owner.__mro__) for k, v in fixtures_in(vars(base)).items()}}
    call(owner, "setup_class")
    for name in [each for base in reversed(owner.__mro__) for each in vars(base) if each.startswith("test")]:
        function = getattr(owner, name)
        if callable(function):
            run_function(runner, path, (module, owner), function, known, shared, f"{owner.__name__}::{name}", owner)
    call(owner, "teardown_class")


def run_function(
    runner: Runner, path: str, holders: Any, function: Any, known: Any, shared: Any, name: str, owner: Any = None
) -> None:
    marks = marks_of(function, *reversed(holders))
    where = (path, line_of(function))
    for label, values, own in cases(marks):
        for fixed, suffix in by_fixture(function, values, known):
            title = "-".join(each for each in (label, suffix) if each)
            full = f"{path}::{name}[{title}]" if title else f"{path}::{name}"
            every = [*marks, *own]
            if skipped(every, function):
                runner.counts["skipped"] += 1
                continue
            may_fail = next((each for each in every if each.name == "xfail" and xfails(each)), None)

            def body(values: Any = values, fixed: Any = fixed, may_fail: Any = may_fail, every: Any = every) -> None:
                try:
                    run_one(function, {**values, **fixed}, values, known, shared, owner, every, holders[0])
                except Exception as error:
                    if may_fail is not None:
                        raise XFailed from error
                    raise

            runner.guarded(full, body, where)


def by_fixture(function: Any, values: Any, known: Any) -> Any:
    """Yield the parameters of the fixtures that a test asks for, one combination after the other."""
    asked = [each for each in inspect.signature(function).parameters if each in known and each not in values]
    with_params = [known[each] for each in asked if known[each].params]
    names = [each.name for each in with_params]
    for choice in itertools.product(*[each.params for each in with_params]):
        plain = [each.values[0] if isinstance(each, Param) else each for each in choice]
        yield dict(zip(names, plain, strict=True)), "-".join(str(each)[:30] for each in plain)


def run_one(
    function: Any, params: Any, values: Any, known: Any, shared: Any, owner: Any, marks: Any, module: Any
) -> None:
    instance = owner() if owner else None
    fixtures = Fixtures(known, shared, params, instance)
    wanted = [each for each in inspect.signature(function).parameters if each != "self"]
    if owner:
        call(instance, "setup_method", function)
    else:
        call(module, "setup_function", function)
    try:
        used = [name for each in marks if each.name == "usefixtures" for name in each.args]
        for name in [*(each.name for each in known.values() if each.autouse), *used]:
            fixtures.value(name)
        given = {each: values[each] if each in values else fixtures.value(each) for each in wanted}
        bound = function.__get__(instance) if owner else function
        done = bound(**given)
        if inspect.iscoroutine(done):
            done.close()
            raise Skipped("an async test needs a plugin")
    finally:
        fixtures.close()
        if owner:
            call(instance, "teardown_method", function)
        else:
            call(module, "teardown_function", function)


def skipped(marks: Any, function: Any) -> bool:
    return any(
        each.name == "skip" or (each.name == "skipif" and holds(each.args[0] if each.args else True, function))
        for each in marks
    )


def xfails(mark: Any) -> bool:
    return not mark.args or bool(mark.args[0])


def holds(condition: Any, function: Any) -> bool:
    return bool(eval(condition, function.__globals__)) if isinstance(condition, str) else bool(condition)  # noqa: S307


def call(holder: Any, name: str, *arguments: Any) -> None:
    function = getattr(holder, name, None)
    if function is not None:
        function(*arguments[: len(inspect.signature(function).parameters)])


def line_of(function: Any) -> int:
    return getattr(getattr(inspect.unwrap(function), "__code__", None), "co_firstlineno", 1)


def with_pytest(runner: Runner, files: list[str]) -> None:
    """Let pytest itself run the tests, and listen."""
    import pytest

    class Plugin:
        def __init__(self) -> None:
            self.watch = Watch(runner.root)
            self.error: Any = None
            self.ends: dict[str, tuple[Any, ...]] = {}

        @pytest.hookimpl(wrapper=True)
        def pytest_runtest_call(self, item: Any) -> Any:
            self.watch, self.error = Watch(runner.root), None
            signal.setitimer(signal.ITIMER_REAL, max(0.1, min(runner.each, runner.deadline - time.monotonic())))
            sys.setprofile(self.watch)
            try:
                return (yield)
            except TestTimeout as late:
                self.error = late
                raise AssertionError(f"it ran longer than {runner.each:g} s: an endless loop or recursion?") from late
            except BaseException as error:
                self.error = error
                raise
            finally:
                sys.setprofile(None)
                signal.setitimer(signal.ITIMER_REAL, 0)

        def pytest_runtest_logreport(self, report: Any) -> None:
            if report.outcome == "failed":
                text = runner.told(self.error) if self.error else str(report.longrepr)[-MESSAGE:]
                frames = runner.frames(self.error) if self.error else []
                path, line, _ = report.location
                if self.ends.get(report.nodeid, ("",))[0] != "failed":  # a subtest's reports come before its test's
                    self.ends[report.nodeid] = ("failed", self.watch, text, frames, (path, (line or 0) + 1))
            elif report.when == "call" or report.outcome == "skipped":
                self.ends.setdefault(report.nodeid, (report.outcome, self.watch))

        def pytest_sessionfinish(self) -> None:
            for name, end in self.ends.items():
                runner.note(name, *end)

        def pytest_collectreport(self, report: Any) -> None:
            if report.failed:
                text = str(report.longrepr)[-MESSAGE:]
                runner.note(report.nodeid, "failed", Watch(runner.root), text, [], (report.nodeid.split("::")[0], 1))

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        pytest.main(
            ["-q", "--continue-on-collection-errors", "-p", "no:cacheprovider", "--rootdir", runner.root, *files],
            plugins=[Plugin()],
        )


def main(repository: dict[str, Any], wanted: list[str], seconds: float, each: float) -> str:
    """Lay a repository out below this folder, run its tests and return the report as JSON."""
    root = os.path.join(os.getcwd(), ".repository", "")  # noqa: PTH109, PTH118
    for name, (content, mode) in repository.items():
        path = root + name
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        # The weaker of the two walls lets no mode be changed, so that a file is made with its mode.
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode | 0o600), "wb") as file:
            file.write(base64.b64decode(content))
    os.chdir(root)
    sys.path[:0] = [each for each in (root.rstrip("/"), root + "src") if os.path.isdir(each)]  # noqa: PTH112

    def late(*_: Any) -> None:
        raise TestTimeout

    signal.signal(signal.SIGALRM, late)
    runner = Runner(root, seconds, each)
    files = test_files(root, wanted)
    try:
        import pytest  # noqa: F401

        real = True
    except ImportError:
        real = False
    if real:
        with_pytest(runner, files)
    else:
        install()
        for path in files:
            run_file(runner, path)
    calls = [{"path": p, "line": n, "name": q, "passed": k} for (p, n, q), k in runner.calls.items()]
    return json.dumps({
        "runner": "pytest" if real else "built in", "files": files, **runner.counts, "failures": runner.failures,
        "passing": runner.passed[:PASSED], "calls": calls[:400],
    })  # fmt: skip
