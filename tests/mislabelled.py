"""Easy faces, a known part of which has a wrong label."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.labels import FER2013, FERPLUS_VOTE_COLUMNS
from mien.data import FaceDataset

# Four of the seven expressions: that others do not occur must not matter.
CLASSES = np.array([0, 3, 4, 6])


def make_mislabelled(
    n_train: int = 360,
    *,
    n_validation: int = 60,
    wrong_share: float = 0.1,
    size: int = 24,
    seed: int = 0,
) -> tuple[FaceDataset, NDArray[np.int64]]:
    """Return faces whose stripes are as their expression says, and their true classes.

    Of the training faces exactly `wrong_share`, drawn at random, have another label than the true
    one; validation faces are labelled rightly. No two faces are alike.
    """
    rng = np.random.default_rng(seed)
    n = n_train + n_validation
    kind = rng.integers(0, len(CLASSES), n)
    y, x = np.mgrid[:size, :size]
    images = np.empty((n, size, size), np.uint8)
    for image, number in zip(images, kind, strict=True):
        # Upright or lying, wide or narrow: the same in a mirror.
        along, period_px = (x, y)[number % 2], (8, 4)[number // 2]
        stripes = 40 * np.sin(2 * np.pi * along / period_px + rng.uniform(0, 2 * np.pi))
        blotches = cv2.resize(rng.normal(120, 40, (6, 6)), (size, size))
        image[:] = np.clip(blotches + stripes, 0, 255)
    true = CLASSES[kind]
    given_kind = kind.copy()
    wrong = rng.choice(n_train, round(wrong_share * n_train), replace=False)
    given_kind[wrong] = (kind[wrong] + rng.integers(1, len(CLASSES), len(wrong))) % len(CLASSES)
    splits = np.zeros(n, np.int8)
    splits[n_train:] = 1
    faces = FaceDataset(
        name="stripes",
        images_gray=images,
        splits=splits,
        class_ids=CLASSES[given_kind].astype(np.int64),
        label_set=FER2013,
        votes=None,
        sources=tuple(range(n)),
    )
    return faces, true.astype(np.int64)


def votes_for(class_ids: NDArray[np.int64], n: int = 10) -> NDArray[np.uint8]:
    """(m, 10) FER+ votes: `n` of ten for each class of FER2013, the others for `unknown`."""
    votes = np.zeros((len(class_ids), len(FERPLUS_VOTE_COLUMNS)), np.uint8)
    columns = [FERPLUS_VOTE_COLUMNS.index(FER2013.labels[i]) for i in class_ids]
    votes[np.arange(len(votes)), columns] = n
    votes[:, FERPLUS_VOTE_COLUMNS.index("unknown")] = 10 - n
    return votes


def answers_for(
    true: NDArray[np.int64], *, sure: float = 0.85, seed: int = 1
) -> NDArray[np.float64]:
    """(m, 7) probabilities of a model that is mostly right: `sure` on average for the truth."""
    rng = np.random.default_rng(seed)
    answers = rng.dirichlet(np.full(7, 0.5), len(true))
    share = rng.beta(10 * sure, 10 * (1 - sure), len(true))
    answers *= (1 - share)[:, None]
    answers[np.arange(len(true)), true] += share
    return answers
