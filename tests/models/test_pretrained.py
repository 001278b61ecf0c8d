"""Networks on published backbones: made of tiny random ones, without a network."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from mien.core.errors import ConfigError, MissingExtraError
from mien.models import build_model, count_parameters
from mien.models.hub import input_scaling
from mien.models.pretrained import PretrainedNet
from mien.training.recipe import load_recipe
from mien.training.run import build_recipe_model
from models.conftest import IMAGENET_MEAN, IMAGENET_STD, write_processor

HEADS = {"fer2013": 7, "ferplus": 8}


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub, as on a machine that cannot reach it, without trying."""
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def make(backbone: Path | str, **options: Any) -> PretrainedNet:
    torch.manual_seed(1)
    network = build_model("pretrained", HEADS, {"backbone": str(backbone), **options})
    assert isinstance(network, PretrainedNet)
    return network


def copy_of(network: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def step(network: PretrainedNet) -> None:
    """One step of training on random faces."""
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    logits = network.train()(torch.rand(4, 1, 32, 32))
    sum(values.square().mean() for values in logits.values()).backward()
    optimiser.step()


def changed(network: nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    return {
        key for key, value in network.state_dict().items() if not torch.equal(value, before[key])
    }


def test_features_are_the_published_networks_on_its_own_image_processors_terms(
    backbone: Path,
) -> None:
    transformers = pytest.importorskip("transformers")
    published = transformers.MobileNetV2Model.from_pretrained(backbone).eval()
    gray = np.random.default_rng(0).integers(0, 256, (3, 32, 32)).astype(np.uint8)
    rgb = np.repeat(gray[:, None], 3, axis=1) / 255
    mean, std = (np.reshape(v, (1, 3, 1, 1)) for v in (IMAGENET_MEAN, IMAGENET_STD))
    with torch.inference_mode():
        wanted = published(torch.tensor((rgb - mean) / std, dtype=torch.float32)).pooler_output
        found = make(backbone).eval().trunk(torch.from_numpy(gray[:, None] / 255).float())
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)
    assert float(wanted.std()) > 1e-3, "features that are all alike compare nothing"


def test_head_has_the_layers_that_were_asked_for(backbone: Path) -> None:
    layers = [{"width": 12, "dropout": 0.1}, 6, {"width": 5, "batch_norm": True}]
    network = make(backbone, head=layers)
    kinds = [type(part).__name__ for part in network.dense]
    assert kinds == ["Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear", "BatchNorm1d", "ReLU"]
    assert [p.out_features for p in network.dense if isinstance(p, nn.Linear)] == [12, 6, 5]
    logits = network.eval()(torch.rand(2, 1, 32, 32))
    assert {head: tuple(values.shape) for head, values in logits.items()} == {
        "fer2013": (2, 7),
        "ferplus": (2, 8),
    }
    with pytest.raises(ConfigError, match="widht"):
        make(backbone, head=[{"widht": 3}])


def test_nothing_of_a_frozen_trunk_moves_not_even_statistics(backbone: Path) -> None:
    network = make(backbone, trainable="none")
    assert network.frozen
    before = copy_of(network)
    step(network)
    moved = changed(network, before)
    assert any(key.startswith("dense") for key in moved)
    assert not [key for key in moved if key.startswith("trunk")]


def test_only_the_last_blocks_and_what_follows_them_learn(backbone: Path) -> None:
    network = make(backbone, trainable=2)
    assert not network.frozen
    before = copy_of(network)
    step(network)
    trunk = {
        key.removeprefix("trunk.network.") for key in changed(network, before) if "trunk" in key
    }
    # MobileNetV2 has 16 blocks and a last convolution; weights and statistics of these move.
    assert {key.split(".")[0] for key in trunk} == {"layer", "conv_1x1"}
    assert {key.split(".")[1] for key in trunk if key.startswith("layer")} == {"14", "15"}
    assert any("running_mean" in key for key in trunk)


def test_all_of_a_trunk_learns_where_asked(backbone: Path) -> None:
    network = make(backbone, trainable="all")
    before = copy_of(network)
    step(network)
    assert "trunk.network.conv_stem.first_conv.convolution.weight" in changed(network, before)


def test_statistics_of_a_network_that_learns_are_of_more_than_the_last_batch(
    backbone: Path,
) -> None:
    # transformers has 0.997 here, which Keras means as the share of the old ones.
    momenta = {m.momentum for m in make(backbone).modules() if isinstance(m, nn.BatchNorm2d)}
    assert [round(float(momentum or 0), 6) for momentum in momenta] == [0.003]


@pytest.mark.parametrize("trainable", [17, 0, -1, True, "some", 1.5])
def test_blocks_that_are_not_there_are_refused(backbone: Path, trainable: object) -> None:
    with pytest.raises(ConfigError, match=r"trainable: (expected|this trunk has 16 blocks)"):
        make(backbone, trainable=trainable)


def test_a_trunk_is_built_again_from_its_record_alone(backbone: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    shutil.copytree(backbone, folder)
    first = make(folder)
    shutil.rmtree(folder)
    record = json.loads(json.dumps(first.trunk_record))
    options = {"backbone": str(folder)}
    second = build_model("pretrained", HEADS, options, trunk=record)
    second.load_state_dict(first.state_dict())
    faces = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        wanted, found = first.eval()(faces), second.eval()(faces)
    for head in HEADS:
        torch.testing.assert_close(found[head], wanted[head])


def test_the_recipe_of_the_tutorial_is_built_of_random_weights_without_a_hub(offline: None) -> None:
    settings = {"model.options.weights": "random", "model.options.backbone": "mobilenet_v2"}
    recipe = load_recipe("mobilenetv2", settings)
    network = build_recipe_model(recipe)
    assert isinstance(network, PretrainedNet)
    # MobileNetV2 1.0 has 3,504,872 weights, 1,281,000 of them in ImageNet's classifier
    # (Sandler et al., 2018: 3.4 M).
    trunk = sum(parameter.numel() for parameter in network.trunk.parameters())
    assert trunk == 3_504_872 - 1_281_000
    dense = 1280 * 128 + 128 + 128 * 64 + 64 + 64 * 7 + 7
    trained = count_parameters(network)
    assert trained.total - trained.untrained == trunk + dense


def test_a_hub_that_cannot_be_reached_is_told_with_a_way_out(offline: None) -> None:
    with pytest.raises(ConfigError) as caught:
        make("mien-tests/no-such-backbone")
    text = str(caught.value)
    assert "cannot fetch the backbone mien-tests/no-such-backbone from the Hugging Face hub" in text
    assert "hf download mien-tests/no-such-backbone" in text
    assert "--set model.options.weights=random" in text


def test_unusable_backbones_are_refused_in_words(backbone: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"weights: expected one of published, random"):
        make(backbone, weights="imagenet")
    with pytest.raises(ConfigError, match=r"mobilenet_v2 is a type of backbone"):
        make("mobilenet_v2")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"folder .*empty, which needs config\.json"):
        make(tmp_path / "empty")
    silent = tmp_path / "silent"
    shutil.copytree(backbone, silent)
    write_processor(silent, image_mean=None)
    with pytest.raises(ConfigError, match="does not say by which image_mean"):
        make(silent)


def test_a_network_that_lacks_weights_is_refused(backbone: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    shutil.copytree(backbone, cut)
    weights = load_file(cut / "model.safetensors")
    del weights["conv_1x1.convolution.weight"]
    save_file(weights, cut / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"lacks weights of its own network: conv_1x1"):
        make(cut)


def test_a_network_that_reads_words_is_refused(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=9
    )
    config.save_pretrained(tmp_path)
    write_processor(tmp_path)
    with pytest.raises(ConfigError, match="expected a vision backbone"):
        make(tmp_path, weights="random")


def test_a_pooler_without_weights_is_not_used(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    config = transformers.ViTConfig(
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        image_size=32,
        patch_size=16,
    )
    published = transformers.ViTModel(config, add_pooling_layer=False).eval()
    published.save_pretrained(tmp_path)
    write_processor(tmp_path, image_mean=[0.5] * 3, image_std=[0.5] * 3)
    network = make(tmp_path, trainable=1).eval()
    faces = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        wanted = published(faces.expand(-1, 3, -1, -1) * 2 - 1).last_hidden_state.mean(1)
        torch.testing.assert_close(network.trunk(faces), wanted)
    learning = {
        k.split(".layer", 1)[-1] for k, p in network.trunk.named_parameters() if p.requires_grad
    }
    assert learning and not any(key.startswith((".0", "s.0")) for key in learning)


@pytest.mark.parametrize(
    ("processor", "wanted"),
    [
        ({"image_mean": [0.5, 0.25], "image_std": [0.5, 0.25]}, [[-1.0, 1.0], [-1.0, 3.0]]),
        ({"image_mean": 0.5, "image_std": 0.25}, [[-2.0, 2.0]]),
        ({"do_normalize": False}, [[0.0, 1.0]]),
        ({"do_normalize": False, "do_rescale": False}, [[0.0, 255.0]]),
        # EfficientNet's older processor: pixels / 127.5 - 1.
        (
            {"do_normalize": False, "rescale_factor": 1 / 127.5, "rescale_offset": True},
            [[-1.0, 1.0]],
        ),
    ],
)
def test_black_and_white_become_what_the_image_processor_makes_of_them(
    processor: dict[str, Any], wanted: list[list[float]]
) -> None:
    scaling = input_scaling(processor, "any")
    ends = [[b, a + b] for a, b in zip(scaling["scale"], scaling["shift"], strict=True)]
    assert ends == [pytest.approx(pair) for pair in wanted]


def test_without_transformers_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'mien\[hub\]'"):
        make("google/mobilenet_v2_1.0_224")
