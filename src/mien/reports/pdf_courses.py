"""Expressions over time on paper: areas, strips, their axis, and moments that were marked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from mien.reports.bins import BinnedExpressions
from mien.reports.palette import colour_of
from mien.reports.pdf_sheet import LOOK, MARGIN, WIDTH, Sheet
from mien.reports.video_people import Timeline
from mien.reports.video_svg import OPACITIES, STRENGTHS, runs, stretches
from mien.reports.words import mark_texts, marks

AREA_HEIGHT, STRIP_HEIGHT, AXIS_HEIGHT = 24.0, 2.6, 6.0
_NAME_WIDTH = 32.0
# More numbers than this would stand on one another.
MARKERS_NUMBERED = 24
# Thinner than a hair of ink.
_LEAST_HEIGHT = 0.002


class CourseDrawer:
    """Draws the courses of one report over one axis."""

    def __init__(self, sheet: Sheet, labels: Sequence[str], timeline: Timeline) -> None:
        """Draw on a sheet.

        Args:
            sheet: Where.
            labels: The expressions.
            timeline: The axis, with what was marked.
        """
        self._sheet, self._labels, self._timeline = sheet, labels, timeline

    def course(self, course: BinnedExpressions) -> None:
        """Draw areas with their strip and axis over the whole width."""
        sheet = self._sheet
        sheet.room(AREA_HEIGHT + STRIP_HEIGHT + AXIS_HEIGHT + 5)
        left = MARGIN + 8
        width, top = WIDTH - 8, sheet.get_y() + 3
        self._percents(left, top)
        self._area(course, left, top, width)
        self._strip(course, left, top + AREA_HEIGHT + 0.8, width)
        below = top + AREA_HEIGHT + 0.8 + STRIP_HEIGHT
        self._markers(course, left, top, width, below)
        self._axis(left, below, width)
        sheet.set_y(below + AXIS_HEIGHT)

    def rows(self, courses: Sequence[tuple[str, BinnedExpressions]]) -> None:
        """Draw a strip for each person, by name, and one axis below them."""
        sheet = self._sheet
        left, width = MARGIN + _NAME_WIDTH, WIDTH - _NAME_WIDTH
        for name, course in courses:
            sheet.room(12)
            top = sheet.get_y() + 1
            sheet.type(8)
            sheet.text(MARGIN, top + 3.6, sheet.cut(sheet.known(name), _NAME_WIDTH - 2))
            self._strip(course, left, top, width, height=5)
            sheet.set_y(top + 5)
        self._axis(left, sheet.get_y(), width)
        sheet.set_y(sheet.get_y() + AXIS_HEIGHT)

    def _area(self, course: BinnedExpressions, left: float, top: float, width: float) -> None:
        sheet, count = self._sheet, max(1, len(course.seconds))
        sheet.set_fill_color(LOOK.empty)
        sheet.rect(left, top, width, AREA_HEIGHT, style="F")
        tops = np.clip(np.nan_to_num(course.probabilities).cumsum(axis=1), 0, 1)
        step, ground = width / count, top + AREA_HEIGHT
        shown = list(runs(course.seconds > 0))
        # From the highest to the lowest, each covering the lower part of the one before.
        for place in reversed(range(len(self._labels))):
            heights = tops[:, place]
            below = tops[:, place - 1] if place else np.zeros(count)
            if np.all(heights - below < _LEAST_HEIGHT):
                continue
            sheet.set_fill_color(colour_of(self._labels[place]))
            for begin, end in shown:
                levels = ground - heights[begin:end] * AREA_HEIGHT
                # Points lie in the middle of their bins; both ends go on level to the edge.
                middles = left + (np.arange(begin, end) + 0.5) * step
                first, last = left + begin * step, left + end * step
                curve = zip(middles.tolist(), levels.tolist(), strict=True)
                ends = ((last, float(levels[-1])), (last, ground))
                sheet.polygon(
                    list(chain(((first, ground), (first, float(levels[0]))), curve, ends)),
                    style="F",
                )

    def _strip(
        self,
        course: BinnedExpressions,
        left: float,
        top: float,
        width: float,
        *,
        height: float = STRIP_HEIGHT,
    ) -> None:
        sheet, count = self._sheet, max(1, len(course.seconds))
        sheet.set_fill_color(LOOK.empty)
        sheet.rect(left, top, width, height, style="F")
        highest = np.nan_to_num(course.probabilities).max(axis=1, initial=0.0)
        strengths = np.digitize(highest, STRENGTHS)
        dominant = course.dominant
        codes = np.where(dominant >= 0, dominant * len(OPACITIES) + strengths, -1)
        for begin, end in stretches(codes):
            if codes[begin] >= 0:
                place, strength = divmod(int(codes[begin]), len(OPACITIES))
                sheet.set_fill_color(_over_paper(self._labels[place], OPACITIES[strength]))
                x = left + begin / count * width
                sheet.rect(x, top, (end - begin) / count * width, height, style="F")

    def _percents(self, left: float, top: float) -> None:
        sheet = self._sheet
        sheet.type(6.5, colour=LOOK.soft)
        for share, text in ((0.0, "100%"), (0.5, "50%"), (1.0, "0%")):
            x = left - 1.5 - sheet.get_string_width(text)
            sheet.text(x, top + share * AREA_HEIGHT + (2.2 if share == 0 else 0.8), text)

    def _axis(self, left: float, top: float, width: float) -> None:
        sheet, timeline = self._sheet, self._timeline
        times_s = marks(timeline.begin_s, timeline.end_s)
        sheet.type(6.5, colour=LOOK.soft)
        sheet.set_draw_color(LOOK.soft)
        sheet.set_line_width(0.15)
        for time_s, text in zip(times_s, mark_texts(times_s), strict=True):
            x = left + timeline.share(time_s) * width
            sheet.line(x, top + 0.3, x, top + 1.2)
            half = sheet.get_string_width(text) / 2
            sheet.text(min(max(left, x - half), left + width - 2 * half), top + 3.9, text)

    def _markers(
        self, course: BinnedExpressions, left: float, top: float, width: float, bottom: float
    ) -> None:
        sheet, count = self._sheet, max(1, len(course.seconds))
        sheet.set_draw_color(LOOK.ink)
        sheet.set_line_width(0.2)
        sheet.set_dash_pattern(0.8, 0.7)
        sheet.type(6, bold=True)
        for number, place in enumerate(self._timeline.marked, start=1):
            x = left + min(1.0, place / count) * width
            sheet.line(x, top - 0.6, x, bottom)
            if len(self._timeline.marked) <= MARKERS_NUMBERED:
                sheet.text(x - sheet.get_string_width(str(number)) / 2, top - 1.1, str(number))
        sheet.set_dash_pattern()


def _over_paper(label: str, opacity: float) -> tuple[int, int, int]:
    """Return a colour laid over white so thickly, as red, green and blue of 0..255."""
    colour = colour_of(label)
    parts = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    red, green, blue = (round(opacity * part + (1 - opacity) * 255) for part in parts)
    return red, green, blue
