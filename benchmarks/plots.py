"""Bars as SVG: a few lines of text and rectangles, no library. Pure.

Colours are chosen to be read on white and on black; text takes the page's own colour where that is known.
"""

from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

_WIDTH, _LABEL, _ROW, _TOP, _VALUE = 760, 240, 30, 44, 110
_OURS, _THEIRS = "#2563eb", "#9ca3af"
_STYLE = (
    "text{font:13px sans-serif;fill:#374151}.title{font-weight:bold;font-size:15px}"
    "@media(prefers-color-scheme:dark){text{fill:#d1d5db}}"
)


class Bar(msgspec.Struct, frozen=True):
    """One value and, if there were rounds, their spread."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None
    ours: bool = False


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """Horizontal bars on one scale, from zero."""
    most = max([row.high or row.value for row in rows] or [1.0]) or 1.0
    scale = (_WIDTH - _LABEL - _VALUE) / most
    height = _TOP + _ROW * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="8" y="24">{escape(title)} ({escape(unit)})</text>',
        *(_row(row, _TOP + index * _ROW, scale) for index, row in enumerate(rows)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _row(row: Bar, top: int, scale: float) -> str:
    length, middle = row.value * scale, top + 9
    colour = _OURS if row.ours else _THEIRS
    end = max(row.value, row.high or 0.0) * scale
    return (
        f'<text x="{_LABEL - 10}" y="{top + 14}" text-anchor="end">{escape(row.label)}</text>'
        f'<rect x="{_LABEL}" y="{top}" width="{length:.1f}" height="18" rx="2" fill="{colour}"/>'
        f"{_whisker(row, middle, scale)}"
        f'<text x="{_LABEL + end + 8:.1f}" y="{top + 14}">{_said(row.value)}</text>'
    )


def _whisker(row: Bar, middle: int, scale: float) -> str:
    """From the least round to the most."""
    if row.low is None or row.high is None:
        return ""
    left, right = _LABEL + row.low * scale, _LABEL + row.high * scale
    return f'<path d="M{left:.1f} {middle}H{right:.1f}" stroke="#111827" stroke-width="2"/>'


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
