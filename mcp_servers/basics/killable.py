"""Work that a hostile input could make endless runs in a process of its own, which is killed when its time is up."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from lyceum.errors import ModelRetry

HERE = Path(__file__).parent


def run(script: str, request: dict[str, Any], seconds: float, *, too_long: str, next_step: str) -> dict[str, Any]:
    """Run a script of this folder on a request; raises ModelRetry when it takes too long, too much, or refuses."""
    try:
        done = subprocess.run(  # noqa: S603 - our own script; the request goes in by stdin
            [sys.executable, "-I", str(HERE / script)],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=seconds + 1,  # starting Python counts too
            check=False,
            env={},
        )
    except subprocess.TimeoutExpired:
        raise ModelRetry(too_long, next_step=next_step) from None
    if done.returncode != 0:
        raise ModelRetry(f"{too_long} (It ran out of memory or time.)", next_step=next_step)
    answer = json.loads(done.stdout)
    if "refused" in answer:
        raise ModelRetry(answer["refused"], next_step=answer["next_step"])
    return answer
