"""What watches a run: the log, the curves and the progress line."""

from __future__ import annotations

import contextlib
import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from torch import Tensor

from mien.training.curves import draw_curves

# Drawing takes a third of a second, and an epoch on features that were kept not much more.
REDRAW_AFTER_S = 5.0


class EpochLog(Callback):
    """Writes a row an epoch to `log.csv`, and redraws `curves.png` from it.

    Of epochs that take less than a few seconds several are drawn at a time, and what is left at
    the end. A resumed run drops the rows of epochs that it does again, so the log reads as if the
    run had never been broken.

    Args:
        folder: The run folder.
        title: The run's name.
    """

    def __init__(self, folder: Path, title: str) -> None:
        self.path, self.title = folder / "log.csv", title
        self.rows: list[dict[str, float]] = []
        self._started = 0.0
        self._drawn_rows, self._drawn_s = 0, -REDRAW_AFTER_S

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        """Read the rows that there are; all of them count where no epoch is left to do."""
        if self.path.is_file():
            with self.path.open(newline="") as file:
                self.rows = [
                    {k: float(v) for k, v in row.items() if v not in ("", None)}
                    for row in csv.DictReader(file)
                ]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Keep the rows of the epochs that are done."""
        self.rows = [row for row in self.rows if row["epoch"] <= trainer.current_epoch]

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Start the epoch's clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Write and draw; Lightning calls this after validation."""
        metrics = {k: float(v) for k, v in trainer.callback_metrics.items()}
        row = {
            "epoch": float(trainer.current_epoch + 1),
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": round(time.monotonic() - self._started, 2),
            **{k: round(v, 6) for k, v in sorted(metrics.items())},
        }
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        names = list(dict.fromkeys(name for r in self.rows for name in r))
        scratch = self.path.with_suffix(".tmp")
        with scratch.open("w", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(self.rows)
        scratch.replace(self.path)
        if time.monotonic() - self._drawn_s >= REDRAW_AFTER_S:
            self._draw()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Draw what is not drawn yet."""
        self._draw_rest(trainer)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Draw what is not drawn yet; what went wrong is said, not that this does too."""
        with contextlib.suppress(OSError):
            self._draw_rest(trainer)

    def _draw_rest(self, trainer: L.Trainer) -> None:
        if trainer.is_global_zero and len(self.rows) != self._drawn_rows:
            self._draw()

    def _draw(self) -> None:
        draw_curves(self.rows, self.path.with_name("curves.png"), title=self.title)
        self._drawn_rows, self._drawn_s = len(self.rows), time.monotonic()


class ProgressLine(Callback):
    """Shows epoch, loss, accuracy, images a second and time left; a line an epoch stays.

    Args:
        console: Where to write.
    """

    def __init__(self, console: Console) -> None:
        self.console = console
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._images = 0
        self._loss_sum = 0.0
        # Head to faces that have a label, and those of them that were read rightly.
        self._seen: dict[str, tuple[int, float]] = {}
        self._started = self._run_started = 0.0
        self._first_epoch = 0

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Open the bar."""
        self._run_started, self._first_epoch = time.monotonic(), trainer.current_epoch
        # A notebook, which rich takes for a terminal, would need widgets to redraw a line.
        live = self.console.is_terminal and not self.console.is_jupyter
        if not trainer.is_global_zero or not live:
            return
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[figures]}"),
            TextColumn("epoch ends in"),
            TimeRemainingColumn(compact=True),
            console=self.console,
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task("", figures="")

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Set the bar back."""
        self._images, self._started = 0, time.monotonic()
        self._loss_sum, self._seen = 0.0, {}
        if self._bar:
            self._bar.reset(
                self._task,
                total=float(trainer.num_training_batches),
                description=f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}",
            )

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Tensor | Mapping[str, Any] | None,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Move the bar on."""
        self._images += len(batch[0]) * trainer.world_size
        if self._bar and isinstance(outputs, Mapping):
            self._bar.update(self._task, advance=1, figures=self._so_far(outputs, batch_idx + 1))

    def _so_far(self, outputs: Mapping[str, Any], batches: int) -> str:
        """Return the epoch's mean loss, accuracy of each head and speed up to this batch."""
        self._loss_sum += float(outputs["loss"])
        for head, (count, hits) in outputs["hits"].items():
            faces, right = self._seen.get(head, (0, 0.0))
            self._seen[head] = faces + count, right + float(hits)
        accuracies = "".join(
            f"  {head} {right / faces:.1%}" for head, (faces, right) in self._seen.items() if faces
        )
        rate = self._images / (time.monotonic() - self._started)
        return f"loss {self._loss_sum / batches:.3f}{accuracies}  {rate:,.0f} images/s"

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Print the epoch's line."""
        if not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        heads = sorted(k.split("/")[1] for k in metrics if k.startswith("val/") and "/acc" in k)
        accuracies = "  ".join(f"{h} {float(metrics[f'val/{h}/accuracy']):.2%}" for h in heads)
        seconds = time.monotonic() - self._started
        now, last = trainer.current_epoch + 1, trainer.max_epochs or 0
        left = time.monotonic() - self._run_started
        left *= _pixels(pl_module, now, last) / _pixels(pl_module, self._first_epoch, now)
        self.console.print(
            f"epoch {trainer.current_epoch + 1:>3}/{trainer.max_epochs}"
            f"  loss {float(metrics['train/loss']):.3f}"
            f"  validation {float(metrics.get('val/loss', float('nan'))):.3f}  {accuracies}"
            f"  {self._images / seconds:,.0f} images/s  {_duration(left)} left",
            highlight=False,
            soft_wrap=True,
        )

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Close the bar."""
        if self._bar:
            self._bar.stop()

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """Give the terminal back whatever happened, and say how a stopped run goes on."""
        if self._bar:
            self._bar.stop()
        if isinstance(exception, KeyboardInterrupt) and trainer.is_global_zero:
            self.console.print(
                f"stopped in epoch {trainer.current_epoch + 1}, which is lost; the same command "
                "with --resume goes on after the epoch before",
                highlight=False,
                soft_wrap=True,
            )


def _duration(seconds: float) -> str:
    """Return e.g. `1 h 05 min`, `12 min`, `40 s`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"


def _pixels(module: Any, first: int, end: int) -> int:
    """Return the pixels of a face in epochs `first` to `end` - 1, added up: their share of time."""
    face_size = getattr(module, "face_size", lambda epoch: 1)
    return sum(face_size(epoch) ** 2 for epoch in range(first, end))
