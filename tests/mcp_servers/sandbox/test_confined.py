"""Full Python behind walls: what a run gives back, and how it is stopped."""

from __future__ import annotations

import base64
import os
import threading
import time
from pathlib import Path

import pytest

from lyceum.artifacts import Artifact
from mcp_servers.sandbox import landlock
from mcp_servers.sandbox.bubblewrap import Bubblewrap
from mcp_servers.sandbox.claims import picture
from mcp_servers.sandbox.confined import Confined
from mcp_servers.sandbox.worker import FLOOD_BYTES

PATIENT = 60.0


def test_a_run_gives_what_it_printed_and_the_value_of_its_last_line(tier: Confined) -> None:
    done = tier.run("import sys\nprint('out')\nprint('err', file=sys.stderr)\n6 * 7", PATIENT)
    assert (done.stdout, done.stderr, done.results[0].text, done.error) == ("out\n", "err\n", "42", None)
    assert done.tier == tier.name
    assert bool(done.warning) is (tier.name == "landlock")


def test_an_error_shows_where_it_happened_in_the_code_and_nothing_of_the_sandbox(tier: Confined) -> None:
    done = tier.run("def f():\n    raise ValueError('too far')\nf()", PATIENT)
    assert done.error is not None
    assert (done.error.name, done.error.value) == ("ValueError", "too far")
    assert done.error.traceback.splitlines()[1:3] == ['  File "main.py", line 3, in <module>', "    f()"]
    assert "<string>" not in done.error.traceback


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import sys\nsys.exit(0)", None),
        ("import sys\nsys.exit('enough')", "SystemExit"),
        ("import os\nos._exit(7)", "ProcessExited"),
        ("import ctypes\nctypes.string_at(0)", "ProcessExited"),
        ("1 +", "SyntaxError"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("class Odd:\n  def __repr__(self): raise ValueError\nOdd()", "ValueError"),
        ("import sys\nsys.stdout = None\nprint(1)", None),
        ("import asyncio\nawait asyncio.sleep(0)", None),
        ("input()", "EOFError"),
        ("x = bytearray(2 * 10**9)", "MemoryError"),
    ],
)
def test_every_end_is_told(tier: Confined, code: str, error: str | None) -> None:
    done = tier.run(code, PATIENT)
    assert (done.error.name if done.error else None) == error


@pytest.mark.parametrize("code", ["while True: pass", "import time\ntime.sleep(60)"])
def test_the_clock_on_the_wall_ends_a_run_and_keeps_what_was_printed(tier: Confined, code: str) -> None:
    start = time.monotonic()
    done = tier.run(f"print('begun', flush=True)\n{code}", 1.5)
    assert time.monotonic() - start < 6
    assert done.stdout in ("begun\n", "")  # empty where the machine was too busy to begin
    assert done.error is not None
    assert done.error.name == "TimeoutError"


def test_a_flood_keeps_its_beginning_and_is_stopped(tier: Confined) -> None:
    done = tier.run("while True: print('x' * 1000)", PATIENT)
    assert done.error is not None
    assert done.error.name == "OutputLimitExceeded"
    assert 100_000 < len(done.stdout) < 101_000
    assert "bytes more were left out" in done.stdout
    much = tier.run(f"print('y' * {FLOOD_BYTES // 8})", PATIENT)
    assert much.error is None
    assert "bytes more were left out" in much.stdout


def test_output_is_heard_while_the_code_runs(tier: Confined) -> None:
    heard: list[tuple[str, str]] = []
    worker = tier.start()
    try:
        stopper = threading.Timer(PATIENT, worker.stop)
        stopper.start()

        def listen(stream: str, text: str) -> None:
            heard.append((stream, text))
            worker.stop()

        done = worker.run(
            "import time\nprint('first', flush=True)\ntime.sleep(100)\nprint('second')", 90, listen=listen
        )
        stopper.cancel()
    finally:
        worker.close()
    assert heard == [("stdout", "first\n")]
    assert done.error is not None
    assert done.error.name == "Cancelled"


def test_variables_survive_in_one_worker_and_files_go_in_and_out(tier: Confined) -> None:
    kept: dict[str, bytes] = {}

    def keep(data: bytes, media_type: str, name: str) -> Artifact:
        kept[name] = data
        return Artifact(sha256="0" * 64, size=len(data), media_type=media_type, name=name)

    worker = tier.start()
    try:
        worker.run("rows = open('in/table.csv').read().split()", PATIENT, files={"in/table.csv": b"a b c"})
        done = worker.run("open('out.txt', 'w').write('|'.join(rows))", PATIENT, keep=keep)
        same = worker.run("rows", PATIENT, keep=keep)
    finally:
        worker.close()
    assert kept == {"out.txt": b"a|b|c"}
    assert [file.name for file in done.files] == ["out.txt"]
    assert same.files == []
    assert same.results[0].text == "['a', 'b', 'c']"


def test_a_probe_tries_and_tells_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install bubblewrap" in Bubblewrap().probe()
    (tmp_path / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bwrap").chmod(0o755)
    assert "bubblewrap does not" in Bubblewrap().probe()


def test_what_a_run_left_behind_is_neither_heard_nor_paid_for_by_the_next(tier: Confined) -> None:
    worker = tier.start()
    try:
        worker.run(
            "import threading, time\n"
            "def later():\n  time.sleep(0.2)\n  print('late')\n"
            "threading.Thread(target=later).start()",
            PATIENT,
        )
        time.sleep(0.5)
        done = worker.run("print('mine')", PATIENT)
    finally:
        worker.close()
    assert done.stdout == "mine\n"


@pytest.mark.parametrize(
    "line",
    [
        "junk",
        '{"id": "guessed", "results": []}',
        "[" * 100_000,
        '{"id": 1}',
        "\\x00\\xff",
    ],
    ids=["no JSON", "another id", "deep", "a number", "bytes"],
)
def test_lines_that_are_no_answer_are_passed_over(tier: Confined, line: str) -> None:
    everywhere = "import os\nfor end in range(3, 20):\n  try: os.write(end, {!r})\n  except OSError: pass\n'mine'"
    done = tier.run(everywhere.format(line.encode() + b"\n"), PATIENT)
    assert done.error is None
    assert done.results[0].text == "'mine'"


def test_text_that_is_no_unicode_is_shown_escaped(tier: Confined) -> None:
    done = tier.run("import os\nos.write(1, b'\\xff\\n')\nraise ValueError('\\ud800')", PATIENT)
    assert done.stdout == "\ufffd\n"
    assert done.error is not None
    assert done.error.value == "\\ud800"


def test_what_a_killed_process_left_is_removed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    dead, alive, fresh = (tmp_path / f"lyceum-sandbox-{pid}-x" for pid in ("99999999", os.getpid(), "99999998"))
    for folder in (dead, alive, fresh):
        folder.mkdir()
    for folder in (dead, alive):
        os.utime(folder, (1, 1))
    landlock._sweep.__wrapped__()
    assert [folder.exists() for folder in (dead, alive, fresh)] == [False, True, True]


def test_a_picture_of_billions_of_pixels_is_left_out() -> None:
    def made(width: int, height: int) -> str:
        head = (
            b"\x89PNG\r\n\x1a\n"
            + (13).to_bytes(4, "big")
            + b"IHDR"
            + width.to_bytes(4, "big")
            + height.to_bytes(4, "big")
        )
        return base64.b64encode(head + bytes(9)).decode()

    def keep(data: bytes, media_type: str, name: str) -> Artifact:
        return Artifact(sha256="0" * 64, size=len(data), media_type=media_type, name=name)

    assert picture(made(640, 480), keep) is not None
    assert picture(made(65_000, 65_000), keep) is None
    assert picture(base64.b64encode(b"\x89PNG\r\n\x1a\nnot one").decode(), keep) is None
