"""Merge trees: which merges build a word's tokens, as indented text and as a picture (SVG)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

from mcp_servers.tokenizers.training import merge_pair, readable


@dataclass(frozen=True)
class Node:
    """A token: `rank` is the merge that made it from its two children; a symbol has neither."""

    token: str
    rank: int = -1
    children: tuple[Node, ...] = ()

    @property
    def height(self) -> int:
        return 1 + max((child.height for child in self.children), default=-1)


def trees_of(word: str, ranks: Mapping[tuple[str, str], int]) -> list[Node]:
    """Encode a word by merges and return one tree for each of its tokens."""
    nodes = [Node(symbol) for symbol in word]
    while True:
        pairs = [(a.token, b.token) for a, b in pairwise(nodes) if (a.token, b.token) in ranks]
        if not pairs:
            return nodes
        pair = min(pairs, key=ranks.__getitem__)
        nodes = _merged(nodes, pair, ranks[pair])


def _merged(nodes: Sequence[Node], pair: tuple[str, str], rank: int) -> list[Node]:
    """Join nodes where `merge_pair` joins their tokens."""
    joined: list[Node] = []
    place = 0
    for token in merge_pair(tuple(node.token for node in nodes), pair):
        if token == nodes[place].token:
            joined.append(nodes[place])
            place += 1
        else:
            joined.append(Node(token, rank, (nodes[place], nodes[place + 1])))
            place += 2
    return joined


def as_text(nodes: Sequence[Node]) -> str:
    """Draw trees as indented lines, `merge N` being the order in which the merge was learnt (from 0)."""
    lines: list[str] = []

    def draw(node: Node, before: str, branch: str, below: str) -> None:
        made = f"  merge {node.rank}" if node.children else ""
        lines.append(f"{before}{branch}{visible(node.token)}{made}")
        for place, child in enumerate(node.children):
            last = place == len(node.children) - 1
            draw(child, before + below, "└─ " if last else "├─ ", "   " if last else "│  ")

    for node in nodes:
        draw(node, "", "", "")
    return "\n".join(lines)


def visible(token: str) -> str:
    """A token for a reader: bytes as the text they are, spaces and line ends as signs."""
    return readable(token).replace(" ", "·").replace("\n", "⏎").replace("\t", "⇥")


_WIDTH, _ROW, _MARGIN = 46, 52, 24


def as_svg(nodes: Sequence[Node], title: str) -> str:
    """Draw trees from the symbols (below) to the tokens (above); a line carries the number of its merge."""
    shapes: list[str] = []
    top = max((node.height for node in nodes), default=0)
    column = 0

    def place(node: Node) -> tuple[float, float]:
        nonlocal column
        y = _MARGIN + 20 + (top - node.height) * _ROW
        if not node.children:
            x = _MARGIN + _WIDTH * (column + 0.5)
            column += 1
        else:
            ends = [place(child) for child in node.children]
            x = sum(end[0] for end in ends) / len(ends)
            shapes[:0] = [f'<path d="M{x:.0f} {y}L{a:.0f} {b}" stroke="#999" fill="none"/>' for a, b in ends]
            shapes.append(f'<text x="{x:.0f}" y="{y + 22}" font-size="9" fill="#777">{node.rank}</text>')
        text = visible(node.token)
        half = max(14.0, len(text) * 4.2 + 6)
        fill = "#dbeafe" if node.children else "#f3f4f6"
        shapes.append(
            f'<rect x="{x - half:.0f}" y="{y - 12}" width="{2 * half:.0f}" height="24" rx="5" fill="{fill}" '
            f'stroke="#64748b"/><text x="{x:.0f}" y="{y + 4}" font-size="12">{escape(text)}</text>'
        )
        return x, y

    for node in nodes:
        place(node)
    width, height = 2 * _MARGIN + _WIDTH * max(column, 1), _MARGIN + 40 + top * _ROW + _MARGIN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="monospace" '
        f'text-anchor="middle"><title>{escape(title)}</title><rect width="100%" height="100%" fill="white"/>'
        f"{''.join(shapes)}</svg>"
    )
