"""From a trained network to a bundle: the graph, the weights, and a proof that both agree.

The graph comes from PyTorch's exporter (`torch.export`), which folds batch norm into the
convolutions before it; its opset is stated, and the number of faces stays free. A graph
that does not answer as the network does is refused.
"""

from __future__ import annotations

import logging
import shlex
import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor, nn

from mien import __version__
from mien.bundle.bundle import Bundle
from mien.bundle.config import GRAPH_INPUT, Architecture, BundleConfig, Head, InputSpec
from mien.bundle.figures import EvaluationSummary, figures_to_dict
from mien.bundle.write import check_place, write_bundle
from mien.core.errors import BundleError, ConfigError
from mien.core.imaging import CropFrame, normalise, resize_gray
from mien.core.labels import label_set
from mien.data import FaceDataset
from mien.evaluation.trade_off import DEFAULT_MAX_LOSS
from mien.models import count_parameters
from mien.training.calibration import (
    HeadCalibration,
    StrengthChoice,
    calibrate_heads,
    check_strength,
    describe_choice,
)
from mien.training.predictor import RunPredictor
from mien.training.run import RunInfo, load_run_model, read_report

OPSET = 18
# Largest difference of a logit between PyTorch and ONNX Runtime, both in float32.
PARITY_TOLERANCE = 1e-4
PARITY_FACES = 64


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

    Returns:
        `out`.

    Raises:
        ConfigError: If the folder is no run, `default_label_set` is none of its heads, or the
            prior strength cannot be used.
        DatasetError: If the run has no checkpoint yet.
        BundleError: If `out` is in the way or the graph does not answer as the network does.
    """
    check_place(out, overwrite=overwrite)
    check_strength(prior_strength, calibrate_on)
    model, info = load_run_model(run_folder, checkpoint=checkpoint)
    recipe = info.recipe
    default = default_label_set or next(iter(recipe.heads))
    if default not in recipe.heads:
        raise ConfigError(
            f"run {run_folder} has no head {default!r}; it has: {', '.join(recipe.heads)}"
        )
    calibrated = calibrate_heads(
        RunPredictor(model, info),
        calibrate_on,
        prior_strength=prior_strength,
        max_accuracy_loss=max_accuracy_loss,
    )
    config = BundleConfig(
        name=name or recipe.name,
        version=__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        architecture=Architecture(recipe.model.name, recipe.model.options, parameters=1),
        input=InputSpec(size=recipe.input.size, mean=recipe.input.mean, std=recipe.input.std),
        heads=tuple(
            _head(head, info.training_priors[head], calibrated[head]) for head in recipe.heads
        ),
        default_label_set=default,
        crop_frames={"full": CropFrame(align=False), **(crop_frames or {})},
        files={},
        data=_data(info),
        licence=licence,
        figures=figures_to_dict(figures),
        training=_training(info, Path(run_folder), checkpoint, calibrated),
    )
    return export_model(model, config, out, overwrite=overwrite)


def export_model(
    model: nn.Module, config: BundleConfig, out: Path, *, overwrite: bool = False
) -> Path:
    """Make a bundle of any network.

    Args:
        model: Takes (n, 1, size, size) float32, returns a dict of head name to logits.
        config: All but `files` and the count of parameters, which are filled in.
        out: The bundle's folder.
        overwrite: Whether a bundle in `out` is replaced.

    Returns:
        `out`.

    Raises:
        BundleError: If `out` is in the way, the config does not fit the network, or the graph
            does not answer as the network does.
    """
    model = model.cpu().eval()
    parameters = count_parameters(model).total
    config = replace(config, architecture=replace(config.architecture, parameters=parameters))
    weights = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
    return write_bundle(
        out,
        config,
        graph=export_graph(model, config),
        weights=save(weights, metadata={"mien": __version__}),
        check=lambda bundle: check_parity(model, bundle),
        overwrite=overwrite,
    )


def export_graph(model: nn.Module, config: BundleConfig) -> bytes:
    """Return the network as an ONNX graph, one output for each head of the config.

    Raises:
        BundleError: If the network lacks a head.
    """
    spec = config.input
    # Two faces: a first dimension of 1 would be taken for a constant.
    example = torch.zeros(2, spec.channels, spec.size, spec.size)
    with torch.inference_mode():
        answered = model(example)
    missing = [head.label_set for head in config.heads if head.label_set not in answered]
    if missing:
        raise BundleError(
            f"the network has no head {', '.join(missing)}; it has: {', '.join(answered)}"
        )
    # It would warn of torchvision, which no network here uses.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter's own use of what PyTorch is about to rename.
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        program = torch.onnx.export(
            _InOrder(model, [head.label_set for head in config.heads]).eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[GRAPH_INPUT],
            output_names=[head.output for head in config.heads],
            dynamic_shapes={"images": {0: torch.export.Dim("n")}},
            verbose=False,
        )
    if program is None:
        raise BundleError("PyTorch's exporter gave no graph")
    return bytes(_clean(program.model_proto).SerializeToString(deterministic=True))


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


def random_faces(count: int, size: int) -> NDArray[np.uint8]:
    """Return made-up faces (count, size, size) uint8: noise, smooth shades, black and white."""
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 256, (count // 2, size, size), np.uint8)
    coarse = generator.integers(0, 256, (count - count // 2 - 2, 6, 6), np.uint8)
    smooth = [resize_gray(shades, size) for shades in coarse]
    flat = [np.full((size, size), value, np.uint8) for value in (0, 255)]
    return np.stack([*noise, *smooth, *flat])


class _InOrder(nn.Module):
    """The network with its heads as a tuple: outputs of a graph have an order, not keys."""

    def __init__(self, model: nn.Module, heads: Sequence[str]) -> None:
        super().__init__()
        self.model, self.heads = model, list(heads)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of each head, in order."""
        logits = self.model(images)
        return tuple(logits[head] for head in self.heads)


def _clean(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes for debugging: stack traces with paths of this machine."""
    inner = graph.graph
    del inner.value_info[:]
    for part in (*inner.node, *inner.input, *inner.output, *inner.initializer, inner, graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.producer_name, graph.producer_version = "mien", __version__
    return graph


def _head(name: str, priors: Sequence[float], calibration: HeadCalibration) -> Head:
    return Head(
        label_set=name,
        labels=label_set(name).labels,
        output=f"{name}_logits",
        training_priors=tuple(priors),
        temperature=calibration.temperature,
        prior_strength=calibration.prior_strength,
    )


def _data(info: RunInfo) -> dict[str, Any]:
    rules = {name: head.target for name, head in info.recipe.heads.items()}
    return {**info.data, "rules": rules}


def _training(
    info: RunInfo, folder: Path, checkpoint: str, calibrated: Mapping[str, HeadCalibration]
) -> dict[str, Any]:
    """Return what the bundle keeps of how it was trained."""
    recipe = info.recipe.to_dict()
    environment = {k: v for k, v in info.environment.items() if k != "platform"}
    commands = [environment.pop("command", ""), shlex.join(["mien", *sys.argv[1:]])]
    facts = read_report(folder)
    return {
        "commands": [command for command in commands if command],
        "seed": recipe["seed"],
        "epochs": facts.get("epochs_done"),
        "epochs_planned": recipe["loop"]["epochs"],
        "selected": facts.get("selected_by"),
        "checkpoint": checkpoint,
        "best_epoch": facts.get("best", {}).get("epoch"),
        "git_commit": environment.pop("git_commit", None),
        "versions": environment,
        "start": dict(info.start) or None,
        "resumed": [
            {key: part.get(key) for key in ("after_epoch", "git_commit", "command")}
            for part in info.resumed
        ],
        "recipe": {k: v for k, v in recipe.items() if k not in ("name", "model", "seed", "input")},
        "export": {
            "opset": OPSET,
            "parity_tolerance": PARITY_TOLERANCE,
            **describe_choice(calibrated),
        },
    }
