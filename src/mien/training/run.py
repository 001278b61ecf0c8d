"""The run folder: what a training run leaves, and how a model is read back from it.

runs/mien-s/
  run.json            recipe, seed, priors, data, versions, git commit, state
  recipe.toml         the file that was given, as it was
  log.csv             a row an epoch
  curves.png          loss and accuracy, redrawn as epochs end
  tensorboard/        the same for TensorBoard
  checkpoints/        best.ckpt, last.ckpt
  report.json         the best epoch and its figures, written at the end
"""

from __future__ import annotations

import json
import pickle
import platform
import subprocess
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mien import __version__
from mien.core.errors import ConfigError, DatasetError
from mien.core.labels import LABEL_SETS
from mien.models import build_model
from mien.training.recipe import Recipe, parse_recipe

RUN_FILE = "run.json"
REPORT_FILE = "report.json"


@dataclass(frozen=True)
class RunInfo:
    """What `run.json` says.

    Attributes:
        recipe: The recipe, all defaults filled in.
        training_priors: Head name to the mean target of each class.
        data: Where the data came from: name, counts by split, usable faces by head.
        environment: Versions, hardware, precision, devices, git commit, command.
        resumed: The same for each time that the run was taken up again, with `after_epoch`.
        start: Where its first weights came from, as `mien.training.start` says; empty if fresh.
        settings: What `--set` changed in the recipe's file: dotted key to value.
        trunk: What a pretrained trunk is built by and its weights at the start, as
            `mien.training.trunk` says; empty for other models.
        members: Of an ensemble, what `mien.training.ensemble` says of each; empty for others.
    """

    recipe: Recipe
    training_priors: Mapping[str, list[float]]
    data: Mapping[str, Any]
    environment: Mapping[str, Any]
    resumed: Sequence[Mapping[str, Any]] = ()
    start: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    trunk: Mapping[str, Any] = field(default_factory=dict)
    members: Sequence[Mapping[str, Any]] = ()

    def write(self, folder: Path) -> None:
        """Write `run.json` into a run folder."""
        (folder / RUN_FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")


def read_run(folder: Path | str) -> RunInfo:
    """Read `run.json` of a run folder.

    Raises:
        ConfigError: If the folder is no run, or its `run.json` cannot be used.
    """
    path = Path(folder) / RUN_FILE
    try:
        values = json.loads(path.read_text())
        return RunInfo(
            recipe=parse_recipe(values["recipe"], where=str(path)),
            training_priors=values["training_priors"],
            data=values["data"],
            environment=values["environment"],
            resumed=values.get("resumed", ()),
            start=values.get("start", {}),
            settings=values.get("settings", {}),
            trunk=values.get("trunk", {}),
            members=values.get("members", ()),
        )
    except FileNotFoundError as error:
        raise ConfigError(f"{folder} is no run folder: it has no {RUN_FILE}") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path} is damaged: {error!r}") from error


def read_report(folder: Path | str) -> dict[str, Any]:
    """Read `report.json` of a run folder; empty where the run has not ended yet.

    Raises:
        ConfigError: If the file is damaged.
    """
    path = Path(folder) / REPORT_FILE
    try:
        report = json.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if not isinstance(report, dict):
        raise ConfigError(f"{path} is damaged: it holds no report")
    return report


def describe_training(folder: Path | str, info: RunInfo, checkpoint: str) -> dict[str, Any]:
    """Return what a bundle or a run made of several keeps of how long a run was trained.

    Args:
        folder: The run folder.
        info: What its `run.json` says.
        checkpoint: Which of it is taken, `best` or `last`.

    Raises:
        ConfigError: If the run's report is damaged.
    """
    facts = read_report(folder)
    return {
        "seed": info.recipe.seed,
        "epochs": facts.get("epochs_done"),
        "epochs_planned": info.recipe.loop.epochs,
        "selected": facts.get("selected_by"),
        "checkpoint": checkpoint,
        "best_epoch": facts.get("best", {}).get("epoch"),
    }


def build_recipe_model(recipe: Recipe, trunk: Mapping[str, Any] | None = None) -> nn.Module:
    """Build the recipe's network with fresh weights.

    Args:
        recipe: Its model and heads say which.
        trunk: Of a `RunInfo`, to build a pretrained trunk by without fetching it again.
    """
    heads = {name: len(LABEL_SETS[name]) for name in recipe.heads}
    return build_model(recipe.model.name, heads, recipe.model.options, trunk=trunk)


def load_run_model(folder: Path | str, *, checkpoint: str = "best") -> tuple[nn.Module, RunInfo]:
    """Load the network of a run: the averaged weights where the run averages them.

    Args:
        folder: A run folder.
        checkpoint: `best` or `last`.

    Returns:
        The module in eval mode on the CPU, and what the run says of itself.

    Raises:
        ConfigError: If the folder is no run.
        DatasetError: If it has no such checkpoint yet, or the checkpoint does not fit.
    """
    info = read_run(folder)
    path = Path(folder) / "checkpoints" / f"{checkpoint}.ckpt"
    if not path.is_file():
        raise DatasetError(f"{folder} has no {checkpoint}.ckpt; has it finished an epoch?")
    model = build_recipe_model(info.recipe, info.trunk)
    state = read_checkpoint(path)["state_dict"]
    weights = {k.removeprefix("model."): v for k, v in state.items() if k.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        raise DatasetError(f"{path} does not fit the model of its run: {error}") from error
    return model.eval(), info


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint onto the CPU.

    Raises:
        DatasetError: If it is damaged.
    """
    # torch writes zip files but checks no checksum in them, and what it raises for anything
    # that is no zip file is anybody's guess.
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, OSError) as error:
        raise DatasetError(f"{path} is damaged or cut off: {error}") from error
    if broken:
        raise DatasetError(f"{path} is damaged: {broken} has not the checksum it was written with")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError) as error:
        raise DatasetError(f"{path} is damaged: {str(error).partition(chr(10))[0]}") from error
    return checkpoint


def describe_environment(*, precision: str, devices: int, command: str) -> dict[str, Any]:
    """Return versions, hardware, git commit and command, for `run.json`."""
    packages = ("torch", "lightning", "kornia", "numpy", "opencv-python-headless")
    return {
        "mien": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in packages},
        "platform": platform.platform(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "devices": devices,
        "threads": torch.get_num_threads(),
        "precision": precision,
        "git_commit": _git_commit(),
        "command": command,
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git_commit() -> str | None:
    """Return the commit of mien's code, `-dirty` if it was changed; None outside its git."""
    package = Path(__file__).parents[1]
    try:
        # Fails for a mien that is installed somewhere below a repository of something else.
        _git(package, "ls-files", "--error-unmatch", "__init__.py")
        commit = _git(package, "rev-parse", "HEAD")
        changed = _git(package, "status", "--porcelain", "--untracked-files=no", ".")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{commit}-dirty" if changed else commit


def _git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout.strip()
