"""A wider network that begins as exactly what a narrower one computes (Net2Net).

Chen, Goodfellow and Shlens (2016), arXiv:1511.05641: new channels are copies of old ones, and
whoever reads a channel that now has copies shares its weight out among them. The shares are
random, or copies would learn the same and stay copies.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

# For each tensor, the group of channels that each of its first two dimensions counts; dimensions
# of one group have the same channels in the same order. None for those that never widen.
ChannelGroups = Mapping[str, tuple[str | None, ...]]


def widen(
    weights: Mapping[str, Tensor], wider: Mapping[str, Tensor], groups: ChannelGroups, seed: int = 0
) -> dict[str, Tensor]:
    """Return the weights of a narrow network in the shapes of a wider one of the same build.

    Args:
        weights: Of the narrow network, by name.
        wider: Of the wider one; only names and shapes count.
        groups: Of the wider one, for all tensors that may differ.
        seed: Of which channels are copied and how weights are shared out.

    Returns:
        The same tensors, those of `groups` widened where they have to be. All as they were where
        the other network has fewer channels somewhere: it cannot begin as the same function.
    """
    random = torch.Generator().manual_seed(seed)
    copied: dict[str, Tensor] = {}
    for group, (old, new) in _channels(weights, wider, groups).items():
        if new < old:
            return dict(weights)
        if new > old:
            copied[group] = _copies(old, new, random)
    out = {}
    for name, weight in weights.items():
        for dim, channels in enumerate(groups.get(name, ())):
            if channels is not None and channels in copied:
                weight = _widen_dim(weight, dim, copied[channels], random)
        out[name] = weight
    return out


def _channels(
    weights: Mapping[str, Tensor], wider: Mapping[str, Tensor], groups: ChannelGroups
) -> dict[str, tuple[int, int]]:
    """Return how many channels each group has in the one network and in the other."""
    return {
        group: (weights[name].shape[dim], wider[name].shape[dim])
        for name, dims in groups.items()
        if name in weights and name in wider
        for dim, group in enumerate(dims)
        if group is not None
    }


def _copies(old: int, new: int, random: torch.Generator) -> Tensor:
    """Return (new,) int64: which old channel each new one is; the first are as they were."""
    # In turns, so that no channel gets a second copy while another has none.
    turns = [torch.randperm(old, generator=random) for _ in range(-(-(new - old) // old))]
    return torch.cat([torch.arange(old), *turns])[:new]


def _widen_dim(weight: Tensor, dim: int, copied: Tensor, random: torch.Generator) -> Tensor:
    """Copy along the first dimension, what a tensor makes; share out along the second."""
    wide = weight.index_select(dim, copied)
    if dim == 0:
        return wide
    shares = 0.5 + torch.rand(wide.shape[:2], generator=random)
    sums = torch.zeros(weight.shape[:2]).index_add_(1, copied, shares)
    shares = shares / sums.index_select(1, copied)
    return wide * shares.reshape(*shares.shape, *[1] * (wide.ndim - 2))
