"""How well a run does on faces that it learned from: beside validation, this tells what is memory.

The accuracy that a training log has is no such figure: its faces are changed, dropout is on, and
weights move while it is summed up.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mien.data import FaceDataset
from mien.training.predictor import load_run_predictor
from mien.training.targets import HeadTargets

_BATCH = 256


def accuracy_on_training_faces(
    run_folder: Path, training: FaceDataset, targets: Mapping[str, HeadTargets], *, count: int
) -> dict[str, Any]:
    """Measure a run's best checkpoint on unchanged faces of the training split.

    Args:
        run_folder: With a best checkpoint.
        training: The faces that were learned from.
        targets: Head name to what is taken for right, rows as in `training`: labels, and for
            votes the `majority` rule, as in validation.
        count: How many faces to take at most, evenly spread over the split. As many as validation
            has make the two figures equally sure, at the price of one more validation.

    Returns:
        For `report.json`: `n`, the faces taken, and `accuracy`, head name to the share of those
        with a label that were read rightly; a head without labels among them is left out.
    """
    predictor = load_run_predictor(run_folder)
    rows = np.unique(np.linspace(0, len(training) - 1, min(count, len(training))).astype(np.int64))
    hits: dict[str, list[bool]] = {head: [] for head in targets}
    for start in range(0, len(rows), _BATCH):
        chosen = rows[start : start + _BATCH]
        logits = predictor.predict_logits(np.asarray(training.images_gray[chosen]))
        for head, target in targets.items():
            wanted = target.distributions[chosen].numpy()
            known = wanted.sum(1) > 0
            hits[head] += (logits[head].argmax(1) == wanted.argmax(1))[known].tolist()
    return {
        "n": len(rows),
        "accuracy": {head: round(sum(hit) / len(hit), 6) for head, hit in hits.items() if hit},
    }
