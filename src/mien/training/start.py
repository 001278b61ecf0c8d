"""Weights that a run begins with: those of a run, of a bundle, or published ones."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from mien.bundle.find import find_bundle
from mien.bundle.parts import GRAPH_FILE, WEIGHTS_FILE
from mien.core.errors import BundleError, ConfigError
from mien.models.attention import fold_attention
from mien.models.channels import fit_channels
from mien.models.depth import fit_blocks
from mien.models.dlib_weights import settle_norms
from mien.models.mirror import begin_symmetric, symmetrise, widen_kernels
from mien.models.published import PUBLISHED
from mien.models.residual import ResidualNet
from mien.training.graph import graph_weights
from mien.training.run import RUN_FILE, load_run_model


def start_from(model: nn.Module, source: str, images: Tensor) -> dict[str, Any]:
    """Give a fresh network the weights of another, wherever name and shape are the same.

    What has no counterpart (a head of another label set, say) keeps its fresh weights. Of an
    ensemble it is the member that fits best, the first of several that do as well. A network
    that is the same but for its widths, for how many blocks its stages have or for lacking
    squeeze-and-excitation begins as near to the other as `mien.models.channels`, `depth` and
    `attention` get it; one that is to answer mirror images alike, as near as
    `mien.models.mirror` does.

    Args:
        model: The network; changed in place.
        source: A run folder, of which the best checkpoint is taken, a bundle by name or path, or
            one of `mien.models.published.PUBLISHED`.
        images: (n, 1, h, w) float32, the network's input from training faces, by which channels
            find their partners where mirror images are to be answered alike, and batch norms the
            statistics that published weights lack.

    Returns:
        For `run.json`: where from, the sha256 over all weights there (names and bytes), how many
        tensors were taken, how many of them had to get other channels, and the names of those that
        stayed fresh.

    Raises:
        ConfigError: If there is no such run or bundle, or nothing in it fits.
        MissingExtraError: If published weights are not installed.
        DatasetError: If the run has no usable checkpoint.
    """
    all_weights = _best_member(read_weights(source), model)
    sha256 = weights_sha256(_without_counters(all_weights))
    if isinstance(model, ResidualNet):
        all_weights = fit_blocks(all_weights, model.stage_numbers)
    weights = _without_counters(all_weights)
    own = _without_counters(model.state_dict())
    shapes = {name: weight.shape for name, weight in weights.items()}
    if isinstance(model, ResidualNet):
        weights = fit_channels(weights, own, model.channel_groups())
        if model.mirror:
            weights = widen_kernels(weights, own)
        weights = fold_attention(model, weights, images)
    fitting = {k: w for k, w in weights.items() if k in own and own[k].shape == w.shape}
    # Without a layer in common there is no start, only vectors that happen to fit.
    if not any(weight.ndim > 1 for weight in fitting.values()):
        raise ConfigError(
            f"no layer of {source} fits this recipe's network; start_from needs the same "
            "[model], or one much like it"
        )
    model.load_state_dict(fitting, strict=False)
    if source in PUBLISHED and not PUBLISHED[source].settled:
        settle_norms(model, images)
    if isinstance(model, ResidualNet) and model.mirror:
        pair_channels(model, all_weights, images)
    return {
        "from": source,
        "sha256": sha256,
        "tensors_taken": len(fitting),
        "tensors_of_other_width": sum(
            weight.shape != shapes[name] for name, weight in fitting.items()
        ),
        "fresh": sorted(own.keys() - fitting.keys()),
    }


def pair_channels(model: ResidualNet, weights: Mapping[str, Tensor], images: Tensor) -> None:
    """Pair a symmetric network's channels as those of weights that it has taken are.

    Where these hold no pairs, they are found by what channels make of images.

    Args:
        model: With `mirror`; changed in place.
        weights: By name, of a network of its shape.
        images: (n, 1, h, w) float32, the network's input from training faces.
    """
    if not _take_partners(model, weights):
        begin_symmetric(model, images)
    # What stayed fresh is symmetric by other pairs.
    symmetrise(model)


def _take_partners(model: ResidualNet, weights: Mapping[str, Tensor]) -> bool:
    """Pair channels as those of the weights are; do nothing and return False if these are not."""
    own = dict(model.partners.named_buffers(prefix="partners"))
    if not all(name in weights and weights[name].shape == own[name].shape for name in own):
        return False
    # Checkpoints of some runs before November 23, 2026 have numbers here that pair nothing.
    if not all(_are_pairs(weights[name]) for name in own):
        return False
    for name, partners in own.items():
        partners.copy_(weights[name])
    return True


def _best_member(weights: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Return the weights of the member of an ensemble that has most in common with a model.

    Weights of anything else, or for an ensemble, come back as they are.
    """
    members: dict[str, dict[str, Tensor]] = {}
    for name, weight in weights.items():
        kind, _, rest = name.partition(".")
        number, _, inner = rest.partition(".")
        if kind != "members":
            return weights
        members.setdefault(number, {})[inner] = weight
    own = model.state_dict()
    if not members or any(name.startswith("members.") for name in own):
        return weights

    def in_common(member: dict[str, Tensor]) -> int:
        return sum(k in own and own[k].shape == weight.shape for k, weight in member.items())

    return max(members.values(), key=in_common)


def _are_pairs(partners: Tensor) -> bool:
    """Whether each channel is the partner of its partner."""
    found = partners.clamp(0, len(partners) - 1)
    return torch.equal(found[found], torch.arange(len(partners)))


def read_weights(source: str) -> dict[str, Tensor]:
    """Return the weights of a run, of a bundle or published ones, by name.

    Raises:
        ConfigError: If there are none.
        DatasetError: If the run has no usable checkpoint.
        MissingExtraError: If published weights are not installed.
    """
    if (Path(source) / RUN_FILE).is_file():
        return dict(load_run_model(source)[0].state_dict())
    if source in PUBLISHED:
        return PUBLISHED[source].read()
    try:
        folder = find_bundle(source)
        if (folder / WEIGHTS_FILE).is_file():
            weights = load((folder / WEIGHTS_FILE).read_bytes())
            # Pairs of channels are kept there too, as whole numbers.
            return {k: w.float() if w.is_floating_point() else w for k, w in weights.items()}
        return graph_weights((folder / GRAPH_FILE).read_bytes())
    except (BundleError, OSError, SafetensorError) as error:
        raise ConfigError(
            f"cannot start from {source!r}, which is neither a run that has finished an epoch "
            f"nor a bundle: {error}. Where a recipe names it, train that first, or give "
            "--start-from"
        ) from error


def _without_counters(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Leave out how many batches a batch norm has seen: nothing follows from it here."""
    return {name: weight for name, weight in weights.items() if weight.is_floating_point()}


def weights_sha256(weights: Mapping[str, Tensor]) -> str:
    """Return the sha256 over the names and bytes of weights, whatever order they come in."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].contiguous().numpy().tobytes())
    return digest.hexdigest()
