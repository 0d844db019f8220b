"""The walls hold: every abuse of `abuses.yaml`, in each tier, started by root and by an ordinary user.

The probes run in a process of their own, which can give up root.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_servers.sandbox.probes import abuses
from mcp_servers.sandbox.tiers import lacking

ROOT = Path(__file__).parents[3]
USERS = ["as we are", "nobody"] if hasattr(os, "geteuid") and os.geteuid() == 0 else ["as we are"]


@pytest.fixture(params=["bubblewrap", "landlock"])
def tier(request: pytest.FixtureRequest) -> str:
    missing = lacking(request.param)
    if missing and (request.param != "bubblewrap" or os.environ.get("CI") != "true"):
        pytest.skip(missing)
    return request.param


def attacked(tier: str, user: str, *options: str) -> list[dict[str, object]]:
    as_user = ["--as-nobody"] if user == "nobody" else []
    command = [sys.executable, "-m", "mcp_servers.sandbox.probes", "--tier", tier, *as_user, *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("user", USERS)
def test_quick_abuses_reach_nothing(tier: str, user: str) -> None:
    found = attacked(tier, user, "--quick")
    assert [each for each in found if not each["held"]] == []
    assert len(found) > 55


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("user", USERS)
def test_all_abuses_reach_nothing(tier: str, user: str) -> None:
    found = attacked(tier, user)
    assert [each for each in found if not each["held"]] == []
    assert len(found) > 100


def test_the_probes_would_notice_an_open_door(tmp_path: Path) -> None:
    """A probe that cannot fail is none: without walls, the same snippets reach the secret and say so."""
    from mcp_servers.sandbox.canary import Canary

    reached = 0
    for name in ("reads a file of the host", "lists a folder of the host", "writes through a linked folder",
                 "connects to the host", "writes to a socket in the host's files", "empties a host file"):  # fmt: skip
        canary = Canary()
        try:
            code = canary.prelude() + next(each.code for each in abuses() if each.name == name)
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
            )
            reached += bool("ESCAPED" in done.stdout or canary.secret in done.stdout or canary.touched())
            (tmp_path / "out").unlink(missing_ok=True)
        finally:
            canary.close()
    assert reached == 6
