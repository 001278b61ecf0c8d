"""Parts that several architectures share: heads, squeeze-and-excitation, standardising."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Heads(nn.Module):
    """One linear classifier for each label set, over the same features.

    Args:
        features: Length of the feature vectors.
        heads: Head name to number of classes.
    """

    def __init__(self, features: int, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.linear = nn.ModuleDict({name: nn.Linear(features, k) for name, k in heads.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        """Return logits (n, classes) for each head, from features (n, features)."""
        return {name: layer(features) for name, layer in self.linear.items()}


class SqueezeExcitation(nn.Module):
    """Weighs channels by what the whole picture shows (Hu et al., 2018).

    Args:
        channels: Channels in and out.
        reduction: By how much the bottleneck is narrower.
    """

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        narrow = max(1, channels // reduction)
        self.squeeze = nn.Conv2d(channels, narrow, 1)
        self.excite = nn.Conv2d(narrow, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Scale each channel of (n, c, h, w) by a factor in 0..1."""
        pooled = x.mean((2, 3), keepdim=True)
        weights: Tensor = torch.sigmoid(self.excite(torch.relu(self.squeeze(pooled))))
        return x * weights


class StandardiseFace(nn.Module):
    """Gives each face mean 0 and standard deviation 1, whatever the light and contrast.

    FER2013's gray levels are one web crawl's; standardising inside the network makes
    brightness and linear contrast of other sources no matter, and costs nothing to export.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Standardise each (c, h, w) of (n, c, h, w) by itself, in float32."""
        x = x.float()
        mean = x.mean((1, 2, 3), keepdim=True)
        variance = (x - mean).square().mean((1, 2, 3), keepdim=True)
        # A constant face stays at 0 instead of blowing its noise up.
        return (x - mean) * torch.rsqrt(variance + 1e-3)
