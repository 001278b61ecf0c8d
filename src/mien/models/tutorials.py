"""The networks that the field's tutorials train, layer by layer as they have them.

They are here to be measured beside mien's own. Keras's defaults are kept where they change
the network: `cnn4` pads nothing, and a layer's initial weights are Glorot-uniform.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import Tensor, nn

from mien.models.layers import Heads


def _glorot(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


class Cnn4(nn.Module):
    """Four convolutions and two dense layers, the Keras tutorial on FER2013.

    Conv 128-256-512-512 of 3x3 without padding, each with ReLU, max-pool 2 and dropout 0.4;
    flatten; dense 512 and 256 with ReLU and dropout 0.4 and 0.3. Takes faces of 48 x 48.

    Args:
        heads: Head name to number of classes (the tutorial has one, of 7).
    """

    def __init__(self, heads: Mapping[str, int]) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width_in = 1
        for width in (128, 256, 512, 512):
            # ReLU after the pool instead of before it: the same values from a quarter of the work.
            layers += [nn.Conv2d(width_in, width, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Dropout(0.4)]
            width_in = width
        # 48 -> 23 -> 10 -> 4 -> 1: one position of 512 channels is left to flatten.
        layers += [nn.Flatten(), nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.4)]
        layers += [nn.Linear(512, 256), nn.ReLU(), nn.Dropout(0.3)]
        self.trunk = nn.Sequential(*layers)
        self.heads = Heads(256, heads)
        self.apply(_glorot)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (n, classes) for each head, from (n, 1, 48, 48)."""
        logits: dict[str, Tensor] = self.heads(self.trunk(images))
        return logits


class Cnn6(nn.Module):
    """Six convolutions with batch norm, a tutorial on FER+ with sampled labels.

    Two 3x3 convolutions, each with batch norm and ReLU, at each of 32, 64 and 128 filters; a
    2x2 pool after each pair, dropout 0.25 after the second pool; dense 500 with batch norm
    and ReLU. With 8 classes it has 2,598,732 parameters, 1,896 of them not trained.

    Args:
        heads: Head name to number of classes (the tutorial has one, of 8).
    """

    def __init__(self, heads: Mapping[str, int]) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        width_in = 1
        for stage, width in enumerate((32, 64, 128), start=1):
            for number in (1, 2):
                layers[f"conv{stage}{number}"] = nn.Conv2d(width_in, width, 3, padding=1)
                # Keras's batch norm: momentum 0.99 of the old statistics, epsilon 0.001.
                layers[f"norm{stage}{number}"] = nn.BatchNorm2d(width, eps=1e-3, momentum=0.01)
                layers[f"relu{stage}{number}"] = nn.ReLU()
                width_in = width
            layers[f"pool{stage}"] = nn.MaxPool2d(2)
            if stage == 2:
                layers["dropout"] = nn.Dropout(0.25)
        layers["flatten"] = nn.Flatten()
        layers["dense"] = nn.Linear(128 * 6 * 6, 500)
        layers["dense_norm"] = nn.BatchNorm1d(500, eps=1e-3, momentum=0.01)
        layers["dense_relu"] = nn.ReLU()
        self.trunk = nn.Sequential(layers)
        self.heads = Heads(500, heads)
        self.apply(_glorot)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return logits (n, classes) for each head, from (n, 1, 48, 48)."""
        logits: dict[str, Tensor] = self.heads(self.trunk(images))
        return logits
