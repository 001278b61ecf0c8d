"""A backbone as a hub publishes one, small enough to be made in a moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def write_processor(folder: Path, **settings: Any) -> None:
    values = {
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": IMAGENET_MEAN,
        "image_std": IMAGENET_STD,
        **settings,
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(values))


def write_backbone(folder: Path, *, size: int = 32) -> Path:
    """Write a MobileNetV2 of the smallest width, its statistics moved from where they begin."""
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    config = transformers.MobileNetV2Config(
        depth_multiplier=0.1, finegrained_output=False, image_size=size
    )
    network = transformers.MobileNetV2Model(config)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.5, 1.5)
        network.eval().save_pretrained(folder)
    write_processor(folder)
    return folder


@pytest.fixture(scope="session")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_backbone(tmp_path_factory.mktemp("hub") / "tiny_mobilenet_v2")
