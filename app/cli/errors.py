"""How a command ends when something goes wrong: the message, the next step, an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from lyceum.errors import LyceumError, nearest


def guarded(command: Callable[[], int]) -> int:
    """Run a command; what we did not foresee is written to a file and told in one line."""
    try:
        return command()
    except LyceumError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away; what else Python flushes at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost place there is
        kept = Path(tempfile.gettempdir()) / f"lyceum-{int(time.time())}.log"
        kept.write_text(traceback.format_exc(), encoding="utf-8")
        print(
            f"This is a bug in Lyceum: {type(error).__name__}: {error}\n  The details are in {kept}.", file=sys.stderr
        )
        return 1


def complain(error: LyceumError) -> None:
    print(f"lyceum: {error.message}", file=sys.stderr)
    if error.next_step:
        print(f"  {error.next_step}", file=sys.stderr)


def unknown_command(name: str, known: list[str]) -> int:
    print(f"lyceum: there is no command {name!r}.\n  {nearest(name, known, what='commands')}", file=sys.stderr)
    return 2
