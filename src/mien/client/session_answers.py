"""Recorded sessions as a server tells of them: frozen types, each read from the server's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal

_MOMENTS = ("consent_at", "started_at", "ended_at", "keep_until")


@dataclass(frozen=True)
class Session:
    """One recording, without what is in it.

    Attributes:
        id: Its number there.
        title: What it is called.
        source: What was recorded, or None.
        note: What somebody wrote about it; may be empty.
        consent_text: What those who are in it agreed to, or None.
        consent_at: When they did.
        bundle: The model, or None.
        detector: The detector, or None before the first frame.
        label_set: That of the expressions, or None before the first face.
        reading: What else decides on the figures.
        settings: What else was set.
        started_at: When it began.
        ended_at: When it ended; None while it is being recorded.
        state: `interrupted` if its program ended without ending it.
        keep_until: When it is to be deleted, or None.
        first_s: Time of its first frame in seconds, or None before it.
        last_s: Time of its last frame.
        duration_s: Seconds between them.
        frames: How many frames there are.
        observations: How many faces are in them.
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
    reading: Mapping[str, Any]
    settings: Mapping[str, Any]
    started_at: datetime
    ended_at: datetime | None
    state: Literal["recording", "ended", "interrupted"]
    keep_until: datetime | None
    first_s: float | None
    last_s: float | None
    duration_s: float
    frames: int
    observations: int

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Session:
        """Read a session of the server's JSON."""
        told = {field.name: data[field.name] for field in fields(cls)}
        moments = {
            name: None if told[name] is None else datetime.fromisoformat(told[name])
            for name in _MOMENTS
        }
        views = {name: MappingProxyType(dict(told[name])) for name in ("reading", "settings")}
        return cls(**{**told, **moments, **views})


@dataclass(frozen=True)
class Person:
    """One track of a session, and what somebody said of it.

    Attributes:
        track_id: Its number in the session.
        name: What the person is called, or None.
        same_as: The track that this one was merged into, or None.
        hidden: Whether it is left out of figures and exports.
        observations: In how many frames its face was read.
        first_s: When it was first seen, in seconds.
        last_s: When it was last seen.
    """

    track_id: int
    name: str | None
    same_as: int | None
    hidden: bool
    observations: int
    first_s: float
    last_s: float


@dataclass(frozen=True)
class Marker:
    """A moment with a word to it: its number, seconds on the clock of the frames, and the word."""

    id: int
    timestamp_s: float
    word: str


@dataclass(frozen=True)
class MediaFile:
    """A picture or video that was kept with a session.

    Attributes:
        id: Its number.
        kind: What it is for, such as `thumbnail`.
        bytes: Its size.
        timestamp_s: Which moment it shows, if one.
        track_id: Whom it shows, if one person.
    """

    id: int
    kind: str
    bytes: int
    timestamp_s: float | None
    track_id: int | None


@dataclass(frozen=True)
class SessionContents:
    """A session with its people, markers, kept files, and expressions in their order."""

    session: Session
    labels: tuple[str, ...]
    people: tuple[Person, ...]
    markers: tuple[Marker, ...]
    media: tuple[MediaFile, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> SessionContents:
        """Read the answer of `GET /v1/sessions/{id}`."""
        return cls(
            session=Session.from_dict(data["session"]),
            labels=tuple(label["name"] for label in data["labels"]),
            people=tuple(read_person(one) for one in data["people"]),
            markers=tuple(read_marker(one) for one in data["markers"]),
            media=tuple(MediaFile(**_known(MediaFile, one)) for one in data["media"]),
        )


@dataclass(frozen=True)
class TimelineLine:
    """How one person looked from bin to bin; bins without a face are left out.

    Attributes:
        track_id: Whose it is; None for faces without an id, and for everybody together.
        bins: Numbers of bins, rising.
        faces: How many faces there were in each.
        means: Expression to its mean probability in each.
    """

    track_id: int | None
    bins: tuple[int, ...]
    faces: tuple[int, ...]
    means: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True)
class Timeline:
    """A stretch of a session in bins of equal length; bin `i` begins at `start_s + i * bin_s`."""

    start_s: float
    bin_s: float
    bins: int
    lines: tuple[TimelineLine, ...]

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Timeline:
        """Read the answer of `GET /v1/sessions/{id}/timeline`."""
        lines = tuple(
            TimelineLine(
                track_id=line["track_id"],
                bins=tuple(line["bins"]),
                faces=tuple(line["faces"]),
                means=MappingProxyType(
                    {label: tuple(means) for label, means in line["means"].items()}
                ),
            )
            for line in data["lines"]
        )
        return cls(data["start_s"], data["bin_s"], data["bins"], lines)


def read_person(data: Mapping[str, Any]) -> Person:
    """Read a person of the server's JSON."""
    return Person(**_known(Person, data))


def read_marker(data: Mapping[str, Any]) -> Marker:
    """Read a marker of the server's JSON."""
    return Marker(**_known(Marker, data))


def _known(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a type; a newer server may tell more."""
    return {field.name: data[field.name] for field in fields(kind)}
