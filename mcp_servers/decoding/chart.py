"""Bars of token probabilities, one group a token and one bar a setting, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_COLOURS = ("#1d4ed8", "#f59e0b", "#10b981", "#ef4444", "#8b5cf6", "#64748b")
_BAR, _ROW, _LEFT, _WIDE = 14, 8, 150, 420


def bars(tokens: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], title: str) -> str:
    """Draw every token's probability under each setting; a series is a label and one value (0 to 1) a token."""
    shapes: list[str] = []
    top = 60 + 18 * len(series)
    largest = max((value for _, values in series for value in values), default=1.0) or 1.0
    for place, (label, _) in enumerate(series):
        y, colour = 44 + 18 * place, _COLOURS[place % len(_COLOURS)]
        shapes.append(f'<rect x="{_LEFT}" y="{y}" width="12" height="12" fill="{colour}"/>')
        shapes.append(f'<text x="{_LEFT + 18}" y="{y + 11}">{escape(label)}</text>')
    group = _BAR * len(series) + _ROW
    for row, token in enumerate(tokens):
        y = top + row * group
        middle = y + _BAR * len(series) / 2 + 4
        shapes.append(f'<text x="{_LEFT - 8}" y="{middle:.0f}" text-anchor="end">{escape(token)}</text>')
        for place, (_, values) in enumerate(series):
            wide, bar = _WIDE * values[row] / largest, y + _BAR * place
            colour = _COLOURS[place % len(_COLOURS)]
            shapes.append(f'<rect x="{_LEFT}" y="{bar}" width="{wide:.1f}" height="{_BAR - 2}" fill="{colour}"/>')
            shapes.append(f'<text x="{_LEFT + wide + 5:.0f}" y="{bar + 10}" font-size="10">{values[row]:.3f}</text>')
    height = top + len(tokens) * group + 20
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDE + 70} {height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/><text x="12" y="26" font-size="15">'
        f"{escape(title)}</text>{''.join(shapes)}</svg>"
    )
