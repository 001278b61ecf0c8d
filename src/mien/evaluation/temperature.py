"""One number that makes a classifier as sure of itself as it is right.

Source: Guo et al., "On Calibration of Modern Neural Networks" (2017): logits are divided by
a temperature that minimises the log-loss on faces that were not trained on. It changes no
answer, only the probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.labels import LabelSet
from mien.data import SPLITS, FaceDataset
from mien.evaluation.predictors import Predictor
from mien.evaluation.targets import choose_rules, rule_targets
from mien.evaluation.views import softmax

# Beyond these the optimum is at infinity: all answers right, or no better than chance.
LOWEST, HIGHEST = 0.05, 20.0
_BATCH = 256


def fit_temperature(logits: NDArray[np.float32], class_ids: NDArray[np.int64]) -> float:
    """Return the temperature of least log-loss, within `LOWEST`..`HIGHEST`.

    The log-loss is convex in 1 / temperature, so the zero of its slope is found by halving.

    Args:
        logits: (n, classes); n at least 1.
        class_ids: (n,) the labels.

    Raises:
        ShapeError: If the arrays do not fit each other or there is no face.
    """
    if len(class_ids) == 0 or logits.ndim != 2 or len(logits) != len(class_ids):
        raise ShapeError(
            f"expected logits (n, classes) and n labels, n at least 1, got {logits.shape} "
            f"and {class_ids.shape}"
        )
    values = logits.astype(np.float64)
    right = values[np.arange(len(values)), class_ids].mean()
    low, high = 1 / HIGHEST, 1 / LOWEST
    for _ in range(60):
        middle = (low + high) / 2
        slope = (softmax(values * middle) * values).sum(axis=1).mean() - right
        low, high = (low, middle) if slope > 0 else (middle, high)
    return 2 / (low + high)


@dataclass(frozen=True, eq=False)
class HeadAnswers:
    """What a head says to the validation faces that it has labels for.

    Attributes:
        label_set: Names and order of the classes.
        logits: (n, classes) float32, as the predictor gave them.
        class_ids: (n,) the labels, by the rule that `mien evaluate` takes first.
    """

    label_set: LabelSet
    logits: NDArray[np.float32]
    class_ids: NDArray[np.int64]


def answer_validation(predictor: Predictor, dataset: FaceDataset) -> dict[str, HeadAnswers]:
    """Return what a model says to the validation split, by label set.

    Args:
        predictor: Any model.
        dataset: With the labels of at least one head; heads that it has none for are left out.

    Raises:
        DatasetError: If no head has labels in the data.
    """
    in_split = dataset.splits == SPLITS.index("validation")
    answers: dict[str, HeadAnswers] = {}
    for name in choose_rules(dataset, predictor.label_sets):
        targets = rule_targets(dataset, name)
        labels = targets.rule.label_set
        if labels.name in answers:
            continue
        kept = np.flatnonzero(in_split & (targets.class_ids >= 0))
        logits = np.empty((len(kept), len(labels)), np.float32)
        for start in range(0, len(kept), _BATCH):
            batch = slice(start, start + _BATCH)
            faces = np.ascontiguousarray(dataset.images_gray[kept[batch]])
            logits[batch] = predictor.predict_logits(faces)[labels.name]
        answers[labels.name] = HeadAnswers(labels, logits, targets.class_ids[kept])
    return answers
