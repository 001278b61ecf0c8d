"""The results that every door returns: Python, command line, REST and WebSocket.

All are frozen and plain: floats and strings, no arrays, so `to_dict()` is JSON as it is.
Boxes are xyxy in pixels of the upright picture (EXIF turned), origin top left.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from mien.core.errors import ShapeError
from mien.core.labels import COLOURS

# Of the rows that `Observation.to_dict` makes; goes up when a column changes its meaning.
ROW_VERSION = 1
LANDMARKS = ("right_eye", "left_eye", "nose", "right_mouth", "left_mouth")


@dataclass(frozen=True)
class Box:
    """A rectangle, xyxy, in pixels; it may reach past the picture's edge."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.y2 - self.y1

    @property
    def centre(self) -> tuple[float, float]:
        """The middle, (x, y) in pixels."""
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2

    @property
    def side(self) -> float:
        """The mean side, sqrt(width * height), in pixels; 0 where there is no area."""
        return math.sqrt(max(self.width, 0.0) * max(self.height, 0.0))

    def iou(self, other: Box) -> float:
        """Return the intersection over union with another box, 0..1; 0 where there is none."""
        width = min(self.x2, other.x2) - max(self.x1, other.x1)
        height = min(self.y2, other.y2) - max(self.y1, other.y1)
        if width <= 0 or height <= 0:
            return 0.0
        both = width * height
        return both / (self.width * self.height + other.width * other.height - both)

    def to_dict(self) -> dict[str, float]:
        """Return the four edges in pixels, rounded to a tenth."""
        return {name: round(getattr(self, name), 1) for name in ("x1", "y1", "x2", "y2")}


@dataclass(frozen=True)
class Expression:
    """How a face looks: a probability for each expression of one label set.

    Attributes:
        probabilities: Expression name to probability in 0..1; they sum to 1.
        label_set: The name of the label set, as in `mien.core.labels`.
        uncertain_below: The answer counts as uncertain where its confidence is less, 0..1.
    """

    probabilities: Mapping[str, float]
    label_set: str
    uncertain_below: float = 0.0

    def __post_init__(self) -> None:
        if not self.probabilities:
            raise ShapeError("an expression needs at least one probability, got none")
        # A copy behind a read-only view keeps the frozen promise for the mapping as well.
        object.__setattr__(self, "probabilities", MappingProxyType(dict(self.probabilities)))

    def __getitem__(self, label: str) -> float:
        return self.probabilities[label]

    def __iter__(self) -> Iterator[str]:
        return iter(self.probabilities)

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapping proxy cannot be pickled; the plain dict it shows can.
        return Expression, (dict(self.probabilities), self.label_set, self.uncertain_below)

    def __hash__(self) -> int:
        return hash((tuple(self.probabilities.items()), self.label_set, self.uncertain_below))

    @property
    def dominant(self) -> str:
        """The most probable expression; the first in label order where several tie."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])

    @property
    def confidence(self) -> float:
        """Probability of the dominant expression, 0..1."""
        return self.probabilities[self.dominant]

    @property
    def uncertain(self) -> bool:
        """Whether the confidence is less than `uncertain_below`; the probabilities hold anyway."""
        return self.confidence < self.uncertain_below

    @property
    def entropy(self) -> float:
        """Shannon entropy in bits: 0 when certain, log2(number of labels) when clueless."""
        return -sum(p * math.log2(p) for p in self.probabilities.values() if p > 0) + 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return label set, dominant, confidence, entropy, uncertain and all probabilities."""
        return {
            "label_set": self.label_set,
            "dominant": self.dominant,
            "confidence": round(self.confidence, 4),
            "entropy": round(self.entropy, 4),
            "uncertain": self.uncertain,
            "probabilities": {k: round(v, 4) for k, v in self.probabilities.items()},
        }

    def __str__(self) -> str:
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        words = " ".join(f"{label} {p:.0%}" for label, p in ranked[:3])
        return f"{words} (uncertain)" if self.uncertain else words

    def _repr_html_(self) -> str:
        # Colours beside the bars' own are the notebook's, so that it fits light and dark.
        rows = "".join(
            f"<span style='opacity:{1 if label == self.dominant else 0.7}'>{html.escape(label)}"
            "</span><span style='background:rgba(128,128,128,.18);border-radius:2px'>"
            f"<span style='display:block;height:.7em;border-radius:2px;width:{p:.1%};"
            f"background:{COLOURS.get(label, '#888')}'></span></span>"
            f"<span style='text-align:right;opacity:{1 if label == self.dominant else 0.7}'>"
            f"{p:.1%}</span>"
            for label, p in sorted(self.probabilities.items(), key=lambda item: -item[1])
        )
        return (
            "<div style='display:inline-grid;grid-template-columns:auto 10em 3.5em;gap:.25em .7em;"
            f"align-items:center;font-size:13px;line-height:1.3'>{rows}</div>"
        )


@dataclass(frozen=True)
class Face:
    """One face in a picture.

    Attributes:
        box: Where it is, xyxy in pixels.
        confidence: The detector's own score, 0..1; 1 for `full`, where nothing was detected.
        expression: How it looks.
        landmarks: Right eye, left eye, nose tip, right mouth corner, left mouth corner, as
            (x, y) in pixels, `right` being the person's own; None where the detector has none.
            A single mouth centre fills both corners where that is all a detector knows.
        track_id: The person's number within one session, or None for single pictures and for
            a face that was not seen often enough yet.
        smoothed: How it looks over time, or None where it was not tracked; `expression` stays
            what this frame alone says.
        sharpness: Variance of the Laplacian of the crop as the model sees it, in squared gray
            levels (`mien.core.imaging.sharpness`), or None where it was not measured.
        predicted: Whether box and landmarks are where the face's motion in the frames before put
            it, since the detector did not run on this frame; `confidence` is then the last one.
            The expression is this frame's own all the same.
    """

    box: Box
    confidence: float
    expression: Expression
    landmarks: tuple[tuple[float, float], ...] | None = None
    track_id: int | None = None
    smoothed: Expression | None = None
    sharpness: float | None = None
    predicted: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return {
            "box": self.box.to_dict(),
            "confidence": round(self.confidence, 4),
            "landmarks": self.landmarks and [[round(x, 1), round(y, 1)] for x, y in self.landmarks],
            "track_id": self.track_id,
            "expression": self.expression.to_dict(),
            "smoothed": self.smoothed and self.smoothed.to_dict(),
            "sharpness": None if self.sharpness is None else round(self.sharpness, 1),
            "predicted": self.predicted,
        }

    def __str__(self) -> str:
        b = self.box
        where = f"[{b.x1:.0f}, {b.y1:.0f}, {b.x2:.0f}, {b.y2:.0f}]"
        who = "" if self.track_id is None else f" #{self.track_id}"
        return f"Face{who} at {where}: {self.expression}"

    def _repr_html_(self) -> str:
        b = self.box
        where = f"{b.width:.0f} x {b.height:.0f} px at ({b.x1:.0f}, {b.y1:.0f})"
        colour = COLOURS.get(self.expression.dominant, "#888")
        doubt = ", uncertain" if self.expression.uncertain else ""
        return (
            "<div style='display:inline-block;vertical-align:top;margin:0 1.2em 1em 0;"
            f"padding:.1em 0 .1em .8em;border-left:4px solid {colour}'>"
            f"<div style='font-weight:600'>{html.escape(self.expression.dominant)}{doubt}</div>"
            f"<div style='font-size:12px;opacity:.7;margin:.1em 0 .5em'>{where}</div>"
            f"{self.expression._repr_html_()}</div>"
        )


@dataclass(frozen=True)
class FrameResult:
    """All that was read in one picture or video frame.

    Attributes:
        index: 0 for a single picture, else the frame's number in its source.
        timestamp_s: Seconds from the source's start, by its own clock; 0 for a picture.
        size: (width, height) in pixels, upright.
        faces: The faces, largest first; empty where there are none.
        detector: The detector that really ran, e.g. `yunet`.
        milliseconds: Time spent per stage: `decode`, `detect`, `crop`, `classify`.
        source: Path or name of where the picture came from, or None.
        error: Why this picture could not be read, or None. Then `faces` is empty.
        detector_threshold: The lowest confidence that the detector returned, 0..1, or None.
        detector_sha256: Checksum of the detector's weights; None for one without weights.
        prior: How common each expression was taken to be: `natural`, as in the model's training
            set; `balanced`, equally; or `given`.
        prior_strength: How far the answers go from the training shares to those, 0..1; 0 for
            `natural`.
    """

    index: int
    timestamp_s: float
    size: tuple[int, int]
    faces: tuple[Face, ...]
    detector: str
    milliseconds: Mapping[str, float]
    source: str | None = None
    error: str | None = None
    detector_threshold: float | None = None
    detector_sha256: str | None = None
    prior: str = "natural"
    prior_strength: float = 0.0

    def __iter__(self) -> Iterator[Face]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, index: int) -> Face:
        return self.faces[index]

    def to_dict(self) -> dict[str, Any]:
        """Return the whole result as JSON-ready values."""
        return {
            "source": self.source,
            "index": self.index,
            "timestamp_s": round(self.timestamp_s, 4),
            "width": self.size[0],
            "height": self.size[1],
            "detector": self.detector,
            "detector_threshold": self.detector_threshold,
            "detector_sha256": self.detector_sha256,
            "prior": self.prior,
            "prior_strength": self.prior_strength,
            "faces": [face.to_dict() for face in self.faces],
            "milliseconds": {k: round(v, 2) for k, v in self.milliseconds.items()},
            "error": self.error,
        }

    def observations(self) -> list[Observation]:
        """Return one flat row for each face, in the order of `faces`."""
        return [Observation.from_face(self, number) for number in range(len(self.faces))]

    def __str__(self) -> str:
        head = self.source or f"frame {self.index}"
        if self.error:
            return f"{head}: {self.error}"
        count = f"{len(self.faces)} face{'' if len(self.faces) == 1 else 's'}"
        return "\n".join([f"{head}: {count} ({self.detector})", *(f"  {f}" for f in self.faces)])

    def _repr_html_(self) -> str:
        head = html.escape(str(self).splitlines()[0])
        faces = "".join(face._repr_html_() for face in self.faces)
        return f"<div style='margin:.3em 0 .8em'>{head}</div>{faces}"


@dataclass(frozen=True)
class Observation:
    """One face at one time, flat: the row of every table, Parquet file and database.

    Attributes:
        source: Path or name of the picture or video, or None.
        frame_index: The frame's number in its source.
        timestamp_s: Seconds from the source's start.
        face_index: The face's place in its frame, largest first.
        detector: The detector that ran.
        face: The face.
    """

    source: str | None
    frame_index: int
    timestamp_s: float
    face_index: int
    detector: str
    face: Face

    @classmethod
    def from_face(cls, frame: FrameResult, face_index: int) -> Observation:
        """Flatten the face at `face_index` of `frame`."""
        face = frame.faces[face_index]
        return cls(frame.source, frame.index, frame.timestamp_s, face_index, frame.detector, face)

    @staticmethod
    def columns(labels: Iterable[str]) -> list[str]:
        """Return the keys of `to_dict` for the labels of a label set, in its order."""
        nothing = Expression(dict.fromkeys(labels, 0.0), "")
        return list(Observation(None, 0, 0.0, 0, "", Face(Box(0, 0, 1, 1), 0.0, nothing)).to_dict())

    @staticmethod
    def kind(column: str) -> Literal["whole", "decimal", "text", "flag"]:
        """Return what a column of `to_dict` holds; any may be None where it is unknown."""
        if column in ("version", "frame_index", "face_index", "track_id"):
            return "whole"
        if column in ("source", "detector", "label_set", "dominant", "smoothed_dominant"):
            return "text"
        return "flag" if column in ("predicted", "uncertain") else "decimal"

    def to_dict(self) -> dict[str, Any]:
        """Return one flat row: docs/python.md has its columns.

        Probabilities become `p_<label>`, smoothed ones `s_<label>`, landmarks `<name>_x` and
        `<name>_y`.
        """
        face, raw, smoothed = self.face, self.face.expression, self.face.smoothed
        points = face.landmarks or ((None, None),) * len(LANDMARKS)
        sharpness = face.sharpness
        return {
            "version": ROW_VERSION,
            "source": self.source,
            "frame_index": self.frame_index,
            # To the microsecond, as ffprobe prints times, so that a row names its very frame.
            "timestamp_s": round(self.timestamp_s, 6),
            "face_index": self.face_index,
            "track_id": face.track_id,
            **face.box.to_dict(),
            "detector": self.detector,
            "detector_confidence": round(face.confidence, 4),
            "predicted": face.predicted,
            **{
                f"{name}_{axis}": None if value is None else round(value, 1)
                for name, point in zip(LANDMARKS, points, strict=True)
                for axis, value in zip("xy", point, strict=True)
            },
            "size_px": round(face.box.side, 1),
            "sharpness": None if sharpness is None else round(sharpness, 1),
            "label_set": raw.label_set,
            "dominant": raw.dominant,
            "confidence": round(raw.confidence, 4),
            "entropy": round(raw.entropy, 4),
            "uncertain": raw.uncertain,
            **{f"p_{label}": round(p, 4) for label, p in raw.probabilities.items()},
            "smoothed_dominant": smoothed and smoothed.dominant,
            **{f"s_{label}": smoothed and round(smoothed[label], 4) for label in raw},
        }
