"""A training run from recipe and dataset to run folder."""

from __future__ import annotations

import json
import logging
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EarlyStopping,
    ModelCheckpoint,
    WeightAveraging,
)
from lightning.pytorch.loggers import TensorBoardLogger
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader

from mien.core.errors import ConfigError, DatasetError
from mien.core.imaging import normalise
from mien.data import FaceDataset
from mien.data.corrections import correct_labels, read_corrections
from mien.training.averaging import running_average
from mien.training.batches import RowBatches, make_loader
from mien.training.callbacks import EpochLog, ProgressLine
from mien.training.devices import is_first_process, trainer_hardware
from mien.training.features import choose_batches
from mien.training.recipe import HeadRecipe, LoopRecipe, Recipe
from mien.training.run import (
    REPORT_FILE,
    RUN_FILE,
    RunInfo,
    describe_environment,
    load_run_model,
    read_checkpoint,
    read_run,
)
from mien.training.sample import sample_training_faces
from mien.training.start import start_from
from mien.training.targets import HeadTargets, head_targets
from mien.training.teacher import load_teachers
from mien.training.train_gap import accuracy_on_training_faces
from mien.training.trunk import build_new_network


def train(
    recipe: Recipe,
    dataset: FaceDataset,
    out: Path,
    *,
    resume: bool = False,
    devices: int = 1,
    command: str = "",
    recipe_file: Path | None = None,
    settings: Mapping[str, Any] | None = None,
    console: Console | None = None,
    max_epochs_now: int | None = None,
    callbacks: Sequence[Callback] = (),
) -> dict[str, Any]:
    """Train a recipe and leave a run folder; see `mien.training.run` for what is in it.

    Args:
        recipe: What to train.
        dataset: Faces with splits; `train` is learned, `validation` selects the epoch.
        out: The run folder, new, or with `resume` one of the same recipe.
        resume: Go on from `checkpoints/last.ckpt`, where there is one.
        devices: GPUs to use where there are any, else 1.
        command: What was typed, for the record.
        recipe_file: Copied into the run folder.
        settings: What was changed in it, for the record; see `mien.training.settings`.
        console: Where progress goes; None for the terminal's standard error.
        max_epochs_now: Stop after this many epochs in all although the recipe has more (its
            schedule is kept); resume later.
        callbacks: Lightning callbacks beside mien's own, called after them, e.g. `LiveCurves`.

    Returns:
        The report, as in `report.json`.

    Raises:
        ConfigError: If `out` holds a run and `resume` is not set, or another recipe's run, or
            the recipe starts from weights that are not there or do not fit.
        DatasetError: If a split is empty or lacks what a head learns, corrections do not fit the
            data, or the checkpoint to go on from is damaged.
    """
    console = console or Console(stderr=True)
    last = _open_folder(recipe, out, resume=resume, recipe_file=recipe_file)
    if resume and last is None and is_first_process():
        console.print(f"no checkpoint in {out} yet: starting at the first epoch", highlight=False)
    parts = {name: dataset.select_split(name) for name in ("train", "validation")}
    for name, part in parts.items():
        if not len(part):
            raise DatasetError(
                f"{dataset.name} has no faces in split {name!r}: training learns from train and "
                "chooses the epoch by validation"
            )
    parts["train"], corrected = _correct(recipe, parts["train"], console)
    targets = {
        "train": {h: head_targets(parts["train"], h, spec) for h, spec in recipe.heads.items()},
        "validation": _judged_targets(recipe, parts["validation"]),
    }
    known = _judged_targets(recipe, parts["train"])

    precision = choose_precision(recipe.loop)
    environment = describe_environment(precision=precision, devices=devices, command=command)
    info = (
        _resume_info(read_run(out), read_checkpoint(last)["epoch"] + 1, environment, corrected)
        if last
        else _new_info(recipe, dataset.name, parts, targets, environment, corrected)
    )

    # What Lightning tells of devices and of products is not what a reader of the log wants.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    L.seed_everything(recipe.seed, verbose=False)
    if last:
        network, _ = load_run_model(out, checkpoint="last")
    else:
        network, trunk = build_new_network(recipe)
        info = replace(info, settings=settings or {}, trunk=trunk)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if recipe.start_from and not last:
        begin = start_from(network, recipe.start_from, _some_images(recipe, parts["train"]))
        info = replace(info, start=begin)
        if is_first_process():
            console.print(_say_start(info.start), highlight=False, soft_wrap=True)
    teachers = load_teachers(recipe)
    batches, kind = choose_batches(network, recipe, parts, console)
    module = kind(network, recipe, targets["train"], targets["validation"], teachers).train()
    # Only now: a recipe whose network cannot be built must not leave what looks like a run.
    if is_first_process():
        info.write(out)
    epoch_log = EpochLog(out, recipe.name)
    watching = [*_callbacks(recipe, out, epoch_log, console, max_epochs_now), *callbacks]
    trainer = _trainer(recipe, out, watching, precision, devices)
    learned = _loader(recipe, batches["train"], trainer, shuffle=True)
    judged = _loader(recipe, batches["validation"], trainer, shuffle=False)
    with _quiet_lightning():
        trainer.fit(module, learned, judged, ckpt_path=str(last) if last else None)
    report = _report(recipe, epoch_log, finished=trainer.state.finished)
    if is_first_process():
        report["training_faces"] = accuracy_on_training_faces(
            out, parts["train"], known, count=len(parts["validation"])
        )
        (out / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n")
    return report


def _correct(
    recipe: Recipe, training: FaceDataset, console: Console
) -> tuple[FaceDataset, dict[str, Any]]:
    """Return the training faces as the recipe's corrections want them, and what these did."""
    if not recipe.corrections:
        return training, {}
    corrected, done = correct_labels(training, read_corrections(recipe.corrections))
    if is_first_process():
        learns_labels = any(spec.target == "labels" for spec in recipe.heads.values())
        in_vain = "" if learns_labels else "; no head here learns labels, so only drops count"
        console.print(f"{done}{in_vain}", highlight=False, soft_wrap=True, markup=False)
    return corrected, done.to_dict()


def _new_info(
    recipe: Recipe,
    data_name: str,
    parts: Mapping[str, FaceDataset],
    targets: Mapping[str, Mapping[str, HeadTargets]],
    environment: Mapping[str, Any],
    corrected: Mapping[str, Any],
) -> RunInfo:
    return RunInfo(
        recipe=recipe,
        training_priors={head: t.priors for head, t in targets["train"].items()},
        data={
            "name": data_name,
            "faces": {name: len(part) for name, part in parts.items()},
            "usable": {n: {h: t.usable for h, t in ts.items()} for n, ts in targets.items()},
            **({"corrections": corrected} if corrected else {}),
        },
        environment=environment,
    )


def _resume_info(
    before: RunInfo,
    after_epoch: int,
    environment: Mapping[str, Any],
    corrected: Mapping[str, Any],
) -> RunInfo:
    if before.data.get("corrections", {}) != corrected:
        raise ConfigError(
            f"{before.recipe.corrections} has changed since this run was started; put the former "
            "file back, or choose another --out"
        )
    # A run that is at its end is not trained any further, only reported once more.
    if after_epoch >= before.recipe.loop.epochs:
        return before
    again = {"after_epoch": after_epoch, **environment}
    return replace(before, resumed=[*before.resumed, again])


def _say_start(start: Mapping[str, Any]) -> str:
    count = start["tensors_of_other_width"]
    widths = f", {count} of them in other widths" if count else ""
    fresh = f"; fresh: {', '.join(start['fresh'])}" if start["fresh"] else ""
    return f"starts from {start['from']}: {start['tensors_taken']} tensors taken{widths}{fresh}"


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    with warnings.catch_warnings():
        # Faces are in memory: workers would only copy them. The rest is Lightning's own.
        for text in ("does not have many workers", "pin_memory", "Checkpoint directory.*exists"):
            warnings.filterwarnings("ignore", message=f".*{text}.*")
        # A frozen trunk is in eval mode on purpose.
        warnings.filterwarnings("ignore", message=".*in eval mode at the start of training.*")
        warnings.filterwarnings("ignore", message=".*isinstance.*LeafSpec.*")
        yield


def _open_folder(
    recipe: Recipe, out: Path, *, resume: bool, recipe_file: Path | None
) -> Path | None:
    """Make the run folder; return the checkpoint to go on from, if any."""
    last = out / "checkpoints" / "last.ckpt"
    if is_first_process():
        if (out / RUN_FILE).is_file():
            _check_former_run(recipe, out, resume=resume)
        try:
            out.mkdir(parents=True, exist_ok=True)
            if recipe_file:
                shutil.copyfile(recipe_file, out / "recipe.toml")
        except OSError as error:
            raise DatasetError(
                f"cannot write the run folder {out}: {error.strerror or error}"
            ) from error
    return last if resume and last.is_file() else None


def _check_former_run(recipe: Recipe, out: Path, *, resume: bool) -> None:
    """Refuse a folder whose run is not to be resumed, or is another recipe's."""
    if not resume:
        raise ConfigError(
            f"{out} holds a run already; go on with --resume, or choose another --out"
        )
    before, now = (json.loads(json.dumps(r.to_dict())) for r in (read_run(out).recipe, recipe))
    if before != now:
        changed = sorted(k for k in now if before[k] != now[k])
        raise ConfigError(
            f"{out} was started with another recipe (differs in {', '.join(changed)}); "
            "resume it with its own, or choose another --out"
        )


def _judged_targets(recipe: Recipe, faces: FaceDataset) -> dict[str, HeadTargets]:
    """Return what is taken for right: labels, and for votes the `majority` rule."""
    targets = {}
    for head, spec in recipe.heads.items():
        judged = HeadRecipe("labels" if spec.target == "labels" else "majority")
        targets[head] = head_targets(faces, head, judged)
    return targets


def choose_precision(loop: LoopRecipe) -> str:
    """Return `bf16` or `fp32`; `auto` takes bf16 where the hardware multiplies it natively.

    A CPU without AMX or AVX-512 BF16 emulates it, several times slower than fp32.
    """
    if loop.precision != "auto":
        return loop.precision
    if torch.cuda.is_available():
        return "bf16" if torch.cuda.is_bf16_supported() else "fp32"
    capable = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return "bf16" if capable else "fp32"


def _trainer(
    recipe: Recipe, out: Path, callbacks: list[Callback], precision: str, devices: int
) -> L.Trainer:
    return L.Trainer(
        default_root_dir=out,
        max_epochs=recipe.loop.epochs,
        precision="bf16-mixed" if precision == "bf16" else "32-true",
        **trainer_hardware(devices),
        gradient_clip_val=recipe.optimiser.clip_norm or None,
        logger=TensorBoardLogger(out, name="tensorboard", version=""),
        callbacks=callbacks,
        num_sanity_val_steps=0,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        log_every_n_steps=1,
    )


class StopAfter(Callback):
    """Stops cleanly after some epoch, with its checkpoint written."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        """Ask Lightning to stop."""
        if trainer.current_epoch + 1 >= self.epochs:
            trainer.should_stop = True


def _callbacks(
    recipe: Recipe, out: Path, epoch_log: EpochLog, console: Console, max_epochs_now: int | None
) -> list[Callback]:
    loop = recipe.loop
    mode = "min" if loop.monitor == "loss" else "max"
    callbacks: list[Callback] = [epoch_log, ProgressLine(console)]
    if loop.ema_decay:
        callbacks.append(WeightAveraging(avg_fn=running_average(loop.ema_decay)))
    if loop.early_stop_patience:
        callbacks.append(
            EarlyStopping(f"val/{loop.monitor}", mode=mode, patience=loop.early_stop_patience)
        )
    if max_epochs_now:
        callbacks.append(StopAfter(max_epochs_now))
    folder = out / "checkpoints"
    monitor = "epoch" if loop.monitor == "last" else f"val/{loop.monitor}"
    best = ModelCheckpoint(folder, "best", monitor=monitor, mode=mode, enable_version_counter=False)
    # Lightning's own `save_last` writes only when the best one changes.
    last = ModelCheckpoint(folder, "last", enable_version_counter=False)
    return [*callbacks, best, last]


def _some_images(recipe: Recipe, training: FaceDataset) -> Tensor:
    """Return a thousand training faces, or all there are, as the network's input."""
    faces = sample_training_faces(training, size=recipe.input.size)
    return torch.from_numpy(normalise(faces, mean=recipe.input.mean, std=recipe.input.std))


def _loader(
    recipe: Recipe, batches: RowBatches, trainer: L.Trainer, *, shuffle: bool
) -> DataLoader[Any]:
    return make_loader(
        batches,
        batch_size=recipe.loop.batch_size // trainer.world_size if shuffle else 256,
        seed=recipe.seed,
        shuffle=shuffle,
        rank=trainer.global_rank,
        world=trainer.world_size,
    )


def _report(recipe: Recipe, epoch_log: EpochLog, *, finished: bool) -> dict[str, Any]:
    """Return what the log has for `report.json`: the best epoch by the monitored figure."""
    monitor, last = recipe.loop.monitor, epoch_log.rows[-1]
    if monitor == "last":
        best, selected_by = last, "being the last"
    else:
        key, pick = f"val/{monitor}", max if monitor == "score" else min
        best = pick(epoch_log.rows, key=lambda row: row[key])
        selected_by = f"{key} on the validation split"
    return {
        "name": recipe.name,
        "epochs_done": int(last["epoch"]),
        "epochs_planned": recipe.loop.epochs,
        "finished": finished,
        "seconds": round(sum(row["seconds"] for row in epoch_log.rows), 1),
        "selected_by": selected_by,
        "best": best,
        "last": last,
    }
