"""mien's own network: a narrow residual net, with squeeze-and-excitation or without.

After He et al. (2016) and Hu et al. (2018), with two habits that pay at 48 px: shortcuts
average before they stride, so no pixel is skipped, and the last batch norm of each block
starts at zero, so that a fresh net is shallow and deepens as it learns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.core.errors import ConfigError
from mien.models.layers import Heads, SqueezeExcitation, StandardiseFace
from mien.models.mirror import symmetrise


def _kernel(side: int, stride: int, mirror: bool) -> tuple[int, int]:
    """Return height and width of a kernel.

    At every second of an even number of pixels, an odd kernel stands elsewhere in the mirror; one
    of even width, with its middle between two pixels, does not.
    """
    return side, side + int(mirror and stride == 2)


class AverageHalf(nn.Module):
    """Averages squares of 2x2 pixels; of an odd side's last row only those that are there."""

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, c, h / 2, w / 2), rounded up."""
        # Rounding up where there is nothing to round costs ONNX Runtime its fast layout: 3 % of
        # a face's time.
        is_odd = bool(x.shape[2] % 2 or x.shape[3] % 2)
        return functional.avg_pool2d(x, 2, ceil_mode=is_odd)


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions, squeeze-and-excitation or not, and a shortcut.

    Args:
        width_in: Channels in.
        width: Channels out.
        stride: 1, or 2 to halve height and width.
        mirror: Whether what halves the width is to have its middle between two pixels.
        attention: Whether there is squeeze-and-excitation.
    """

    def __init__(
        self,
        width_in: int,
        width: int,
        stride: int,
        *,
        mirror: bool = False,
        attention: bool = True,
    ) -> None:
        super().__init__()
        kernel = _kernel(3, stride, mirror)
        self.conv1 = nn.Conv2d(width_in, width, kernel, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.attention = SqueezeExcitation(width) if attention else nn.Identity()
        nn.init.zeros_(self.norm2.weight)
        shortcut: list[nn.Module] = []
        if stride == 2:
            shortcut.append(AverageHalf())
        if stride == 2 or width_in != width:
            shortcut += [nn.Conv2d(width_in, width, 1, bias=False), nn.BatchNorm2d(width)]
        self.shortcut = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Return (n, width, h / stride, w / stride), rounded up."""
        y = torch.relu(self.norm1(self.conv1(x)))
        y = self.attention(self.norm2(self.conv2(y)))
        return torch.relu(y + self.shortcut(x))


class ResidualNet(nn.Module):
    """A stem, stages of residual blocks, global average, dropout, one head per label set.

    Takes faces of any size from 16 px; each stage after the first halves the picture.

    Args:
        heads: Head name to number of classes.
        widths: Channels of each stage.
        blocks: Residual blocks of each stage.
        stem_kernel: Side of the first convolution.
        stem_stride: 1 keeps full resolution, 2 is about four times as fast.
        stem_pool: Whether the largest of 3x3 pixels are taken after it, at every second pixel.
        attention: Whether blocks have squeeze-and-excitation, for all or for each. It takes little
            arithmetic, but a sixth of the time of a graph in 8 bits.
        dropout: Share of the features dropped before the heads while training.
        standardise: Whether each face is standardised inside the network.
        mirror: Whether a face and its mirror image get the same answers, see
            `mien.models.mirror`. Faces then have a side that can be halved at each stride.
    """

    def __init__(
        self,
        heads: Mapping[str, int],
        widths: Sequence[int] = (32, 64, 128, 256),
        blocks: Sequence[int] = (2, 2, 2, 1),
        stem_kernel: int = 5,
        stem_stride: int = 2,
        dropout: float = 0.4,
        standardise: bool = True,
        mirror: bool = False,
        stem_pool: bool = False,
        attention: bool | Sequence[bool] = True,
    ) -> None:
        super().__init__()
        if len(widths) != len(blocks) or not widths:
            raise ConfigError(
                f"widths and blocks must be of one length, got {list(widths)} and {list(blocks)}"
            )
        attended = [attention] * sum(blocks) if isinstance(attention, bool) else list(attention)
        if len(attended) != sum(blocks):
            raise ConfigError(
                f"attention: expected true, false or one of them for each of {sum(blocks)} blocks, "
                f"got {attended}"
            )
        self.mirror = mirror
        self._step = stem_stride * 2 ** (len(widths) - 1 + int(stem_pool))
        self.standardise = StandardiseFace() if standardise else nn.Identity()
        kernel = _kernel(stem_kernel, stem_stride, mirror)
        self.stem = nn.Sequential(
            nn.Conv2d(1, widths[0], kernel, stem_stride, stem_kernel // 2, bias=False),
            nn.BatchNorm2d(widths[0]),
            nn.ReLU(),
        )
        if stem_pool:
            self.stem.append(nn.MaxPool2d(_kernel(3, 2, mirror), 2, 1))
        layers: list[nn.Module] = []
        self.stage_numbers: list[int] = []
        width_in = widths[0]
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            for number in range(count):
                stride = 2 if stage > 0 and number == 0 else 1
                attends = attended[len(layers)]
                layers.append(
                    ResidualBlock(width_in, width, stride, mirror=mirror, attention=attends)
                )
                self.stage_numbers.append(stage)
                width_in = width
        self.stages = nn.Sequential(*layers)
        self.dropout = nn.Dropout(dropout)
        self.heads = Heads(width_in, heads)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is None:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if mirror:
            self._pair_channels()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (n, classes) for each head, from (n, 1, h, w).

        Raises:
            ConfigError: If the network is symmetric and the faces' side cannot be halved evenly.
        """
        if self.mirror and (images.shape[2] % self._step or images.shape[3] % self._step):
            raise ConfigError(
                f"a network with mirror = true takes faces whose side is a multiple of "
                f"{self._step} pixels, got {images.shape[3]}x{images.shape[2]}; change input.size "
                "and loop.sizes"
            )
        features = self.stages(self.stem(self.standardise(images))).mean((2, 3))
        logits: dict[str, Tensor] = self.heads(self.dropout(features))
        return logits

    def channel_readings(self) -> dict[str, tuple[str, ...]]:
        """Return for each group of `channel_groups` the layers whose outputs are its channels.

        What reads them has their negative values as 0.
        """
        readings: dict[str, tuple[str, ...]] = {"stage 0": ("stem",)}
        for number, stage in enumerate(self.stage_numbers):
            name, stream = f"stages.{number}", f"stage {stage}"
            readings[stream] = (*readings.get(stream, ()), name)
            readings[f"block {number}"] = (f"{name}.norm1",)
            if isinstance(self.stages[number].attention, SqueezeExcitation):
                readings[f"attention {number}"] = (f"{name}.attention.squeeze",)
        return readings

    def partners_by_group(self) -> dict[str, Tensor]:
        """Return for each group of `channel_groups` the (channels,) partners of its channels.

        Only a network built with `mirror` has some.
        """
        return {
            group: self.partners.get_buffer(group.replace(" ", "_"))
            for group in self.channel_readings()
        }

    def _pair_channels(self) -> None:
        """Make neighbours partners, and fresh weights symmetric."""
        self.partners = nn.Module()
        shapes = {name: weight.shape for name, weight in self.state_dict().items()}
        groups = self.channel_groups()
        for name, dims in groups.items():
            for dim, group in enumerate(dims):
                if group is not None:
                    count = shapes[name][dim]
                    # Of an odd number the last is its own partner.
                    partners = (torch.arange(count) ^ 1).clamp(max=count - 1)
                    self.partners.register_buffer(group.replace(" ", "_"), partners)
        symmetrise(self)

    def channel_groups(self) -> dict[str, tuple[str | None, ...]]:
        """Return which channels each tensor's dimensions count, see `mien.models.channels`.

        A stage has one stream of channels, to which all its blocks add; the stem's is the first
        stage's. Channels inside a block and inside its attention are its own.
        """
        groups: dict[str, tuple[str | None, ...]] = {"stem.0.weight": ("stage 0", None)}
        groups |= _norm_groups("stem.1", "stage 0")
        stream = "stage 0"
        for number, (block, stage) in enumerate(zip(self.stages, self.stage_numbers, strict=True)):
            stream_in, stream = stream, f"stage {stage}"
            name, inner = f"stages.{number}", f"block {number}"
            groups[f"{name}.conv1.weight"] = (inner, stream_in)
            groups[f"{name}.conv2.weight"] = (stream, inner)
            if isinstance(block.attention, SqueezeExcitation):
                groups |= _attention_groups(f"{name}.attention", stream, f"attention {number}")
            groups |= _norm_groups(f"{name}.norm1", inner) | _norm_groups(f"{name}.norm2", stream)
            for place, layer in block.shortcut.named_children():  # type: ignore[union-attr]
                if isinstance(layer, nn.Conv2d):
                    groups[f"{name}.shortcut.{place}.weight"] = (stream, stream_in)
                if isinstance(layer, nn.BatchNorm2d):
                    groups |= _norm_groups(f"{name}.shortcut.{place}", stream)
        return groups | {
            f"heads.linear.{head}.weight": (None, stream) for head in self.heads.linear
        }


def _attention_groups(name: str, channels: str, narrow: str) -> dict[str, tuple[str | None, ...]]:
    return {
        f"{name}.squeeze.weight": (narrow, channels),
        f"{name}.squeeze.bias": (narrow,),
        f"{name}.excite.weight": (channels, narrow),
        f"{name}.excite.bias": (channels,),
    }


def _norm_groups(name: str, channels: str) -> dict[str, tuple[str | None, ...]]:
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (channels,) for part in parts}
