"""The workflow that ships runs as it is written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("suites", "code", "first"),
    [
        ("team", 0, "## ✅ Evals passed"),
        ("team --timeout 0.0001", 1, "## ❌ Evals failed"),
        ("no_such_suite", 2, ""),
    ],
)
def test_the_github_workflow_ends_as_its_run_does_and_keeps_the_reports(
    suites: str, code: int, first: str, tmp_path: Path
) -> None:
    told = yaml.safe_load((ROOT / ".github" / "workflows" / "evals.yml").read_text())
    job = told["jobs"]["evals"]
    steps = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
    assert steps["install"] == "make setup"  # run on every fresh clone by whoever reads this
    (kept,) = [step for step in job["steps"] if "upload-artifact" in step.get("uses", "")]
    assert kept["if"] == "always()"
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    summary = tmp_path / "summary.md"
    own = {"SUITES": suites, "GITHUB_STEP_SUMMARY": str(summary), "LYCEUM_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        ["bash", "-e", "-c", steps["evals"]], cwd=tmp_path, env={**os.environ, **own}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    if first:
        assert summary.read_text().startswith(first)
        names = {path.name for path in (tmp_path / kept["with"]["path"]).iterdir()}
        assert names >= {"report.txt", "junit.xml", "report.md", "report.html", "report.json", "samples.jsonl"}


CALLS = "socket,connect,bind,sendto,sendmsg,sendmmsg,io_uring_setup"  # a ring may connect unseen, so none may be made
ADDRESS = re.compile(r'inet_(?:addr\(|pton\(AF_INET6, )"([^"]*)"')
HERE = re.compile(r"(::ffff:)?127\.|::1$")
FAMILY = re.compile(r"\bAF_\w+")
ASKED = re.compile(r"htons\(53\)|systemd\.Resolve")  # a name server here asks others
# What stays on this machine by its kind: sockets that are files, and the kernel told about a sandbox's own loopback.
LOCAL = {"AF_UNIX", "AF_NETLINK"}
# What other people's libraries would call home with, and a proxy in a network that is reserved for documentation.
TEMPTING = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://198.51.100.7:3128"),
    **dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "HF_TOKEN", "LOGFIRE_TOKEN"), "x"),
    **dict.fromkeys(("LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY", "LANGSMITH_API_KEY", "TAVILY_API_KEY"), "x"),
    **dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "otlp"),
    "ALL_PROXY": "socks5://198.51.100.7:1080",
    "LANGSMITH_TRACING": "true",
    "OLLAMA_HOST": "http://198.51.100.7:11434",
    "OPENAI_BASE_URL": "https://198.51.100.7/v1",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://198.51.100.7:4318",
}


def watch(command: list[str], log: Path, **variables: str) -> list[str]:
    """Run a command that must succeed, and return its system calls, of all its processes, that leave this machine."""
    watched = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", f"trace={CALLS}", "-o", str(log), *command]
    own = {**os.environ, **variables}
    done = subprocess.run(watched, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return leaving(log.read_text(errors="replace"))


def leaving(log: str) -> list[str]:
    """Return the calls that name another machine's address, or ask for the address of a name."""
    found: list[str] = []
    for line in log.splitlines():
        families = set(FAMILY.findall(line)) - LOCAL
        made = " socket(" in line and families <= {"AF_INET", "AF_INET6"}  # that alone reaches nobody
        named = ADDRESS.findall(line)
        away = bool(families) and not made and not (named and all(map(HERE.match, named)))
        if away or ASKED.search(line) or "io_uring_setup" in line:
            found.append(line)
    return found


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows system calls")
def test_no_eval_connects_to_anything_but_this_machine_whatever_keys_and_proxies_are_set(tmp_path: Path) -> None:
    command = [str(ROOT / ".venv" / "bin" / "lyceum"), "eval", "run", "--offline", "--report", str(tmp_path / "report")]
    own = {"LYCEUM_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}
    assert watch(command, tmp_path / "calls", **own, **TEMPTING) == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows system calls")
def test_the_watch_sees_what_would_leave_this_machine(tmp_path: Path) -> None:
    start = "import os, socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)"
    for code, seen in {
        "s.connect(('127.0.0.1', 9))": 0,
        "s.sendto(b'', ('127.0.0.1', 9))": 0,
        "s.bind(('127.0.0.1', 0))": 0,
        "s.connect(('192.0.2.1', 53)) if os.fork() == 0 else os.wait()": 1,
        "s.bind(('0.0.0.0', 0))": 1,
    }.items():
        tried = f"{start}\ntry:\n    {code}\nexcept OSError: pass"
        found = watch([sys.executable, "-c", tried], tmp_path / "calls")
        assert len(found) == seen, code


@pytest.mark.parametrize(
    ("call", "leaves"),
    [
        ('7 sendto(4, "x", 1, 0, {sa_family=AF_INET, sin_addr=inet_addr("192.0.2.1")}, 16) = 1', True),
        ('7 sendmsg(4, {msg_name={sa_family=AF_INET6, inet_pton(AF_INET6, "2001:db8::1", &sin6_addr)}}, 0) = 1', True),
        ('7 sendmmsg(4, [{msg_hdr={msg_name={sa_family=AF_INET, sin_addr=inet_addr("192.0.2.1")}}}], 2, 0) = 2', True),
        ("7 socket(AF_VSOCK, SOCK_STREAM, 0) = 4", True),
        ("7 io_uring_setup(8, {flags=0}) = 4", True),
        ('7 connect(4, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0', True),
        ('7 connect(4, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0', True),
        ('7 connect(4, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16) = 0', False),
        ('7 connect(4, {sa_family=AF_INET6, inet_pton(AF_INET6, "::1", &sin6_addr)}, 28) = 0', False),
        ('7 connect(4, {sa_family=AF_UNIX, sun_path="/run/nscd/socket"}, 110) = -1', False),
        ("7 socket(AF_INET6, SOCK_STREAM, 0) = 4", False),
    ],
)  # fmt: skip
def test_a_call_leaves_this_machine_by_its_address(call: str, leaves: bool) -> None:
    assert bool(leaving(call)) == leaves


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals there")
def test_a_terminal_shows_the_run_and_nothing_else(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    command = [str(ROOT / ".venv" / "bin" / "lyceum"), "eval", "run", "routing", "--offline", "--limit", "1"]
    own = {key: value for key, value in os.environ.items() if not key.startswith(("PYDANTIC_AI_", "PYTEST_"))}
    own["LYCEUM_HOME"] = str(tmp_path)
    done = subprocess.run(command, env=own, stdout=theirs, stderr=theirs, check=False)
    said = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 0, said
    assert "\x1b" not in said
    assert "http" not in said
    assert "routing: passed" in said
