"""Recorded sessions; mirrors `to_dict()` of `mien.store.records` and `mien.recognition.summary`."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from mien.web.schemas.base import JsonModel
from mien.web.schemas.catalogue import Label

SHORT, LONG = 200, 20_000
# Of the numbers of sessions, people, markers and files, which every database can hold.
HIGHEST = 2**31 - 1

Title = Annotated[str, Field(min_length=1, max_length=SHORT)]
Note = Annotated[str, Field(max_length=LONG)]
Word = Annotated[str, Field(min_length=1, max_length=SHORT)]
KeepDays = Annotated[int, Field(ge=1, le=36_500)]


class Session(JsonModel):
    """One recording, without what is in it; times in seconds are on the clock of its frames.

    `state` is `interrupted` if its program ended without ending it. `reading` and `settings` say
    what decides on the figures, and what else was set.
    """

    id: int
    title: str
    source: str | None
    note: str
    consent_text: str | None
    consent_at: datetime | None
    bundle: str | None
    detector: str | None
    label_set: str | None
    reading: dict[str, Any]
    settings: dict[str, Any]
    started_at: datetime
    ended_at: datetime | None
    state: Literal["recording", "ended", "interrupted"]
    keep_until: datetime | None
    first_s: float | None
    last_s: float | None
    duration_s: float
    frames: int
    observations: int


class SessionsReply(JsonModel):
    """A page of sessions, and how many there are in all."""

    sessions: list[Session]
    total: int
    limit: int
    offset: int


class Person(JsonModel):
    """One track of a session, and what somebody said of it.

    `same_as` is the track that this one was merged into; `observations` counts its faces.
    """

    track_id: int
    name: str | None
    same_as: int | None
    hidden: bool
    observations: int
    first_s: float
    last_s: float


class Marker(JsonModel):
    """A moment with a word to it."""

    id: int
    timestamp_s: float
    word: str


class MediaFile(JsonModel):
    """A picture or video that was kept because somebody asked for it; `url` gives it."""

    id: int
    kind: str
    bytes: int
    timestamp_s: float | None
    track_id: int | None
    url: str


class SessionReply(JsonModel):
    """A session with its people, markers, kept files, and expressions in their order."""

    session: Session
    labels: list[Label]
    people: list[Person]
    markers: list[Marker]
    media: list[MediaFile]


class SessionEdit(JsonModel):
    """What to change about a session; a field left out stays.

    `keep_days` null keeps it until it is deleted.
    """

    title: Title | None = None
    note: Note | None = None
    keep_days: KeepDays | None = None


class PersonEdit(JsonModel):
    """What to say of a person; a field left out stays. `name` null takes the name away."""

    name: Word | None = None
    hidden: bool | None = None


class PeopleMerge(JsonModel):
    """That a track is the same person as another."""

    track_id: Annotated[int, Field(ge=0, le=HIGHEST)]
    into: Annotated[int, Field(ge=0, le=HIGHEST)]


class PeopleReply(JsonModel):
    """The tracks of a session, by number."""

    people: list[Person]


class MarkerNew(JsonModel):
    """A moment to mark."""

    timestamp_s: Annotated[float, Field(ge=0, le=1e9)]
    word: Word


class TimelineLine(JsonModel):
    """How one person looked on average in each bin; bins without a face are left out.

    `track_id` is null for faces without an id, and for everybody together.
    """

    track_id: int | None
    bins: list[int]
    faces: list[int]
    means: dict[str, list[float]]


class TimelineReply(JsonModel):
    """A stretch of a session in bins of equal length; bin `i` begins at `start_s + i * bin_s`."""

    start_s: float
    bin_s: float
    bins: int
    lines: list[TimelineLine]


class Peak(JsonModel):
    """A moment in which an expression was stronger than for a while around."""

    timestamp_s: float
    frame_index: int
    track_id: int | None
    probability: float


class PersonSummary(JsonModel):
    """One person in figures, or everybody (`track_id` null); shares are of the time in view."""

    track_id: int | None
    observations: int
    first_s: float
    last_s: float
    visible_s: float
    shares: dict[str, float]
    means: dict[str, float]
    transitions: dict[str, dict[str, int]]
    peaks: dict[str, list[Peak]]


class SummaryReply(JsonModel):
    """A session in figures; `overall` is null where no face was seen."""

    source: str | None
    frames: int
    duration_s: float
    watched_s: float
    overall: PersonSummary | None
    people: list[PersonSummary]
