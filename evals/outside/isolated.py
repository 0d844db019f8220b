"""Other people's code in a process and an environment of its own: what it needs never meets what we need."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lyceum.errors import OperatorError

SECONDS = 600
DRIVERS = Path(__file__).parent / "drivers"


def run_driver(name: str, given: Any, *, packages: Sequence[str], python: str = "") -> Any:
    """Run `drivers/NAME.py` with JSON on its standard input, and return the JSON on the last line that it prints.

    `python` is an interpreter that has the packages; without one, uv makes an environment with them for the call.
    Raises OperatorError with the end of what it said where it fails.
    """
    uv = str(Path(sys.executable).with_name("uv"))
    wanted = [part for package in packages for part in ("--with", package)]
    start = [python] if python else [uv, "run", "--isolated", "--no-project", "--quiet", *wanted, "python"]
    try:
        done = subprocess.run(  # noqa: S603 - our own driver, in an interpreter that the person chose
            [*start, str(DRIVERS / f"{name}.py")],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OperatorError(f"{name} did not run: {type(error).__name__}.", next_step="Give --python PATH.") from None
    if done.returncode:
        said = " ".join(done.stderr.strip().splitlines()[-3:])[:600]
        raise OperatorError(
            f"{name} failed: {said}", next_step=f"It needs {', '.join(packages)}; --python names an interpreter."
        )
    return json.loads(done.stdout.strip().splitlines()[-1])
