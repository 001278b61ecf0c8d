"""What the commands that evaluate share: loading a model, and saying what made a report."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.core.errors import DatasetError, MissingExtraError

if TYPE_CHECKING:
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


def load_model(model: str, threads: int) -> tuple[Predictor, Mapping[str, Any], tuple[str, ...]]:
    """Return the predictor, what it says of itself, and the packages that it runs on.

    Args:
        model: A bundle's name or folder, or a run folder.
        threads: CPU threads.

    Raises:
        BundleError: If it is no bundle that can be loaded.
        MissingExtraError: If it is a run and torch is not installed.
    """
    if (Path(model) / _RUN_FILE).is_file():
        return _load_run(Path(model), threads)
    from mien.bundle.load import load_bundle
    from mien.evaluation.predictors import BundlePredictor

    predictor = BundlePredictor(load_bundle(model, threads=threads))
    return predictor, predictor.describe(), ("onnxruntime",)


def _load_run(folder: Path, threads: int) -> tuple[Predictor, Mapping[str, Any], tuple[str, ...]]:
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
    description = {
        "name": predictor.name,
        "kind": "run, best checkpoint",
        "path": str(folder),
        "architecture": predictor.info.recipe.model.name,
        "input_size": predictor.input_size,
        "runs_on": "PyTorch, CPU",
    }
    return predictor, description, ("torch",)


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
