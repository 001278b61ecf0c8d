"""How far one face can be changed until a model answers otherwise.

The faces of a dataset may not be shown where a model fails; a photo of one's own may. Its face
is cut out as the detector frames it, brought to the size that the dataset's faces have, and
changed by the functions that `mien robustness` measures with, ever more, until the most
probable expression is another. What is found holds for one face; the table is about thousands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from mien.core.errors import FaceError
from mien.core.imaging import crop_face, resize_gray, to_gray
from mien.evaluation.perturbations import (
    Perturbation,
    Rectangle,
    UInt8Array,
    blur,
    change_contrast,
    change_gamma,
    compress_jpeg,
    cover,
    light_from_side,
    lose_resolution,
    roll_face,
    scale_crop,
)
from mien.recognition.recognizer import Recognizer

# FER2013's side, at which `mien robustness` changes faces.
FACE_PX = 48


@dataclass(frozen=True)
class Ladder:
    """One kind of change, ever stronger.

    Attributes:
        kind: What is changed.
        steps: How a strength is written and what it does, the weakest first.
    """

    kind: str
    steps: tuple[tuple[str, Perturbation], ...]


@dataclass(frozen=True, eq=False)
class BreakingPoint:
    """What became of one face on one ladder.

    Attributes:
        kind: Of the ladder; `unchanged` for the face as it is.
        strength: Of the first step that is answered otherwise, or of the last if none is.
        held_to: The strongest step before it that is not; None where the very first is.
        breaks: Whether any step is answered otherwise.
        face_gray: (48, 48) uint8, at `strength`.
        probabilities: The answer to it: label to probability, in the label set's order.
    """

    kind: str
    strength: str
    held_to: str | None
    breaks: bool
    face_gray: UInt8Array
    probabilities: Mapping[str, float]

    @property
    def label(self) -> str:
        """The most probable expression."""
        return max(self.probabilities, key=lambda label: self.probabilities[label])


def _ladder(
    kind: str,
    strengths: Sequence[float],
    write: Callable[[float], str],
    change: Callable[[float], Perturbation],
) -> Ladder:
    return Ladder(kind, tuple((write(each), change(each)) for each in strengths))


def _lit_ratio(strength: float) -> str:
    return f"{(1 + strength) / (1 - strength):.2g}:1"


_SHARES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
LADDERS: tuple[Ladder, ...] = (
    _ladder(
        "wider crop",
        (1.25, 1.5, 1.75, 2, 2.5, 3, 4),
        lambda by: f"x {by:g}",
        lambda by: partial(scale_crop, scale=by),
    ),
    _ladder(
        "tighter crop",
        (0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2),
        lambda by: f"x {by:g}",
        lambda by: partial(scale_crop, scale=by),
    ),
    _ladder(
        "roll",
        (20, 30, 40, 50, 60, 75, 90, 120, 150, 180),
        lambda degrees: f"{degrees:g}\N{DEGREE SIGN}",
        lambda degrees: partial(roll_face, degrees=degrees),
    ),
    _ladder(
        "blur",
        (1, 1.5, 2, 2.5, 3, 4, 5, 6),
        lambda px: f"{px:g} px",
        lambda px: partial(blur, sigma_px=px),
    ),
    _ladder(
        "size",
        (24, 20, 16, 14, 12, 10, 8, 6, 4),
        lambda px: f"{px:g} px",
        lambda px: partial(lose_resolution, side_px=int(px)),
    ),
    _ladder(
        "JPEG quality",
        (30, 20, 15, 10, 7, 5, 3, 1),
        lambda quality: f"{quality:g}",
        lambda quality: partial(compress_jpeg, quality=int(quality)),
    ),
    _ladder(
        "contrast",
        (0.5, 0.25, 0.1, 0.05, 0.03, 0.02, 0.01),
        lambda by: f"x {by:g}",
        lambda by: partial(change_contrast, factor=by),
    ),
    _ladder(
        "gamma",
        (2, 3, 4, 6, 8, 12, 16),
        lambda by: f"{by:g}",
        lambda by: partial(change_gamma, gamma=by),
    ),
    _ladder(
        "side light",
        (0.6, 0.8, 0.9, 0.95, 0.98),
        _lit_ratio,
        lambda strength: partial(light_from_side, strength=strength),
    ),
    _ladder(
        "covered from below",
        _SHARES,
        lambda share: f"{share:.0%}",
        lambda share: partial(cover, part=Rectangle(0, 1 - share, 1, 1)),
    ),
    _ladder(
        "covered from above",
        _SHARES,
        lambda share: f"{share:.0%}",
        lambda share: partial(cover, part=Rectangle(0, 0, 1, share)),
    ),
)


def find_breaking_points(
    recognizer: Recognizer, image_bgr: UInt8Array, ladders: Sequence[Ladder] = LADDERS
) -> list[BreakingPoint]:
    """Change the largest face of a photo, ever more, until the answer is another.

    Args:
        recognizer: Detector, model, label set and prior.
        image_bgr: HW3 uint8, upright.
        ladders: Kinds of change.

    Returns:
        The face as it is, then one entry for each ladder.

    Raises:
        FaceError: If the detector finds no face.
    """
    face_gray = _largest_face(recognizer, image_bgr)
    whole = _ask(recognizer, face_gray[None])[0]
    unchanged = BreakingPoint("unchanged", "", None, False, face_gray, whole)
    return [unchanged, *(_climb(recognizer, face_gray, unchanged.label, each) for each in ladders)]


def _largest_face(recognizer: Recognizer, image_bgr: UInt8Array) -> UInt8Array:
    """Return the face (48, 48) uint8 that the detector finds, cut out as the model wants it."""
    faces = recognizer.detector.detect(image_bgr)
    if not faces:
        raise FaceError(
            f"no face found by {recognizer.detector.name}; give a photo with one, or another "
            "detector"
        )
    return crop_face(
        to_gray(image_bgr),
        faces[0].box,
        size=FACE_PX,
        frame=recognizer.crop_frame,
        landmarks=faces[0].landmarks,
    )


def _climb(
    recognizer: Recognizer, face_gray: UInt8Array, expected: str, ladder: Ladder
) -> BreakingPoint:
    changed = np.concatenate([change(face_gray[None]) for _, change in ladder.steps])
    answers = _ask(recognizer, changed)
    labels = [max(answer, key=lambda label: answer[label]) for answer in answers]
    broken = [place for place, label in enumerate(labels) if label != expected]
    place = broken[0] if broken else len(labels) - 1
    before = place - 1 if broken else place
    return BreakingPoint(
        kind=ladder.kind,
        strength=ladder.steps[place][0],
        held_to=None if before < 0 else ladder.steps[before][0],
        breaks=bool(broken),
        face_gray=changed[place],
        probabilities=answers[place],
    )


def _ask(recognizer: Recognizer, faces_gray: UInt8Array) -> list[dict[str, float]]:
    """Return label to probability for each of some faces (n, 48, 48) uint8."""
    size = recognizer.bundle.config.input.size
    labels = recognizer.bundle.label_sets[recognizer.label_set].labels
    answers = recognizer.classify(np.stack([resize_gray(face, size) for face in faces_gray]))
    return [dict(zip(labels, (float(p) for p in row), strict=True)) for row in answers]
