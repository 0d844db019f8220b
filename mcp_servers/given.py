"""Text that a tool is given: in the call itself, or in a file of the user's."""

from __future__ import annotations

from pathlib import Path

from lyceum.errors import ModelRetry, nearest


def text_given(text: str, path: str, *, most: int) -> str:
    """Return the text, or a file's, where `most` characters are wanted at most: a file of more than 4 bytes each is
    refused unread. Raises ModelRetry for both, neither, or a file that is no text.
    """
    if bool(text) == bool(path):
        raise ModelRetry("Text to learn from comes as text or as path.", next_step="Send one of the two.")
    if text:
        return text
    file = Path(path).expanduser()
    try:
        if not file.is_file():
            beside = [each.name for each in file.parent.iterdir()][:1000] if file.parent.is_dir() else []
            known = nearest(file.name, beside, what="files")[:500]
            raise ModelRetry(f"There is no file {path!r}: it cannot be read.", next_step=known)
        if file.stat().st_size > 4 * most:
            raise ModelRetry(f"{file.name} is too large.", next_step=f"Send at most {most:,} characters.")
        return file.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        reason = type(error).__name__
        raise ModelRetry(f"{file.name} cannot be read as UTF-8 text ({reason}).", next_step="Send another.") from None
