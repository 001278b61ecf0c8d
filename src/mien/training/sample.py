"""Some training faces for what needs to see typical ones, without training on them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mien.core.imaging import resize_gray
from mien.data import SPLITS, FaceDataset

SAMPLE_FACES = 1024
SAMPLE_SEED = 0


def sample_training_faces(
    dataset: FaceDataset, *, size: int, count: int = SAMPLE_FACES, seed: int = SAMPLE_SEED
) -> NDArray[np.uint8]:
    """Return faces of the training split, drawn without replacement, in the data's order.

    Args:
        dataset: With training faces.
        size: The side that they are resized to.
        count: How many; all of them where there are fewer.
        seed: Of the draw.

    Returns:
        (n, size, size) uint8, 0..255.
    """
    train = np.flatnonzero(dataset.splits == SPLITS.index("train"))
    drawn = np.random.default_rng(seed).choice(train, min(count, len(train)), replace=False)
    return np.stack([resize_gray(dataset.images_gray[index], size) for index in np.sort(drawn)])
