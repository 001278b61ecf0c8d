"""A classifier on a trunk that was trained elsewhere: transfer learning.

Two tutorials of the field are of this kind: MobileNetV2 with dense layers of 128 and 64, and an
MLP on the features of a frozen convolutional trunk.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from mien.models.hub import build_backbone, fetch_backbone
from mien.models.layers import Heads
from mien.models.trunks import FaceTrunk, HubTrunk, keep_frozen_in_eval, set_trainable


@dataclass(frozen=True)
class DenseLayer:
    """One layer between trunk and heads: linear, batch norm, ReLU, dropout.

    Attributes:
        width: Length of its output.
        dropout: Share of the output dropped while training.
        batch_norm: Whether it is there.
    """

    width: int
    dropout: float = 0.0
    batch_norm: bool = False


class PretrainedNet(nn.Module):
    """A trunk, dense layers, one head per label set; takes faces of 0..1.

    Attributes:
        trunk_record: What it takes to build the trunk again without looking anywhere.

    Args:
        heads: Head name to number of classes.
        backbone: Where the trunk is from: an id on the Hugging Face hub, a folder that was
            downloaded from there, or, with random weights, a type that transformers knows, e.g.
            `mobilenet_v2`. In a recipe also a run folder of mien, see `mien.training.trunk`.
        weights: `published` or `random`.
        trainable: What of the trunk learns: `none`, `all`, or a number of last blocks. The rest
            keeps its weights and, in training too, its batch norms' statistics.
        head: The dense layers: widths, or tables with the fields of `DenseLayer`.
        trunk: A `trunk_record` to build the trunk by, with weights that are still to be loaded;
            nothing is read from `backbone` then.
    """

    def __init__(
        self,
        heads: Mapping[str, int],
        backbone: str,
        weights: str = "published",
        trainable: str | int = "none",
        head: Sequence[int | Mapping[str, Any]] = (128, 64),
        trunk: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.trunk: HubTrunk | FaceTrunk
        if trunk:
            self.trunk, self.trunk_record = _build_trunk(trunk), dict(trunk)
        else:
            network, built = fetch_backbone(backbone, weights)
            self.trunk = HubTrunk(network, **_scaling(built))
            self.trunk_record = {"from": backbone, "weights": weights, **built}
        set_trainable(self.trunk, trainable)
        layers: list[nn.Module] = []
        width = self.trunk.width
        for item in head:
            layer = DenseLayer(**item) if isinstance(item, Mapping) else DenseLayer(item)
            layers += _dense(width, layer)
            width = layer.width
        self.dense = nn.Sequential(*layers)
        self.heads = Heads(width, heads)

    @property
    def frozen(self) -> bool:
        """Whether nothing of the trunk learns."""
        return not any(parameter.requires_grad for parameter in self.trunk.parameters())

    def train(self, mode: bool = True) -> PretrainedNet:
        """Switch to training or eval mode; frozen parts stay in eval mode."""
        super().train(mode)
        keep_frozen_in_eval(self.trunk)
        return self

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (n, classes) for each head, from faces (n, 1, h, w) of 0..1."""
        return self.classify(self.trunk(images))

    def classify(self, features: Tensor) -> dict[str, Tensor]:
        """Return logits (n, classes) for each head, from the trunk's features (n, width)."""
        logits: dict[str, Tensor] = self.heads(self.dense(features))
        return logits


def _dense(width_in: int, layer: DenseLayer) -> list[nn.Module]:
    parts: list[nn.Module] = [nn.Linear(width_in, layer.width)]
    if layer.batch_norm:
        parts.append(nn.BatchNorm1d(layer.width))
    parts.append(nn.ReLU())
    if layer.dropout:
        parts.append(nn.Dropout(layer.dropout))
    return parts


def _scaling(record: Mapping[str, Any]) -> dict[str, Any]:
    return {key: record[key] for key in ("scale", "shift", "pooled")}


def _build_trunk(record: Mapping[str, Any]) -> HubTrunk | FaceTrunk:
    if "config" in record:
        return HubTrunk(build_backbone(record), **_scaling(record))
    # The registry knows this file; a trunk may be any network that it has.
    from mien.models.registry import build_model

    network = build_model(
        record["model"], record["heads"], record["options"], trunk=record.get("trunk")
    )
    return FaceTrunk(network, mean=record["mean"], std=record["std"])
