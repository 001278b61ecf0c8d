"""From a trained network to a bundle: its graph, and a proof that it answers as the network does.

A graph that does not answer as the network does is refused. One of 8 bits cannot answer so: it
is made of a float graph that does, and how far it strays is measured and kept. Weights are kept
as 16-bit floats unless 32 are asked for: the network is rounded first, so that everything that
is fitted, compared and measured is of the rounded one, and what rounding changed is kept too.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from mien import __version__
from mien.bundle.bundle import Bundle
from mien.bundle.config import Architecture, BundleConfig, Head, InputSpec
from mien.bundle.figures import EvaluationSummary, figures_to_dict
from mien.bundle.quantisation import HALF_STORAGE, INT8_PRECISION, STORAGES
from mien.bundle.robustness import RobustnessSummary
from mien.bundle.write import check_place, write_bundle
from mien.core.errors import BundleError, ConfigError
from mien.core.imaging import CropFrame, normalise
from mien.core.labels import label_set
from mien.core.session import OnnxSession
from mien.data import FaceDataset
from mien.evaluation.predictors import BundlePredictor
from mien.evaluation.trade_off import DEFAULT_MAX_LOSS
from mien.models import count_parameters
from mien.training.calibration import (
    StrengthChoice,
    calibrate_heads,
    check_strength,
    describe_choice,
)
from mien.training.graph import OPSET, export_graph, round_weights, store_as_fp16
from mien.training.predictor import RunPredictor
from mien.training.quantise import check_quantisable, compare_graphs, quantise_bundle
from mien.training.rounding import check_rounding, random_faces
from mien.training.run import RunInfo, describe_training, load_run_model

# Largest difference of a logit between PyTorch and ONNX Runtime, both in float32.
PARITY_TOLERANCE = 1e-4
PARITY_FACES = 64
_AVERAGED = "the average of the weights of these networks, batch norms measured anew"


def export_run(
    run_folder: Path | str,
    out: Path,
    *,
    name: str | None = None,
    crop_frames: Mapping[str, CropFrame] | None = None,
    calibrate_on: FaceDataset | None = None,
    figures: Sequence[EvaluationSummary] = (),
    licence: str = "not stated",
    default_label_set: str | None = None,
    checkpoint: str = "best",
    overwrite: bool = False,
    prior_strength: StrengthChoice = 0.0,
    max_accuracy_loss: float = DEFAULT_MAX_LOSS,
    int8: bool = False,
    storage: str = HALF_STORAGE,
    robustness: Sequence[RobustnessSummary] = (),
    picture: bytes | None = None,
) -> Path:
    """Make a bundle of a run.

    Args:
        run_folder: What `mien train` left.
        out: The bundle's folder.
        name: The bundle's name; None for the recipe's.
        crop_frames: Detector name to crop frame; `full`, the whole picture, is added.
        calibrate_on: Faces whose validation split the heads' temperatures are fitted on; None
            leaves the network's own probabilities.
        figures: Evaluations of this very graph at these temperatures, for the model card.
        licence: Licence of the weights.
        default_label_set: The head that answers by default; None for the recipe's first.
        checkpoint: `best` or `last`.
        overwrite: Whether a bundle in `out` is replaced.
        prior_strength: How far the heads' answers go from the training shares to equal ones
            by default, 0..1. `auto` chooses it for each head on the validation split of
            `calibrate_on`, as `TradeOff.chosen` does, and leaves heads without labels natural.
        max_accuracy_loss: Share of accuracy that `auto` may lose, 0..1.
        int8: Whether the graph gets 8-bit weights and activations, calibrated on training faces
            of `calibrate_on` and compared with the float graph on its validation faces. What
            that lost is in the config's `quantisation`; a large loss is not refused.
        storage: How float weights are kept: `fp16`, half the size, or `fp32`.
        robustness: What changed faces cost this very graph, for the model card.
        picture: A PNG of this very graph's answers to one photo, for the card; see
            `mien.evaluation.robustness_picture`.

    Returns:
        `out`.

    Raises:
        ConfigError: If the folder is no run, `default_label_set` is none of its heads, the
            prior strength cannot be used, `storage` is unknown, or `int8` is asked for without
            data.
        DatasetError: If the run has no checkpoint yet, or the data lacks faces that `int8` needs.
        BundleError: If `out` is in the way, the float graph does not answer as the network does,
            rounding changes its answers, or it cannot be quantised.
    """
    if storage not in STORAGES:
        raise ConfigError(f"expected storage {' or '.join(STORAGES)}, got {storage!r}")
    check_place(out, overwrite=overwrite)
    check_strength(prior_strength, calibrate_on)
    quantised_on = check_quantisable(calibrate_on) if int8 else None
    trained, info = load_run_model(run_folder, checkpoint=checkpoint)
    model, rounding = trained, None
    if storage == HALF_STORAGE:
        model = round_weights(trained)
        rounding = check_rounding(
            RunPredictor(model, info), RunPredictor(trained, info), calibrate_on
        )
    recipe = info.recipe
    default = default_label_set or next(iter(recipe.heads))
    if default not in recipe.heads:
        raise ConfigError(
            f"run {run_folder} has no head {default!r}; it has: {', '.join(recipe.heads)}"
        )
    draft = BundleConfig(
        name=name or recipe.name,
        version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        architecture=Architecture(recipe.model.name, recipe.model.options, parameters=1),
        input=InputSpec(size=recipe.input.size, mean=recipe.input.mean, std=recipe.input.std),
        heads=tuple(_head(head, info.training_priors[head]) for head in recipe.heads),
        default_label_set=default,
        crop_frames={"full": CropFrame(align=False), **(crop_frames or {})},
        files={},
        data=_data(info),
        licence=licence,
        figures=figures_to_dict(figures),
        training={},
        storage=storage,
        robustness=tuple(robustness),
    )
    predictor: RunPredictor | BundlePredictor = RunPredictor(model, info)
    quantised = None
    if quantised_on is not None:
        quantised = quantise_bundle(*_float_bundle(model, draft, out), quantised_on)
        # What is fitted must fit the answers that the bundle will give.
        predictor = BundlePredictor(quantised.bundle, prior="natural")
    calibrated = calibrate_heads(
        predictor,
        calibrate_on,
        prior_strength=prior_strength,
        max_accuracy_loss=max_accuracy_loss,
    )
    config = replace(
        draft,
        heads=tuple(
            replace(
                head,
                temperature=calibrated[head.label_set].temperature,
                prior_strength=calibrated[head.label_set].prior_strength,
            )
            for head in draft.heads
        ),
        training={
            **_training(info, Path(run_folder), checkpoint),
            "export": {
                "opset": OPSET,
                # An 8-bit graph is made of a float one, which was held to this.
                "float_parity_tolerance" if int8 else "parity_tolerance": PARITY_TOLERANCE,
                **({"rounding_to_fp16": asdict(rounding)} if rounding else {}),
                **describe_choice(calibrated),
            },
        },
    )
    if quantised is None or quantised_on is None:
        return export_model(model, config, out, picture=picture, overwrite=overwrite)
    config = replace(
        config,
        precision=INT8_PRECISION,
        quantisation=compare_graphs(quantised, quantised_on, config),
    )
    return _write(
        model,
        config,
        out,
        graph=quantised.graph,
        weights=_save_weights(model, storage),
        picture=picture,
        overwrite=overwrite,
    )


def export_model(
    model: nn.Module,
    config: BundleConfig,
    out: Path,
    *,
    picture: bytes | None = None,
    overwrite: bool = False,
) -> Path:
    """Make a bundle of any network.

    Args:
        model: Takes (n, 1, size, size) float32, returns a dict of head name to logits. Where the
            config says that weights are stored as fp16, `round_weights` was there before.
        config: All but `files` and the count of parameters, which are filled in.
        out: The bundle's folder.
        picture: As for `export_run`.
        overwrite: Whether a bundle in `out` is replaced.

    Returns:
        `out`.

    Raises:
        BundleError: If `out` is in the way, the config does not fit the network, or the graph
            does not answer as the network does.
    """
    model = model.cpu().eval()
    return _write(
        model,
        config,
        out,
        graph=_stored(export_graph(model, config), config),
        picture=picture,
        check=lambda bundle: check_parity(model, bundle),
        overwrite=overwrite,
    )


def _write(
    model: nn.Module,
    config: BundleConfig,
    out: Path,
    *,
    graph: bytes,
    weights: bytes | None = None,
    picture: bytes | None,
    check: Callable[[Bundle], None] | None = None,
    overwrite: bool,
) -> Path:
    """Write a graph, and the network's float weights where the graph has them not."""
    parameters = count_parameters(model).total
    config = replace(config, architecture=replace(config.architecture, parameters=parameters))
    return write_bundle(
        out,
        config,
        graph=graph,
        weights=weights,
        picture=picture,
        check=check,
        overwrite=overwrite,
    )


def _stored(graph: bytes, config: BundleConfig) -> bytes:
    return store_as_fp16(graph) if config.storage == HALF_STORAGE else graph


def _save_weights(model: nn.Module, storage: str) -> bytes:
    """Return the weights as safetensors: matrices and kernels of 16 bits where they are so."""
    weights = {
        name: (
            weight.half() if storage == HALF_STORAGE and weight.ndim > 1 else weight
        ).contiguous()
        for name, weight in model.state_dict().items()
    }
    return save(weights, metadata={"mien": __version__})


def _float_bundle(model: nn.Module, config: BundleConfig, out: Path) -> tuple[Bundle, bytes]:
    """Return the network's float graph, checked against it, as a bundle in memory and as bytes."""
    graph = _stored(export_graph(model, config), config)
    bundle = Bundle(config=config, path=out, session=OnnxSession(graph))
    check_parity(model, bundle)
    return bundle, graph


def check_parity(model: nn.Module, bundle: Bundle) -> None:
    """Compare a loaded bundle with the network that it was made of, over random faces.

    Raises:
        BundleError: If a logit differs by more than `PARITY_TOLERANCE`.
    """
    spec = bundle.config.input
    faces = random_faces(PARITY_FACES, spec.size)
    with torch.inference_mode():
        expected = model(torch.from_numpy(normalise(faces, mean=spec.mean, std=spec.std)))
    answered = bundle.predict_logits(faces)
    for head, logits in answered.items():
        # One face alone must answer as it does among others.
        alone = bundle.predict_logits(faces[:1])[head]
        wanted = expected[head].float().numpy()
        gap = np.abs(np.concatenate([logits - wanted, alone - wanted[:1]])).max()
        if not gap <= PARITY_TOLERANCE:  # not (a > b): a NaN must not pass
            raise BundleError(
                f"the exported graph does not answer as the network does: logits of {head} differ "
                f"by {gap:.2g}, tolerated are {PARITY_TOLERANCE:g}; the weights may have diverged"
            )


def _head(name: str, priors: Sequence[float]) -> Head:
    return Head(
        label_set=name,
        labels=label_set(name).labels,
        output=f"{name}_logits",
        training_priors=tuple(priors),
    )


def _data(info: RunInfo) -> dict[str, Any]:
    rules = {name: head.target for name, head in info.recipe.heads.items()}
    return {**info.data, "rules": rules}


def _training(info: RunInfo, folder: Path, checkpoint: str) -> dict[str, Any]:
    """Return what the bundle keeps of how it was trained."""
    environment = {k: v for k, v in info.environment.items() if k != "platform"}
    commands = [
        *_commands(info.members),
        environment.pop("command", ""),
        shlex.join(["mien", *sys.argv[1:]]),
    ]
    origin = {"git_commit": environment.pop("git_commit", None), "versions": environment}
    made = {"commands": [command for command in commands if command]}
    if info.members:
        # What an ensemble is, its architecture says.
        averaged = {} if info.recipe.model.name == "ensemble" else {"weights": _AVERAGED}
        return {**made, **averaged, "members": [_member(each) for each in info.members], **origin}
    return {
        **made,
        **describe_training(folder, info, checkpoint),
        **origin,
        "start": dict(info.start) or None,
        "resumed": [
            {key: part.get(key) for key in ("after_epoch", "git_commit", "command")}
            for part in info.resumed
        ],
        "recipe": _recipe(info.recipe.to_dict()),
    }


def _commands(members: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the commands that made members, those of what they are made of before them."""
    return [c for each in members for c in [*_commands(each.get("members", ())), each["command"]]]


def _member(member: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the bundle keeps of a member of an ensemble or an average."""
    kept = {key: value for key, value in member.items() if key not in ("run", "command")}
    if "members" in member:
        kept["members"] = [_member(each) for each in member["members"]]
    return kept | {"recipe": _recipe(member["recipe"])}


def _recipe(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe without what the bundle says elsewhere."""
    return {k: v for k, v in values.items() if k not in ("name", "model", "seed", "input")}
