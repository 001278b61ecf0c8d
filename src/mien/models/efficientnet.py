"""EfficientNet-Lite: a network of inverted residual blocks that has published weights.

After Tan and Le (2019) and MobileNetV2 (Sandler et al., 2018): each block widens its channels,
filters each by itself and narrows them again. The Lite kind has ReLU6 and no
squeeze-and-excitation, for processors and 8-bit arithmetic that dislike anything else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import ConfigError
from mien.models.layers import Heads, StandardiseFace


class Stage(NamedTuple):
    """Blocks of one width.

    Attributes:
        expansion: How many times as many channels a block has inside.
        kernel: Side of the filters inside, in pixels.
        stride: Of the first block.
        width: Channels out, before a variant widens them.
        blocks: How many, before a variant deepens them.
    """

    expansion: int
    kernel: int
    stride: int
    width: int
    blocks: int


STAGES = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
# Width and depth of Lite0, Lite1 and so on, as factors.
VARIANTS = ((1.0, 1.0), (1.0, 1.1), (1.1, 1.2), (1.2, 1.4), (1.4, 1.8))
# Of a photograph's pixels, as the published weights were shown them.
PHOTOGRAPH_DEVIATION = 0.45
STEM_WIDTH = 32
FEATURES = 1280


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow does: ceil(side / stride) out, odd padding at the end.

    Published weights were trained that way; padded on both sides alike, the strided convolutions
    would look half a pixel beside what they learned.
    """

    def __init__(
        self, width_in: int, width: int, kernel: int, stride: int = 1, groups: int = 1
    ) -> None:
        super().__init__(width_in, width, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width, ceil(h / stride), ceil(w / stride))."""
        kernel, stride = self.kernel_size[0], self.stride[0]
        height, width = (_padding(int(side), kernel, stride) for side in x.shape[2:])
        if height % 2 or width % 2:
            left, top = width // 2, height // 2
            x = functional.pad(x, (left, width - left, top, height - top))
            height = width = 0
        both_sides = (height // 2, width // 2)
        return functional.conv2d(x, self.weight, None, self.stride, both_sides, groups=self.groups)


class InvertedResidual(nn.Module):
    """Widen, filter each channel by itself, narrow; add the input where shapes allow.

    Args:
        width_in: Channels in.
        width: Channels out.
        expansion: How many times as many channels there are inside.
        kernel: Side of the filters, in pixels.
        stride: 1, or 2 to halve height and width.
    """

    def __init__(self, width_in: int, width: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        inner = width_in * expansion
        self.adds = stride == 1 and width_in == width
        self.expand = _convolution(width_in, inner, 1) if expansion > 1 else nn.Identity()
        self.filter = _convolution(inner, inner, kernel, stride, groups=inner)
        self.project = _convolution(inner, width, 1, activated=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width, ceil(h / stride), ceil(w / stride))."""
        y: Tensor = self.project(self.filter(self.expand(x)))
        return x + y if self.adds else y


class EfficientNetLite(nn.Module):
    """A stem, seven stages of inverted residual blocks, global average, one head per label set.

    Takes gray faces of any size from 32 px. ImageNet's published weights are in
    `mien.models.published`; without standardising it takes what they were shown.

    Args:
        heads: Head name to number of classes.
        variant: 0 to 4; the larger, the wider and deeper.
        dropout: Share of the features dropped before the heads while training.
        standardise: Whether each face is standardised inside the network, to the contrast of
            photographs.
        enlarge: By how many times faces are enlarged inside the network: its first layers are for
            photographs larger than faces of other networks are, with which it may be a member of
            an ensemble.
    """

    def __init__(
        self,
        heads: Mapping[str, int],
        variant: int = 0,
        dropout: float = 0.2,
        standardise: bool = True,
        enlarge: float = 1.0,
    ) -> None:
        super().__init__()
        if variant not in range(len(VARIANTS)):
            raise ConfigError(f"variant: expected 0 to {len(VARIANTS) - 1}, got {variant}")
        if not 1 <= enlarge <= 4:
            raise ConfigError(f"enlarge: expected 1 to 4 times, got {enlarge}")
        wider, deeper = VARIANTS[variant]
        self.standardise = StandardiseFace() if standardise else nn.Identity()
        self._contrast = PHOTOGRAPH_DEVIATION if standardise else 1.0
        self._enlarge = float(enlarge)
        self.stem = _convolution(1, STEM_WIDTH, 3, 2)
        blocks: list[nn.Module] = []
        width_in = STEM_WIDTH
        for number, stage in enumerate(STAGES):
            # Its authors deepen all stages but the first and the last.
            at_end = number in (0, len(STAGES) - 1)
            count = stage.blocks if at_end else math.ceil(deeper * stage.blocks)
            width = _multiple_of_8(stage.width * wider)
            for i in range(count):
                stride = stage.stride if i == 0 else 1
                blocks.append(
                    InvertedResidual(width_in, width, stage.expansion, stage.kernel, stride)
                )
                width_in = width
        self.blocks = nn.Sequential(*blocks)
        self.top = _convolution(width_in, FEATURES, 1)
        self.dropout = nn.Dropout(dropout)
        self.heads = Heads(FEATURES, heads)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # As Kaiming's, which would count channels that a filter by itself does not reach.
                reached = module.weight[0, 0].numel() * module.out_channels / module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / reached))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (n, classes) for each head, from (n, 1, h, w)."""
        faces = self._contrast * self.standardise(images)
        if self._enlarge > 1:
            faces = functional.interpolate(faces, scale_factor=self._enlarge, mode="bilinear")
        features = self.top(self.blocks(self.stem(faces))).mean((2, 3))
        logits: dict[str, Tensor] = self.heads(self.dropout(features))
        return logits


def _convolution(
    width_in: int,
    width: int,
    kernel: int,
    stride: int = 1,
    *,
    groups: int = 1,
    activated: bool = True,
) -> nn.Sequential:
    norm = nn.BatchNorm2d(width, eps=1e-3)
    parts: list[nn.Module] = [SameConv(width_in, width, kernel, stride, groups), norm]
    return nn.Sequential(*parts, *([nn.ReLU6()] if activated else []))


def _padding(side: int, kernel: int, stride: int) -> int:
    """Return how many pixels TensorFlow adds to a side, on both ends together."""
    return max((math.ceil(side / stride) - 1) * stride + kernel - side, 0)


def _multiple_of_8(width: float) -> int:
    """Round to a multiple of 8, as EfficientNet's authors do: never down by more than a tenth."""
    rounded = max(8, int(width + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * width else rounded
