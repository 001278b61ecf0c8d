"""Sharpness-aware minimisation: seek weights whose neighbours are good too.

Foret et al. (2021), https://arxiv.org/abs/2010.01412: each step first climbs to the worst weights
nearby, along the gradient, and goes down from the weights it came from by the gradient found there.
The climb may follow a part of the batch only, which is cheaper and, as the paper shows of smaller
parts, no worse. A few epochs of it at a run's end do most of the good (Zhou et al., 2024,
https://arxiv.org/abs/2410.10373).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Ascent:
    """Climbs from a network's weights to worse ones nearby, and back.

    Args:
        model: The network, whose weights are changed in place.
        radius: Length of the climb over all weights together, the paper's rho.
    """

    def __init__(self, model: nn.Module, radius: float) -> None:
        self._model = model
        self._radius = radius
        self._left: list[tuple[nn.Parameter, Tensor]] = []

    def climb(self, loss: Callable[[], Tensor]) -> None:
        """Move the weights uphill.

        Args:
            loss: Computes what is climbed; batch norms keep their running statistics meanwhile.
        """
        weights = [weight for weight in self._model.parameters() if weight.requires_grad]
        with _still_statistics(self._model):
            gradients = torch.autograd.grad(loss(), weights, allow_unused=True)
        moved = [(w, g) for w, g in zip(weights, gradients, strict=True) if g is not None]
        length = torch.linalg.vector_norm(torch.stack([g.norm() for _, g in moved]))
        self._left = [(weight, weight.detach().clone()) for weight, _ in moved]
        # A gradient that is no number would leave weights that are none: the step's own loss
        # then says so, from the weights it was at.
        if torch.isfinite(length) and length > 0:
            with torch.no_grad():
                for weight, gradient in moved:
                    weight.add_(gradient, alpha=float(self._radius / length))

    def come_back(self) -> None:
        """Put the weights back to where the climb began, bit for bit."""
        with torch.no_grad():
            for weight, before in self._left:
                weight.copy_(before)
        self._left = []


@contextmanager
def _still_statistics(model: nn.Module) -> Iterator[None]:
    """Let batch norms use a batch's statistics without remembering them."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
