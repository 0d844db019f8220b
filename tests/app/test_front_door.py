"""A home that is thrown away leaves nothing behind that still writes to it."""

from __future__ import annotations

import logging
from pathlib import Path

from app.front_door import front_door
from lyceum.settings import Settings


async def test_an_error_after_a_home_was_thrown_away_is_logged_without_it(tmp_path: Path) -> None:
    async with front_door(Settings(home=tmp_path, offline=True)):
        pass
    logging.getLogger("anything").error("said later")
