"""What may reach a terminal: text without control, at the terminal's width, in colour only where it is wanted."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

NARROWEST = 20

# Escape, bell, backspace and the rest become their visible pictures: a tool's text must not move the cursor, set the
# title or write the clipboard. C1 controls do the same in one character; direction overrides reorder what is read;
# half a surrogate pair cannot be written at all.
_VISIBLE = (
    {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
    | {0x7F: 0x2421}
    | dict.fromkeys(
        [*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)], 0xFFFD
    )
)


def neutral(text: str) -> str:
    """Return text that a terminal only shows; lines and tabs stay."""
    return text.replace("\r\n", "\n").translate(_VISIBLE)


def one_line(text: str, most: int = 100) -> str:
    plain = neutral(" ".join(text.split()))
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def say(text: str) -> None:
    """Tell the person something that is not the answer."""
    print(neutral(text), file=sys.stderr, flush=True)


def width() -> int:
    return max(NARROWEST, shutil.get_terminal_size().columns)


def styled(stream: TextIO) -> bool:
    """Tell whether a stream takes styles; NO_COLOR then still leaves bold and italics."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def markdown(text: str, columns: int) -> str:
    """Return Markdown as styled lines of at most `columns`; links show where they lead."""
    from io import StringIO

    from rich.console import Console
    from rich.markdown import Markdown

    drawn = StringIO()
    console = Console(file=drawn, force_terminal=True, width=columns, highlight=False, legacy_windows=False)
    console.print(Markdown(neutral(text), code_theme="ansi_dark", hyperlinks=False))
    return "\n".join(line.rstrip() for line in drawn.getvalue().rstrip("\n").split("\n"))
