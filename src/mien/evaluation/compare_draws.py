"""Drawing faces with replacement, and the figures of thousands of such draws at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from mien.evaluation.calibration import RELIABILITY_BINS, bin_places
from mien.evaluation.figures import FloatArray, Int64Array, face_losses

# Faces drawn at once: about 16 MB of counts, however large the split is.
_DRAWN_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class ResampledFigures:
    """A model's figures on each of some draws of faces, defined as in `Figures`.

    Attributes:
        accuracy: (draws,).
        macro_f1: (draws,).
        balanced_accuracy: (draws,).
        log_loss: (draws,).
        expected_calibration_error: (draws,).
        recall: (draws, classes); NaN where a draw has no face of the class.
        f1: (draws, classes); NaN where the class is neither a label nor an answer.
    """

    accuracy: FloatArray
    macro_f1: FloatArray
    balanced_accuracy: FloatArray
    log_loss: FloatArray
    expected_calibration_error: FloatArray
    recall: FloatArray
    f1: FloatArray


def draw_faces(n: int, resamples: int, seed: int) -> Iterator[FloatArray]:
    """Draw n faces with replacement, many times.

    Yields:
        (rows, n) float64: how often each face was drawn; `resamples` rows in all.
    """
    rng = np.random.default_rng(seed)
    at_once = max(1, _DRAWN_AT_ONCE // n)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = rng.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(np.float64)


def figures_of_draws(
    probabilities: Sequence[FloatArray], class_ids: Int64Array, draws: Iterable[FloatArray]
) -> list[ResampledFigures]:
    """Return each model's figures on the same draws of faces.

    All figures follow from sums over faces (how many of each class, answered so, right, ...),
    so many draws at once are one matrix product.

    Args:
        probabilities: For each model (n, classes).
        class_ids: (n,) the labels.
        draws: Blocks of (rows, n), how often each face counts.
    """
    n, classes = probabilities[0].shape
    columns = [_columns_to_sum(each, class_ids) for each in probabilities]
    # A product for each model: equal answers give equal sums, to the last bit.
    blocks = [[counts @ of_model for of_model in columns] for counts in draws]
    return [
        _figures_from_sums(np.concatenate(sums), n, classes) for sums in zip(*blocks, strict=True)
    ]


def _columns_to_sum(probabilities: FloatArray, class_ids: Int64Array) -> FloatArray:
    """Return (n, 3 classes + bins + 1): label, answer, right one, gap by bin, loss."""
    n, classes = probabilities.shape
    faces = np.arange(n)
    answers, confidences = probabilities.argmax(axis=1), probabilities.max(axis=1)
    right = answers == class_ids
    columns = np.zeros((n, 3 * classes + RELIABILITY_BINS + 1))
    columns[faces, class_ids] = 1
    columns[faces, classes + answers] = 1
    columns[faces, 2 * classes + class_ids] = right
    columns[faces, 3 * classes + bin_places(confidences)] = confidences - right
    columns[:, -1] = face_losses(probabilities, class_ids)
    return columns


def _figures_from_sums(sums: FloatArray, n: int, classes: int) -> ResampledFigures:
    """Turn (draws, columns) sums of `_columns_to_sum` into figures."""
    support, answered, right, gaps = np.split(sums[:, :-1], np.arange(1, 4) * classes, axis=1)
    recall, f1 = _ratio(right, support), _ratio(2 * right, support + answered)
    return ResampledFigures(
        accuracy=right.sum(axis=1) / n,
        macro_f1=np.nanmean(f1, axis=1),
        balanced_accuracy=np.nanmean(recall, axis=1),
        log_loss=sums[:, -1] / n,
        expected_calibration_error=np.abs(gaps).sum(axis=1) / n,
        recall=recall,
        f1=f1,
    )


def _ratio(above: FloatArray, below: FloatArray) -> FloatArray:
    return np.divide(above, below, out=np.full_like(above, np.nan), where=below > 0)
