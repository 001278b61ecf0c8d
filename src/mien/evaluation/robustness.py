"""How much accuracy a model loses on faces that were changed in known ways.

Every row is about the same faces, so what is hard about a face drops out of the loss: it is
the mean over faces of "right as it was" minus "right once changed", with an interval of that
difference, which is far narrower than those of the two accuracies.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.bundle.prior import Prior
from mien.core.errors import DatasetError, ShapeError
from mien.data import SPLITS, FaceDataset
from mien.evaluation.figures import Z_95, FloatArray, Int64Array, Share, wilson_interval
from mien.evaluation.perturbations import Perturbation
from mien.evaluation.predictors import Predictor, known_priors
from mien.evaluation.robustness_conditions import CONDITIONS, Condition
from mien.evaluation.run import choose_faces, fingerprint_faces
from mien.evaluation.targets import RuleTargets
from mien.evaluation.views import Progress, predict_checked

QUICK_FACES = 500


@dataclass(frozen=True)
class Loss:
    """Accuracy lost against the unchanged faces, with its 95 % paired interval.

    Attributes:
        value: As a share of the faces, -1..1; below 0 something was gained.
        low: Lower end of the interval.
        high: Upper end.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Way:
    """One direction of a condition: its name and the accuracy in it, 0..1."""

    name: str
    accuracy: float


@dataclass(frozen=True)
class Row:
    """What one condition does; a face counts with the share of the directions it is right in.

    Attributes:
        name: Family and strength.
        family: As in `Condition`.
        strength: As in `Condition`.
        n: Number of faces.
        accuracy: Mean over the directions.
        balanced_accuracy: Mean of the classes' recall, each the mean over the directions.
        loss: Accuracy on the unchanged faces minus this one.
        balanced_loss: The same of the balanced accuracy.
        limit: The most `loss` by the project's own goal, or None.
        ways: Each direction by itself; one entry where there is no direction.
    """

    name: str
    family: str
    strength: float
    n: int
    accuracy: Share
    balanced_accuracy: float
    loss: Loss
    balanced_loss: float
    limit: float | None
    ways: tuple[Way, ...]

    @property
    def keeps_limit(self) -> bool:
        """Whether no more is lost than the goal allows; True where there is no goal."""
        return self.limit is None or self.loss.value <= self.limit


@dataclass(frozen=True)
class RuleRobustness:
    """What one rule gives.

    Attributes:
        rule: Its name.
        rule_text: What it does.
        label_set: The head that answers.
        n: Faces that were looked at and that the rule keeps.
        prior: How common each expression was taken to be, or None where the model knows of no
            priors.
        accuracy: On the unchanged faces.
        balanced_accuracy: On the unchanged faces.
        rows: One for each condition, in their order.
    """

    rule: str
    rule_text: str
    label_set: str
    n: int
    prior: Prior | None
    accuracy: Share
    balanced_accuracy: float
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values, unrounded."""
        return {**asdict(self), "prior": self.prior and self.prior.to_dict()}


@dataclass(frozen=True)
class Robustness:
    """All that was found out about a model on changed faces of a split.

    Attributes:
        model: The model's name.
        dataset: The dataset's name.
        split: `train`, `validation` or `test`.
        split_sha256: As in `Evaluation`.
        n_split: Faces in the split, before any rule and sample.
        n_looked_at: Faces that the model was shown, before each rule.
        seed: Of the sample, or None where every face was looked at.
        rules: One entry for each rule.
    """

    model: str
    dataset: str
    split: str
    split_sha256: str
    n_split: int
    n_looked_at: int
    seed: int | None
    rules: tuple[RuleRobustness, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values, unrounded."""
        return {**vars(self), "rules": [rule.to_dict() for rule in self.rules]}


def measure_robustness(
    predictor: Predictor,
    dataset: FaceDataset,
    *,
    split: str = "validation",
    rules: Collection[str] = (),
    conditions: Sequence[Condition] = CONDITIONS,
    sample: int | None = None,
    seed: int = 0,
    batch_size: int = 256,
    on_progress: Progress | None = None,
) -> Robustness:
    """Show a model the faces of a split as they are and under every condition.

    Faces are changed at the size that the dataset has them in, before the model's own.

    Args:
        predictor: The model.
        dataset: The whole dataset.
        split: In any of the usual spellings.
        rules: Names of rules; empty for all the usual ones that data and model allow.
        conditions: The rows.
        sample: Look at so many faces, drawn at random, if there are more; None for all.
        seed: Of that draw; nothing else is left to chance.
        batch_size: Faces at once.
        on_progress: Told how far it is; each face counts once for each look at it.

    Raises:
        ConfigError: If a rule is unknown.
        DatasetError: If the split is empty, or a rule keeps no face or does not fit.
        ShapeError: If the model answers in another shape than its label sets say.
    """
    split, targets, indices = choose_faces(dataset, predictor.label_sets, split, rules)
    drawn = sample is not None and sample < len(indices)
    if drawn:
        indices = np.sort(np.random.default_rng(seed).choice(indices, sample, replace=False))
    for target in targets:
        if not (target.class_ids[indices] >= 0).any():
            which = "none of the sampled faces" if drawn else f"no face of split {split}"
            raise DatasetError(f"rule {target.rule.name} keeps {which}")
    changes: list[Perturbation] = [
        np.copy,
        *(change for condition in conditions for change in condition.ways.values()),
    ]
    answers = _answers(predictor, dataset, indices, targets, changes, batch_size, on_progress)
    in_split = dataset.splits == SPLITS.index(split)
    priors = known_priors(predictor)
    return Robustness(
        model=predictor.name,
        dataset=dataset.name,
        split=split,
        split_sha256=fingerprint_faces(dataset, in_split),
        n_split=int(in_split.sum()),
        n_looked_at=len(indices),
        seed=seed if drawn else None,
        rules=tuple(
            _measure_rule(
                target, target.class_ids[indices], answers[head], conditions, priors.get(head)
            )
            for target in targets
            for head in [target.rule.label_set.name]
        ),
    )


def paired_loss(losses: FloatArray) -> Loss:
    """Return the mean loss of faces with its 95 % interval.

    The interval is Agresti and Min's for the difference of two paired proportions: the usual
    one after adding half a face to each of the four cells (right or wrong, before or after),
    which holds for few faces and does not shrink to nothing when none of them changes. Faces
    that were looked at in several directions bring a loss between -1 and 1.

    Source: Agresti and Min, "Simple improved confidence intervals for comparing matched
    proportions", Statistics in Medicine 24 (2005).

    Args:
        losses: (n,) right before minus right after, -1..1; n at least 1.

    Raises:
        ShapeError: If there is no face.
    """
    if losses.ndim != 1 or len(losses) == 0:
        raise ShapeError(f"expected the losses of at least one face, got shape {losses.shape}")
    mean = float(losses.mean())
    n = len(losses) + 2
    # Of the four half faces one was lost and one was gained.
    centre = float(losses.sum()) / n
    variance = (float((losses**2).sum()) + 1) / n - centre**2
    half = Z_95 * math.sqrt(variance / n)
    return Loss(mean, min(mean, max(-1.0, centre - half)), max(mean, min(1.0, centre + half)))


def mean_recall(right: FloatArray, class_ids: Int64Array) -> float:
    """Return the balanced accuracy of faces that may be right in part, (n,) of 0..1."""
    counts = np.bincount(class_ids)
    recalls = np.bincount(class_ids, weights=right)[counts > 0] / counts[counts > 0]
    return float(recalls.mean())


def _answers(
    predictor: Predictor,
    dataset: FaceDataset,
    indices: NDArray[np.int64],
    targets: Sequence[RuleTargets],
    changes: Sequence[Perturbation],
    batch_size: int,
    on_progress: Progress | None,
) -> dict[str, Int64Array]:
    """Return the class ids answered, head name to (changes, m)."""
    heads = {target.rule.label_set.name for target in targets}
    answers = {name: np.empty((len(changes), len(indices)), np.int64) for name in heads}
    done = 0
    for start in range(0, len(indices), batch_size):
        batch = slice(start, min(start + batch_size, len(indices)))
        faces = np.ascontiguousarray(dataset.images_gray[indices[batch]])
        for place, change in enumerate(changes):
            logits = predict_checked(predictor, change(faces), heads)
            for name, values in logits.items():
                answers[name][place, batch] = values.argmax(axis=1)
            done += len(faces)
            if on_progress is not None:
                on_progress(done, len(changes) * len(indices))
    return answers


def _measure_rule(
    target: RuleTargets,
    class_ids: Int64Array,
    answers: Int64Array,
    conditions: Sequence[Condition],
    prior: Prior | None,
) -> RuleRobustness:
    kept = class_ids >= 0
    class_ids = class_ids[kept]
    # (looks, n): the first look is at the unchanged face.
    right = (answers[:, kept] == class_ids).astype(np.float64)
    rows, first = [], 1
    for condition in conditions:
        last = first + len(condition.ways)
        rows.append(_row(condition, right[0], right[first:last], class_ids))
        first = last
    return RuleRobustness(
        rule=target.rule.name,
        rule_text=target.rule.text,
        label_set=target.rule.label_set.name,
        n=len(class_ids),
        prior=prior,
        accuracy=wilson_interval(right[0].sum(), len(class_ids)),
        balanced_accuracy=mean_recall(right[0], class_ids),
        rows=tuple(rows),
    )


def _row(
    condition: Condition, before: FloatArray, after_ways: FloatArray, class_ids: Int64Array
) -> Row:
    after = after_ways.mean(axis=0)
    balanced = mean_recall(after, class_ids)
    return Row(
        name=condition.name,
        family=condition.family,
        strength=condition.strength,
        n=len(class_ids),
        accuracy=wilson_interval(float(after.sum()), len(class_ids)),
        balanced_accuracy=balanced,
        loss=paired_loss(before - after),
        balanced_loss=mean_recall(before, class_ids) - balanced,
        limit=condition.limit,
        ways=tuple(
            Way(name, float(way.mean()))
            for name, way in zip(condition.ways, after_ways, strict=True)
        ),
    )
