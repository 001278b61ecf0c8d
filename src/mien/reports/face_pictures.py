"""Faces at the moments when expressions were strongest: found, cut out of a video, and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from mien.core.errors import ConfigError, VideoSourceError
from mien.evaluation.words import percent
from mien.recognition.summary.moments import Moment, StrongestMoments
from mien.reports.courses import Course
from mien.reports.palette import Theme, colour_of
from mien.reports.thumbnails import cut_face
from mien.reports.words import clock

if TYPE_CHECKING:
    from mien.reports.thumbnails import PeakCollector

UInt8Array = NDArray[np.uint8]

# Of faces that are cut out for a figure.
SIDE_PX = 128
# Least time between two moments of one person and expression.
_DISTANCE_S = 1.0
# A frame is sought from a little before its time, which a table has rounded, and is that of
# another moment if it lies further away than this.
_EARLIER_S, _AWAY_S = 0.001, 0.05
_COLUMNS = 8
# In widths of a column: a face, the words above and below, and what is free between rows.
_FACE, _ABOVE, _BELOW, _FREE = 0.92, 0.3, 0.4, 0.15


@dataclass(frozen=True)
class FaceMoment:
    """A moment in which a person's expression was strongest.

    Attributes:
        track_id: The person.
        label: The expression.
        probability: How strong it was, 0..1.
        timestamp_s: When.
    """

    track_id: int
    label: str
    probability: float
    timestamp_s: float


# Gives the face of a moment, (side, side, 3) uint8 RGB, or None where there is none.
Cut = Callable[[FaceMoment], UInt8Array | None]


def strongest_faces(person: Course, labels: Sequence[str], most: int) -> list[FaceMoment]:
    """Return the moments in which a person showed each expression most, in order of time."""
    dominant = person.smoothed.argmax(axis=1)
    moments = []
    for place, label in enumerate(labels):
        strongest = StrongestMoments(most, _DISTANCE_S)
        for row in np.flatnonzero(dominant == place).tolist():
            probability = float(person.smoothed[row, place])
            strongest.add(Moment(probability, float(person.times_s[row]), row, row))
        moments += [
            FaceMoment(person.track_id, label, one.probability, one.timestamp_s)
            for one in strongest.picks()
        ]
    return sorted(moments, key=lambda one: one.timestamp_s)


def cut_from_collector(faces: PeakCollector) -> Cut:
    """Return what finds the faces of moments among those that were kept."""

    def cut(moment: FaceMoment) -> UInt8Array | None:
        kept = faces.picture(moment.track_id, moment.label, moment.timestamp_s)
        if kept is None:
            return None
        image_bgr = cv2.imdecode(np.frombuffer(kept.jpeg, np.uint8), cv2.IMREAD_COLOR)
        return None if image_bgr is None else np.asarray(image_bgr[:, :, ::-1], np.uint8)

    return cut


def cut_from_video(source: str | Path | None, people: Sequence[Course]) -> Cut:
    """Return what seeks moments in a video and cuts the faces out.

    Raises:
        ConfigError: If there is no such file.
    """
    if source is None or not Path(source).is_file():
        raise ConfigError(
            f"expected the video that the results are of, got {source}; give source=, or faces=, "
            "a PeakCollector that was fed while it was read"
        )
    by_id = {person.track_id: person for person in people}

    def cut(moment: FaceMoment) -> UInt8Array:
        from mien.media import open_source

        at_s = moment.timestamp_s
        with open_source(source, start_s=max(0.0, at_s - _EARLIER_S)) as frames:
            frame = next(iter(frames), None)
        if frame is None or abs(frame.timestamp_s - at_s) > _AWAY_S:
            raise VideoSourceError(
                f"{source} has no frame at {at_s:.3f} s, where a face was read; is it another "
                "video than the results are of?"
            )
        return cut_face(frame.image_rgb, by_id[moment.track_id].box_at(at_s), SIDE_PX)

    return cut


class FaceStrip:
    """Rows of faces with what they show, one below the other."""

    def __init__(
        self, rows: Sequence[tuple[str, Sequence[tuple[FaceMoment, UInt8Array | None]]]]
    ) -> None:
        """Take the rows: a title, and faces with their moments."""
        self._rows = rows

    @property
    def width(self) -> float:
        """In widths of a column."""
        return float(_COLUMNS)

    @property
    def height(self) -> float:
        """In widths of a column."""
        return sum(_ABOVE + self._lines(row) * (_FACE + _BELOW) + _FREE for row in self._rows)

    def draw(self, axes: Axes, theme: Theme) -> None:
        """Draw everything into empty axes."""
        axes.set_axis_off()
        top = 0.0
        for row in self._rows:
            axes.text(
                *(0, top), row[0], va="top", color=theme.ink, fontsize=10.5, fontweight="bold"
            )
            for place, (moment, face_rgb) in enumerate(row[1]):
                line, column = divmod(place, _COLUMNS)
                y = top + _ABOVE + line * (_FACE + _BELOW)
                self._draw_face(axes, theme, (column, y), moment, face_rgb)
            top += _ABOVE + self._lines(row) * (_FACE + _BELOW) + _FREE
        # Pictures set the limits to their own.
        axes.set_xlim(0, self.width)
        axes.set_ylim(self.height, 0)
        axes.set_aspect("equal")

    @staticmethod
    def _lines(row: tuple[str, Sequence[object]]) -> int:
        return -(-len(row[1]) // _COLUMNS)

    @staticmethod
    def _draw_face(
        axes: Axes,
        theme: Theme,
        corner: tuple[float, float],
        moment: FaceMoment,
        face_rgb: UInt8Array | None,
    ) -> None:
        x, y = corner
        if face_rgb is None:
            axes.add_patch(Rectangle((x, y), _FACE, _FACE, color=theme.empty))
        else:
            axes.imshow(face_rgb, extent=(x, x + _FACE, y + _FACE, y), interpolation="bilinear")
        colour = colour_of(moment.label)
        axes.add_patch(Rectangle((x, y + _FACE), _FACE, 0.035, color=colour, linewidth=0))
        axes.text(
            *(x, y + _FACE + 0.155),
            f"{moment.label} {percent(moment.probability, digits=0)}",
            color=theme.ink,
            fontsize=8,
        )
        axes.text(
            *(x, y + _FACE + 0.295),
            f"at {clock(moment.timestamp_s, digits=1)}",
            color=theme.soft,
            fontsize=8,
        )
