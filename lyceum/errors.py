"""What can go wrong, sorted by who should act.

LyceumError
├── UserError           the person changes the request, a file or an option      exit 2
├── ModelRetry          the model sends other arguments; says which              exit 1
├── OperatorError       whoever runs the machine: disk, key, service, setting    exit 1
│   ├── Unavailable     a service or provider did not answer; trying again may help
│   ├── StoreFailed     the run store took no write: disk full, file locked; the run goes on later
│   └── LeaseLost       another process drives the run now
├── Stopped             nobody is wrong: the run has to end or wait here
│   ├── WaitsForApproval                                                         exit 3
│   ├── LimitReached    a budget or limit; partial results are kept              exit 4
│   └── Cancelled                                                                exit 130
└── Bug                 we are wrong: report it                                  exit 1
"""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Iterable
from typing import ClassVar


class LyceumError(Exception):
    """An error with the next step in it: `message` says what happened, `next_step` what to do about it."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step

    def __str__(self) -> str:
        return f"{self.message}\n  {self.next_step}" if self.next_step else self.message


class UserError(LyceumError):
    exit_code = 2


class ModelRetry(LyceumError):
    """A tool's answer to wrong arguments; the text is shown to the model and must say what to send instead."""


class OperatorError(LyceumError):
    pass


class Unavailable(OperatorError):
    """`retry_after` is in seconds, where the other side named it."""

    def __init__(self, message: str, *, next_step: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, next_step=next_step)
        self.retry_after = retry_after


class StoreFailed(OperatorError):
    pass


class LeaseLost(OperatorError):
    pass


class Stopped(LyceumError):
    pass


class WaitsForApproval(Stopped):
    exit_code = 3


class LimitReached(Stopped):
    exit_code = 4


class Cancelled(Stopped):
    exit_code = 130


class Bug(LyceumError):
    pass


def nearest(name: str, valid: Iterable[str], *, what: str) -> str:
    """Return the sentence that ends an "unknown name" error: the nearest valid name, or all of them."""
    names = sorted(valid)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Valid {what}: {', '.join(names) or 'none'}."


def frames(error: BaseException) -> str:
    """Return where an error was raised, and not its text: other people's error messages may hold a key."""
    return "".join(traceback.format_tb(error.__traceback__))
