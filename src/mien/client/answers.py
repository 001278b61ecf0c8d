"""What a server answers beside results, as frozen types; each is read from the server's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.core.imaging import CropSquare
from mien.core.labels import LabelSet
from mien.core.result_json import face_from_dict
from mien.core.types import Face


@dataclass(frozen=True)
class Health:
    """That a server runs, and what it reads with: its version, model and detector."""

    version: str
    bundle: str
    detector: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Health:
        """Read the answer of `GET /healthz`."""
        return cls(data["version"], data["bundle"], data["detector"])


@dataclass(frozen=True)
class ModelInfo:
    """A model that is installed at the server.

    Attributes:
        name: The bundle's name.
        active: Whether it is the one that reads.
        label_sets: Names of the label sets that it can answer in.
        figures: What its config says of its measured quality.
    """

    name: str
    active: bool
    label_sets: tuple[str, ...]
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class DetectorInfo:
    """A face detector of the server; `reason` says why it cannot run, and is None where it can."""

    name: str
    available: bool
    reason: str | None


@dataclass(frozen=True)
class Models:
    """What a server can read with.

    Attributes:
        bundles: The models that are installed there.
        label_sets: Label sets of the one that reads, by name.
        detectors: Its face detectors.
        default_detector: What finds faces if nothing else is asked for; may be `auto`.
        default_label_set: The label set of answers if nothing else is asked for.
    """

    bundles: tuple[ModelInfo, ...]
    label_sets: Mapping[str, LabelSet]
    detectors: tuple[DetectorInfo, ...]
    default_detector: str
    default_label_set: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Models:
        """Read the answer of `GET /v1/models`."""
        return cls(
            bundles=tuple(
                ModelInfo(b["name"], b["active"], tuple(b["label_sets"]), b["figures"])
                for b in data["bundles"]
            ),
            label_sets=MappingProxyType(
                {
                    s["name"]: LabelSet(s["name"], tuple(one["name"] for one in s["labels"]))
                    for s in data["label_sets"]
                }
            ),
            detectors=tuple(
                DetectorInfo(d["name"], d["available"], d["reason"]) for d in data["detectors"]
            ),
            default_detector=data["default"]["detector"],
            default_label_set=data["default"]["label_set"],
        )


@dataclass(frozen=True, eq=False)
class RemoteExplanation:
    """What spoke for and against one expression of one face, without the picture.

    Attributes:
        face: The face, with its expression.
        label: The expression that is explained.
        probability: Its probability, 0..1.
        map: (s, s) float32, read-only, over `square`: how much the label's log-odds (natural
            logarithm) drop where a part is hidden. Positive spoke for the label.
        parts: The map at eyes, nose and mouth; empty where the detector does not know them.
        square: Where the map lies in the picture.
        words: The same for people, the strongest part first.
        is_weak: Whether no part matters much.
        bundle: The model's name.
        method: How it was found.
        unit: What the figures of `map` and `parts` are.
    """

    face: Face
    label: str
    probability: float
    map: NDArray[np.float32]
    parts: Mapping[str, float]
    square: CropSquare
    words: str
    is_weak: bool
    bundle: str
    method: str
    unit: str

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RemoteExplanation:
        """Read the answer of `POST /v1/explain?format=json`."""
        weights = np.array(data["map"], np.float32)
        weights.flags.writeable = False
        same = ("label", "probability", "words", "is_weak", "bundle", "method", "unit")
        return cls(
            face=face_from_dict(data["face"]),
            map=weights,
            parts=MappingProxyType(dict(data["parts"])),
            square=CropSquare(**data["square"]),
            **{name: data[name] for name in same},
        )

    def __repr__(self) -> str:
        return f"RemoteExplanation({self.label} {self.probability:.0%}: {self.words})"


@dataclass(frozen=True)
class LiveReady:
    """What reads the frames of a live connection, and its limits.

    Attributes:
        protocol: The version of the live protocol that the server speaks.
        bundle: The model.
        detector: The detector that really runs, never `auto`.
        label_set: The label set of answers.
        smoothing_s: Time constant of smoothing, in seconds.
        uncertain_below: Answers with less confidence are flagged.
        max_frame_bytes: Larger frames are refused.
        frames_per_s: More frames a second are refused; `Live` waits where it must.
    """

    protocol: int
    bundle: str
    detector: str
    label_set: str
    smoothing_s: float
    uncertain_below: float
    max_frame_bytes: int
    frames_per_s: float

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> LiveReady:
        """Read a `ready` message."""
        return cls(**{field.name: data[field.name] for field in fields(cls)})


@dataclass(frozen=True)
class RecordingStatus:
    """How a session stands that a live connection records.

    Attributes:
        state: `recording`; `ended`; or `failed`, where what was written before is kept.
        session_id: Its number.
        title: What it is called.
        session_s: How far it is, in seconds on its own clock.
        frames: How many frames it has.
        faces: How many faces are in all of them.
        dropped: How many frames the server's disk could not keep up with.
        error: Why it failed, or why no more pictures of faces are kept; else None.
    """

    state: Literal["recording", "ended", "failed"]
    session_id: int
    title: str
    session_s: float
    frames: int
    faces: int
    dropped: int
    error: str | None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RecordingStatus:
        """Read a `recording` message."""
        told = {field.name: data[field.name] for field in fields(cls)}
        return cls(**{**told, "error": told["error"] and str(told["error"]["message"])})


@dataclass(frozen=True)
class Marked:
    """A moment that was marked: the word, and when, in seconds on the session's clock."""

    word: str
    timestamp_s: float

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Marked:
        """Read a `marked` message."""
        return cls(data["word"], data["timestamp_s"])
