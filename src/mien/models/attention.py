"""Weights of a network with squeeze-and-excitation, for one of the same build without it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mien.models.layers import SqueezeExcitation

if TYPE_CHECKING:
    from mien.models.residual import ResidualNet

_BATCH = 128


@torch.no_grad()
def fold_attention(
    network: ResidualNet, weights: Mapping[str, Tensor], images: Tensor
) -> dict[str, Tensor]:
    """Give each channel for good the factor that squeeze-and-excitation gives it on the average.

    Where it gives all faces the same, which trained networks often do in some blocks, nothing is
    lost.

    Args:
        network: Without squeeze-and-excitation; its weights and statistics come back changed.
        weights: By name, in the network's shapes, of one that may have it.
        images: (n, 1, h, w) float32, the network's input from some hundred training faces.

    Returns:
        The same weights, but with the factors in those of the batch norms before them.
    """
    lent: dict[int, SqueezeExcitation] = {}
    for number, block in enumerate(network.stages):
        name = f"stages.{number}.attention"
        if not isinstance(block.attention, nn.Identity) or f"{name}.squeeze.bias" not in weights:
            continue
        narrow, channels = weights[f"{name}.squeeze.weight"].shape[:2]
        block.attention = lent[number] = SqueezeExcitation(channels, channels // narrow)
    if not lent:
        return dict(weights)
    own = network.state_dict()
    network.load_state_dict(
        {k: w for k, w in weights.items() if k in own and own[k].shape == w.shape}, strict=False
    )
    sums = _sums_of_factors(network, lent, images)
    folded = dict(weights)
    for number in lent:
        network.stages[number].attention = nn.Identity()
        for part in ("weight", "bias"):
            name = f"stages.{number}.norm2.{part}"
            folded[name] = weights[name] * (sums[number] / len(images))
    return folded


def _sums_of_factors(
    network: ResidualNet, attentions: Mapping[int, SqueezeExcitation], images: Tensor
) -> dict[int, Tensor]:
    """Return for each block the (channels,) sums of what it multiplies channels with."""
    sums: dict[int, Tensor] = {}

    def add(number: int, excited: Tensor) -> None:
        sums[number] = sums.get(number, torch.zeros(())) + torch.sigmoid(excited).sum((0, 2, 3))

    hooks = [
        attention.excite.register_forward_hook(
            lambda _module, _inputs, output, number=number: add(number, output)
        )
        for number, attention in attentions.items()
    ]
    training = network.training
    network.eval()
    try:
        for batch in torch.split(images, _BATCH):
            network(batch)
    finally:
        for hook in hooks:
            hook.remove()
        network.train(training)
    return sums
