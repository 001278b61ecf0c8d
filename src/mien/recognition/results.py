"""From found faces and the model's answers to results."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from mien.bundle.prior import Prior
from mien.core.imaging import sharpness
from mien.core.types import Expression, Face, FrameResult
from mien.faces import DetectedFace, Detector

UInt8Array = NDArray[np.uint8]


@dataclass
class Located:
    """A picture whose faces are found and cut out, but not read yet.

    Attributes:
        size: (width, height) in pixels; (0, 0) where the picture could not be read.
        faces: What was found.
        crops_gray: (n, size, size) uint8, one for each face.
        milliseconds: Time spent so far, by stage.
        source: Path or name of where it came from.
        error: Why it could not be read, or None.
        index: The frame's number in its source.
        timestamp_s: Seconds from the source's start.
    """

    size: tuple[int, int]
    faces: list[DetectedFace]
    crops_gray: UInt8Array
    milliseconds: dict[str, float] = field(default_factory=dict)
    source: str | None = None
    error: str | None = None
    index: int = 0
    timestamp_s: float = 0.0


@dataclass(frozen=True)
class ResultMaker:
    """Puts what was found and what the model answered into results.

    Attributes:
        labels: The expressions, in the order of the model's columns.
        label_set: Their label set's name.
        uncertain_below: As `Recognizer.uncertain_below`.
        detector: What found the faces.
        prior: How common each expression was taken to be.
    """

    labels: tuple[str, ...]
    label_set: str
    uncertain_below: float
    detector: Detector
    prior: Prior

    def face(
        self, face: DetectedFace | Face, probabilities: NDArray[np.float32], crop_gray: UInt8Array
    ) -> Face:
        """Return a face with its expression.

        Args:
            face: Where it is.
            probabilities: (labels,) float32.
            crop_gray: As the model saw it.
        """
        shares = dict(zip(self.labels, probabilities.tolist(), strict=True))
        return Face(
            box=face.box,
            confidence=face.confidence,
            expression=Expression(shares, self.label_set, self.uncertain_below),
            landmarks=face.landmarks,
            sharpness=sharpness(crop_gray),
        )

    def frame(
        self, located: Located, probabilities: NDArray[np.float32], classify_ms: float
    ) -> FrameResult:
        """Return the result of one picture.

        Args:
            located: Its faces.
            probabilities: (n, labels) float32, a row for each of them.
            classify_ms: Time that the model took for them.
        """
        faces = tuple(
            self.face(*seen)
            for seen in zip(located.faces, probabilities, located.crops_gray, strict=True)
        )
        spent = {} if located.error else {**located.milliseconds, "classify": classify_ms}
        return FrameResult(
            index=located.index,
            timestamp_s=located.timestamp_s,
            size=located.size,
            faces=faces,
            detector=self.detector.name,
            milliseconds=spent,
            source=located.source,
            error=located.error,
            detector_threshold=self.detector.threshold,
            detector_sha256=self.detector.weights_sha256,
            prior=self.prior.name,
            prior_strength=self.prior.strength,
        )
