"""What the commands that evaluate share: loading a model, progress, what made a report."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.errors import DatasetError, MissingExtraError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from mien.bundle.prior import PriorLike
    from mien.evaluation.predictors import Predictor
    from mien.evaluation.report import Provenance

_RUN_FILE = "run.json"


def make_folder(folder: Path) -> None:
    """Refuse a place that cannot be written before the work is done rather than after it.

    Raises:
        DatasetError: If the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"cannot make the folder {folder}: {error.strerror or error}") from error


def load_model(
    model: str,
    threads: int,
    *,
    prior: PriorLike = "default",
    prior_strength: float | None = None,
) -> tuple[Predictor, Mapping[str, Any], tuple[str, ...]]:
    """Return the predictor, what it says of itself, and the packages that it runs on.

    Args:
        model: A bundle's name or folder, or a run folder.
        threads: CPU threads.
        prior: What answers are made for, as `mien.bundle.prior.resolve_priors` takes it.
        prior_strength: As it takes it.

    Raises:
        BundleError: If it is no bundle that can be loaded.
        ConfigError: If the prior or its strength cannot be used.
        MissingExtraError: If it is a run and torch is not installed.
    """
    if (Path(model) / _RUN_FILE).is_file():
        return _load_run(Path(model), threads, prior, prior_strength)
    from mien.bundle.load import load_bundle
    from mien.evaluation.predictors import BundlePredictor

    bundle = load_bundle(model, threads=threads)
    predictor = BundlePredictor(bundle, prior=prior, prior_strength=prior_strength)
    return predictor, predictor.describe(), ("onnxruntime",)


def _load_run(
    folder: Path, threads: int, prior: PriorLike, prior_strength: float | None
) -> tuple[Predictor, Mapping[str, Any], tuple[str, ...]]:
    from mien.bundle.prior import resolve_priors
    from mien.evaluation.predictors import PriorPredictor

    try:
        from mien.training.devices import use_threads
        from mien.training.predictor import load_run_predictor
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{folder} is a run, and evaluating one needs {error.name}, which is not installed; "
            "pip install 'mien[train]', or evaluate a bundle made from it"
        ) from error
    use_threads(threads)
    predictor = load_run_predictor(folder)
    priors = resolve_priors(prior, prior_strength, predictor.info.training_priors)
    description = {
        "name": predictor.name,
        "kind": "run, best checkpoint",
        "path": str(folder),
        "architecture": predictor.info.recipe.model.name,
        "parameters": predictor.parameters,
        "input_size": predictor.input_size,
        "prior": {name: str(chosen) for name, chosen in priors.items()},
        "runs_on": "PyTorch, CPU",
    }
    return PriorPredictor(predictor, priors), description, ("torch",)


class FaceTally:
    """Moves a progress bar, told how many faces are done, and keeps the speed.

    Attributes:
        speed: Seconds since the start at the last report, and the faces done by then.
    """

    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar, self._task, self._started = bar, task, time.perf_counter()
        self.speed = (0.0, 0)

    def __call__(self, done: int, total: int) -> None:
        """Report faces that are done, and faces in all."""
        self.speed = (time.perf_counter() - self._started, done)
        rate = f"{done / self.speed[0]:,.0f} faces/s"
        self._bar.update(self._task, completed=done, total=total, rate=rate)


@contextmanager
def counting_faces(what: str, console: Console) -> Iterator[FaceTally]:
    """Show a progress bar with rate and time left while the block runs.

    Args:
        what: What is being done, in a word.
        console: Where the bar is drawn; it vanishes at the end.

    Yields:
        What to tell of the progress.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        yield FaceTally(bar, bar.add_task(what, total=None, rate=""))


def made_by(
    description: Mapping[str, Any],
    packages: tuple[str, ...],
    data: Path,
    speed: tuple[float, int],
) -> Provenance:
    """Return what a report says of its making, from this very command line.

    Args:
        description: What the model says of itself, as from `load_model`.
        packages: The packages that it runs on.
        data: Path of the dataset.
        speed: Seconds of the forward passes, and the faces that went through them.
    """
    from mien.evaluation.report import Provenance, package_versions

    seconds, faces = speed
    return Provenance(
        command=shlex.join(["mien", *sys.argv[1:]]),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        model=description,
        data=str(data),
        seconds=seconds,
        faces_per_s=faces / seconds,
        versions=package_versions("numpy", "opencv-python-headless", *packages),
    )
