"""What runs other people's code starts as nobody, and starting it disturbs nobody else's work."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from lyceum import unprivileged

BESIDE_A_PRODUCT = """
import threading
import numpy as np
from mcp_servers.sandbox.grounds import in_spawner, popen
rows = np.random.default_rng(0).random((3000, 256), dtype=np.float32)
def start():
    for _ in range(60):
        in_spawner(popen, ["/bin/true"], {}, ()).wait()
starting = threading.Thread(target=start)
starting.start()
while starting.is_alive():
    rows @ rows[0]
print("done")
"""


def test_starting_confined_processes_does_not_hang_a_product_of_numpy_in_another_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BESIDE_A_PRODUCT], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "done\n"


@pytest.mark.skipif(not unprivileged.is_root(), reason="only root has rights to give up")
@pytest.mark.parametrize("setpriv", [True, False], ids=["setpriv", "without setpriv"])
def test_root_gives_up_user_group_and_groups(setpriv: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not setpriv:
        monkeypatch.setattr(unprivileged.shutil, "which", lambda *_given, **_more: None)
    command = unprivileged.unprivileged(["/bin/sh", "-c", "id -u; id -g; id -G"])
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["65534"] * 3


def test_others_run_the_command_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unprivileged.unprivileged(["ls", "-l"]) == ["ls", "-l"]
