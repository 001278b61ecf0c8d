"""What becomes of a network's answers when its weights are rounded to 16-bit floats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import BundleError
from mien.core.imaging import resize_gray
from mien.data import SPLITS, FaceDataset
from mien.evaluation.views import softmax
from mien.training.predictor import RunPredictor

# Largest change of a probability that rounding may bring; beyond it fp32 is the better choice.
ROUNDING_TOLERANCE = 0.01
# Enough to see how far answers move, few enough to take seconds.
ROUNDING_FACES = 1024
_BATCH = 64


@dataclass(frozen=True)
class Rounding:
    """Answers of the rounded network beside those of the one that was trained.

    Attributes:
        faces: How many faces both were asked about.
        of: Whose these are: the validation split of a dataset, or nobody's.
        same_answer: Share of the faces whose most probable labels are the same, for every head.
        max_probability_difference: Largest over all faces and labels, at a temperature of 1.
    """

    faces: int
    of: str
    same_answer: float
    max_probability_difference: float


def check_rounding(
    rounded: RunPredictor, trained: RunPredictor, dataset: FaceDataset | None
) -> Rounding:
    """Compare both networks on the first validation faces of a dataset, or on made-up ones.

    Raises:
        BundleError: If a probability differs by more than `ROUNDING_TOLERANCE`.
    """
    faces, source = _faces_to_ask_about(dataset, rounded.input_size)
    same, gap = np.ones(len(faces), np.bool_), 0.0
    for start in range(0, len(faces), _BATCH):
        part = slice(start, start + _BATCH)
        now, before = (each.predict_logits(faces[part]) for each in (rounded, trained))
        for head, logits in now.items():
            same[part] &= logits.argmax(axis=1) == before[head].argmax(axis=1)
            gap = max(gap, float(np.abs(softmax(logits) - softmax(before[head])).max()))
    if not gap <= ROUNDING_TOLERANCE:  # not (a > b): a NaN must not pass
        raise BundleError(
            f"rounding the weights to 16 bits changes a probability by {gap:.2g}, tolerated are "
            f"{ROUNDING_TOLERANCE:g}; export with storage fp32"
        )
    return Rounding(len(faces), source, float(same.mean()), gap)


def random_faces(count: int, size: int) -> NDArray[np.uint8]:
    """Return made-up faces (count, size, size) uint8: noise, smooth shades, black and white."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (count // 2, size, size), np.uint8)
    coarse = generator.integers(0, 256, (count - count // 2 - 2, 6, 6), np.uint8)
    smooth = [resize_gray(shades, size) for shades in coarse]
    flat = [np.full((size, size), value, np.uint8) for value in (0, 255)]
    return np.stack([*noise, *smooth, *flat])


def _faces_to_ask_about(dataset: FaceDataset | None, size: int) -> tuple[NDArray[np.uint8], str]:
    """Return faces (n, size, size) uint8 and whose they are."""
    if dataset is not None:
        rows = np.flatnonzero(dataset.splits == SPLITS.index("validation"))[:ROUNDING_FACES]
        if len(rows):
            faces = np.stack([resize_gray(dataset.images_gray[row], size) for row in rows])
            return faces, f"{dataset.name}, validation"
    return random_faces(_BATCH, size), "made-up faces"
