"""From labels and votes to what each head learns, and which faces it learns from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.core.errors import DatasetError
from mien.core.labels import LABEL_SETS
from mien.data import FaceDataset, ferplus_targets
from mien.training.recipe import HeadRecipe


@dataclass(frozen=True)
class HeadTargets:
    """What one head is to say about each face.

    Attributes:
        distributions: (n, classes) float32; rows sum to 1, or are all 0 where the face has no
            usable label: such a face adds nothing to the head's loss.
        sampled: Whether a label is to be drawn from each distribution at each epoch.
        class_weights: (classes,) float32, mean about 1.
        logit_adjustment: How many times the log of `shares` the loss adds to the logits.
    """

    distributions: Tensor
    sampled: bool
    class_weights: Tensor
    logit_adjustment: float = 0.0

    @property
    def usable(self) -> int:
        """How many faces the head learns from."""
        return int((self.distributions.sum(1) > 0).sum())

    @property
    def shares(self) -> Tensor:
        """How common each class is in what the loss asks for, (classes,) float64, sum 1.

        The cross-entropy of weighted targets is least where an answer goes as weight times
        target: with `balanced` weights nearly equal shares, however rare a class is.
        """
        total = (self.distributions.double() * self.class_weights).sum(0)
        return total / total.sum()

    @cached_property
    def logit_offsets(self) -> Tensor:
        """What the loss adds to the logits, (classes,) float32.

        A class that nobody has is treated as one that a millionth of the faces have.
        """
        return (self.logit_adjustment * self.shares.clamp(min=1e-6).log()).float()

    @property
    def priors(self) -> list[float]:
        """How common the network itself learns each class to be: they sum to 1.

        Of the shares, what the loss adds to the logits is left out: all of it, and so nothing to
        learn but equal shares, at a `logit_adjustment` of 1.
        """
        shares = self.shares
        learned = torch.where(shares > 0, shares ** (1 - self.logit_adjustment), 0)
        return [round(float(share), 6) for share in learned / learned.sum()]


def head_targets(dataset: FaceDataset, head: str, recipe: HeadRecipe) -> HeadTargets:
    """Build a head's targets.

    Args:
        dataset: The faces of one split.
        head: The head's label set.
        recipe: Which kind of target.

    Raises:
        DatasetError: If the dataset lacks what the target needs, or no face is usable.
    """
    if recipe.target == "labels":
        distributions = _one_hot(dataset, head)
    else:
        if dataset.votes is None:
            raise DatasetError(
                f"target {recipe.target!r} needs FER+ votes, and {dataset.name} has none; "
                "put fer2013new.csv beside fer2013.csv or give --votes"
            )
        # Evaluation's rule gives the majority label; soft targets keep every row whose top
        # vote is an expression, once single votes are dropped.
        rule = "majority" if recipe.target == "majority" else "soft"
        votes = ferplus_targets(np.asarray(dataset.votes), rule)
        if recipe.target == "majority":
            distributions = np.eye(len(LABEL_SETS[head]), dtype=np.float32)[votes.class_ids]
        else:
            distributions = votes.distributions.copy()
        distributions[~votes.keep] = 0
    usable = distributions.sum(1) > 0
    if not usable.any():
        raise DatasetError(f"no face of {dataset.name} has a usable {head} label")
    weights = np.ones(distributions.shape[1], np.float32)
    if recipe.class_weights == "balanced":
        counts = distributions.sum(0)
        weights = (usable.sum() / (len(counts) * np.maximum(counts, 1))).astype(np.float32)
    smoothing = recipe.label_smoothing
    smooth = distributions * (1 - smoothing) + usable[:, None] * smoothing / distributions.shape[1]
    return HeadTargets(
        distributions=torch.from_numpy(smooth.astype(np.float32)),
        sampled=recipe.target == "sampled",
        class_weights=torch.from_numpy(weights),
        logit_adjustment=recipe.logit_adjustment,
    )


def _one_hot(dataset: FaceDataset, head: str) -> NDArray[np.float32]:
    """Return labels as distributions in the order of `head`, zeros where there is none."""
    wanted, have = LABEL_SETS[head], dataset.label_set
    missing = [label for label in have.labels if label not in wanted.labels]
    if missing:
        raise DatasetError(
            f"{dataset.name} is labelled with {', '.join(missing)}, which head {head} "
            f"does not know; it knows {', '.join(wanted.labels)}"
        )
    columns = np.array([wanted.labels.index(label) for label in have.labels])
    class_ids = np.asarray(dataset.class_ids)
    distributions = np.zeros((len(class_ids), len(wanted)), np.float32)
    rows = np.flatnonzero(class_ids >= 0)
    distributions[rows, columns[class_ids[rows]]] = 1
    return distributions


def sample_labels(distributions: Tensor) -> Tensor:
    """Draw one label from each distribution (n, classes); rows of zeros stay zero."""
    usable = distributions.sum(1) > 0
    drawn = torch.zeros_like(distributions)
    if usable.any():
        labels = torch.multinomial(distributions[usable], 1)
        drawn[usable] = torch.zeros_like(distributions[usable]).scatter_(1, labels, 1.0)
    return drawn
