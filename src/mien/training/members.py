"""Trained runs that become one: what they must have in common, what is kept of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.core.errors import ConfigError, DatasetError
from mien.training.recipe import Recipe
from mien.training.run import (
    REPORT_FILE,
    RUN_FILE,
    RunInfo,
    describe_environment,
    describe_training,
    load_run_model,
)
from mien.training.start import weights_sha256


@dataclass(frozen=True)
class Member:
    """A run that is to become one with others.

    Attributes:
        run: Its folder.
        network: In eval mode, on the CPU.
        info: What its `run.json` says.
        described: What is kept of it in the `run.json` of what it becomes a part of.
    """

    run: Path
    network: nn.Module
    info: RunInfo
    described: Mapping[str, Any]


def read_members(runs: Sequence[Path], out: Path, checkpoint: str) -> list[Member]:
    """Read runs that are to become one.

    Args:
        runs: Run folders.
        out: The run folder to make of them.
        checkpoint: Which of each run, `best` or `last`.

    Raises:
        ConfigError: If there are less than two, one is none, is an ensemble or named twice, their
            heads, faces or data differ, or `out` holds a run already.
        DatasetError: If a run has no usable checkpoint.
    """
    if len(runs) < 2:
        raise ConfigError(f"name two runs or more, got {len(runs)}")
    if (out / RUN_FILE).exists():
        raise ConfigError(f"{out} holds a run already; choose another --out")
    members: list[Member] = []
    for run in runs:
        network, info = load_run_model(run, checkpoint=checkpoint)
        _check_member(run, info, members[0] if members else None)
        sha256 = weights_sha256(network.state_dict())
        if any(sha256 == other.described["sha256"] for other in members):
            raise ConfigError(f"the weights of {run} are there already; name other runs")
        members.append(Member(run, network, info, _describe(run, info, checkpoint, sha256)))
    return members


def join_info(members: Sequence[Member], recipe: Recipe, command: str) -> RunInfo:
    """Return what `run.json` says of the run that members become.

    Args:
        members: As read.
        recipe: Of the run.
        command: What was typed, for the record.
    """
    infos = [member.info for member in members]
    # The mean share of each class: smoothed labels have other shares.
    priors = {
        head: np.mean([info.training_priors[head] for info in infos], axis=0).round(6).tolist()
        for head in infos[0].training_priors
    }
    return RunInfo(
        recipe=recipe,
        training_priors=priors,
        data=infos[0].data,
        environment=describe_environment(precision="fp32", devices=1, command=command),
        members=[member.described for member in members],
    )


def _check_member(run: Path, info: RunInfo, first: Member | None) -> None:
    """Refuse a run that cannot become one with the first."""
    if info.recipe.model.name == "ensemble":
        raise ConfigError(f"{run} is an ensemble itself; name its members instead")
    if info.recipe.model.name == "pretrained":
        raise ConfigError(
            f"{run} stands on a pretrained trunk, which cannot be put together with others"
        )
    if first is None:
        return

    def comparable(each: RunInfo) -> dict[str, Any]:
        return {
            "heads": {name: head.target for name, head in each.recipe.heads.items()},
            "input": each.recipe.input,
            "data": {key: each.data.get(key) for key in ("name", "faces")},
        }

    one, other = comparable(first.info), comparable(info)
    differing = [what for what in one if one[what] != other[what]]
    if differing:
        parts = "; ".join(f"{what}: {one[what]} and {other[what]}" for what in differing)
        raise ConfigError(f"{first.run} and {run} do not fit together: {parts}")


def _describe(run: Path, info: RunInfo, checkpoint: str, sha256: str) -> Mapping[str, Any]:
    """Return what is kept of a run."""
    described = {
        "name": info.recipe.name,
        "run": str(run),
        **describe_training(run, info, checkpoint),
        "start": dict(info.start) or None,
        "git_commit": info.environment.get("git_commit"),
        "command": info.environment.get("command"),
        "sha256": sha256,
        "recipe": info.recipe.to_dict(),
    }
    # An average of runs has none of its own.
    return described | ({"members": list(info.members)} if info.members else {})


def write_joined(out: Path, info: RunInfo, weights: Mapping[str, Tensor]) -> None:
    """Write the run folder of what members became; `run.json`, which makes it one, at the end.

    Raises:
        DatasetError: If it cannot be written.
    """
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
