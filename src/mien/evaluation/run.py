"""Evaluating a model over a split: every figure four ways, out of two forward passes.

The four ways are {one look at each face, the mean over it and its mirror} x {the split as
it was published, the split without images that are also among the training images}.
Published figures of FER2013 and FER+ never leave those images out; both are given here, so
that ours can be compared with theirs and be trusted as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DatasetError, ShapeError
from mien.core.labels import label_set
from mien.data import SPLITS, FaceDataset, canonical_split
from mien.data.duplicates import also_in_training
from mien.evaluation.figures import Figures, compute_figures
from mien.evaluation.predictors import Predictor
from mien.evaluation.targets import RuleTargets, choose_rules, rule_targets

Crops = Literal["single", "flip"]
Images = Literal["published", "unseen"]
# Told after each batch: faces that are done, faces in all (each face counts once a pass).
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Result:
    """One way of the four.

    Attributes:
        crops: `single`, one look at each face; `flip`, the mean of the probabilities of the
            face and of its mirror image.
        images: `published`, the whole split; `unseen`, without images that are also among
            the training images.
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
        results: The ways, `single` and `published` first; two where there is no `unseen`.
    """

    rule: str
    rule_text: str
    label_set: str
    n: int
    n_dropped: int
    n_also_in_training: int | None
    results: tuple[Result, ...]

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
        return {**vars(self), "results": [result.to_dict() for result in self.results]}


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
    both = predict_both_ways(
        predictor, dataset, indices, heads, batch_size=batch_size, on_progress=on_progress
    )
    seen = _seen_in_training(dataset, split)
    return Evaluation(
        model=predictor.name,
        dataset=dataset.name,
        split=split,
        split_sha256=fingerprint_faces(dataset, in_split),
        n_split=int(in_split.sum()),
        rules=tuple(
            _evaluate_rule(target, both[target.rule.label_set.name], dataset, indices, split, seen)
            for target in targets
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


def predict_both_ways(
    predictor: Predictor,
    dataset: FaceDataset,
    indices: NDArray[np.int64],
    heads: Collection[str],
    *,
    batch_size: int,
    on_progress: Progress | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return the probabilities of faces and of their mirror images.

    Args:
        predictor: The model.
        dataset: Where the faces are.
        indices: (m,) which of them.
        heads: The label sets to keep.
        batch_size: Faces at once.
        on_progress: Told how far it is.

    Returns:
        Label set name to (2, m, classes) float64; first the faces, then their mirrors.

    Raises:
        ShapeError: If the model answers in another shape than its label sets say.
    """
    found = {name: np.empty((2, len(indices), len(label_set(name)))) for name in heads}
    done = 0
    for start in range(0, len(indices), batch_size):
        batch = slice(start, min(start + batch_size, len(indices)))
        faces = np.ascontiguousarray(dataset.images_gray[indices[batch]])
        mirrored = np.ascontiguousarray(faces[:, :, ::-1])
        for way, images in enumerate((faces, mirrored)):
            logits = predict_checked(predictor, images, heads)
            for name, probabilities in found.items():
                probabilities[way, batch] = softmax(logits[name])
            done += len(images)
            if on_progress is not None:
                on_progress(done, 2 * len(indices))
    return found


def predict_checked(
    predictor: Predictor, images_gray: NDArray[np.uint8], heads: Collection[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the logits of some heads, of the shape that their label sets say.

    Raises:
        ShapeError: If the model answers in another shape.
    """
    logits = predictor.predict_logits(images_gray)
    for name in heads:
        expected = (len(images_gray), len(label_set(name)))
        if logits[name].shape != expected:
            raise ShapeError(
                f"expected logits of shape {expected} from head {name} of "
                f"{predictor.name}, got {logits[name].shape}"
            )
    return {name: logits[name] for name in heads}


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the softmax of each row of (n, classes) logits, in float64."""
    values = logits.astype(np.float64)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


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


def _seen_in_training(dataset: FaceDataset, split: str) -> NDArray[np.bool_] | None:
    train = SPLITS.index("train")
    if split == "train" or not (dataset.splits == train).any():
        return None
    return also_in_training(dataset)


def _evaluate_rule(
    target: RuleTargets,
    both: NDArray[np.float64],
    dataset: FaceDataset,
    indices: NDArray[np.int64],
    split: str,
    seen: NDArray[np.bool_] | None,
) -> RuleEvaluation:
    """Compute the figures of one rule from the answers that were given already."""
    kept = target.class_ids[indices] >= 0
    if not kept.any():
        raise DatasetError(f"rule {target.rule.name} keeps no face of split {split}")
    class_ids = target.class_ids[indices]
    training = target.class_ids[dataset.splits == SPLITS.index("train")]
    ways: Mapping[Crops, NDArray[np.float64]] = {"single": both[0], "flip": both.mean(axis=0)}
    parts: dict[Images, NDArray[np.bool_]] = {"published": kept}
    if seen is not None:
        unseen = kept & ~seen[indices]
        # A split that lies in the training images as a whole has no unseen part to report.
        if unseen.any():
            parts["unseen"] = unseen
    results = tuple(
        Result(
            crops,
            images,
            compute_figures(
                probabilities[mask],
                class_ids[mask],
                target.rule.label_set,
                training_class_ids=training[training >= 0],
            ),
        )
        for images, mask in parts.items()
        for crops, probabilities in ways.items()
    )
    in_split = int((dataset.splits == SPLITS.index(split)).sum())
    return RuleEvaluation(
        rule=target.rule.name,
        rule_text=target.rule.text,
        label_set=target.rule.label_set.name,
        n=int(kept.sum()),
        n_dropped=in_split - int(kept.sum()),
        n_also_in_training=None if seen is None else int((kept & seen[indices]).sum()),
        results=results,
    )
