"""Messages of the live socket; docs/live-protocol.md tells them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mien.web.schemas.base import ErrorBody, JsonModel
from mien.web.schemas.catalogue import Label
from mien.web.schemas.pictures import Expression, Face, Frame
from mien.web.schemas.sessions import SHORT, KeepDays, Title, Word


class Configure(JsonModel):
    """Page to server: what to read the next frames with; a field left out stays as it is."""

    type: Literal["configure"]
    bundle: Annotated[str, Field(max_length=200)] | None = None
    detector: Annotated[str, Field(max_length=100)] | None = None
    label_set: Annotated[str, Field(max_length=100)] | None = None
    smoothing_s: Annotated[float, Field(ge=0, le=10)] | None = None
    prior: Annotated[str, Field(max_length=400)] | dict[str, float] | None = None
    prior_strength: Annotated[float, Field(ge=0, le=1)] | None = None
    uncertain_below: Annotated[float, Field(ge=0, le=1)] | None = None


class Clip(JsonModel):
    """A film that is played beside the camera; it stays on the viewer's machine."""

    name: Annotated[str, Field(min_length=1, max_length=SHORT)]
    duration_s: Annotated[float, Field(ge=0, le=1e6)] | None = None


class StartRecording(JsonModel):
    """Page to server: keep the expressions of the frames to come as a session.

    `consent` is what those in view agreed to, just now. Pictures of faces are only kept with
    `pictures`. While it records, what decides on the figures cannot be changed by `configure`.
    """

    type: Literal["record"]
    title: Title
    consent: Annotated[str, Field(min_length=1, max_length=2000)]
    note: Annotated[str, Field(max_length=2000)] = ""
    keep_days: KeepDays | None = None
    pictures: bool = False
    clip: Clip | None = None


class ResumeRecording(JsonModel):
    """Page to server: go on with a session that a lost connection interrupted."""

    type: Literal["resume"]
    session_id: Annotated[int, Field(ge=1, le=2**31 - 1)]


class Mark(JsonModel):
    """Page to server: mark this moment, or one of the session's clock."""

    type: Literal["mark"]
    word: Word
    timestamp_s: Annotated[float, Field(ge=0, le=1e9)] | None = None


class StopRecording(JsonModel):
    """Page to server: end the session."""

    type: Literal["stop"]


class LiveReady(JsonModel):
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


class LiveResult(JsonModel):
    """Server to page: what was read in one frame.

    `session_s` is the frame's time in the session that is being recorded, if one is.
    """

    type: Literal["result"]
    frame: LiveFrame
    waited_ms: float
    session_s: float | None


class LiveSkipped(JsonModel):
    """Server to page: the frame was never read, since a newer one took its place."""

    type: Literal["skipped"]
    index: int


class LiveRecording(JsonModel):
    """Server to page: how a recording stands; sent when it begins and ends, and every second.

    `dropped` counts frames that the disk could not keep up with. A `failed` one has an `error`,
    and what was written before is kept.
    """

    type: Literal["recording"]
    state: Literal["recording", "ended", "failed"]
    session_id: int
    title: str
    session_s: float
    frames: int
    faces: int
    dropped: int
    error: ErrorBody | None


class LiveMarked(JsonModel):
    """Server to page: a moment was marked."""

    type: Literal["marked"]
    word: str
    timestamp_s: float


class LiveError(JsonModel):
    """Server to page: what was wrong with a message; `index` is its frame's, if it was one."""

    type: Literal["error"]
    index: int | None
    error: ErrorBody
