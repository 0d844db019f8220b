"""How a command ends when something goes wrong: the message, the next step, an exit code, never a traceback."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable

from app.cli.terminal import say
from lyceum.errors import LyceumError, UserError, frames, nearest


def guarded(command: Callable[[], int]) -> int:
    """Run a command; what we did not foresee is written to a file and told in one line."""
    try:
        return command()
    except LyceumError as error:
        complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        say("stopped")
        return 130
    except BrokenPipeError:
        # The reader of our output went away; what else Python flushes at exit must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the outermost place there is
        report_bug(error)
        return 1


def complain(error: LyceumError) -> None:
    say(f"lyceum: {error.message}" + (f"\n  {error.next_step}" if error.next_step else ""))


def report_bug(error: Exception) -> None:
    """Keep where it happened in a file that only its owner can read; messages stay out, one may hold a key."""
    handle, kept = tempfile.mkstemp(prefix="lyceum-", suffix=".log")
    with os.fdopen(handle, "w", encoding="utf-8", errors="replace") as file:
        file.write(f"{type(error).__name__}\n{frames(error)}")
    say(f"This is a bug in Lyceum ({type(error).__name__}).\n  Where it happened is in {kept}: please report it.")


def unknown_command(name: str, known: list[str]) -> int:
    say(f"lyceum: there is no command {name!r}.\n  {nearest(name, known, what='commands')}")
    return 2


def unknown_option(strange: list[str], manual: str) -> UserError:
    """Return what to say of words that a command does not take; its help names those that it does."""
    flags = [word.partition("=")[0] for word in strange if word.startswith("-")]
    if not flags:
        return UserError(f"{strange[0]!r} is one word too many.", next_step="The command's --help says what it takes.")
    close = nearest(flags[0], re.findall(r"--[a-z][a-z-]*", manual), what="options")
    return UserError(f"There is no option {flags[0]}.", next_step=close)
