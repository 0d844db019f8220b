"""Runs what it is sent, one request a line, and keeps the variables; every line it answers is checked by the host.

Nothing here guards anything: the code it runs can reach all of it. The walls are outside.
"""

from __future__ import annotations

import _json
import binascii
import os
import resource
import sys

TYPE_CHECKING = False  # typing takes as long to load as all that is needed
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

FILES = 20
FILE_BYTES = 4 * 1024 * 1024  # of all files and pictures of a run
TEXT = 100_000
POINTS = 200  # of each series of a chart
DRAWN = ("<matplotlib.", "<Axes", "<BarContainer", "Text(")  # values that only stand for a chart, shown as one
COROUTINE = 128  # inspect.CO_COROUTINE
AWAIT = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
TREE = 0x400  # ast.PyCF_ONLY_AST
SOURCES: dict[str, str] = {}  # of every run, for tracebacks


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

    def run_here(code: str, name: str, files: dict[str, str]) -> dict[str, Any]:
        return run_with_files(scope, code, name, files)

    does: dict[str, Callable[..., dict[str, Any]]] = {
        "run": run_here, "command": command, "read": read, "write": write, "list": entries, "remove": remove,
    }  # fmt: skip
    tell(answer, {"id": "ready"})
    for line in requests:
        asked = parsed(line)
        try:
            told = does[asked["do"]](**asked["given"])
        except Exception as failure:  # noqa: BLE001 - the host words it
            told = {"error": described(failure)}
        if alone:  # whatever was left in the background ends with the request
            try:  # noqa: SIM105 - contextlib costs milliseconds
                os.kill(-1, 9)
            except OSError:  # there was nothing
                pass
        tell(answer, {"id": asked["id"], **told})


class Scanning:
    """What the scanner of the json module asks its decoder; that module itself takes as long to load as all else."""

    strict, object_hook, object_pairs_hook, parse_float, parse_int, parse_constant = True, None, None, float, int, float
    memo: dict[str, str] = {}  # noqa: RUF012 - of the keys of one text


def parsed(text: str) -> Any:
    scanner: Any = _json.make_scanner
    return scanner(Scanning)(text, 0)[0]


def written(value: Any) -> str:
    kind: str = value.__class__.__name__
    if kind == "dict":
        return "{" + ",".join([f"{written(str(key))}:{written(each)}" for key, each in value.items()]) + "}"
    if kind == "list":
        return "[" + ",".join([written(each) for each in value]) + "]"
    if kind == "str":
        return _json.encode_basestring_ascii(value)
    return "null" if value is None else repr(value).lower()  # true, false or a finite number


def tell(answer: int, message: dict[str, Any]) -> None:
    rest = (written(message) + "\n").encode()
    while rest:
        rest = rest[os.write(answer, rest) :]


def described(failure: BaseException, trace: str = "") -> dict[str, str]:
    return {"name": type(failure).__name__, "value": plain(str(failure)), "traceback": plain(trace[-4000:])}


def plain(text: str) -> str:
    """What can be sent as UTF-8, of a bounded length."""
    return text[:TEXT].encode("utf-8", "backslashreplace").decode()


def command(line: str) -> dict[str, Any]:
    import subprocess

    started = subprocess.Popen(["/bin/sh", "-c", line], stdin=subprocess.DEVNULL)  # noqa: S603 - the purpose
    return {"exit_code": started.wait()}


def read(path: str) -> dict[str, Any]:
    return {"data": encoded(path)}


def write(path: str, data: str) -> dict[str, Any]:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)  # noqa: PTH103, PTH120
    with open(path, "wb") as file:  # noqa: PTH123
        file.write(binascii.a2b_base64(data))
    return {}


def entries(path: str) -> dict[str, Any]:
    with os.scandir(path) as found:
        listed = sorted(found, key=lambda each: each.name)[:1000]
    return {
        "entries": [
            {
                "name": plain(each.name),
                "kind": "folder" if each.is_dir(follow_symlinks=False) else "file",
                "size": each.stat(follow_symlinks=False).st_size,
            }
            for each in listed
        ]
    }


def remove(path: str) -> dict[str, Any]:
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
        import shutil

        shutil.rmtree(path)
    else:
        os.unlink(path)  # noqa: PTH108
    return {}


def run_with_files(scope: dict[str, Any], code: str, name: str, files: dict[str, str]) -> dict[str, Any]:
    for path, data in files.items():
        write(path, data)
    before = listing()
    told = run(code, scope, name)
    told["files"] = {plain(path): encoded(path) for path in changed(before)}
    return told


def run(code: str, scope: dict[str, Any], name: str) -> dict[str, Any]:
    results: list[dict[str, Any]] = []
    error = None
    SOURCES[name] = code
    try:
        tree = compile(code, name, "exec", TREE | AWAIT)
        last = tree.body.pop() if tree.body and type(tree.body[-1]).__name__ == "Expr" else None
        evaluate(compile(tree, name, "exec", AWAIT), scope)
        if last is not None:
            value = evaluate(compile(only(last), name, "eval", AWAIT), scope)
            text = repr(value)[:TEXT]
            if value is not None and not text.lstrip("[(").startswith(DRAWN):
                results.append({"text": plain(text)})
        results += charts()
    except SystemExit as left:
        if left.code not in (None, 0):
            error = described(left)
    except BaseException as failure:  # noqa: BLE001 - whatever the code raises is its result
        error = described(failure, shown(failure))
    for stream in (sys.stdout, sys.stderr):
        try:  # noqa: SIM105
            stream.flush()
        except (OSError, ValueError, AttributeError):  # closed or replaced
            pass
    return {"results": results, "error": error}


def only(statement: Any) -> Any:
    """The expression of a statement, to be evaluated."""
    import _ast

    return _ast.Expression(statement.value)


def shown(failure: BaseException) -> str:
    import linecache
    import traceback

    for name, code in SOURCES.items():
        linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    return "".join(traceback.format_exception(type(failure), failure, after_us(failure.__traceback__)))


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
        data = file.read(FILE_BYTES + 1)
    if len(data) > FILE_BYTES:
        raise ValueError(f"the file is larger than {FILE_BYTES >> 20} MiB")
    return binascii.b2a_base64(data, newline=False).decode()


def charts() -> list[dict[str, Any]]:
    """Every figure that is open, as a picture and as data; then they are closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return []
    from io import BytesIO

    found: list[dict[str, Any]] = []
    for number in pyplot.get_fignums()[:5]:
        figure = pyplot.figure(number)
        picture = BytesIO()
        figure.savefig(picture, format="png", dpi=100, bbox_inches="tight")
        axes = [plotted(each) for each in figure.axes]
        title = next((each["title"] for each in axes if each["title"]), "a chart")
        png = binascii.b2a_base64(picture.getvalue(), newline=False).decode()
        found.append({"text": title, "png": png, "chart": {"axes": axes}})
    pyplot.close("all")
    return found


def plotted(axes: Any) -> dict[str, Any]:
    series = [{"kind": "line", "label": label(line), "points": numbers(line.get_xydata())} for line in axes.lines]
    series += [
        {"kind": "scatter", "label": label(each), "points": numbers(each.get_offsets())}
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


def label(part: Any) -> str:
    text = str(part.get_label())
    return "" if text.startswith("_") else text  # matplotlib's own numbering


def numbers(points: Any) -> list[list[float | None]]:
    return [[number(float(part)) for part in point] for point in list(points)[:POINTS]]


def number(value: float) -> float | None:
    """JSON has no word for what is not finite."""
    return round(value, 6) if value - value == 0 else None


def fonts(packages: str) -> None:
    """Hand matplotlib its list of fonts, which takes it seconds to make, where it looks for it and may write."""
    folder = os.path.abspath(".matplotlib")  # noqa: PTH100
    os.environ["MPLCONFIGDIR"] = folder
    made = os.path.join(packages, ".matplotlib")  # noqa: PTH118
    if os.path.isdir(made):  # noqa: PTH112
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        for name in os.listdir(made):  # noqa: PTH208
            with open(os.path.join(made, name), "rb") as cached, open(os.path.join(folder, name), "wb") as copy:  # noqa: PTH118, PTH123
                copy.write(cached.read())


def main(confine: Callable[..., None] | None = None) -> None:
    given = parsed(sys.argv[1])
    sys.argv = [""]
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    with open(os.devnull) as nothing:  # noqa: PTH123 - the code's own input is empty
        os.dup2(nothing.fileno(), 0)
    out: Any = sys.stdout
    out.reconfigure(line_buffering=True)  # what is printed is heard at once
    os.chdir(given["work"])
    if given["packages"]:
        sys.path.append(given["packages"])
        fonts(given["packages"])
    limit(**given["limits"])
    if confine is not None:
        confine(**given["confine"])
    serve(requests, given["answer"], alone=confine is None)
