"""What is kept of a session, as plain values: frozen, and JSON by `to_dict()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from sqlalchemy import Row

State = Literal["recording", "ended", "interrupted"]

# A recorder writes at least every second. One that has not for so long is gone, or as good as.
SILENT_AFTER_S = 5.0


def now_utc() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat(timespec="milliseconds")


@dataclass(frozen=True)
class Session:
    """One recording, without its observations.

    Attributes:
        id: Its number; given once, and never again after it is deleted.
        title: What it is called.
        source: What was recorded: a camera, a file's name; or None.
        note: What somebody wrote about it; may be empty.
        consent_text: What those who are in it agreed to, or None where nobody was asked.
        consent_at: When they did.
        bundle: The model, or None if it was not said.
        detector: The detector that ran; None before the first frame.
        label_set: That of the expressions; None before the first face.
        reading: What else decides on the figures: threshold and checksum of the detector, prior
            and its strength, the confidence below which answers are uncertain.
        settings: What else was set, as the recorder was told.
        started_at: When it began.
        ended_at: When it ended; where it was interrupted, when it last wrote something.
        state: `recording`, `ended`, or `interrupted` if its program ended without ending it.
        keep_until: When it is due to be purged, or None if it is kept until it is deleted.
        first_s: Time of the first frame in its source, in seconds; None before it.
        last_s: Time of the last frame.
        frames: How many frames there are.
        observations: How many faces there are in all of them.
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
    state: State
    keep_until: datetime | None
    first_s: float | None
    last_s: float | None
    frames: int
    observations: int

    @classmethod
    def of_row(cls, row: Row[Any]) -> Self:
        """Return the session of a row of its table."""
        values = dict(row._mapping)
        alive_at, ended_at = values.pop("alive_at"), values.pop("ended_at")
        state: State = "ended"
        if ended_at is None:
            is_silent = now_utc() - alive_at > timedelta(seconds=SILENT_AFTER_S)
            state = "interrupted" if is_silent else "recording"
            ended_at = alive_at if is_silent else None
        return cls(**values, ended_at=ended_at, state=state)

    @property
    def duration_s(self) -> float:
        """Seconds from the first frame to the last."""
        return 0.0 if self.first_s is None or self.last_s is None else self.last_s - self.first_s

    def to_dict(self) -> dict[str, Any]:
        """Return all fields and the duration; moments in ISO 8601, in UTC."""
        return {
            **{name: value for name, value in vars(self).items() if name != "id"},
            "reading": dict(self.reading),
            "settings": dict(self.settings),
            "consent_at": _iso(self.consent_at),
            "started_at": _iso(self.started_at),
            "ended_at": _iso(self.ended_at),
            "keep_until": _iso(self.keep_until),
            "duration_s": round(self.duration_s, 4),
            "id": self.id,
        }


@dataclass(frozen=True)
class Person:
    """One track of a session, and what somebody said of it.

    Attributes:
        track_id: Its number within the session.
        name: What the person is called, if somebody gave a name.
        same_as: The track of the same person that this one counts for, or None.
        hidden: Whether it is left out.
        observations: In how many frames its face was read.
        first_s: When it was first seen.
        last_s: When it was last seen.
    """

    track_id: int
    name: str | None
    same_as: int | None
    hidden: bool
    observations: int
    first_s: float
    last_s: float

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        times = {"first_s": round(self.first_s, 4), "last_s": round(self.last_s, 4)}
        return {**vars(self), **times}


@dataclass(frozen=True)
class Marker:
    """A moment with a word to it.

    Attributes:
        id: Its number.
        timestamp_s: Seconds, on the clock of the session's frames.
        word: What somebody marked it as.
    """

    id: int
    timestamp_s: float
    word: str

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return {**vars(self), "timestamp_s": round(self.timestamp_s, 4)}


@dataclass(frozen=True)
class MediaFile:
    """A picture, sound or video that was kept of a session.

    Attributes:
        id: Its number.
        session_id: The session's.
        kind: What it is for, such as `thumbnail` or `video`.
        file: Where it lies under the folder of media.
        bytes: Its size.
        timestamp_s: Which moment it shows, if it shows one.
        track_id: Whom it shows, if one person.
    """

    id: int
    session_id: int
    kind: str
    file: str
    bytes: int
    timestamp_s: float | None
    track_id: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return dict(vars(self))


@dataclass(frozen=True)
class TimelineLine:
    """How one person looked from bin to bin; bins without a face are left out.

    Attributes:
        track_id: The person's; None for faces without an id, or for everybody together.
        bins: Numbers of bins, rising.
        faces: How many faces there were in each.
        means: Expression to its mean probability in each.
    """

    track_id: int | None
    bins: tuple[int, ...]
    faces: tuple[int, ...]
    means: Mapping[str, tuple[float, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return {
            "track_id": self.track_id,
            "bins": list(self.bins),
            "faces": list(self.faces),
            "means": {
                label: [round(mean, 4) for mean in means] for label, means in self.means.items()
            },
        }


@dataclass(frozen=True)
class Timeline:
    """A stretch of a session in bins of equal length.

    Attributes:
        start_s: Where bin 0 begins.
        bin_s: How long a bin is.
        bins: How many there are.
        lines: One for each person, by track id; those without one first.
    """

    start_s: float
    bin_s: float
    bins: int
    lines: tuple[TimelineLine, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return {
            "start_s": round(self.start_s, 6),
            "bin_s": round(self.bin_s, 6),
            "bins": self.bins,
            "lines": [line.to_dict() for line in self.lines],
        }
