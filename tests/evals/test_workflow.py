"""The workflow that ships runs as it is written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_steps_of_the_github_workflow_run_and_leave_a_summary(tmp_path: Path) -> None:
    told = yaml.safe_load((ROOT / ".github" / "workflows" / "evals.yml").read_text())
    job = told["jobs"]["evals"]
    steps = {step["name"]: step["run"] for step in job["steps"] if "run" in step}
    assert steps["install"] == "make setup"  # run on every fresh clone by whoever reads this
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    summary = tmp_path / "summary.md"
    own = {"SUITES": "team", "GITHUB_STEP_SUMMARY": str(summary), "LYCEUM_HOME": str(tmp_path / "home")}
    done = subprocess.run(
        ["bash", "-e", "-c", steps["evals"]], cwd=tmp_path, env={**os.environ, **own}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert summary.read_text().startswith("## ✅ Evals passed")
    assert (tmp_path / "eval-report" / "junit.xml").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace shows system calls")
def test_no_eval_connects_to_anything_but_this_machine(tmp_path: Path) -> None:
    log = tmp_path / "calls"
    watched = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log)]
    command = [str(ROOT / ".venv" / "bin" / "lyceum"), "eval", "run", "--offline", "--limit", "1"]
    own = {**os.environ, "LYCEUM_HOME": str(tmp_path / "home")}
    done = subprocess.run([*watched, *command], env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    called = [line for line in log.read_text().splitlines() if "sa_family=AF_INET" in line]
    assert not [line for line in called if '"127.' not in line and '"::1"' not in line]
