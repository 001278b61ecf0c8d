"""Which faces a model that learned from a dataset's training split has met before.

A test image that was also trained on makes a figure better than it is: FER2013's labels are
noisy, and a network that remembers a picture remembers its label with it. So `mien evaluate`
gives every figure without such images as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mien.data.dataset import SPLITS, BoolArray, FaceDataset, Int64Array
from mien.data.duplicates import also_in_training
from mien.data.near_duplicates import ALIKE_FROM, find_likest


@dataclass(frozen=True, eq=False)
class TrainingOverlap:
    """Which of some faces are also among the training faces.

    Attributes:
        same: (n,) bool; identical to a training face, to the last pixel.
        twins: (n,) int64; the place in the dataset of a training face that shows the same picture,
            be it cut, sized, packed or mirrored a little otherwise, or -1. All that are `same`
            have one.
    """

    same: BoolArray
    twins: Int64Array

    @property
    def alike(self) -> BoolArray:
        """(n,) bool; which have a twin."""
        return self.twins >= 0

    def at(self, indices: Int64Array) -> TrainingOverlap:
        """Return the same of some of the faces, (k,) their places."""
        return TrainingOverlap(self.same[indices], self.twins[indices])


def training_overlap(dataset: FaceDataset, split: str) -> TrainingOverlap | None:
    """Look for the faces of a split among the training faces.

    Args:
        dataset: The whole dataset. For FER2013 it takes a few seconds; every face of the split is
            compared with every training face.
        split: One of `SPLITS`.

    Returns:
        For each face of `dataset`, outside the split False and -1; None for the training split
        itself and for a dataset without one, of which nobody can ask it.
    """
    train = np.flatnonzero(dataset.splits == SPLITS.index("train"))
    if split == "train" or len(train) == 0:
        return None
    wanted = np.flatnonzero(dataset.splits == SPLITS.index(split))
    likest, alikeness = find_likest(dataset.images_gray[wanted], dataset.images_gray[train])
    same = np.zeros(len(dataset), np.bool_)
    same[wanted] = also_in_training(dataset)[wanted]
    twins = np.full(len(dataset), -1, np.int64)
    twins[wanted] = np.where((alikeness >= ALIKE_FROM) | same[wanted], train[likest], -1)
    return TrainingOverlap(same, twins)
