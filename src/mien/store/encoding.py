"""Faces as rows of whole numbers, and back; `models` says what the numbers stand for.

A row keeps what `Observation.to_dict` shows of a face, as exactly as it shows it. What follows
from the rest (size, entropy, whether it is uncertain) is worked out again, from rounded figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Self

from mien.core.labels import label_set
from mien.core.types import Box, Expression, Face, FrameResult
from mien.store.models import (
    BOX,
    EXPRESSIONS,
    POINTS,
    SCALES,
    TEN_THOUSANDTHS,
    TENTHS,
)

# The columns of a face in the order of the table, in which `face_of` takes their values.
FACE_COLUMNS = ("track_id", "predicted", *SCALES)
_NO_POINTS = (None,) * len(POINTS)
_NO_SHARES = (None,) * len(EXPRESSIONS)
_FIRST_POINT = 2 + len(BOX) + 1
_SHARPNESS = _FIRST_POINT + len(POINTS)
_FIRST_RAW = _SHARPNESS + 1
_FIRST_SMOOTHED = _FIRST_RAW + len(EXPRESSIONS)


@dataclass(frozen=True)
class FrameReading:
    """How the frames of a session are read: the same for all of them.

    Attributes: as of `mien.core.types.FrameResult`.
    """

    detector: str
    detector_threshold: float | None = None
    detector_sha256: str | None = None
    prior: str = "natural"
    prior_strength: float = 0.0

    @classmethod
    def of(cls, frame: FrameResult) -> Self:
        """Return how a frame was read."""
        return cls(
            frame.detector,
            frame.detector_threshold,
            frame.detector_sha256,
            frame.prior,
            frame.prior_strength,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all fields."""
        return asdict(self)


@dataclass(frozen=True)
class FaceReading:
    """How the faces of a session are read: the same for all of them.

    Attributes: as of `mien.core.types.Expression`.
    """

    label_set: str
    uncertain_below: float

    @classmethod
    def of(cls, face: Face) -> Self:
        """Return how a face was read."""
        return cls(face.expression.label_set, face.expression.uncertain_below)

    def to_dict(self) -> dict[str, Any]:
        """Return all fields."""
        return asdict(self)


def face_values(face: Face) -> tuple[Any, ...]:
    """Return what `FACE_COLUMNS` keep of a face."""
    box, points, sharpness = face.box, face.landmarks, face.sharpness
    return (
        face.track_id,
        face.predicted,
        round(TENTHS * box.x1),
        round(TENTHS * box.y1),
        round(TENTHS * box.x2),
        round(TENTHS * box.y2),
        round(TEN_THOUSANDTHS * face.confidence),
        *(_NO_POINTS if points is None else (round(TENTHS * v) for xy in points for v in xy)),
        None if sharpness is None else round(TENTHS * sharpness),
        *_share_values(face.expression),
        *(_NO_SHARES if face.smoothed is None else _share_values(face.smoothed)),
    )


def face_of(values: Sequence[Any], reading: FaceReading) -> Face:
    """Return the face that was kept as the values of `FACE_COLUMNS`."""
    labels = label_set(reading.label_set).labels

    def expression(first: int) -> Expression | None:
        shares = dict(zip(EXPRESSIONS, values[first : first + len(EXPRESSIONS)], strict=True))
        if shares[labels[0]] is None:
            return None
        probabilities = {label: shares[label] / TEN_THOUSANDTHS for label in labels}
        return Expression(probabilities, reading.label_set, reading.uncertain_below)

    points = values[_FIRST_POINT:_SHARPNESS]
    raw, sharpness = expression(_FIRST_RAW), values[_SHARPNESS]
    if raw is None:
        raise ValueError(f"a row of label set {reading.label_set} has no {labels[0]}")
    return Face(
        box=Box(*(edge / TENTHS for edge in values[2 : 2 + len(BOX)])),
        confidence=values[2 + len(BOX)] / TEN_THOUSANDTHS,
        expression=raw,
        landmarks=None
        if points[0] is None
        else tuple(
            (x / TENTHS, y / TENTHS) for x, y in zip(points[::2], points[1::2], strict=True)
        ),
        track_id=values[0],
        smoothed=expression(_FIRST_SMOOTHED),
        sharpness=None if sharpness is None else sharpness / TENTHS,
        predicted=bool(values[1]),
    )


def _share_values(expression: Expression) -> list[int | None]:
    probabilities = expression.probabilities
    raw = list(probabilities.values())
    shares: list[int | None] = [round(TEN_THOUSANDTHS * share) for share in raw]
    dominant = raw.index(max(raw))
    if shares.index(round(TEN_THOUSANDTHS * raw[dominant])) != dominant:
        # Rounding has made it tie with one before it.
        shares[dominant] = round(TEN_THOUSANDTHS * raw[dominant]) + 1
    shares.append(None)
    return [shares[place] for place in _places(tuple(probabilities))]


@lru_cache
def _places(labels: tuple[str, ...]) -> tuple[int, ...]:
    """Return where each of `EXPRESSIONS` is among labels; after the last where it is not."""
    return tuple(labels.index(one) if one in labels else len(labels) for one in EXPRESSIONS)
