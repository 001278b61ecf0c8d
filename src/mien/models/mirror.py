"""Networks that answer a face and its mirror image alike, because they are built so.

Each channel has a partner that sees in the mirror image what it sees in the face, and some are
their own partners. For that the kernel between two channels is the mirror image of the one between
their partners (Cohen and Welling, 2016, https://arxiv.org/abs/1602.07576). Such a network computes
as much as another of its size, and only about half of its weights are free.

A network that has learned from faces and their mirror images is not far from this (Bökman and
Kahl, 2023, https://arxiv.org/abs/2305.17017): `begin_symmetric` finds the partners in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.models.channels import ChannelGroups

if TYPE_CHECKING:
    from mien.models.residual import ResidualNet

_BATCH = 128


def make_symmetric(
    weights: Mapping[str, Tensor], groups: ChannelGroups, partners: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the mean of weights and of those that compute the same in the mirror.

    Args:
        weights: By name; gradients and statistics are averaged in the same way.
        groups: Which channels each tensor's dimensions count; tensors beside them stay.
        partners: For each group, the (channels,) int64 partner of each channel.
    """
    symmetric = dict(weights)
    for name, dims in groups.items():
        if name not in weights:
            continue
        mirrored = weights[name]
        for dim, group in enumerate(dims):
            if group is not None:
                mirrored = mirrored.index_select(dim, partners[group])
        if mirrored.ndim == 4:
            mirrored = mirrored.flip(3)
        symmetric[name] = (weights[name] + mirrored) / 2
    return symmetric


def widen_kernels(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return weights with kernels a column wider where `own` has such.

    Between two pixels, where a kernel of even width has its middle, it answers as the narrower one
    does on the average at both.
    """
    return {
        name: (functional.pad(weight, (0, 1)) + functional.pad(weight, (1, 0))) / 2
        if name in own and own[name].shape == (*weight.shape[:3], weight.shape[-1] + 1)
        else weight
        for name, weight in weights.items()
    }


def keep_symmetric(network: ResidualNet) -> None:
    """Average gradients and statistics with those of the mirror, before an optimiser's step.

    Weights that are symmetric then stay so.
    """
    groups, partners = network.channel_groups(), network.partners_by_group()
    gradients = {n: w.grad for n, w in network.named_parameters() if w.grad is not None}
    with torch.no_grad():
        for name, gradient in make_symmetric(gradients, groups, partners).items():
            gradients[name].copy_(gradient)
        statistics = dict(network.named_buffers())
        for name, statistic in make_symmetric(statistics, groups, partners).items():
            statistics[name].copy_(statistic)


def symmetrise(network: ResidualNet) -> None:
    """Make weights and statistics symmetric by the pairs that a network has; in place.

    What is symmetric already stays as it is, bit for bit.
    """
    groups, partners = network.channel_groups(), network.partners_by_group()
    network.load_state_dict(make_symmetric(network.state_dict(), groups, partners))


@torch.no_grad()
def begin_symmetric(network: ResidualNet, images: Tensor) -> None:
    """Make a network with any weights one that answers mirror images alike; in place.

    One that does so already, and whose pairs were not kept, stays as it is.

    Args:
        network: Built with `mirror`.
        images: (n, 1, h, w) float32, the network's input from some hundred training faces, by
            which channels find their partners; h and w must suit the network.
    """
    weights, groups = network.state_dict(), network.channel_groups()
    partners = find_exact_partners(weights, groups, find_partners(network, images))
    if _is_symmetric(weights, groups, partners):
        # Its pairs were not kept; its statistics are better than those of a few faces.
        _pair(network, partners)
        symmetrise(network)
        return
    _recount(network, images)
    _pair(network, find_partners(network, images))
    symmetrise(network)
    _recount(network, images)
    symmetrise(network)


def _pair(network: ResidualNet, partners: Mapping[str, Tensor]) -> None:
    for group, places in network.partners_by_group().items():
        places.copy_(partners[group])


def _is_symmetric(
    weights: Mapping[str, Tensor], groups: ChannelGroups, partners: Mapping[str, Tensor]
) -> bool:
    """Whether weights are, but for what rounding to 16 bits makes of them."""
    symmetric = make_symmetric(weights, groups, partners)
    return all(
        float((symmetric[name] - weights[name]).abs().max())
        <= 1e-3 * float(weights[name].abs().max())
        for name in groups
        if name in weights
    )


def find_exact_partners(
    weights: Mapping[str, Tensor], groups: ChannelGroups, partners: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Pair the channels of a symmetric network by its weights, layer after layer.

    The right partner has the mirrored kernels of a channel, for the partners of the channels that
    this reads. What faces tell may be wrong where two channels are much alike, and of
    squeeze-and-excitation, which knows no place in the picture, always is a guess.

    Args:
        weights: By name, in the order of the layers, of a network that may be symmetric.
        groups: Which channels each tensor's dimensions count.
        partners: For each group, the (channels,) int64 partner of each, as faces have it: for where
            weights do not tell, as of channels that are dead.

    Returns:
        The same, but with the pairs that weights tell of wherever they tell of one for each.
    """
    exact = dict(partners)
    for name, (group, *others) in groups.items():
        kernels = weights.get(name)
        if group is None or kernels is None or kernels.ndim != 4:
            continue
        reads = others[0]
        mirrored = kernels if reads is None else kernels.index_select(1, exact[reads])
        apart = torch.cdist(kernels.flatten(1), mirrored.flip(3).flatten(1))
        found = apart.argmin(1)
        if torch.equal(found[found], torch.arange(len(found))):
            exact[group] = found
    return exact


def find_partners(network: ResidualNet, images: Tensor) -> dict[str, Tensor]:
    """Pair channels by what they make of faces and of their mirror images.

    Args:
        network: In eval mode or not; it is left as it was.
        images: (n, 1, h, w) float32, the network's input.

    Returns:
        For each group of channels, the (channels,) int64 partner of each. Pairs are formed from the
        likest on, as long as both are liker than each is to its own mirror image.
    """
    likeness = _likeness(network, images)
    partners = {}
    for group, alike in likeness.items():
        count = len(alike)
        own = alike.diagonal()
        gain = 2 * alike - own[:, None] - own[None, :]
        partner = torch.arange(count)
        free = torch.ones(count, dtype=torch.bool)
        for place in gain.flatten().argsort(descending=True).tolist():
            one, other = divmod(place, count)
            if gain[one, other] <= 0:
                break
            if one != other and free[one] and free[other]:
                partner[one], partner[other] = other, one
                free[one] = free[other] = False
        partners[group] = partner
    return partners


def _likeness(network: ResidualNet, images: Tensor) -> dict[str, Tensor]:
    """Return how like each channel is to each other one's mirror image, by group.

    Correlations (channels, channels) float64 between what they make of faces and, turned back, of
    the mirror images, a mean over layers and over both ways round.
    """
    readings = network.channel_readings()
    sums = {(g, name): _Moments() for g, names in readings.items() for name in names}
    training = network.training
    network.eval()
    for batch in torch.split(images, _BATCH):
        seen = _outputs(network, batch, [name for _, name in sums])
        mirrored = _outputs(network, batch.flip(3), [name for _, name in sums])
        for (_, name), moments in sums.items():
            moments.add(seen[name], mirrored[name].flip(3))
    network.train(training)
    return {
        group: torch.stack([sums[group, name].correlations() for name in names]).mean(0)
        for group, names in readings.items()
    }


def _outputs(network: nn.Module, images: Tensor, names: list[str]) -> dict[str, Tensor]:
    """Return what layers make of images, negative values as 0, as whoever reads them has it."""
    found: dict[str, Tensor] = {}
    hooks = [
        network.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: found.update({name: output.relu()})
        )
        for name in names
    ]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return found


class _Moments:
    """Sums over pixels of many batches that correlations between channels come from."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: list[Tensor] = []

    def add(self, seen: Tensor, mirrored: Tensor) -> None:
        """Add two batches (n, c, h, w) whose pixels belong together."""
        one, other = (each.transpose(0, 1).flatten(1).double() for each in (seen, mirrored))
        sums = [one.sum(1), other.sum(1), one @ other.T, (one**2).sum(1), (other**2).sum(1)]
        self._sums = [a + b for a, b in zip(self._sums, sums, strict=True)] if self._sums else sums
        self._count += one.shape[1]

    def correlations(self) -> Tensor:
        """Return the (c, c) correlations, the mean of both ways round; 0 of a dead channel."""
        mean, mean_other, product, square, square_other = (s / self._count for s in self._sums)
        covariance = product - torch.outer(mean, mean_other)
        scale = torch.outer(square - mean**2, square_other - mean_other**2).clamp_min(0).sqrt()
        both = torch.where(scale > 1e-9, covariance / scale.clamp_min(1e-9), 0)
        return (both + both.T) / 2


def _recount(network: nn.Module, images: Tensor) -> None:
    """Take the statistics of batch norms from these images alone."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    training = network.training
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    for batch in torch.split(images, _BATCH):
        if len(batch) > 1:
            network(batch)
    network.train(training)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
