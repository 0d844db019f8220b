"""The process's tool servers with one more: whatever third-party servers there are, together under one name."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.connector import CONNECTED
from app.third_party.config import Expanded
from app.third_party.connected import ThirdParty
from app.third_party.connection import SignsIn

if TYPE_CHECKING:
    from pydantic_ai.toolsets import AbstractToolset

    from app.connections import ConnectedTools
    from lyceum.artifacts import ArtifactStore


class ToolsAndThirdParty:
    """`Tools` over our own servers; `connected` is among the servers while a third-party one is configured."""

    def __init__(self, own: ConnectedTools, others: ThirdParty) -> None:
        self._own = own
        self.others = others

    def servers(self) -> Sequence[str]:
        known = list(self._own.servers())
        return [*known, CONNECTED] if self.others.load().servers else known

    async def toolset(self, server: str) -> AbstractToolset[Any]:
        return await (self.others.toolset() if server == CONNECTED else self._own.toolset(server))

    async def call(self, server: str, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        if server == CONNECTED:
            return await self.others.call(tool)
        return await self._own.call(server, tool, arguments)

    @asynccontextmanager
    async def connected(self) -> AsyncGenerator[None]:
        """Keep what is connected until the block ends."""
        async with self._own.connected():
            try:
                yield
            finally:
                await self.others.close()


def with_third_party(own: ConnectedTools, home: Path, artifacts: ArtifactStore) -> ToolsAndThirdParty:
    """Add the servers of `mcp.json`, of the home and of this folder; nothing is started before it is used."""
    taken = frozenset(own.servers()) | {"lyceum", CONNECTED}
    others = ThirdParty(home, Path.cwd(), artifacts, os.environ, taken=taken, signs_in=_signing(home))
    return ToolsAndThirdParty(own, others)


def _signing(home: Path) -> SignsIn:
    def signs_in(expanded: Expanded, key: str) -> Any:
        from app.third_party.oauth import signing  # the SDK's part of it takes long to import

        return signing(home)(expanded, key)

    return signs_in
