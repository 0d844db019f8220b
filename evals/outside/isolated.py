"""Other people's code in a process and an environment of its own: what it needs never meets what we need."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lyceum.errors import OperatorError

SECONDS = 1800  # the longest of them takes a minute of an idle core
DRIVERS = Path(__file__).parent / "drivers"


def run_driver(name: str, given: Any, *, packages: Sequence[str], python: str = "") -> Any:
    """Run `drivers/NAME.py` with JSON on its standard input, and return the JSON on the last line that it prints.

    `python` is an interpreter that has the packages; without one, uv makes an environment with them for the call.
    Raises OperatorError with the end of what it said where it fails.
    """
    uv = str(Path(sys.executable).with_name("uv"))
    wanted = [part for package in packages for part in ("--with", package)]
    start = [python] if python else [uv, "run", "--isolated", "--no-project", "--quiet", *wanted, "python"]
    needs = f"It needs {', '.join(packages)}; --python PATH names an interpreter that has them."
    try:
        process = subprocess.Popen(  # noqa: S603 - our own driver, in an interpreter that the person chose
            [*start, str(DRIVERS / f"{name}.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            start_new_session=True,
        )
    except OSError as error:
        raise OperatorError(f"{start[0]} did not start: {error.strerror}.", next_step=needs) from None
    try:
        out, err = process.communicate(json.dumps(given), timeout=SECONDS)
    except BaseException as error:  # an interrupt too: uv's child would go on alone, and hold the pipes open
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        raise OperatorError(f"{name} took longer than {SECONDS} s.", next_step="Give --limit N.") from None
    if process.returncode:
        said = " ".join(err.strip().splitlines()[-3:])[-600:]
        raise OperatorError(f"{name} failed: {said or f'exit code {process.returncode}'}", next_step=needs)
    try:
        return json.loads(out.strip().splitlines()[-1])
    except (IndexError, ValueError):
        raise OperatorError(f"{name} printed no result.", next_step=needs) from None
