"""Bad input through the real command line: one clear error with its next step, the right exit code, nothing lost.

More of it, with what it says, is in `test_command_line.py`; providers that fail are in `tests/models`.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli import main

QUESTION = "Which genre has the most tracks?"
CODE = "import sys; from app.cli import main; sys.exit(main(sys.argv[1:]))"
CUT = '{"file":"m.gguf","size_bytes":4096,"sha256":"0","mtime_ns":1,"source":"s","pulled":"2026-01-01T00:00Z"}'

Said = tuple[int, str]


@pytest.fixture
def lyceum(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Said]:
    """Run a command in this process, in an empty folder; return its exit code and what it wrote to stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LYCEUM_PROVIDER__OLLAMA_URL", "http://127.0.0.1:9")

    def lyceum(*arguments: str) -> Said:
        code = main(list(arguments))
        errors = capsys.readouterr().err
        assert "Traceback" not in errors
        assert "bug" not in errors
        return code, errors

    return lyceum


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("broken.pdf", b"%PDF-1.7 broken"),
        ("broken.xlsx", b"PK\x03\x04 no"),
        ("broken.parquet", b"PAR1nono"),
        ("binary.csv", bytes(range(256)) * 20),
        ("broken.db", b"no database"),
    ],
)
def test_a_broken_file_is_told_by_its_name(
    lyceum: Callable[..., Said], tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    code, errors = lyceum("chat", "--offline", "--attach", name, QUESTION)
    assert (code, name in errors) == (2, True), errors


def test_a_path_that_holds_nothing_to_read_is_refused(lyceum: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "ring").symlink_to(tmp_path / "ring")
    for name, message in {
        "empty": "no document and no table",
        "pipe": "neither a file nor a folder",
        "ring": "no path",
        "a\0b": "no path",
        "a" * 5000: "no path",
    }.items():
        code, errors = lyceum("chat", "--offline", "--attach", name, QUESTION)
        assert (code, message in errors) == (2, True), errors


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_may_not_be_read_is_refused(lyceum: Callable[..., Said], tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    code, errors = lyceum("chat", "--offline", "--attach", "closed", QUESTION)
    assert (code, "Check its permissions" in errors) == (2, True), errors


@pytest.mark.parametrize(
    ("content", "message", "step"),
    [
        (b"[provider\n", "lyceum.toml cannot be read", "Correct the file"),
        (b"\xff\xfe", "lyceum.toml cannot be read", "Correct the file"),
        (b"[budget]\nmodel_cals = 3\n", "'budget.model_cals'", "'model_calls'"),
        (b"[budget]\nmodel_calls = 0\n", "'budget.model_calls' is not valid", "LYCEUM_BUDGET__MODEL_CALLS"),
        (b'[tools]\nsql = "ftp://x"\n', "tools.sql is 'ftp://x'", "places"),
    ],
)
def test_a_settings_file_that_is_wrong_is_told_by_its_key(
    lyceum: Callable[..., Said], tmp_path: Path, content: bytes, message: str, step: str
) -> None:
    (tmp_path / "lyceum.toml").write_bytes(content)
    code, errors = lyceum("chat", "--offline", QUESTION)
    assert (code, message in errors, step in errors) == (2, True, True), errors


def test_a_tool_server_that_does_not_answer_is_told(
    lyceum: Callable[..., Said], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LYCEUM_TOOLS__SQL", "http://me:hunter2@127.0.0.1:9/mcp")
    code, errors = lyceum("chat", "--offline", QUESTION)
    assert code == 1
    assert "tool server sql does not answer at http://127.0.0.1:9/mcp" in errors
    assert "hunter2" not in errors


def test_a_cut_off_model_file_is_refused_before_anything_is_stored(lyceum: Callable[..., Said], tmp_path: Path) -> None:
    folder = tmp_path / "home" / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "m.gguf").write_bytes(b"GGUF")
    (folder / "manifest.json").write_text(CUT)
    code, errors = lyceum("chat", "--model", "local:mine", QUESTION)
    assert (code, "4 bytes of 4,096" in errors, "lyceum models pull mine" in errors) == (2, True, True), errors


@pytest.mark.parametrize("name", ["runs.db", "logs"])
def test_a_home_with_something_else_in_it_is_told(lyceum: Callable[..., Said], tmp_path: Path, name: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / name).write_bytes(b"a text, and nothing that was expected here. " * 40)
    code, errors = lyceum("chat", "--offline", QUESTION)
    assert (code, name in errors, "LYCEUM_HOME" in errors) == (1, True, True), errors
    assert (tmp_path / "home" / name).read_bytes().startswith(b"a text")


def start(home: Path, *arguments: str, most_bytes: int = resource.RLIM_INFINITY) -> subprocess.Popen[str]:
    """Start the command as a process of its own, which can write no file longer than `most_bytes`."""
    return subprocess.Popen(
        [sys.executable, "-c", CODE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PATH": os.environ["PATH"], "LYCEUM_HOME": str(home), "HOME": str(home.parent)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, resource.RLIM_INFINITY)),
    )


@pytest.mark.slow
def test_two_processes_share_a_home(lyceum: Callable[..., Said], tmp_path: Path) -> None:
    both = [start(tmp_path / "home", "chat", "--offline", QUESTION) for _ in range(2)]
    for process in both:
        out, errors = process.communicate(timeout=100)
        assert (process.returncode, "Rock" in out) == (0, True), errors
    lyceum("runs", "list")


@pytest.mark.slow
def test_a_disk_that_fills_up_is_told_and_earlier_runs_stay(tmp_path: Path) -> None:
    home = tmp_path / "home"
    first = start(home, "chat", "--offline", QUESTION)
    assert "Rock" in first.communicate(timeout=100)[0]
    kept = (home / "runs.db").stat().st_size
    full = start(home, "chat", "--offline", QUESTION, most_bytes=kept + 8192)
    errors = full.communicate(timeout=100)[1]
    assert (full.returncode, "disk" in errors, "Traceback" in errors) == (1, True, False), errors
    listed = start(home, "runs", "list").communicate(timeout=100)[0]
    assert QUESTION in listed
    assert "done" in listed
