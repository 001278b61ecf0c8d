"""Models by name, as recipes and run folders know them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import nn

from mien.core.errors import ConfigError
from mien.models.efficientnet import EfficientNetLite
from mien.models.ensemble import Ensemble
from mien.models.pretrained import PretrainedNet
from mien.models.residual import ResidualNet
from mien.models.tutorials import Cnn4, Cnn6


def _build_ensemble(
    heads: Mapping[str, int], members: Sequence[Mapping[str, Any]] = ()
) -> Ensemble:
    """Build an ensemble of models, each given as `build_model` takes it: name and options."""
    return Ensemble([build_model(each["name"], heads, each.get("options")) for each in members])


_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "cnn4": Cnn4,
    "cnn6": Cnn6,
    "efficientnet-lite": EfficientNetLite,
    "ensemble": _build_ensemble,
    "pretrained": PretrainedNet,
    "residual": ResidualNet,
}


class ParameterCount(NamedTuple):
    """How many numbers a model holds.

    Attributes:
        total: Weights, biases, batch-norm scales, shifts and running statistics.
        untrained: The running means and variances among them.
    """

    total: int
    untrained: int


def available_models() -> list[str]:
    """Return the names that `build_model` knows."""
    return sorted(_BUILDERS)


def build_model(
    name: str,
    heads: Mapping[str, int],
    options: Mapping[str, Any] | None = None,
    *,
    trunk: Mapping[str, Any] | None = None,
) -> nn.Module:
    """Build a model with fresh weights; only `pretrained` may have some in its trunk already.

    Args:
        name: One of `available_models()`.
        heads: Head name (a label set's) to number of classes.
        options: The architecture's own options; see its class.
        trunk: For `pretrained`: a `trunk_record` to build the trunk by, with fresh weights, so that
            nothing is fetched.

    Returns:
        A module whose `forward((n, 1, h, w) float32)` gives `{head: logits (n, classes)}`.

    Raises:
        ConfigError: If the name or an option is unknown, an option's value is unusable, or a
            published backbone cannot be had.
        MissingExtraError: If the model needs an extra that is not installed.
    """
    if name not in _BUILDERS:
        raise ConfigError(f"unknown model {name!r}; available: {', '.join(available_models())}")
    builder = _BUILDERS[name]
    known = [key for key in inspect.signature(builder).parameters if key not in ("heads", "trunk")]
    unknown = sorted(set(options or {}) - set(known))
    if unknown:
        raise ConfigError(
            f"model {name} has no option {', '.join(unknown)}; it has: {', '.join(known) or 'none'}"
        )
    try:
        return builder(heads=dict(heads), **(options or {}), **({"trunk": trunk} if trunk else {}))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"model {name} cannot be built with {options}: {error}") from error


def count_parameters(model: nn.Module) -> ParameterCount:
    """Count as Keras does: running statistics are parameters that are not trained."""
    trained = sum(parameter.numel() for parameter in model.parameters())
    running = sum(
        buffer.numel() for key, buffer in model.named_buffers() if "running" in key.split(".")[-1]
    )
    return ParameterCount(total=trained + running, untrained=running)
