"""Faces that are the same to the last pixel: within a split, across splits, across labels.

FER2013 has 1,518 groups of them.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass

import numpy as np

from mien.data.dataset import SPLITS, BoolArray, FaceDataset, Int64Array

_DIGEST_BYTES = 16


@dataclass(frozen=True, eq=False)
class DuplicateGroup:
    """Two or more faces with identical pixels.

    Attributes:
        indices: Their places in the dataset, ascending.
        labels_disagree: Whether two labelled ones among them have different labels.
    """

    indices: Int64Array
    labels_disagree: bool


def find_duplicates(dataset: FaceDataset) -> list[DuplicateGroup]:
    """Return all groups of identical faces, in the order of their first faces."""
    members: dict[bytes, list[int]] = defaultdict(list)
    for index, digest in enumerate(_digests(dataset)):
        members[digest].append(index)
    groups = []
    for indices in members.values():
        if len(indices) > 1:
            labels = {int(i) for i in dataset.class_ids[indices] if i >= 0}
            groups.append(DuplicateGroup(np.array(indices, np.int64), len(labels) > 1))
    return groups


def also_in_training(dataset: FaceDataset, training: FaceDataset | None = None) -> BoolArray:
    """Mark the validation and test faces that are identical to a train face.

    Args:
        dataset: The faces to mark: the whole dataset, or a part of it together with
            `training`.
        training: Where to look for train faces, if not in `dataset` itself.

    Returns:
        (n,) bool in the order of `dataset`; False for its train faces.
    """
    train = SPLITS.index("train")
    whole = training or dataset
    known = set(_digests(whole.subset(whole.splits == train)))
    digests = np.fromiter((d in known for d in _digests(dataset)), np.bool_, len(dataset))
    return np.asarray(digests & (dataset.splits != train), np.bool_)


def face_fingerprints(dataset: FaceDataset) -> list[str]:
    """Return 16 hexadecimal digits for each face, by which a file can say which face it means.

    They are of size and pixels alone, so faces that are identical have the same.
    """
    return [digest.hex()[:16] for digest in _digests(dataset)]


def _digests(dataset: FaceDataset) -> list[bytes]:
    shape = repr(dataset.image_size).encode()
    return [
        hashlib.blake2b(image.tobytes(), digest_size=_DIGEST_BYTES, person=shape[:16]).digest()
        for image in dataset.images_gray
    ]
