"""Trunks: networks without their heads, which turn faces of 0..1 into features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mien.core.errors import ConfigError

# Where a backbone's config does not say what pictures it is made for.
_USUAL_SIDE = 64


class HubTrunk(nn.Module):
    """A vision backbone of the transformers library, shown gray faces.

    Attributes:
        width: Length of the feature vectors.

    Args:
        network: A model of transformers that takes `pixel_values`, in eval mode.
        scale: What a picture of 0..1 is multiplied by: for each channel, or one for all.
        shift: What is added after that.
        pooled: Whether the network's own pooling is used where it has one; else its last layer is
            averaged over all places.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        scale: Sequence[float],
        shift: Sequence[float],
        pooled: bool = True,
    ) -> None:
        super().__init__()
        self.network, self.pooled = network, pooled
        config: Any = network.config
        self.channels = int(getattr(config, "num_channels", 3))
        for name, values in (("scale", scale), ("shift", shift)):
            per_channel = torch.tensor(values, dtype=torch.float32).expand(self.channels)
            self.register_buffer(name, per_channel.reshape(1, -1, 1, 1).clone())
        _mend_batch_norms(network)
        self.width = self._measure(getattr(config, "image_size", None))

    def forward(self, images: Tensor) -> Tensor:
        """Return features (n, width), from faces (n, 1, h, w) of 0..1."""
        pictures = images.expand(-1, self.channels, -1, -1) * self.scale + self.shift
        output = self.network(pixel_values=pictures)
        pooled = getattr(output, "pooler_output", None) if self.pooled else None
        features: Tensor = output.last_hidden_state if pooled is None else pooled
        if features.ndim == 3:
            return features.mean(1)  # (n, tokens, width)
        return features.mean((2, 3)) if features.ndim == 4 else features

    @torch.no_grad()
    def _measure(self, image_size: Any) -> int:
        side = image_size[0] if isinstance(image_size, Sequence) else image_size
        side = side if isinstance(side, int) else _USUAL_SIDE
        try:
            return int(self(torch.zeros(1, 1, side, side)).shape[1])
        except (AttributeError, TypeError, ValueError, RuntimeError) as error:
            kind = type(self.network).__name__
            raise ConfigError(
                f"expected a vision backbone that takes pictures and returns features, got {kind}: "
                f"{error}"
            ) from error


class FaceTrunk(nn.Module):
    """A network of mien's own without its heads.

    Attributes:
        width: Length of the feature vectors.

    Args:
        network: From `build_model`; its heads are taken off.
        mean: Of the input that it is used to, subtracted from faces of 0..1.
        std: Divided by after that.
    """

    def __init__(self, network: Any, *, mean: float, std: float) -> None:
        super().__init__()
        self.width = int(next(iter(network.heads.linear.values())).in_features)
        network.heads = nn.Identity()
        self.network, self.mean, self.std = network, mean, std

    def forward(self, images: Tensor) -> Tensor:
        """Return features (n, width), from faces (n, 1, h, w) of 0..1."""
        features: Tensor = self.network((images - self.mean) / self.std)
        return features


def set_trainable(trunk: nn.Module, trainable: str | int) -> None:
    """Freeze a trunk but for what is to learn.

    Blocks are the parts of the list of layers that holds the most weights: MobileNetV2's inverted
    residuals, a ResNet's stages, a transformer's layers. Whatever comes after them learns with
    the last ones.

    Args:
        trunk: Changed in place.
        trainable: `none`, `all`, or a number of last blocks.

    Raises:
        ConfigError: If it is something else, or more than there are.
    """
    parameters = list(trunk.parameters())
    if trainable in ("none", "all"):
        frozen = len(parameters) if trainable == "none" else 0
    else:
        blocks = _blocks(trunk)
        if isinstance(trainable, bool) or not isinstance(trainable, int):
            raise ConfigError(f"trainable: expected none, all or a number, got {trainable!r}")
        if not 1 <= trainable <= len(blocks):
            raise ConfigError(
                f"trainable: this trunk has {len(blocks)} blocks, so none, all or 1 to "
                f"{len(blocks)} of them can learn, got {trainable}"
            )
        first = next(blocks[-trainable].parameters())
        frozen = next(i for i, parameter in enumerate(parameters) if parameter is first)
    for number, parameter in enumerate(parameters):
        parameter.requires_grad_(number >= frozen)


def keep_frozen_in_eval(trunk: nn.Module) -> None:
    """Put all parts of which nothing learns into eval mode.

    A frozen batch norm would go on averaging the faces that it is shown, and dropout would make
    features noisy that nothing behind it can clean.
    """
    for module in trunk.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def _blocks(trunk: nn.Module) -> list[nn.Module]:
    best: list[nn.Module] = []
    most = 0
    for module in trunk.modules():
        if not isinstance(module, nn.ModuleList | nn.Sequential):
            continue
        parts = [part for part in module if any(True for _ in part.parameters())]
        weights = sum(parameter.numel() for parameter in module.parameters())
        # Outer lists come before the inner ones that they hold.
        if len(parts) > 1 and weights > most:
            best, most = parts, weights
    return best


def _mend_batch_norms(network: nn.Module) -> None:
    """Turn momenta that were meant as Keras means them into PyTorch's.

    transformers hands MobileNet's 0.997, the share of the old statistics, to PyTorch, where it
    is the share of the new ones: a network that learns would be validated with the statistics
    of its last batch alone.
    """
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm) and (module.momentum or 0) > 0.5:
            module.momentum = 1 - float(module.momentum or 0)
