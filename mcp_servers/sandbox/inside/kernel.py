"""Runs what it is sent, one request a line, and keeps the variables; every line it answers is checked by the host.

Nothing here guards anything: the code it runs can reach all of it. The walls are outside.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import io
import json
import linecache
import os
import resource
import sys
import traceback
from collections.abc import Callable, Iterable
from typing import Any

FILES = 20
FILE_BYTES = 4 * 1024 * 1024  # of all files and pictures of a run
TEXT = 100_000
POINTS = 200  # of each series of a chart
DRAWN = ("<matplotlib.", "<Axes", "<BarContainer", "Text(")  # values that only stand for a chart, shown as one
COROUTINE = 128  # inspect.CO_COROUTINE


def limit(memory: int, processes: int, cpu: int, disk: int) -> None:
    for what, most in (
        (resource.RLIMIT_DATA, memory),
        (resource.RLIMIT_AS, 8 * memory),
        (resource.RLIMIT_NPROC, processes or resource.getrlimit(resource.RLIMIT_NPROC)[1]),
        (resource.RLIMIT_CPU, cpu),
        (resource.RLIMIT_FSIZE, disk),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 256),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def serve(requests: Iterable[str], answer: int, *, alone: bool) -> None:
    """Answer requests until there are no more; `alone` when no process but ours can be signalled."""
    scope: dict[str, Any] = {"__name__": "__main__"}
    for line in requests:
        asked = json.loads(line)
        for name, data in asked["files"].items():
            os.makedirs(os.path.dirname(name) or ".", exist_ok=True)  # noqa: PTH103, PTH120
            with open(name, "wb") as file:  # noqa: PTH123
                file.write(base64.b64decode(data))
        before = listing()
        told = run(asked["code"], scope, asked["name"])
        if alone:  # whatever a run left in the background ends with it
            with contextlib.suppress(OSError):
                os.kill(-1, 9)
        told["files"] = {name: encoded(name) for name in changed(before)}
        message = (json.dumps({"id": asked["id"], **told}) + "\n").encode()
        while message:
            message = message[os.write(answer, message) :]


def run(code: str, scope: dict[str, Any], name: str) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    error = None
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    try:
        tree = ast.parse(code, name)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):
            tree.body.pop()
        evaluate(compile(tree, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), scope)
        if isinstance(last, ast.Expr):
            whole = ast.Expression(last.value)
            value = evaluate(compile(whole, name, "eval", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT), scope)
            text = repr(value)[:TEXT]
            if value is not None and not text.lstrip("[(").startswith(DRAWN):
                results.append({"text": text})
        results += charts()
    except SystemExit as left:
        if left.code not in (None, 0):
            error = {"name": "SystemExit", "value": str(left.code)[:TEXT], "traceback": ""}
    except BaseException as failure:  # noqa: BLE001 - whatever the code raises is its result
        shown = "".join(traceback.format_exception(type(failure), failure, after_us(failure.__traceback__)))
        error = {"name": type(failure).__name__, "value": str(failure)[:TEXT], "traceback": shown[-4000:]}
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    return {"results": results, "error": error}


def evaluate(compiled: Any, scope: dict[str, Any]) -> Any:
    value = eval(compiled, scope)  # noqa: S307 - running the code is the purpose
    if not compiled.co_flags & COROUTINE:
        return value
    import asyncio  # takes as long to load as all else together

    return asyncio.run(awaited(value))


async def awaited(value: Any) -> Any:
    return await value


def after_us(trace: Any) -> Any:
    """Leave out the frames of this file."""
    while trace is not None and trace.tb_frame.f_code.co_filename == "<string>":
        trace = trace.tb_next
    return trace


def listing() -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for folder, folders, names in os.walk("."):
        folders[:] = [each for each in folders if not each.startswith((".", "__"))]
        for name in names:
            path = os.path.relpath(os.path.join(folder, name))  # noqa: PTH118
            if os.path.isfile(path) and not os.path.islink(path) and not name.startswith("."):  # noqa: PTH113, PTH114
                seen = os.lstat(path)
                found[path] = (seen.st_size, seen.st_mtime_ns)
        if len(found) > 10 * FILES:
            break
    return found


def changed(before: dict[str, tuple[int, int]]) -> list[str]:
    """The files to hand out: made or changed since, as many as fit."""
    room = FILE_BYTES
    chosen: list[str] = []
    for name, seen in sorted(listing().items()):
        if before.get(name) != seen and seen[0] <= room and len(chosen) < FILES:
            room -= seen[0]
            chosen.append(name)
    return chosen


def encoded(name: str) -> str:
    with os.fdopen(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return base64.b64encode(file.read(FILE_BYTES)).decode()


def charts() -> list[dict[str, Any]]:
    """Every figure that is open, as a picture and as data; then they are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    found: list[dict[str, Any]] = []
    for number in pyplot.get_fignums()[:5]:
        figure = pyplot.figure(number)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=100, bbox_inches="tight")
        axes = [plotted(each) for each in figure.axes]
        title = next((each["title"] for each in axes if each["title"]), "a chart")
        found.append({"text": title, "png": base64.b64encode(picture.getvalue()).decode(), "chart": {"axes": axes}})
    pyplot.close("all")
    return found


def plotted(axes: Any) -> dict[str, Any]:
    series = [
        {"kind": "line", "label": str(line.get_label()), "points": numbers(line.get_xydata())} for line in axes.lines
    ]
    series += [
        {"kind": "scatter", "label": str(each.get_label()), "points": numbers(each.get_offsets())}
        for each in axes.collections
        if hasattr(each, "get_offsets")
    ]
    bars = [(bar.get_x() + bar.get_width() / 2, bar.get_height()) for bar in axes.patches if hasattr(bar, "get_height")]
    if bars:
        series.append({"kind": "bar", "label": "", "points": numbers(bars)})
    return {
        "title": axes.get_title(), "x": axes.get_xlabel(), "y": axes.get_ylabel(),
        "x_ticks": [tick.get_text() for tick in axes.get_xticklabels()][:POINTS], "series": series,
    }  # fmt: skip


def numbers(points: Any) -> list[list[float]]:
    return [[round(float(part), 6) for part in point] for point in list(points)[:POINTS]]


def main(confine: Callable[..., None] | None = None) -> None:
    given = json.loads(sys.argv[1])
    sys.argv = [""]
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    with open(os.devnull) as nothing:  # noqa: PTH123 - the code's own input is empty
        os.dup2(nothing.fileno(), 0)
    os.chdir(given["work"])
    if given["packages"]:
        sys.path.append(given["packages"])
    limit(**given["limits"])
    if confine is not None:
        confine(**given["confine"])
    serve(requests, given["answer"], alone=confine is None)
