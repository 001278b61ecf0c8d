"""Breaking points as one picture: each changed face, the answer to it, and how far it held."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from mien.core.labels import COLOURS
from mien.evaluation.breaking_points import BreakingPoint
from mien.recognition.drawing.still import load_font

# Four times a face's own pixels, so that enlarging adds no pattern.
_SHOWN_PX = 192
_COLUMNS, _GAP, _MARGIN = 6, 30, 36
_BAR_PX, _HEAD_PX, _WORDS_PX, _FOOT_PX = 10, 56, 84, 44
_TITLE_PX, _ANSWER_PX, _NOTE_PX = 26, 21, 16
_GROUND, _INK, _MUTED, _OTHERWISE = "#ffffff", "#1d2129", "#646b76", "#b8321f"


def draw_breaking_points(points: Sequence[BreakingPoint], *, title: str, note: str) -> Image.Image:
    """Draw faces in rows, each with its change, the answer, and the last step that held.

    Args:
        points: Of `find_breaking_points`, the unchanged face first.
        title: Stands above them.
        note: Stands below them: whose answers, how it was done.
    """
    across, down = _SHOWN_PX + _GAP, _SHOWN_PX + _BAR_PX + _WORDS_PX + _GAP
    rows, columns = -(-len(points) // _COLUMNS), min(_COLUMNS, len(points))
    width = 2 * _MARGIN + columns * across - _GAP
    height = 2 * _MARGIN + _HEAD_PX + rows * down - _GAP + _FOOT_PX
    sheet = Image.new("RGB", (width, height), _GROUND)
    pen = ImageDraw.Draw(sheet)
    pen.text((_MARGIN, _MARGIN), title, fill=_INK, font=load_font(_TITLE_PX))
    for place, point in enumerate(points):
        left = _MARGIN + place % _COLUMNS * across
        top = _MARGIN + _HEAD_PX + place // _COLUMNS * down
        _draw_point(sheet, left, top, point)
    pen.text((_MARGIN, height - _MARGIN - _NOTE_PX), note, fill=_MUTED, font=load_font(_NOTE_PX))
    return sheet


def _draw_point(sheet: Image.Image, left: int, top: int, point: BreakingPoint) -> None:
    pen = ImageDraw.Draw(sheet)
    enlarged = Image.fromarray(point.face_gray).resize(
        (_SHOWN_PX, _SHOWN_PX), Image.Resampling.BICUBIC
    )
    sheet.paste(enlarged, (left, top))
    _draw_bar(pen, left, top + _SHOWN_PX, point)
    top += _SHOWN_PX + _BAR_PX + 8
    said = f"{point.label} {point.probabilities[point.label]:.0%}"
    for words, size, colour in (
        (f"{point.kind} {point.strength}", _NOTE_PX, _INK),
        (said, _ANSWER_PX, _OTHERWISE if point.breaks else _INK),
        (_how_far(point), _NOTE_PX, _MUTED),
    ):
        pen.text((left, top), words, fill=colour, font=load_font(size))
        top += size + 8


def _draw_bar(pen: ImageDraw.ImageDraw, left: int, top: int, point: BreakingPoint) -> None:
    """Draw the probabilities of all expressions as one bar, each as long as its share."""
    start = 0.0
    for label, share in point.probabilities.items():
        first, last = (left + round(end * _SHOWN_PX) for end in (start, start + share))
        if last > first:
            pen.rectangle((first, top, last - 1, top + _BAR_PX - 1), fill=COLOURS[label])
        start += share


def _how_far(point: BreakingPoint) -> str:
    if point.kind == "unchanged":
        return ""
    if not point.breaks:
        return "held to the end"
    return "at the first step" if point.held_to is None else f"held up to {point.held_to}"
