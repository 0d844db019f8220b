"""How a pull is shown: a bar on a terminal, a line every tenth elsewhere; always on stderr."""

from __future__ import annotations

import sys
from collections.abc import Generator
from contextlib import contextmanager

from models.catalog import shown_size
from models.local.pull import Watcher


class Lines:
    """Says what happens in plain lines, and how far it is at every tenth of `total` bytes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._tenths = 0

    def say(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def at(self, done: int) -> None:
        tenths = done * 10 // self._total
        if tenths > self._tenths:
            self.say(f"{tenths * 10} % ({shown_size(done)} of {shown_size(self._total)})")
        self._tenths = tenths


@contextmanager
def watching(total: int) -> Generator[Watcher]:
    """Show a pull of `total` bytes while the context lasts."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(total)
        return
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total)

        class Bar:
            def say(self, line: str) -> None:
                console.print(line)

            def at(self, done: int) -> None:
                progress.update(task, completed=done)

        yield Bar()
