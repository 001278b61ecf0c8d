"""Every figure that mien reports about a classifier, from arrays alone.

The definitions are ours and small enough to read; the tests hold each against scikit-learn.
Where a ratio has nothing below the line (the recall of a class that no face has, the
precision of one that was never answered) the figure is undefined: `None`, not 0. Means over
classes leave such classes out, which is what scikit-learn does by itself: its macro-F1 runs
over the classes that occur among the labels or the answers, its balanced accuracy over
those that occur among the labels.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.labels import LabelSet
from mien.evaluation.calibration import Reliability, measure_reliability

FloatArray = NDArray[np.float64]
Int64Array = NDArray[np.int64]

# The 97.5 % point of the normal distribution: 95 % lie within this many deviations.
Z_95 = 1.959963984540054


@dataclass(frozen=True)
class Share:
    """A share of faces with its 95 % confidence interval.

    Attributes:
        value: 0..1.
        low: Lower end of the Wilson score interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ClassFigures:
    """How one class fares; None is undefined.

    Attributes:
        label: The expression.
        support: Faces that have it.
        answered: Faces that it was the answer for.
        precision: Right ones among the answered.
        recall: Right ones among those that have it.
        f1: Harmonic mean of both; None only if no face has it and none was answered so.
    """

    label: str
    support: int
    answered: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Baseline:
    """What answering one class for every face would reach.

    Attributes:
        label: The most frequent class of the training labels under the same rule.
        n_training: Number of training labels that it was chosen by.
        accuracy: On the faces that are evaluated, with its interval.
        macro_f1: As for the model.
        balanced_accuracy: As for the model.
    """

    label: str
    n_training: int
    accuracy: Share
    macro_f1: float
    balanced_accuracy: float


@dataclass(frozen=True)
class Figures:
    """Everything that is reported of one set of answers.

    Attributes:
        label_set: Name of the label set.
        labels: Its expressions; rows and columns of `confusion` are in this order.
        n: Number of faces.
        accuracy: Share of faces whose top answer is their label.
        log_loss: Mean of -ln(probability of the label), in nats.
        macro_f1: Mean of the classes' F1.
        balanced_accuracy: Mean of the classes' recall.
        per_class: One entry for each label.
        confusion: Counts, [label][answer].
        reliability: Expected calibration error and the curve that it sums up.
        baseline: The naive answer beside it, or None where no training labels are known.
    """

    label_set: str
    labels: tuple[str, ...]
    n: int
    accuracy: Share
    log_loss: float
    macro_f1: float
    balanced_accuracy: float
    per_class: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    reliability: Reliability
    baseline: Baseline | None

    @property
    def confusion_normalised(self) -> tuple[tuple[float | None, ...], ...]:
        """Shares of each row of `confusion`, 0..1; None throughout a row without faces."""
        return tuple(
            tuple(count / sum(row) if sum(row) else None for count in row) for row in self.confusion
        )

    def most_taken_for(self, class_id: int) -> tuple[str, int] | None:
        """Return the wrong answer that a class gets most often and its count, or None."""
        wrong = {
            label: count
            for answer, (label, count) in enumerate(
                zip(self.labels, self.confusion[class_id], strict=True)
            )
            if answer != class_id and count
        }
        return max(wrong.items(), key=lambda item: item[1]) if wrong else None

    def to_dict(self) -> dict[str, Any]:
        """Return all figures as JSON-ready values, unrounded."""
        return {**asdict(self), "confusion_normalised": self.confusion_normalised}


def compute_figures(
    probabilities: FloatArray,
    class_ids: Int64Array,
    label_set: LabelSet,
    *,
    training_class_ids: Int64Array | None = None,
) -> Figures:
    """Compute every figure for one set of answers.

    Args:
        probabilities: (n, classes), 0..1, rows sum to 1, columns in `label_set`'s order.
        class_ids: (n,) the labels; each in 0..classes - 1, and n at least 1.
        label_set: Names and order of the classes.
        training_class_ids: (m,) the training labels under the same rule, for the baseline;
            None or empty gives none.

    Raises:
        ShapeError: If the arrays do not fit each other or there is no face.
    """
    check_answers(probabilities, class_ids, label_set)
    answers = probabilities.argmax(axis=1)
    confusion = confusion_matrix(class_ids, answers, len(label_set))
    per_class = class_figures(confusion, label_set)
    return Figures(
        label_set=label_set.name,
        labels=label_set.labels,
        n=len(class_ids),
        accuracy=wilson_interval(int(np.trace(confusion)), len(class_ids)),
        log_loss=log_loss(probabilities, class_ids),
        macro_f1=macro_f1(per_class),
        balanced_accuracy=balanced_accuracy(per_class),
        per_class=per_class,
        confusion=tuple(tuple(int(count) for count in row) for row in confusion),
        reliability=measure_reliability(probabilities.max(axis=1), answers == class_ids),
        baseline=majority_baseline(class_ids, training_class_ids, label_set),
    )


def check_answers(probabilities: FloatArray, class_ids: Int64Array, label_set: LabelSet) -> None:
    """Refuse arrays that no figure can be computed from.

    Raises:
        ShapeError: Saying what was expected and what came.
    """
    n, classes = len(class_ids), len(label_set)
    if n == 0:
        raise ShapeError("there is no face to evaluate; figures need at least one")
    if probabilities.shape != (n, classes):
        raise ShapeError(
            f"expected probabilities of shape ({n}, {classes}) for {n} labels of "
            f"{label_set.name}, got {probabilities.shape}"
        )
    if class_ids.min() < 0 or class_ids.max() >= classes:
        raise ShapeError(
            f"class ids of {label_set.name} lie in 0..{classes - 1}, "
            f"got {class_ids.min()}..{class_ids.max()}; leave unlabelled faces out"
        )
    sums = probabilities.sum(axis=1)
    if not (np.allclose(sums, 1.0, atol=1e-4) and probabilities.min() >= 0):
        raise ShapeError(
            "expected probabilities of at least 0 whose rows sum to 1, got a least value of "
            f"{probabilities.min():g} and sums of {sums.min():g}..{sums.max():g}"
        )


def wilson_interval(successes: float, n: int) -> Share:
    """Return a share with its 95 % Wilson score interval.

    Unlike the textbook's normal interval it stays within 0..1 and holds for small n and for
    shares near 0 and 1 (Wilson, "Probable Inference, the Law of Succession, and Statistical
    Inference", 1927). Where each of n faces is looked at several times, a face may count in
    part; the interval is that of n faces, which is then wider than need be, never narrower.

    Raises:
        ShapeError: If n is not at least 1 or `successes` not in 0..n.
    """
    if not (n >= 1 and 0 <= successes <= n):
        raise ShapeError(f"expected 0 <= successes <= n and n >= 1, got {successes} of {n}")
    share, z2 = successes / n, Z_95 * Z_95
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # At 0 and n one end is the share itself; rounding must not push it past.
    return Share(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def confusion_matrix(class_ids: Int64Array, answers: Int64Array, classes: int) -> Int64Array:
    """Count answers by label: (classes, classes), rows labels, columns answers."""
    flat = np.bincount(class_ids * classes + answers, minlength=classes * classes)
    return flat.reshape(classes, classes).astype(np.int64)


def class_figures(confusion: Int64Array, label_set: LabelSet) -> tuple[ClassFigures, ...]:
    """Return precision, recall and F1 of each class from a matrix of counts."""
    figures = []
    for index, label in enumerate(label_set.labels):
        right = int(confusion[index, index])
        support, answered = int(confusion[index].sum()), int(confusion[:, index].sum())
        figures.append(
            ClassFigures(
                label=label,
                support=support,
                answered=answered,
                precision=right / answered if answered else None,
                recall=right / support if support else None,
                f1=2 * right / (support + answered) if support + answered else None,
            )
        )
    return tuple(figures)


def macro_f1(per_class: tuple[ClassFigures, ...]) -> float:
    """Return the mean F1 of the classes that occur among the labels or the answers."""
    return _mean([figures.f1 for figures in per_class])


def balanced_accuracy(per_class: tuple[ClassFigures, ...]) -> float:
    """Return the mean recall of the classes that occur among the labels."""
    return _mean([figures.recall for figures in per_class])


def log_loss(probabilities: FloatArray, class_ids: Int64Array) -> float:
    """Return the mean of `face_losses`, in nats."""
    return float(face_losses(probabilities, class_ids).mean())


def face_losses(probabilities: FloatArray, class_ids: Int64Array) -> FloatArray:
    """Return -ln(probability of the label) of each face, (n,) in nats.

    A probability of 0 counts as the machine's epsilon, as in scikit-learn: one wrong
    answer that was given as certain costs 36, not infinity.
    """
    right = probabilities[np.arange(len(class_ids)), class_ids].astype(np.float64)
    return -np.log(np.maximum(right, np.finfo(np.float64).eps))


def majority_baseline(
    class_ids: Int64Array, training_class_ids: Int64Array | None, label_set: LabelSet
) -> Baseline | None:
    """Return what the most frequent training label reaches as the answer for every face."""
    if training_class_ids is None or len(training_class_ids) == 0:
        return None
    answer = int(np.bincount(training_class_ids, minlength=len(label_set)).argmax())
    answers = np.full_like(class_ids, answer)
    confusion = confusion_matrix(class_ids, answers, len(label_set))
    per_class = class_figures(confusion, label_set)
    return Baseline(
        label=label_set.labels[answer],
        n_training=len(training_class_ids),
        accuracy=wilson_interval(int(np.trace(confusion)), len(class_ids)),
        macro_f1=macro_f1(per_class),
        balanced_accuracy=balanced_accuracy(per_class),
    )


def _mean(values: list[float | None]) -> float:
    defined = [value for value in values if value is not None]
    return sum(defined) / len(defined)
