"""What a balanced prior costs and gives: accuracy against balanced accuracy, by its strength.

A network that was trained on few faces of fear seldom answers fear. Taking part of the training
prior off its logits (`mien.bundle.prior`) finds more of the rare expressions and loses some of
the common ones. How much of it is best is chosen here, on validation faces.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, ShapeError
from mien.core.labels import LabelSet
from mien.evaluation.figures import balanced_accuracy, class_figures, confusion_matrix, macro_f1

STRENGTHS = tuple(step / 20 for step in range(21))
# Accuracy that may be lost for balance where nothing else is asked for: 0.3 points.
DEFAULT_MAX_LOSS = 0.003


@dataclass(frozen=True)
class TradeOffPoint:
    """What one strength gives; shares are 0..1.

    Attributes:
        strength: Of the balanced prior; 0 is natural.
        accuracy: Share of faces whose top answer is their label.
        balanced_accuracy: Mean of the classes' recall.
        macro_f1: Mean of the classes' F1.
    """

    strength: float
    accuracy: float
    balanced_accuracy: float
    macro_f1: float


@dataclass(frozen=True)
class TradeOff:
    """The figures of every strength on the same faces.

    Attributes:
        n: Number of faces.
        max_loss: Share of accuracy that `chosen` may lose to strength 0.
        points: From strength 0 to 1.
    """

    n: int
    max_loss: float
    points: tuple[TradeOffPoint, ...]

    @property
    def chosen(self) -> TradeOffPoint:
        """The largest balanced accuracy among strengths that lose no more than `max_loss`.

        The weakest of them where several tie.
        """
        # Shares of whole faces: a billionth is the rounding of floats, not a face.
        least = self.points[0].accuracy - self.max_loss - 1e-9
        able = [point for point in self.points if point.accuracy >= least]
        return max(able, key=lambda point: (point.balanced_accuracy, -point.strength))

    def to_dict(self) -> dict[str, Any]:
        """Return all fields and the choice as JSON-ready values."""
        return {
            "n": self.n,
            "max_loss": self.max_loss,
            "chosen": asdict(self.chosen),
            "points": [asdict(point) for point in self.points],
        }


def sweep_strengths(
    log_posteriors: NDArray[np.float64],
    class_ids: NDArray[np.int64],
    label_set: LabelSet,
    training_shares: Sequence[float],
    *,
    max_loss: float = DEFAULT_MAX_LOSS,
) -> TradeOff:
    """Return the figures of a balanced prior at each of `STRENGTHS`.

    Args:
        log_posteriors: (n, classes) natural answers: calibrated logits, or logarithms of
            probabilities; what is the same for all classes of a face does not matter.
        class_ids: (n,) the labels; n at least 1.
        label_set: Names and order of the classes.
        training_shares: Of each class, above 0.
        max_loss: Share of accuracy that the chosen strength may lose, 0..1.

    Raises:
        ConfigError: If `max_loss` or a share is out of its range.
        ShapeError: If the arrays do not fit each other or there is no face.
    """
    if min(training_shares) <= 0:
        raise ConfigError(
            f"a balanced prior needs a training share above 0 for each of "
            f"{', '.join(label_set.labels)}, got {list(training_shares)}"
        )
    if not 0 <= max_loss <= 1:
        raise ConfigError(f"expected a loss of accuracy of 0 to 1, got {max_loss:g}")
    expected = (len(class_ids), len(label_set))
    if len(class_ids) == 0 or log_posteriors.shape != expected:
        raise ShapeError(
            f"expected answers of shape (n, {len(label_set)}) for n labels, n at least 1, got "
            f"{log_posteriors.shape} and {class_ids.shape}"
        )
    log_shares = np.log(np.asarray(training_shares, np.float64))
    points = []
    for strength in STRENGTHS:
        # Equal target shares add the same to every class, which moves no answer.
        answers = (log_posteriors - strength * log_shares).argmax(axis=1)
        confusion = confusion_matrix(class_ids, answers, len(label_set))
        per_class = class_figures(confusion, label_set)
        points.append(
            TradeOffPoint(
                strength=strength,
                accuracy=int(np.trace(confusion)) / len(class_ids),
                balanced_accuracy=balanced_accuracy(per_class),
                macro_f1=macro_f1(per_class),
            )
        )
    return TradeOff(n=len(class_ids), max_loss=max_loss, points=tuple(points))
