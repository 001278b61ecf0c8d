"""Training the tutorial's network `cnn6` in mien's own loop: images a second, one core and two.

All that `mien train recipes/cnn6.toml` does in a step is in it: taking the faces, augmenting
them, drawing labels from the votes, forward, backward, Adam and the metrics. Validation and
checkpoints, which come after an epoch, are not. The faces are noise, as speed does not depend on
what they show. The share of the peak is that of the convolutions' and products' arithmetic alone.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from bench.peak import fp32_macs_per_s, thread_counts
from bench.timing import Spread
from mien.core.labels import FER2013, FERPLUS, FERPLUS_VOTE_COLUMNS
from mien.data import FaceDataset
from mien.models import build_model
from mien.training.devices import use_threads
from mien.training.recipe import Recipe, load_recipe
from mien.training.train import choose_precision, train

BATCH = 64
STEPS = 6
TURNS = 5
SIDE_PX = 48

UInt8Array = NDArray[np.uint8]


def random_faces(count: int, *, seed: int = 0) -> tuple[UInt8Array, UInt8Array]:
    """Return faces (count, 48, 48) of noise, and the votes of FER+ for each (count, 10)."""
    generator = np.random.default_rng(seed)
    votes = np.zeros((count, len(FERPLUS_VOTE_COLUMNS)), np.uint8)
    first = generator.integers(0, len(FERPLUS), count)
    votes[np.arange(count), first] = 7
    votes[np.arange(count), (first + 1) % len(FERPLUS)] = 3
    images_gray = generator.integers(0, 256, (count, SIDE_PX, SIDE_PX), dtype=np.uint8)
    return images_gray, votes


def as_dataset(images_gray: UInt8Array, votes: UInt8Array) -> FaceDataset:
    """Return faces to train on; the first batch of them is validated on as well."""
    count, judged = len(images_gray), min(BATCH, len(images_gray))
    return FaceDataset(
        name="bench",
        images_gray=np.concatenate([images_gray, images_gray[:judged]]),
        splits=np.repeat(np.array([0, 1], np.int8), (count, judged)),
        class_ids=np.full(count + judged, -1, np.int64),
        label_set=FER2013,
        votes=np.concatenate([votes, votes[:judged]]),
        sources=range(count + judged),
    )


class StepClock(Callback):
    """Times the steps of each epoch but the first, which waits for the loop to begin.

    Args:
        before_epoch: Called when an epoch is about to begin, all of the one before being done.

    Attributes:
        rates: Images a second of each epoch.
    """

    def __init__(self, before_epoch: Callable[[], None] = lambda: None) -> None:
        self.before_epoch = before_epoch
        self.rates: list[float] = []
        self._images, self._started = 0, 0.0

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Let the caller wait."""
        self.before_epoch()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Start the clock after the first step, read it after the last."""
        if batch_idx == 0:
            self._images, self._started = 0, time.perf_counter()
            return
        self._images += len(batch[0])
        if batch_idx + 1 == trainer.num_training_batches:
            self.rates.append(self._images / (time.perf_counter() - self._started))


def train_in_turns(recipe: Recipe, dataset: FaceDataset, clock: StepClock, *, turns: int) -> None:
    """Train a recipe for as many epochs as there are turns; what it leaves is thrown away."""
    short = replace(recipe, loop=replace(recipe.loop, epochs=turns, batch_size=BATCH))
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
        train(short, dataset, Path(folder) / "run", console=Console(quiet=True), callbacks=[clock])


def count_training_macs(recipe: Recipe) -> int:
    """Return the multiplications of forward and backward pass for one face, by PyTorch's count."""
    model = build_model(recipe.model.name, {"ferplus": 8}, recipe.model.options)
    images = torch.zeros(2, 1, recipe.input.size, recipe.input.size)
    with FlopCounterMode(display=False) as counter:
        model(images)["ferplus"].sum().backward()
    # An addition and a multiplication are two operations and one MAC.
    return int(counter.get_total_flops()) // (2 * len(images))


def measure(*, turns: int = TURNS, steps: int = STEPS) -> dict[str, Any]:
    """Return images a second for each number of threads, with the share of the peak."""
    recipe = load_recipe("cnn6")
    dataset = as_dataset(*random_faces(steps * BATCH))
    macs = count_training_macs(recipe)
    rows: dict[str, Any] = {}
    for threads in thread_counts():
        use_threads(threads)
        clock = StepClock()
        # The first epoch warms caches, and lets oneDNN choose and compile its kernels.
        train_in_turns(recipe, dataset, clock, turns=turns + 1)
        rate = Spread.of(clock.rates[1:])
        peak = fp32_macs_per_s(threads)
        rows[f"{threads} thread{'s' * (threads > 1)}"] = {
            **rate.to_dict("images_per_s"),
            "peak_gmacs_per_s": peak / 1e9,
            "share_of_peak": rate.median * macs / peak,
        }
    return {
        "network": recipe.model.name,
        "batch": BATCH,
        "precision": choose_precision(recipe.loop),
        "macs_per_image": macs,
        "rows": rows,
    }


if __name__ == "__main__":
    json.dump(measure(), sys.stdout, indent=2)
    sys.stdout.write("\n")
