"""A network that begins as another of the same build with fewer or more channels.

More channels (Net2Net; Chen, Goodfellow and Shlens, 2016, arXiv:1511.05641): new ones are copies
of old ones, and whoever reads a channel that now has copies shares its weight out among them. The
shares are random, or copies would learn the same and stay copies. It computes just the same.

Fewer channels (after Li et al., 2017, arXiv:1608.08710): those with the smallest weights are left
out. It computes something near, from which training goes on.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

# For each tensor, the group of channels that each of its first two dimensions counts; dimensions
# of one group have the same channels in the same order. None for those that never widen.
ChannelGroups = Mapping[str, tuple[str | None, ...]]


def fit_channels(
    weights: Mapping[str, Tensor], other: Mapping[str, Tensor], groups: ChannelGroups, seed: int = 0
) -> dict[str, Tensor]:
    """Return the weights of a network in the shapes of another one of the same build.

    Args:
        weights: Of the first network, by name.
        other: Of the other one; only names and shapes count.
        groups: Of the other one, for all tensors that may differ.
        seed: Of which channels are copied and how weights are shared out.

    Returns:
        The same tensors, those of `groups` widened and narrowed where they have to be.
    """
    random = torch.Generator().manual_seed(seed)
    chosen: dict[str, Tensor] = {}
    for group, (old, new) in _channels(weights, other, groups).items():
        if new > old:
            chosen[group] = _copies(old, new, random)
        if new < old:
            chosen[group] = _largest(weights, groups, group, new)
    out = {}
    for name, weight in weights.items():
        for dim, channels in enumerate(groups.get(name, ())):
            if channels is not None and channels in chosen:
                weight = _choose(weight, dim, chosen[channels], random)
        out[name] = weight
    return out


def _channels(
    weights: Mapping[str, Tensor], other: Mapping[str, Tensor], groups: ChannelGroups
) -> dict[str, tuple[int, int]]:
    """Return how many channels each group has in the one network and in the other."""
    return {
        group: (weights[name].shape[dim], other[name].shape[dim])
        for name, dims in groups.items()
        if name in weights and name in other
        for dim, group in enumerate(dims)
        if group is not None
    }


def _copies(old: int, new: int, random: torch.Generator) -> Tensor:
    """Return (new,) int64: which old channel each new one is; the first are as they were."""
    # In turns, so that no channel gets a second copy while another has none.
    turns = [torch.randperm(old, generator=random) for _ in range(-(-(new - old) // old))]
    return torch.cat([torch.arange(old), *turns])[:new]


def _largest(
    weights: Mapping[str, Tensor], groups: ChannelGroups, group: str, count: int
) -> Tensor:
    """Return (count,) int64, rising: the channels with the largest weights.

    Of each tensor that makes or reads them it counts what share of its squares a channel has, so
    that tensors of large values do not decide alone.
    """
    importance = torch.zeros(0)
    for name, dims in groups.items():
        for dim, channels in enumerate(dims):
            # Vectors (biases, statistics of batch norms) tell little of what is made of them.
            if channels != group or name not in weights or weights[name].ndim < 2:
                continue
            squares = weights[name].float().square().transpose(0, dim).flatten(1).sum(1)
            share = squares / squares.sum().clamp_min(1e-12)
            importance = share if not len(importance) else importance + share
    return importance.topk(count).indices.sort().values


def _choose(weight: Tensor, dim: int, channels: Tensor, random: torch.Generator) -> Tensor:
    """Select along the first dimension, what a tensor makes; share out copies along the second."""
    selected = weight.index_select(dim, channels)
    if dim == 0 or len(channels) <= weight.shape[1]:
        return selected
    shares = 0.5 + torch.rand(selected.shape[:2], generator=random)
    sums = torch.zeros(weight.shape[:2]).index_add_(1, channels, shares)
    shares = shares / sums.index_select(1, channels)
    return selected * shares.reshape(*shares.shape, *[1] * (selected.ndim - 2))
