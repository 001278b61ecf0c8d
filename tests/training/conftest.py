"""A small dataset that can be learned in seconds, and a recipe to go with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mien.core.labels import FER2013, FERPLUS, FERPLUS_VOTE_COLUMNS
from mien.data import FaceDataset


def make_faces(n: int = 240, *, size: int = 24, seed: int = 0) -> FaceDataset:
    """Return faces whose label is where a bright bar lies; a third each for the splits."""
    rng = np.random.default_rng(seed)
    class_ids = rng.integers(0, 7, n)
    images = rng.integers(60, 110, (n, size, size)).astype(np.uint8)
    step = size // 8
    for image, class_id in zip(images, class_ids, strict=True):
        image[class_id * step : (class_id + 1) * step + 2] = 230
    votes = np.zeros((n, len(FERPLUS_VOTE_COLUMNS)), np.uint8)
    columns = [FERPLUS.labels.index(FER2013.labels[i]) for i in class_ids]
    votes[np.arange(n), columns] = 7
    votes[np.arange(n), [(c + 1) % 8 for c in columns]] = 3
    votes[::20] = 0
    votes[::20, FERPLUS_VOTE_COLUMNS.index("NF")] = 10
    return FaceDataset(
        name="bars",
        images_gray=images,
        splits=(np.arange(n) % 3).astype(np.int8),
        class_ids=class_ids.astype(np.int64),
        label_set=FER2013,
        votes=votes,
        sources=tuple(range(n)),
    )


@pytest.fixture
def faces() -> FaceDataset:
    return make_faces()


@pytest.fixture
def recipe_values() -> dict[str, Any]:
    return {
        "name": "tiny",
        "seed": 3,
        "model": {
            "name": "residual",
            "options": {"widths": [8, 16], "blocks": [1, 1], "stem_kernel": 3, "dropout": 0.1},
        },
        "input": {"size": 24},
        "heads": {
            "fer2013": {"target": "labels", "label_smoothing": 0.1},
            "ferplus": {"target": "soft"},
        },
        "augment": {"flip": 0.5, "rotation_degrees": 5.0, "shift": 0.02, "erasing": 0.2},
        "optimiser": {"name": "sgd", "learning_rate": 0.05, "schedule": "onecycle"},
        "loop": {"epochs": 4, "batch_size": 16, "ema_decay": 0.8, "precision": "fp32"},
    }
