"""Several trained runs made one: a run folder whose network answers with their mean."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mien.core.errors import ConfigError, DatasetError
from mien.training.recipe import ModelRecipe, Recipe
from mien.training.run import (
    REPORT_FILE,
    RUN_FILE,
    RunInfo,
    build_recipe_model,
    describe_environment,
    load_run_model,
    read_report,
)
from mien.training.start import weights_sha256


def make_ensemble(
    runs: Sequence[Path], out: Path, *, name: str, checkpoint: str = "best", command: str = ""
) -> RunInfo:
    """Make a run folder of several; it is evaluated, exported and learned from as any other.

    Args:
        runs: Run folders of networks with the same heads, trained on the same data, for faces of
            one size and scale.
        out: The run folder to make.
        name: Of the ensemble.
        checkpoint: Which of each run, `best` or `last`.
        command: What was typed, for the record.

    Returns:
        What `run.json` says.

    Raises:
        ConfigError: If there are less than two runs, one is none or an ensemble itself, they do
            not fit together, or `out` holds a run already.
        DatasetError: If a run has no usable checkpoint, or `out` cannot be written.
    """
    if len(runs) < 2:
        raise ConfigError(f"an ensemble is made of two runs or more, got {len(runs)}")
    if (out / RUN_FILE).exists():
        raise ConfigError(f"{out} holds a run already; choose another --out")
    weights: dict[str, Tensor] = {}
    infos: list[RunInfo] = []
    members: list[Mapping[str, Any]] = []
    for number, run in enumerate(runs):
        network, info = load_run_model(run, checkpoint=checkpoint)
        _check_member(run, info, runs[0], infos[0] if infos else info)
        state = network.state_dict()
        sha256 = weights_sha256(state)
        if any(sha256 == other["sha256"] for other in members):
            raise ConfigError(f"the weights of {run} are in the ensemble already; name others")
        weights |= {f"members.{number}.{key}": value for key, value in state.items()}
        infos.append(info)
        members.append(_describe(run, info, checkpoint, sha256))
    recipe = _recipe(name, infos)
    info = replace(
        infos[0],
        recipe=recipe,
        training_priors=_mean_priors(infos),
        environment=describe_environment(precision="fp32", devices=1, command=command),
        resumed=(),
        start={},
        settings={},
        members=members,
    )
    build_recipe_model(recipe).load_state_dict(weights)
    _write(out, info, weights)
    return info


def _check_member(run: Path, info: RunInfo, first_run: Path, first: RunInfo) -> None:
    """Refuse a run that cannot answer together with the first one."""
    if info.members:
        raise ConfigError(f"{run} is an ensemble itself; name its members instead")
    if info.recipe.model.name == "pretrained":
        raise ConfigError(f"{run} stands on a pretrained trunk, which an ensemble cannot hold")

    def comparable(each: RunInfo) -> dict[str, Any]:
        return {
            "heads": {name: head.target for name, head in each.recipe.heads.items()},
            "input": each.recipe.input,
            "data": {key: each.data.get(key) for key in ("name", "faces")},
        }

    one, other = comparable(first), comparable(info)
    differing = [what for what in one if one[what] != other[what]]
    if differing:
        parts = "; ".join(f"{what}: {one[what]} and {other[what]}" for what in differing)
        raise ConfigError(f"{first_run} and {run} do not fit together: {parts}")


def _describe(run: Path, info: RunInfo, checkpoint: str, sha256: str) -> Mapping[str, Any]:
    """Return what an ensemble keeps of a member."""
    facts = read_report(run)
    return {
        "name": info.recipe.name,
        "run": str(run),
        "seed": info.recipe.seed,
        "epochs": facts.get("epochs_done"),
        "epochs_planned": info.recipe.loop.epochs,
        "selected": facts.get("selected_by"),
        "checkpoint": checkpoint,
        "best_epoch": facts.get("best", {}).get("epoch"),
        "start": dict(info.start) or None,
        "git_commit": info.environment.get("git_commit"),
        "command": info.environment.get("command"),
        "sha256": sha256,
        "recipe": info.recipe.to_dict(),
    }


def _mean_priors(infos: Sequence[RunInfo]) -> dict[str, list[float]]:
    """Return the mean share of each class, by head: smoothed labels have other shares."""
    return {
        head: np.mean([info.training_priors[head] for info in infos], axis=0).round(6).tolist()
        for head in infos[0].training_priors
    }


def _recipe(name: str, infos: Sequence[RunInfo]) -> Recipe:
    models = [{"name": i.recipe.model.name, "options": i.recipe.model.options} for i in infos]
    first = infos[0].recipe
    return Recipe(
        name=name,
        description=f"The mean of {', '.join(info.recipe.name for info in infos)}",
        model=ModelRecipe("ensemble", {"members": models}),
        heads=first.heads,
        seed=first.seed,
        input=first.input,
    )


def _write(out: Path, info: RunInfo, weights: Mapping[str, Tensor]) -> None:
    """Write the run folder; `run.json`, which makes it one, at the end."""
    checkpoints = out / "checkpoints"
    report = {"name": info.recipe.name, "finished": True, "selected_by": None}
    try:
        checkpoints.mkdir(parents=True, exist_ok=True)
        for each in ("best", "last"):
            state = {f"model.{key}": value for key, value in weights.items()}
            torch.save({"state_dict": state}, checkpoints / f"{each}.ckpt")
        (out / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n")
        info.write(out)
    except OSError as error:
        raise DatasetError(
            f"cannot write the run folder {out}: {error.strerror or error}"
        ) from error
