"""The part of pytest's interface that tests of small repositories use, for an interpreter that has no pytest."""

# pyright: basic, reportAttributeAccessIssue=false

from __future__ import annotations

import contextlib
import inspect
import itertools
import logging
import math
import os
import re
import sys
import tempfile
import types
import warnings
from pathlib import Path
from typing import Any


class Outcome(BaseException):
    """A test that ends itself."""


class Skipped(Outcome):
    pass


class Failed(Outcome):
    pass


class XFailed(Outcome):
    pass


class Mark:
    def __init__(self, name: str, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> None:
        self.name, self.args, self.kwargs = name, args, kwargs or {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) == 1 and not kwargs and (inspect.isfunction(args[0]) or inspect.isclass(args[0])):
            own = list(args[0].__dict__.get("pytestmark", []))
            args[0].pytestmark = [self, *own]
            return args[0]
        return Mark(self.name, args, kwargs)


class _Marks:
    def __getattr__(self, name: str) -> Mark:
        return Mark(name)


class Param:
    def __init__(self, values: tuple[Any, ...], marks: Any, id: str | None) -> None:  # noqa: A002 - pytest's name
        self.values, self.id = values, id
        self.marks = list(marks) if isinstance(marks, (list, tuple)) else [marks]


def param(*values: Any, marks: Any = (), id: str | None = None) -> Param:  # noqa: A002
    return Param(values, marks, id)


class FixtureDef:
    def __init__(self, function: Any, scope: str, params: Any, autouse: bool, name: str | None) -> None:
        self.function, self.scope, self.autouse = function, scope, autouse
        self.params = list(params) if params is not None else []
        self.name = name or function.__name__

    def __get__(self, instance: Any, owner: Any) -> Any:
        return self


def fixture(
    function: Any = None, *, scope: str = "function", params: Any = None, autouse: bool = False,
    ids: Any = None, name: str | None = None,
) -> Any:  # fmt: skip
    del ids
    if function is not None:
        return FixtureDef(function, scope, params, autouse, name)
    return lambda function: FixtureDef(function, scope, params, autouse, name)


class ExceptionInfo:
    value: Any = None

    @property
    def type(self) -> Any:
        return type(self.value)

    def match(self, pattern: str) -> bool:
        if not re.search(pattern, str(self.value)):
            raise AssertionError(f"{pattern!r} does not match {str(self.value)!r}")
        return True


class raises:  # noqa: N801 - pytest's name
    def __new__(cls, expected: Any, *args: Any, **kwargs: Any) -> Any:
        if args and callable(args[0]):
            with cls(expected) as info:
                args[0](*args[1:], **kwargs)
            return info
        return super().__new__(cls)

    def __init__(self, expected: Any, *, match: str | None = None, check: Any = None) -> None:
        self.expected, self.pattern, self.check, self.info = expected, match, check, ExceptionInfo()

    def __enter__(self) -> ExceptionInfo:
        return self.info

    def __exit__(self, kind: Any, value: Any, trace: Any) -> bool:
        if kind is None:
            names = self.expected if isinstance(self.expected, tuple) else (self.expected,)
            raise Failed(f"DID NOT RAISE {' or '.join(each.__name__ for each in names)}")
        if not issubclass(kind, self.expected):
            return False
        self.info.value = value
        if self.pattern is not None:
            self.info.match(self.pattern)
        if self.check is not None and not self.check(value):
            raise AssertionError(f"the check refused {value!r}")
        return True


@contextlib.contextmanager
def warns(expected: Any = Warning, *, match: str | None = None) -> Any:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield caught
    if not any(issubclass(each.category, expected) and re.search(match or "", str(each.message)) for each in caught):
        raise Failed(f"DID NOT WARN {expected}")


class approx:  # noqa: N801 - pytest's name
    def __init__(self, expected: Any, rel: float | None = None, abs: float | None = None, nan_ok: bool = False) -> None:  # noqa: A002
        self.expected, self.rel, self.abs, self.nan_ok = expected, rel, abs, nan_ok

    def _near(self, actual: Any, expected: Any) -> bool:
        if isinstance(expected, dict):
            return isinstance(actual, dict) and actual.keys() == expected.keys() and all(
                self._near(actual[key], expected[key]) for key in expected
            )  # fmt: skip
        if isinstance(expected, (list, tuple)):
            return len(actual) == len(expected) and all(map(self._near, actual, expected))
        if actual == expected:
            return True
        if not isinstance(expected, (int, float, complex)) and not hasattr(expected, "__float__"):
            return False
        if isinstance(expected, float) and math.isnan(expected):
            return self.nan_ok and isinstance(actual, float) and math.isnan(actual)
        least = 1e-12 if self.abs is None else self.abs
        share = 1e-6 if self.rel is None and self.abs is None else self.rel or 0.0
        try:
            return abs(actual - expected) <= max(least, share * abs(expected))
        except TypeError:
            return False

    def __eq__(self, actual: object) -> bool:
        return self._near(actual, self.expected)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"approx({self.expected!r})"


def skip(reason: str = "", **_: Any) -> None:
    raise Skipped(reason)


def fail(reason: str = "", **_: Any) -> None:
    raise Failed(reason)


def xfail(reason: str = "") -> None:
    raise XFailed(reason)


def importorskip(name: str, *_: Any, **__: Any) -> Any:
    try:
        return __import__(name, fromlist=["_"])
    except ImportError:
        raise Skipped(f"no {name}") from None


class MonkeyPatch:
    def __init__(self) -> None:
        self._undo: list[Any] = []

    def setattr(self, target: Any, name: Any, value: Any = None, raising: bool = True) -> None:
        if isinstance(target, str):
            path, _, attribute = target.rpartition(".")
            target, name, value = __import__(path, fromlist=["_"]), attribute, name
        had = hasattr(target, name)
        if not had and raising:
            raise AttributeError(name)
        old = target.__dict__.get(name, getattr(target, name, None)) if hasattr(target, "__dict__") else None
        self._undo.append(lambda: setattr(target, name, old) if had else delattr(target, name))
        setattr(target, name, value)

    def delattr(self, target: Any, name: str, raising: bool = True) -> None:
        if hasattr(target, name):
            old = getattr(target, name)
            self._undo.append(lambda: setattr(target, name, old))
            delattr(target, name)
        elif raising:
            raise AttributeError(name)

    def setitem(self, mapping: Any, key: Any, value: Any) -> None:
        had, old = key in mapping, mapping.get(key)
        self._undo.append(lambda: mapping.__setitem__(key, old) if had else mapping.pop(key, None))
        mapping[key] = value

    def delitem(self, mapping: Any, key: Any, raising: bool = True) -> None:
        if key in mapping:
            old = mapping.pop(key)
            self._undo.append(lambda: mapping.__setitem__(key, old))
        elif raising:
            raise KeyError(key)

    def setenv(self, name: str, value: Any, prepend: str | None = None) -> None:
        new = f"{value}{prepend}{os.environ[name]}" if prepend and name in os.environ else str(value)
        self.setitem(os.environ, name, new)

    def delenv(self, name: str, raising: bool = True) -> None:
        self.delitem(os.environ, name, raising)

    def chdir(self, path: Any) -> None:
        old = os.getcwd()  # noqa: PTH109
        self._undo.append(lambda: os.chdir(old))
        os.chdir(path)

    def syspath_prepend(self, path: Any) -> None:
        sys.path.insert(0, str(path))
        self._undo.append(lambda: sys.path.remove(str(path)))

    def undo(self) -> None:
        while self._undo:
            self._undo.pop()()


class CaptureFixture:
    """Reads what the runner's own capture of a test has so far."""

    def __init__(self) -> None:
        self._from = (0, 0)

    def readouterr(self) -> Any:
        out, err = sys.stdout.getvalue(), sys.stderr.getvalue()  # type: ignore[attr-defined]
        read = (out[self._from[0] :], err[self._from[1] :])
        self._from = (len(out), len(err))
        return _Read(*read)


class _Read(tuple):  # type: ignore[type-arg]
    def __new__(cls, out: str, err: str) -> Any:
        return super().__new__(cls, (out, err))

    out = property(lambda self: self[0])
    err = property(lambda self: self[1])


class _Log(logging.Handler):
    def __init__(self) -> None:
        super().__init__(0)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    messages = property(lambda self: [record.getMessage() for record in self.records])
    text = property(
        lambda self: "".join(f"{each.levelname} {each.name}: {each.getMessage()}\n" for each in self.records)
    )

    @contextlib.contextmanager
    def at_level(self, level: Any, logger: str | None = None) -> Any:
        target = logging.getLogger(logger)
        old = target.level
        target.setLevel(level)
        try:
            yield
        finally:
            target.setLevel(old)

    def set_level(self, level: Any, logger: str | None = None) -> None:
        logging.getLogger(logger).setLevel(level)


def _tmp_path() -> Any:
    yield Path(tempfile.mkdtemp())


def _monkeypatch() -> Any:
    patch = MonkeyPatch()
    yield patch
    patch.undo()


def _caplog() -> Any:
    log, root = _Log(), logging.getLogger()
    root.addHandler(log)
    yield log
    root.removeHandler(log)


def _capsys() -> Any:
    yield CaptureFixture()


BUILT_IN = {
    name: FixtureDef(function, "function", None, False, name)
    for name, function in {
        "tmp_path": _tmp_path, "monkeypatch": _monkeypatch, "caplog": _caplog, "capsys": _capsys,
    }.items()
}  # fmt: skip


class Fixtures:
    """Makes the fixtures that one test asks for, and takes them down; `shared` are those of wider scopes."""

    def __init__(
        self, known: dict[str, FixtureDef], shared: dict[str, Any], params: dict[str, Any], instance: Any
    ) -> None:
        self._known, self._shared, self._params, self._instance = known, shared, params, instance
        self._own: dict[str, Any] = {}
        self._ends: list[Any] = []

    def value(self, name: str) -> Any:
        if name == "request":
            return types.SimpleNamespace(
                param=self._params.get("__param__"), getfixturevalue=self.value, instance=self._instance,
                addfinalizer=lambda end: self._ends.append(end), node=types.SimpleNamespace(name=""),
            )  # fmt: skip
        if name in self._own:
            return self._own[name]
        known = self._known.get(name) or BUILT_IN.get(name)
        if known is None:
            raise Failed(f"fixture {name!r} not found")
        key = f"{name}[{self._params.get(name)!r}]"
        if known.scope != "function" and key in self._shared:
            return self._shared[key]
        held = {**self._params, "__param__": self._params.get(name)}
        inner = Fixtures(self._known, self._shared, held, self._instance)
        inner._own, inner._ends = self._own, self._ends
        wanted = list(inspect.signature(known.function).parameters)
        bound = [self._instance] if wanted[:1] == ["self"] else []
        made = known.function(*bound, **{each: inner.value(each) for each in wanted[len(bound) :]})
        if inspect.isgenerator(made):
            running = made
            made = next(running)
            ends = self._ends if known.scope == "function" else self._shared.setdefault("__ends__", [])
            ends.append(lambda: next(running, None))
        (self._own if known.scope == "function" else self._shared)[name if known.scope == "function" else key] = made
        return made

    def close(self) -> None:
        while self._ends:
            self._ends.pop()()


def marks_of(*holders: Any) -> list[Mark]:
    found: list[Mark] = []
    for holder in holders:
        given = getattr(holder, "pytestmark", [])
        found += [each for each in (given if isinstance(given, (list, tuple)) else [given]) if isinstance(each, Mark)]
    return found


def cases(marks: list[Mark]) -> list[tuple[str, dict[str, Any], list[Mark]]]:
    """Return every combination of the parametrize marks: its id, its arguments, and its own marks."""
    axes: list[list[tuple[str, dict[str, Any], list[Mark]]]] = []
    for mark in marks:
        if mark.name != "parametrize":
            continue
        names = mark.args[0] if mark.args else mark.kwargs["argnames"]
        names = [each.strip() for each in names.split(",")] if isinstance(names, str) else list(names)
        values = mark.args[1] if len(mark.args) > 1 else mark.kwargs["argvalues"]
        ids = mark.kwargs.get("ids")
        axis: list[tuple[str, dict[str, Any], list[Mark]]] = []
        for number, value in enumerate(values):
            given = value if isinstance(value, Param) else Param(tuple(value) if len(names) > 1 else (value,), (), None)
            label = given.id or (ids(value) if callable(ids) else ids[number] if ids else None)
            label = label or "-".join(
                _label(each, name, number) for name, each in zip(names, given.values, strict=True)
            )
            own = [each for each in given.marks if isinstance(each, Mark)]
            axis.append((str(label), dict(zip(names, given.values, strict=True)), own))
        axes.append(axis)
    combined: list[tuple[str, dict[str, Any], list[Mark]]] = []
    for choice in itertools.product(*reversed(axes)):
        values = {name: value for _, each, _ in choice for name, value in each.items()}
        combined.append(("-".join(label for label, _, _ in choice), values, [m for _, _, own in choice for m in own]))
    return combined


def _label(value: Any, name: str, number: int) -> str:
    return str(value)[:40] if isinstance(value, (str, int, float, bool, type(None))) else f"{name}{number}"


def install() -> None:
    """Be `pytest` for whoever imports it from now on."""
    module = types.ModuleType("pytest")
    names = ("fixture", "param", "raises", "warns", "approx", "skip", "fail", "xfail", "importorskip", "MonkeyPatch")
    for name in names:
        setattr(module, name, globals()[name])
    module.mark = _Marks()  # type: ignore[attr-defined]
    module.ExceptionInfo, module.CaptureFixture = ExceptionInfo, CaptureFixture  # type: ignore[attr-defined]
    module.LogCaptureFixture, module.FixtureRequest = _Log, object  # type: ignore[attr-defined]
    module.__version__ = "0"
    sys.modules["pytest"] = module
