"""Evaluating a model over a split: every figure six ways, out of two looks at each face.

The six ways are {one look at each face, the mean over it and its mirror} x {the split as it was
published, without images that are also among the training images, without images that are
nearly so}. Published figures of FER2013 and FER+ never leave any out; all are given here, so
that ours can be compared with theirs and be trusted as well. A seventh way, ten crops, is for
comparisons with figures that others made so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.bundle.prior import Prior
from mien.core.errors import DatasetError
from mien.data import SPLITS, FaceDataset, TrainingOverlap, canonical_split, training_overlap
from mien.evaluation.coverage import CoverageCurve, measure_coverage
from mien.evaluation.figures import Figures, compute_figures
from mien.evaluation.predictors import Predictor, known_priors
from mien.evaluation.targets import RuleTargets, choose_rules, rule_targets
from mien.evaluation.trade_off import TradeOff, sweep_strengths
from mien.evaluation.views import Crops, Progress, mean_by_crops, predict_views

Images = Literal["published", "unseen", "unlike"]


@dataclass(frozen=True)
class Result:
    """One way of the six or seven.

    Attributes:
        crops: As in `mien.evaluation.views`; `ten` is there if it was asked for, as published.
        images: `published`, the whole split; `unseen`, without images that are also among
            the training images, to the last pixel; `unlike`, without those either that show the
            same picture as a training image, be it cut, sized, packed or mirrored otherwise.
        figures: What came out.
    """

    crops: Crops
    images: Images
    figures: Figures

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return {"crops": self.crops, "images": self.images, "figures": self.figures.to_dict()}


@dataclass(frozen=True)
class RuleEvaluation:
    """What one rule gives.

    Attributes:
        rule: Its name.
        rule_text: What it does.
        label_set: The head that answers.
        n: Faces of the split that the rule keeps.
        n_dropped: Faces of the split that it drops, or that have no label.
        n_also_in_training: How many of the n are also among the training images; None where
            that is no question, in the training split and without one.
        n_alike_in_training: How many of the n show the same picture as a training image, those
            of `n_also_in_training` among them; None likewise.
        results: The ways, `single` and `published` first; fewer where a part has no face.
        coverage: Accuracy against coverage, of the first way.
        prior: How common each expression was taken to be, or None where the model knows of no
            priors.
        trade_off: The first way's accuracy against balance; None but on the validation split,
            where a strength may be chosen.
    """

    rule: str
    rule_text: str
    label_set: str
    n: int
    n_dropped: int
    n_also_in_training: int | None
    n_alike_in_training: int | None
    results: tuple[Result, ...]
    coverage: CoverageCurve
    prior: Prior | None = None
    trade_off: TradeOff | None = None

    def figures(self, crops: Crops = "single", images: Images = "published") -> Figures | None:
        """Return the figures of one way, or None where there are none."""
        for result in self.results:
            if (result.crops, result.images) == (crops, images):
                return result.figures
        return None

    @property
    def headline(self) -> Figures:
        """One look at each face, the split as published: what others report."""
        return self.results[0].figures

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return {
            **vars(self),
            "results": [result.to_dict() for result in self.results],
            "coverage": self.coverage.to_dict(),
            "prior": self.prior and self.prior.to_dict(),
            "trade_off": self.trade_off and self.trade_off.to_dict(),
        }


@dataclass(frozen=True)
class Evaluation:
    """All that was found out about a model on a split.

    Attributes:
        model: The model's name.
        dataset: The dataset's name.
        split: `train`, `validation` or `test`.
        split_sha256: Of the split's images, labels and votes, whatever file they came from.
        n_split: Faces in the split, before any rule.
        rules: One evaluation for each rule.
    """

    model: str
    dataset: str
    split: str
    split_sha256: str
    n_split: int
    rules: tuple[RuleEvaluation, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return {**vars(self), "rules": [rule.to_dict() for rule in self.rules]}


def evaluate(
    predictor: Predictor,
    dataset: FaceDataset,
    *,
    split: str = "test",
    rules: Collection[str] = (),
    ten_crops: bool = False,
    batch_size: int = 256,
    on_progress: Progress | None = None,
) -> Evaluation:
    """Evaluate a model on one split of a dataset.

    Args:
        predictor: The model.
        dataset: The whole dataset: its training part gives the naive baseline, and tells
            which images of the split the model may have seen.
        split: In any of the usual spellings.
        rules: Names of rules; empty for all the usual ones that data and model allow.
        ten_crops: Whether to add the mean over ten crops, which takes six times as long.
        batch_size: Faces at once.
        on_progress: Told how far it is.

    Raises:
        ConfigError: If a rule is unknown.
        DatasetError: If the split is empty, or a rule keeps no face or does not fit.
        ShapeError: If the model answers in another shape than its label sets say.
    """
    split, targets, indices = choose_faces(dataset, predictor.label_sets, split, rules)
    in_split = dataset.splits == SPLITS.index(split)
    heads = {target.rule.label_set.name for target in targets}
    views = predict_views(
        predictor,
        dataset,
        indices,
        heads,
        ten_crops=ten_crops,
        batch_size=batch_size,
        on_progress=on_progress,
    )
    overlap = training_overlap(dataset, split)
    priors = known_priors(predictor)
    return Evaluation(
        model=predictor.name,
        dataset=dataset.name,
        split=split,
        split_sha256=fingerprint_faces(dataset, in_split),
        n_split=int(in_split.sum()),
        rules=tuple(
            evaluate_rule(
                target, views[head], dataset, indices, split, overlap, prior=priors.get(head)
            )
            for target in targets
            for head in [target.rule.label_set.name]
        ),
    )


def choose_faces(
    dataset: FaceDataset, heads: Collection[str], split: str, rules: Collection[str]
) -> tuple[str, tuple[RuleTargets, ...], NDArray[np.int64]]:
    """Return which faces are looked at, and their labels.

    Args:
        dataset: The whole dataset.
        heads: Names of the model's label sets.
        split: In any of the usual spellings.
        rules: Names of rules; empty for all the usual ones that data and heads allow.

    Returns:
        The split's name in `SPLITS`, the rules applied to every face of the dataset, and the
        indices of the split's faces that at least one rule keeps.

    Raises:
        ConfigError: If a rule is unknown.
        DatasetError: If the split is empty, or no rule keeps a face or fits.
    """
    split = canonical_split(split)
    in_split = dataset.splits == SPLITS.index(split)
    if not in_split.any():
        raise DatasetError(f"{dataset!r} has no face in split {split}")
    targets = tuple(rule_targets(dataset, name) for name in choose_rules(dataset, heads, rules))
    labelled = np.logical_or.reduce([target.class_ids >= 0 for target in targets])
    indices = np.flatnonzero(in_split & labelled)
    if len(indices) == 0:
        raise DatasetError(f"no face of split {split} has a label that these rules keep")
    return split, targets, indices


def fingerprint_faces(dataset: FaceDataset, mask: NDArray[np.bool_]) -> str:
    """Return the sha256 of the images, labels and votes under a mask, in hexadecimal.

    It is of the arrays, so it is the same whether they came from a CSV file or a folder in
    the same order.
    """
    digest = hashlib.sha256(np.ascontiguousarray(dataset.images_gray[mask]).data)
    digest.update(np.ascontiguousarray(dataset.class_ids[mask], "<i8").data)
    if dataset.votes is not None:
        digest.update(np.ascontiguousarray(dataset.votes[mask]).data)
    return digest.hexdigest()


def image_parts(
    kept: NDArray[np.bool_], overlap: TrainingOverlap | None
) -> dict[Images, NDArray[np.bool_]]:
    """Return which faces each part of a split has; parts without a face are left out.

    Args:
        kept: (m,) which faces have a label, one at least.
        overlap: Which of the m are also among the training images, or None.
    """
    parts: dict[Images, NDArray[np.bool_]] = {"published": kept}
    if overlap is not None:
        parts |= {"unseen": kept & ~overlap.same, "unlike": kept & ~overlap.alike}
    return {images: mask for images, mask in parts.items() if mask.any()}


def count_ways(
    views: NDArray[np.float64], class_ids: NDArray[np.int64], overlap: TrainingOverlap | None
) -> Iterator[tuple[Crops, Images, NDArray[np.float64], NDArray[np.int64]]]:
    """Yield the ways of counting, two to seven, with the answers and labels each is about.

    Args:
        views: (views, m, classes) probabilities, as from `predict_views`.
        class_ids: (m,) their labels, -1 where the rule drops the face.
        overlap: Which of the m are also among the training images, or None.

    Yields:
        Crops, images, probabilities (k, classes) and labels (k,).
    """
    for images, mask in image_parts(class_ids >= 0, overlap).items():
        for crops, probabilities in mean_by_crops(views).items():
            # Ten crops are for others' figures, and those are of the split as published.
            if crops != "ten" or images == "published":
                yield crops, images, probabilities[mask], class_ids[mask]


def evaluate_rule(
    target: RuleTargets,
    views: NDArray[np.float64],
    dataset: FaceDataset,
    indices: NDArray[np.int64],
    split: str,
    overlap: TrainingOverlap | None,
    *,
    prior: Prior | None = None,
) -> RuleEvaluation:
    """Compute the figures of one rule from the answers that were given already.

    Args:
        target: The rule, applied to the whole dataset.
        views: (views, m, classes) probabilities, as from `predict_views`.
        dataset: Where the faces are.
        indices: (m,) which of its faces were answered.
        split: Its name in `SPLITS`.
        overlap: As from `training_overlap`.
        prior: What the answers were made for, or None where that is not known.

    Raises:
        DatasetError: If the rule keeps no face.
    """
    class_ids = target.class_ids[indices]
    kept = class_ids >= 0
    if not kept.any():
        raise DatasetError(f"rule {target.rule.name} keeps no face of split {split}")
    training = target.class_ids[dataset.splits == SPLITS.index("train")]
    here = None if overlap is None else overlap.at(indices)
    results = tuple(
        Result(
            crops,
            images,
            compute_figures(
                probabilities,
                labels,
                target.rule.label_set,
                training_class_ids=training[training >= 0],
            ),
        )
        for crops, images, probabilities, labels in count_ways(views, class_ids, here)
    )
    in_split = int((dataset.splits == SPLITS.index(split)).sum())
    return RuleEvaluation(
        rule=target.rule.name,
        rule_text=target.rule.text,
        label_set=target.rule.label_set.name,
        n=int(kept.sum()),
        n_dropped=in_split - int(kept.sum()),
        n_also_in_training=None if here is None else int((kept & here.same).sum()),
        n_alike_in_training=None if here is None else int((kept & here.alike).sum()),
        results=results,
        coverage=measure_coverage(
            views[0, kept].max(axis=1), views[0, kept].argmax(axis=1) == class_ids[kept]
        ),
        prior=prior,
        trade_off=(
            _trade_off(views[0, kept], class_ids[kept], target, prior)
            if prior is not None and split == "validation"
            else None
        ),
    )


def _trade_off(
    probabilities: NDArray[np.float64],
    class_ids: NDArray[np.int64],
    target: RuleTargets,
    prior: Prior,
) -> TradeOff | None:
    """Return accuracy against balance, or None where some expression was never trained."""
    if min(prior.training_shares) <= 0:
        return None
    # What the prior added is taken off again; a probability that underflowed stays last.
    natural = np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)) - prior.offsets
    return sweep_strengths(natural, class_ids, target.rule.label_set, prior.training_shares)
