"""What was read in pictures, and why.

Mirrors `to_dict()` of `mien.core.types`, which a test holds together.
"""

from __future__ import annotations

from mien.web.schemas.base import JsonModel


class Box(JsonModel):
    """A face's rectangle in pixels of the upright picture, origin top left."""

    x1: float
    y1: float
    x2: float
    y2: float


class Expression(JsonModel):
    """Probabilities of one label set's expressions; confidence 0..1, entropy in bits.

    `uncertain` says that the confidence is below the threshold that was asked for.
    """

    label_set: str
    dominant: str
    confidence: float
    entropy: float
    uncertain: bool
    probabilities: dict[str, float]


class Face(JsonModel):
    """One face: where it is, how sure the detector is, and how it looks.

    `predicted` says that the detector did not run on this frame of a video.
    """

    box: Box
    confidence: float
    landmarks: list[tuple[float, float]] | None
    track_id: int | None
    expression: Expression
    smoothed: Expression | None
    sharpness: float | None
    predicted: bool


class Frame(JsonModel):
    """All that was read in one picture."""

    source: str | None
    index: int
    timestamp_s: float
    width: int
    height: int
    detector: str
    detector_threshold: float | None
    detector_sha256: str | None
    prior: str
    prior_strength: float
    faces: list[Face]
    milliseconds: dict[str, float]
    error: str | None


class AnalyzeReply(JsonModel):
    """One result for each picture, in the order they were sent."""

    results: list[Frame]


class CropSquare(JsonModel):
    """The square of the picture that the model saw, in pixels; roll in degrees, clockwise."""

    centre_x: float
    centre_y: float
    side_px: float
    roll_degrees: float


class ExplainReply(JsonModel):
    """What spoke for and against one expression of one face.

    `map` has a row for each row of the square, top first, in the unit that `unit` states;
    `parts` is the map at the eyes, nose and mouth, empty where the detector does not know them.
    """

    label: str
    probability: float
    bundle: str
    method: str
    unit: str
    strongest: float
    is_weak: bool
    words: str
    parts: dict[str, float]
    map: list[list[float]]
    square: CropSquare
    face: Face
