"""The figures that a clip comes to; `mien.recognition.summary.summary` works them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Peak:
    """A moment in which an expression was dominant and stronger than for a while around."""

    timestamp_s: float
    frame_index: int
    track_id: int | None
    probability: float

    def to_dict(self) -> dict[str, Any]:
        """Return the moment as JSON-ready values."""
        return {
            "timestamp_s": round(self.timestamp_s, 4),
            "frame_index": self.frame_index,
            "track_id": self.track_id,
            "probability": round(self.probability, 4),
        }


@dataclass(frozen=True)
class PersonSummary:
    """One person, or everybody.

    Attributes:
        track_id: The person's number; None for everybody.
        observations: In how many frames the face was read; for everybody, how many faces.
        first_s: When it was first seen.
        last_s: When it was last seen.
        visible_s: How long it was in view; for everybody, how long anybody was.
        shares: Expression to the share of that time in which it was dominant; they sum to 1. For
            everybody each person's time counts.
        means: Expression to mean probability over that time.
        transitions: Dominant expression to the one that came next to how often; both of one person.
        peaks: Expression to its moments, the strongest first; empty where it never was dominant.
    """

    track_id: int | None
    observations: int
    first_s: float
    last_s: float
    visible_s: float
    shares: Mapping[str, float]
    means: Mapping[str, float]
    transitions: Mapping[str, Mapping[str, int]]
    peaks: Mapping[str, Sequence[Peak]]

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as JSON-ready values."""
        return {
            "track_id": self.track_id,
            "observations": self.observations,
            "first_s": round(self.first_s, 4),
            "last_s": round(self.last_s, 4),
            "visible_s": round(self.visible_s, 4),
            "shares": {label: round(share, 4) for label, share in self.shares.items()},
            "means": {label: round(mean, 4) for label, mean in self.means.items()},
            "transitions": {label: dict(after) for label, after in self.transitions.items()},
            "peaks": {
                label: [peak.to_dict() for peak in peaks] for label, peaks in self.peaks.items()
            },
        }

    def __str__(self) -> str:
        who = "everybody" if self.track_id is None else f"person {self.track_id}"
        ranked = sorted(self.shares.items(), key=lambda item: -item[1])
        words = ", ".join(f"{label} {share:.0%}" for label, share in ranked if share >= 0.005)
        return f"{who}: in view {self.visible_s:.1f} s; {words}"


@dataclass(frozen=True)
class Summary:
    """A clip in figures.

    Attributes:
        source: Path or name of the clip, or None.
        frames: How many frames were read.
        duration_s: Time from the first frame to the last.
        watched_s: The part of it that frames close enough to each other cover.
        overall: Everybody together, faces without an id included; None where no face was seen.
        people: Those with an id, by id.
    """

    source: str | None
    frames: int
    duration_s: float
    watched_s: float
    overall: PersonSummary | None
    people: Sequence[PersonSummary]

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as JSON-ready values."""
        return {
            "source": self.source,
            "frames": self.frames,
            "duration_s": round(self.duration_s, 4),
            "watched_s": round(self.watched_s, 4),
            "overall": self.overall and self.overall.to_dict(),
            "people": [person.to_dict() for person in self.people],
        }

    def __str__(self) -> str:
        head = f"{self.source or 'clip'}: {self.frames} frames over {self.duration_s:.1f} s"
        parts = [self.overall, *self.people] if self.overall else ["no face"]
        return "\n".join([head, *(f"  {part}" for part in parts)])
