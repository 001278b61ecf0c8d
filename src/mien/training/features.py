"""Training on the features of a frozen trunk, which are computed once and not at every epoch.

What a frozen trunk says of a face that is never changed is always the same. So where a recipe has
both, the trunk runs once over every face, and what is trained is the layers behind it. The run, its
checkpoints and its bundle hold the whole network, as they do of any other training.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from torch import Tensor, nn

from mien.data import FaceDataset
from mien.models.pretrained import PretrainedNet
from mien.training.batches import FaceBatches, RowBatches
from mien.training.devices import is_first_process
from mien.training.feature_cache import FeatureCache, Features
from mien.training.module import FaceModule
from mien.training.recipe import AugmentRecipe, Recipe


def learns_features(recipe: Recipe, network: PretrainedNet) -> bool:
    """Whether every epoch would show the network's trunk the same faces for the same answer."""
    return (
        network.frozen
        and recipe.augment == AugmentRecipe()
        and not recipe.loop.sizes
        and not recipe.teacher.runs
    )


class FeatureModule(FaceModule):
    """Trains the layers behind the trunk of a `PretrainedNet`, on batches of its features."""

    def training_step(
        self, batch: tuple[Tensor, Tensor], batch_idx: int
    ) -> dict[str, Tensor | dict[str, tuple[int, Tensor]]]:
        """Return the loss of one batch and, for whoever shows progress, its hits by head."""
        features, rows = batch
        loss, hits = self._losses("train", features, self._batch_targets("train", rows))
        return {"loss": loss, "hits": hits}

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Log losses and accuracies of one batch."""
        features, rows = batch
        self._losses("val", features, self._batch_targets("val", rows))

    def _logits(self, images: Tensor) -> dict[str, Tensor]:
        network = cast(PretrainedNet, self.model)
        return network.classify(images)


class FeatureBatches(RowBatches):
    """Features by batches of indices.

    Args:
        features: (n, width) float32.
    """

    def __init__(self, features: NDArray[np.float32]) -> None:
        self.features = features

    def __len__(self) -> int:
        return len(self.features)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        """Return features (k, width) float32 and their indices (k,)."""
        rows = np.asarray(indices)
        return torch.from_numpy(np.asarray(self.features[rows])), torch.from_numpy(rows)


def choose_batches(
    network: nn.Module, recipe: Recipe, parts: Mapping[str, FaceDataset], console: Console
) -> tuple[Mapping[str, RowBatches], type[FaceModule]]:
    """Return what is learned from and by which module: faces, or a frozen trunk's features.

    Args:
        network: With the weights that training begins with.
        recipe: What is trained.
        parts: The faces of the splits `train` and `validation`.
        console: Is told which features are computed, and where they are kept.

    Returns:
        Split name to batches, and the module's class.
    """
    if isinstance(network, PretrainedNet) and learns_features(recipe, network):
        return _feature_batches(network, recipe, parts, console), FeatureModule
    size = recipe.input.size
    learned, judged = (np.asarray(parts[name].images_gray) for name in ("train", "validation"))
    return {
        # What is learned is augmented at its own size and resized once, after that.
        "train": FaceBatches(learned, max(size, learned.shape[1])),
        "validation": FaceBatches(judged, size),
    }, FaceModule


def _feature_batches(
    network: PretrainedNet, recipe: Recipe, parts: Mapping[str, FaceDataset], console: Console
) -> dict[str, FeatureBatches]:
    network.eval()
    cache = FeatureCache(
        network.trunk, width=network.trunk.width, record=network.trunk_record, input=recipe.input
    )
    batches = {}
    for name, part in parts.items():
        started = time.monotonic()
        with _counting(console) as bar:
            task = bar.add_task(f"features of {name} faces", total=len(part))
            found = cache.features(np.asarray(part.images_gray), partial(_move, bar, task))
        if is_first_process():
            said = _say(name, len(part), found, time.monotonic() - started)
            console.print(said, highlight=False, soft_wrap=True, markup=False)
        batches[name] = FeatureBatches(found.values)
    return batches


def _say(name: str, count: int, found: Features, seconds: float) -> str:
    done = f"computed in {seconds:.0f} s" if found.computed else "read"
    kept = f"{', kept in' if found.computed else ' from'} {found.path}" if found.path else ""
    return f"features of {count:,} {name} faces: {done}{kept}"


def _move(bar: Progress, task: TaskID, done: int) -> None:
    bar.update(task, completed=done)


def _counting(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        disable=not console.is_terminal or not is_first_process(),
    )
