"""A dataset and a predictor whose figures can be worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.labels import FER2013, FERPLUS_VOTE_COLUMNS, LABEL_SETS, LabelSet
from mien.data import FaceDataset

SIZE = 8


def face_that_looks(left: int, right: int, *, serial: int = 0) -> NDArray[np.uint8]:
    """A face on which `SidePredictor` sees class `left`, and class `right` in its mirror.

    Faces of different serials are different pictures.
    """
    image = np.random.default_rng(serial).integers(60, 140, (SIZE, SIZE), np.uint8)
    image[0, 0], image[0, -1] = left, right
    return image


def smooth_faces(n: int, *, seed: int = 0) -> NDArray[np.uint8]:
    """(n, 48, 48) blotches as coarse as the features of a face, each its own."""
    coarse = np.random.default_rng(seed).uniform(0, 255, (n, 7, 7)).astype(np.float32)
    fine = [cv2.resize(one, (48, 48), interpolation=cv2.INTER_CUBIC) for one in coarse]
    return np.clip(fine, 0, 255).astype(np.uint8)


def make_dataset(
    splits: Sequence[int],
    class_ids: Sequence[int],
    images: Sequence[NDArray[np.uint8]],
    *,
    votes: NDArray[np.uint8] | None = None,
    label_set: LabelSet = FER2013,
) -> FaceDataset:
    return FaceDataset(
        name="sides",
        images_gray=np.stack(images),
        splits=np.array(splits, np.int8),
        class_ids=np.array(class_ids, np.int64),
        label_set=label_set,
        votes=votes,
        sources=tuple(range(len(images))),
    )


def ten_votes_for(column: str, *, rest: str | None = None, n: int = 10) -> NDArray[np.uint8]:
    """`n` of ten votes for one column of FER+, the others for `rest`."""
    votes = np.zeros(len(FERPLUS_VOTE_COLUMNS), np.uint8)
    votes[FERPLUS_VOTE_COLUMNS.index(column)] = n
    if rest is not None:
        votes[FERPLUS_VOTE_COLUMNS.index(rest)] += 10 - n
    return votes


class SidePredictor:
    """Answers the class that is written in a face's top left corner.

    It is not flip-invariant by design: of a mirrored face it sees the top right corner.
    """

    def __init__(self, *label_sets: str, sureness: float = 2.0) -> None:
        self.name = "sides"
        self.label_sets = label_sets or ("fer2013", "ferplus")
        self.sureness = sureness
        self.batches: list[int] = []

    def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        self.batches.append(len(images_gray))
        logits = {}
        for name in self.label_sets:
            classes = len(LABEL_SETS[name])
            logits[name] = np.zeros((len(images_gray), classes), np.float32)
            seen = images_gray[:, 0, 0].astype(int) % classes
            logits[name][np.arange(len(images_gray)), seen] = self.sureness
        return logits


def sample_dataset() -> FaceDataset:
    """60 faces in three splits with votes; five test faces are training faces as well."""
    rng = np.random.default_rng(3)
    splits = np.repeat([0, 1, 2], 20)
    class_ids = rng.integers(0, 7, 60)
    looks = np.where(rng.random(60) < 0.6, class_ids, rng.integers(0, 7, 60))
    images = [
        face_that_looks(look, class_id, serial=i)
        for i, (look, class_id) in enumerate(zip(looks, class_ids, strict=True))
    ]
    images[40:45] = images[:5]
    labels = [FER2013.labels[i] for i in class_ids]
    votes = np.stack([ten_votes_for(label, rest="NF", n=8) for label in labels])
    return make_dataset(splits.tolist(), class_ids.tolist(), images, votes=votes)
