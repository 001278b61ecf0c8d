from __future__ import annotations

from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from mien.training import callbacks
from mien.training.callbacks import ProgressLine


class Clock:
    """Stands for the module `time`, and goes on when it is told to."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s


def left_after(module: Any, seconds: list[float], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what the lines of the first epochs of a run of four say of the time left."""
    clock = Clock()
    monkeypatch.setattr(callbacks, "time", clock)
    console = Console(file=StringIO(), width=200)
    progress = ProgressLine(console)
    trainer: Any = SimpleNamespace(
        current_epoch=0,
        max_epochs=4,
        is_global_zero=True,
        world_size=1,
        callback_metrics={"train/loss": torch.tensor(1.0)},
    )
    progress.on_train_start(trainer, module)
    for epoch, duration in enumerate(seconds):
        trainer.current_epoch = epoch
        progress.on_train_epoch_start(trainer, module)
        clock.now_s += duration
        progress.on_train_epoch_end(trainer, module)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return [line.split("images/s")[1].strip() for line in lines]


def test_time_left_counts_that_larger_faces_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    growing: Any = SimpleNamespace(face_size=lambda epoch: [32, 32, 64, 64][epoch])
    left = left_after(growing, [60, 60, 240], monkeypatch)
    assert left == ["9 min left", "8 min left", "4 min left"]


def test_time_left_of_features_goes_by_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen: Any = SimpleNamespace()
    assert left_after(frozen, [60, 60], monkeypatch) == ["3 min left", "2 min left"]
