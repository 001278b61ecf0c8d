"""The JSON of every route and of the live socket, as pydantic models.

OpenAPI is made from these, and so are the page's TypeScript types (`web/make_types.py`).
The results mirror `to_dict()` of `mien.core.types`, which a test holds together.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Box(_Model):
    """A face's rectangle in pixels of the upright picture, origin top left."""

    x1: float
    y1: float
    x2: float
    y2: float


class Expression(_Model):
    """Probabilities of one label set's expressions; confidence 0..1, entropy in bits.

    `uncertain` says that the confidence is below the threshold that was asked for.
    """

    label_set: str
    dominant: str
    confidence: float
    entropy: float
    uncertain: bool
    probabilities: dict[str, float]


class Face(_Model):
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


class Frame(_Model):
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


class AnalyzeReply(_Model):
    """One result for each picture, in the order they were sent."""

    results: list[Frame]


class CropSquare(_Model):
    """The square of the picture that the model saw, in pixels; roll in degrees, clockwise."""

    centre_x: float
    centre_y: float
    side_px: float
    roll_degrees: float


class ExplainReply(_Model):
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


class ErrorBody(_Model):
    """What went wrong: a word for programs, a sentence for people, and particulars."""

    code: str
    message: str
    details: list[str] = Field(default_factory=list)


class ErrorReply(_Model):
    """The one shape of every error."""

    error: ErrorBody


class Label(_Model):
    """An expression and the colour it has everywhere, as #rrggbb."""

    name: str
    colour: str


class LabelSet(_Model):
    """An ordered set of expressions that a bundle can name."""

    name: str
    labels: list[Label]


class Detector(_Model):
    """A face detector by name, and where it cannot run, why and how to get it."""

    name: str
    available: bool
    reason: str | None


class Bundle(_Model):
    """An installed model; `figures` is what its config says of its measured quality."""

    name: str
    active: bool
    label_sets: list[str]
    figures: dict[str, Any]


class Choice(_Model):
    """What reads a picture if nothing else is asked for; `detector` may be `auto`."""

    bundle: str
    detector: str
    label_set: str


class ModelsReply(_Model):
    """What this server can read with."""

    bundles: list[Bundle]
    label_sets: list[LabelSet]
    detectors: list[Detector]
    default: Choice


class HealthReply(_Model):
    """That the server runs, and what it runs."""

    status: Literal["ok"]
    version: str
    bundle: str
    detector: str


class DeepfaceRequest(BaseModel):
    """What deepface's API takes; other fields are named in the answer's `notes`."""

    model_config = ConfigDict(extra="allow")

    img: Any = Field(default=None, description="A base64 data URI: data:image/jpeg;base64,...")
    img_path: Any = Field(default=None, description="The same, as older clients call it.")
    actions: list[str] | Annotated[str, Field(max_length=200)] = Field(
        default=["emotion"], max_length=20, description="Nothing but emotion."
    )
    enforce_detection: bool = Field(
        default=True, description="Whether no face is an error, or else all is read as one."
    )
    anti_spoofing: bool = Field(default=False, description="Refused.")
    detector_backend: Any = Field(default=None, description="Not used.")
    align: Any = Field(default=None, description="Not used.")
    expand_percentage: Any = Field(default=None, description="Not used.")
    max_faces: Any = Field(default=None, description="Not used.")
    silent: Any = Field(default=None, description="Not used.")


class DeepfaceRegion(_Model):
    """A face's rectangle in whole pixels, and the person's own eyes as (x, y), where known."""

    x: int
    y: int
    w: int
    h: int
    left_eye: tuple[int, int] | None
    right_eye: tuple[int, int] | None


class DeepfaceFace(_Model):
    """A face as deepface tells it: percent that sum to 100, in its names."""

    emotion: dict[str, float]
    dominant_emotion: str
    region: DeepfaceRegion
    face_confidence: float


class DeepfaceReply(_Model):
    """The faces as deepface tells them; `notes` says what of the request was not used."""

    results: list[DeepfaceFace]
    notes: list[str]


class Configure(_Model):
    """Page to server: what to read the next frames with; a field left out stays as it is."""

    type: Literal["configure"]
    detector: Annotated[str, Field(max_length=100)] | None = None
    label_set: Annotated[str, Field(max_length=100)] | None = None
    smoothing_s: Annotated[float, Field(ge=0, le=10)] | None = None
    prior: Annotated[str, Field(max_length=400)] | dict[str, float] | None = None
    prior_strength: Annotated[float, Field(ge=0, le=1)] | None = None
    uncertain_below: Annotated[float, Field(ge=0, le=1)] | None = None


class LiveReady(_Model):
    """Server to page: sent on connecting and after each `configure`; what reads from now on."""

    type: Literal["ready"]
    protocol: Literal[1]
    bundle: str
    detector: str
    label_set: str
    labels: list[Label]
    smoothing_s: float
    uncertain_below: float
    max_frame_bytes: int
    frames_per_s: float


class LiveFace(Face):
    """A tracked face; `smoothed` is its expression over time, `expression` the raw one."""

    smoothed: Expression


class LiveFrame(Frame):
    """A frame of the camera; `index` counts the frames that were sent, from 0."""

    faces: list[LiveFace]  # type: ignore[assignment]  # a list is invariant; JSON is not


class LiveResult(_Model):
    """Server to page: what was read in one frame."""

    type: Literal["result"]
    frame: LiveFrame
    waited_ms: float


class LiveSkipped(_Model):
    """Server to page: the frame was never read, since a newer one took its place."""

    type: Literal["skipped"]
    index: int


class LiveError(_Model):
    """Server to page: what was wrong with a message; `index` is its frame's, if it was one."""

    type: Literal["error"]
    index: int | None
    error: ErrorBody
