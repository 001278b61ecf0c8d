"""The picture of docs/peers.md: accuracy with its interval, a dot for each model, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from peers_tables import Row

WIDTH, NAME, RIGHT, ROW, TITLE, FOOT = 760, 210, 62, 24, 34, 30
# Okabe and Ito's colours, which colour-blind people can tell apart; shapes differ as well.
COLOURS = {"mien": "#0072b2", "tutorial": "#e69f00", "library": "#5b6370"}
WORDS = {"mien": "mien", "tutorial": "networks of tutorials, trained here", "library": "libraries"}
# Percent at the edges of the axis, and what is written below it.
LOW, HIGH, STEP = 40, 95, 10


def peers_svg(panels: Sequence[tuple[str, Sequence[Row]]]) -> str:
    """Return one panel below the other, the best model of each at the top.

    Args:
        panels: Title and rows of each; accuracies must lie between `LOW` and `HIGH` percent.
    """
    parts, top = [], 40
    for title, rows in panels:
        parts.append(_panel(title, sorted(rows, key=lambda row: -_share(row, "value")), top))
        top += TITLE + ROW * len(rows) + FOOT
    style = (
        "text{font:13px sans-serif;fill:#24292f}.bold{font-weight:600}.axis{stroke:#d8dde3}"
        ".small{font-size:11px;fill:#57606a}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" role="img" '
        f'aria-label="Accuracy of mien, of tutorials\' networks and of libraries">\n'
        f'<style>{style}</style>\n<rect width="{WIDTH}" height="{top}" fill="#fff"/>\n'
        f"{_legend()}{''.join(parts)}</svg>\n"
    )


def _panel(title: str, rows: Sequence[Row], top: int) -> str:
    base = top + TITLE + ROW * len(rows)
    lines = [f'<text class="bold" x="12" y="{top + 16}">{escape(title.replace("`", ""))}</text>']
    for percent in range(LOW, HIGH, STEP):
        x = _x(percent / 100)
        lines.append(
            f'<line class="axis" x1="{x}" x2="{x}" y1="{top + TITLE - 6}" y2="{base}"/>'
            f'<text class="small" x="{x}" y="{base + 15}" text-anchor="middle">{percent} %</text>'
        )
    lines += [_row(row, top + TITLE + ROW * number + 10) for number, row in enumerate(rows)]
    return "\n".join(lines) + "\n"


def _row(row: Row, y: int) -> str:
    low, value, high = (_share(row, end) for end in ("low", "value", "high"))
    colour, bold = COLOURS[row.kind], ' class="bold"' if row.kind == "mien" else ""
    name = escape(row.name.strip("`"))
    return (
        f'<text{bold} x="{NAME - 8}" y="{y + 4}" text-anchor="end">{name}</text>'
        f'<line x1="{_x(low)}" x2="{_x(high)}" y1="{y}" y2="{y}" stroke="{colour}" '
        f'stroke-width="2"/>{_mark(row.kind, _x(value), y)}'
        f'<text{bold} x="{WIDTH - 8}" y="{y + 4}" text-anchor="end">{100 * value:.1f} %</text>'
    )


def _mark(kind: str, x: str, y: int) -> str:
    colour = f'fill="{COLOURS[kind]}"'
    if kind == "mien":
        return f'<circle cx="{x}" cy="{y}" r="5.5" {colour}/>'
    turned = f' transform="rotate(45 {x} {y})"' if kind == "tutorial" else ""
    return f'<rect x="{float(x) - 4:.1f}" y="{y - 4}" width="8" height="8" {colour}{turned}/>'


def _legend() -> str:
    parts, x = [], 12.0
    for kind, words in WORDS.items():
        parts.append(
            f'{_mark(kind, f"{x + 6:.1f}", 20)}<text x="{x + 18:.1f}" y="24">{words}</text>'
        )
        x += 44 + 6 * len(words)
    return "".join(parts) + "\n"


def _share(row: Row, end: str) -> float:
    return float(row.published["accuracy"][end])


def _x(share: float) -> str:
    """Return where a share of 0..1 lies."""
    reach = (100 * share - LOW) / (HIGH - LOW)
    return f"{NAME + reach * (WIDTH - NAME - RIGHT):.1f}"
