"""A text that was given on the command line, looked at before anything is done with it."""

from __future__ import annotations

from lyceum.errors import UserError


def check_text(text: str, what: str, *, most: int, instead: str) -> None:
    """Raise UserError where a text is longer than `most` characters (`instead` says what to do) or cannot be stored."""
    if len(text) > most:
        raise UserError(f"The {what} has {len(text):,} characters; at most {most:,} fit.", next_step=instead)
    # An argument with bytes that are no UTF-8 arrives as surrogates, which nothing further on can store.
    if any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise UserError(f"The {what} is not valid UTF-8.", next_step="Retype it, or pipe it in as UTF-8.")
