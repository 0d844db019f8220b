"""What one third-party server may take of time, memory and attention; beyond it the server is left out, not believed.

Sizes are in bytes unless said otherwise, times in seconds. Tokens are counted as four bytes each.
"""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """`start` includes the handshake; `unasked` counts messages that came since we last asked for something."""

    start: float = 30.0
    listing: float = 10.0
    message: int = 8 * MEBIBYTE
    unasked: int = 5_000
    unreadable: int = 100  # lines that are no message
    pages: int = 20
    tools: int = 128
    schema: int = 32_000
    definition: int = 48_000  # with its name, description and annotations
    depth: int = 16  # of a schema
    nodes: int = 2_000  # of a schema, its references followed
    description: int = 2_000  # characters that agents see
    definitions: int = 40_000  # of all tools together, as agents see them
    result: int = 40_000  # of one result: 10,000 tokens
    arguments: int = 256_000
    rest: float = 60.0  # a server that failed is not tried again for so long
    leave: float = 0.5  # after its input was closed, before it is told to stop; as long again before it is made to
