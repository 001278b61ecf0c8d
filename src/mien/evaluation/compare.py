"""Answers of several models to the same faces: how far they are apart, and whether by chance.

Two questions, two tools. Is one model right more often? McNemar's exact test looks at the
faces that only one of the two gets right. How far are two figures apart? The paired
bootstrap draws faces with replacement, the same ones for every model, so that what is hard
about a face drops out of the difference.

Sources: McNemar, "Note on the sampling error of the difference between correlated
proportions or percentages" (1947), in its exact form, a two-sided binomial test; Holm, "A
Simple Sequentially Rejective Multiple Test Procedure" (1979); Efron and Tibshirani, "An
Introduction to the Bootstrap" (1993), chapter 13, percentile intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.labels import LabelSet
from mien.evaluation.compare_draws import ResampledFigures, draw_faces, figures_of_draws
from mien.evaluation.figures import FloatArray, Int64Array, check_answers

RESAMPLES = 2000
SEED = 0
_ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Difference:
    """A model's figure minus the reference's, with its 95 % paired bootstrap interval.

    Attributes:
        value: The difference on the faces as they are.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class PairedTest:
    """Who gets which faces right, and McNemar's exact test on it.

    Attributes:
        both_right: Faces that both models get right.
        only_reference: Faces that only the reference gets right.
        only_model: Faces that only the model gets right.
        both_wrong: Faces that neither gets right.
        p_value: How often two models that are right equally often would differ this much.
        p_holm: The same after Holm's correction for the number of models that are compared
            with the reference; equal to `p_value` where there is one.
    """

    both_right: int
    only_reference: int
    only_model: int
    both_wrong: int
    p_value: float
    p_holm: float


@dataclass(frozen=True)
class ClassDifference:
    """How one class fares beside the reference; None where either side is undefined."""

    label: str
    recall: Difference | None
    f1: Difference | None


@dataclass(frozen=True)
class ModelDifference:
    """One model against the reference on the same faces.

    Attributes:
        accuracy: Difference of the shares answered rightly.
        macro_f1: Of the means of the classes' F1.
        balanced_accuracy: Of the means of the classes' recall.
        log_loss: In nats; below zero is better.
        expected_calibration_error: Below zero is better.
        per_class: One entry for each label.
        test: McNemar's.
    """

    accuracy: Difference
    macro_f1: Difference
    balanced_accuracy: Difference
    log_loss: Difference
    expected_calibration_error: Difference
    per_class: tuple[ClassDifference, ...]
    test: PairedTest

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values, unrounded."""
        return asdict(self)


def compare_answers(
    probabilities: Sequence[FloatArray],
    class_ids: Int64Array,
    label_set: LabelSet,
    *,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> tuple[ModelDifference, ...]:
    """Compare every model with the first.

    What is said of one model does not depend on which others are there, but for `p_holm`.

    Args:
        probabilities: For each model (n, classes), 0..1, rows sum to 1.
        class_ids: (n,) the labels, the same faces in the same order for every model.
        label_set: Names and order of the classes.
        resamples: How many times n faces are drawn.
        seed: Of the draws.

    Returns:
        One entry for each model but the first.

    Raises:
        ShapeError: If there are fewer than two models or the arrays do not fit each other.
    """
    if len(probabilities) < 2:
        raise ShapeError(f"expected the answers of at least two models, got {len(probabilities)}")
    for answers in probabilities:
        check_answers(answers, class_ids, label_set)
    as_they_are = figures_of_draws(probabilities, class_ids, [np.ones((1, len(class_ids)))])
    drawn = figures_of_draws(probabilities, class_ids, draw_faces(len(class_ids), resamples, seed))
    right = [answers.argmax(axis=1) == class_ids for answers in probabilities]
    tables = [_count_pairs(right[0], other) for other in right[1:]]
    p_values = [mcnemar_p_value(table[1], table[2]) for table in tables]
    tests = [
        PairedTest(*table, p_value, p_holm)
        for table, p_value, p_holm in zip(tables, p_values, holm_correction(p_values), strict=True)
    ]
    return tuple(
        _difference((as_they_are[0], as_they_are[place]), (drawn[0], drawn[place]), label_set, test)
        for place, test in enumerate(tests, start=1)
    )


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test.

    Of the faces that one model alone gets right, each falls to either with probability 1/2
    if neither is better. Computed in whole numbers, so exact for any count.

    Args:
        only_first: Faces that only the first model gets right.
        only_second: Faces that only the second gets right.

    Raises:
        ShapeError: If a count is negative.
    """
    if only_first < 0 or only_second < 0:
        raise ShapeError(f"expected counts of at least 0, got {only_first} and {only_second}")
    n = only_first + only_second
    term, tail = 1, 0
    for k in range(min(only_first, only_second) + 1):
        tail += term
        term = term * (n - k) // (k + 1)  # the next binomial coefficient
    return min(1.0, 2 * tail / (1 << n))


def holm_correction(p_values: Sequence[float]) -> tuple[float, ...]:
    """Return p-values that hold for all of several tests at once, in the same order."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - rank) * p_values[place]))
        corrected[place] = highest
    return tuple(corrected)


def _count_pairs(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return how many faces both, only the first, only the second and neither get right."""
    neither, only_second, only_first, both = np.bincount(2 * first + second, minlength=4)
    return int(both), int(only_first), int(only_second), int(neither)


def _difference(
    as_they_are: tuple[ResampledFigures, ResampledFigures],
    drawn: tuple[ResampledFigures, ResampledFigures],
    label_set: LabelSet,
    test: PairedTest,
) -> ModelDifference:
    """Put a model beside the reference: (reference, model) without and with resampling."""

    def whole(name: str) -> Difference:
        return _with_interval(*(_gap(pair, name) for pair in (as_they_are, drawn)))

    def of_class(name: str, class_id: int) -> Difference | None:
        value, gaps = (_gap(pair, name)[:, class_id] for pair in (as_they_are, drawn))
        # A draw without such a face says nothing about the class.
        gaps = gaps[~np.isnan(gaps)]
        return None if np.isnan(value[0]) or len(gaps) == 0 else _with_interval(value, gaps)

    return ModelDifference(
        accuracy=whole("accuracy"),
        macro_f1=whole("macro_f1"),
        balanced_accuracy=whole("balanced_accuracy"),
        log_loss=whole("log_loss"),
        expected_calibration_error=whole("expected_calibration_error"),
        per_class=tuple(
            ClassDifference(label, of_class("recall", class_id), of_class("f1", class_id))
            for class_id, label in enumerate(label_set.labels)
        ),
        test=test,
    )


def _gap(pair: tuple[ResampledFigures, ResampledFigures], name: str) -> FloatArray:
    gap: FloatArray = getattr(pair[1], name) - getattr(pair[0], name)
    return gap


def _with_interval(value: FloatArray, gaps: FloatArray) -> Difference:
    low, high = np.quantile(gaps, _ENDS)
    return Difference(float(value[0]), float(low), float(high))
