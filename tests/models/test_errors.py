"""Failures become errors that tell a person what to do, and never pass on another program's text."""

from __future__ import annotations

import logging

import pytest
from pydantic_ai.exceptions import ContentFilterError, UnexpectedModelBehavior, UsageLimitExceeded

from lyceum.errors import Bug, LimitReached, LyceumError, OperatorError, Unavailable, UserError
from models.errors import friendly

SECRET = "sk-planted-4242"


def caught(error: Exception) -> Exception:
    """The error as it arrives: raised, with where it came from."""
    try:
        raise error
    except Exception as raised:  # noqa: BLE001
        return raised


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError(SECRET), Bug),
        (KeyError(SECRET), Bug),
        (ConnectionResetError(SECRET), Unavailable),
        (TimeoutError(SECRET), Unavailable),
        (UnexpectedModelBehavior(SECRET, body=SECRET), Unavailable),
        (ContentFilterError(SECRET), OperatorError),
        (UsageLimitExceeded(SECRET), LimitReached),
    ],
)
def test_every_failure_says_what_to_do_and_quotes_nothing(
    error: Exception, kind: type[LyceumError], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        told = friendly(caught(error))
    assert type(told) is kind
    assert told.next_step
    assert SECRET not in str(told) + caplog.text


def test_a_bug_leaves_where_it_happened_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    friendly(caught(RuntimeError(SECRET)))
    assert "RuntimeError" in caplog.text
    assert "test_errors.py" in caplog.text


def test_an_error_of_ours_stays_as_it_is() -> None:
    error = UserError("Two.", next_step="Do one.")
    assert friendly(error) is error
