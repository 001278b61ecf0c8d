"""Networks that answer a face and its mirror image alike: fresh, begun with others, trained."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from mien.bundle.load import load_bundle
from mien.core.errors import ConfigError
from mien.data import FaceDataset
from mien.models.mirror import (
    begin_symmetric,
    find_exact_partners,
    find_partners,
    keep_symmetric,
    symmetrise,
)
from mien.models.residual import ResidualNet
from mien.training.export import export_run
from mien.training.recipe import parse_recipe
from mien.training.run import load_run_model
from mien.training.start import start_from
from mien.training.train import train

QUIET = Console(file=StringIO())


def _shades(count: int, size: int) -> Tensor:
    """Return smooth shades, which differ more than noise does to a network that averages."""
    coarse = 4 * torch.rand(count, 1, 5, 5, generator=torch.Generator().manual_seed(3)) - 2
    return nn.functional.interpolate(coarse, size=(size, size), mode="bicubic")


def _network(*, mirror: bool = True, seed: int = 1) -> ResidualNet:
    torch.manual_seed(seed)
    network = ResidualNet(
        {"fer2013": 7}, widths=(6, 9), blocks=(2, 1), stem_kernel=5, dropout=0, mirror=mirror
    )
    # As made, the last batch norm of each block is zero, and most of it not heard.
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, 0, 0.5)
            module.momentum = None
    # Statistics of something: with those of a fresh network, channels of it may be dead.
    network.train()(_shades(64, 32))
    if mirror:
        symmetrise(network)
    return network.eval()


def _gap(network: nn.Module, images: Tensor) -> float:
    """Largest difference between answers to images and to their mirror images."""
    with torch.no_grad():
        one, other = (network.eval()(each)["fer2013"] for each in (images, images.flip(3)))
    assert float(one.std(0).mean()) > 1e-3, "it tells faces apart"
    return float((one - other).abs().max())


@pytest.mark.parametrize("size", [16, 32, 52])
def test_a_network_built_so_answers_mirror_images_alike(size: int) -> None:
    images = _shades(5, size)
    assert _gap(_network(), images) < 1e-5
    assert _gap(_network(mirror=False), images) > 1e-3


def test_a_side_that_cannot_be_halved_evenly_is_refused() -> None:
    with pytest.raises(ConfigError, match="multiple of 4 pixels, got 30x30"):
        _network()(_shades(1, 30))


def test_gradients_of_faces_are_those_of_their_mirror_images_too() -> None:
    faces, labels = _shades(6, 16), torch.arange(6)

    def gradients(shown: Tensor) -> dict[str, Tensor]:
        network = _network()
        nn.functional.cross_entropy(network(shown)["fer2013"], labels).backward()
        keep_symmetric(network)
        return {name: w.grad for name, w in network.named_parameters() if w.grad is not None}

    own, mirrored = gradients(faces), gradients(faces.flip(3))
    assert max(float(gradient.abs().max()) for gradient in own.values()) > 1e-3
    for name, gradient in own.items():
        torch.testing.assert_close(gradient, mirrored[name], atol=1e-5, rtol=1e-3)


def test_partners_are_found_again_in_a_network_whose_channels_were_shuffled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = _shades(64, 32)
    known = _network()
    groups = known.channel_groups()
    orders = {g: torch.randperm(len(p)) for g, p in known.partners_by_group().items()}
    weights = dict(known.state_dict())
    for name, dims in groups.items():
        for dim, group in enumerate(dims):
            if group is not None:
                weights[name] = weights[name].index_select(dim, orders[group])
    shuffled = _network(seed=2)
    shuffled.load_state_dict({k: w for k, w in weights.items() if k in groups}, strict=False)
    shuffled.load_state_dict(
        {k: w for k, w in weights.items() if k.startswith("heads")}, strict=False
    )
    found = find_partners(shuffled, images)
    for group, partners in known.partners_by_group().items():
        where = orders[group].argsort()
        assert torch.equal(found[group], where[partners[orders[group]]]), group
    guesses = {group: torch.arange(len(partners)) for group, partners in found.items()}
    exact = find_exact_partners(shuffled.state_dict(), groups, guesses)
    assert all(torch.equal(exact[group], found[group]) for group in found)

    begin_symmetric(shuffled, images)
    assert _gap(shuffled, images) < 1e-5
    # It was symmetric, so all is as it was, statistics too.
    for name, weight in shuffled.state_dict().items():
        if name in groups:
            assert torch.equal(weight, weights[name]), name

    # Whoever begins with it takes its pairs, and a head that it has not got is symmetric by them.
    other = ResidualNet(
        {"fer2013": 7, "new": 3}, widths=(6, 9), blocks=(2, 1), dropout=0, mirror=True
    )
    monkeypatch.setattr("mien.training.start.read_weights", lambda source: shuffled.state_dict())
    assert start_from(other, "it", images)["fresh"] == [
        "heads.linear.new.bias",
        "heads.linear.new.weight",
    ]
    assert _gap(other, images) < 1e-5
    with torch.no_grad():
        one, mirrored = (other(each)["new"] for each in (images, images.flip(3)))
        answer = other(images)["fer2013"]
    torch.testing.assert_close(one, mirrored, atol=1e-5, rtol=1e-4)

    # What pairs nothing, as in checkpoints of some older runs, is found again.
    damaged = {
        name: weight - 1 if name.startswith("partners") else weight
        for name, weight in shuffled.state_dict().items()
    }
    monkeypatch.setattr("mien.training.start.read_weights", lambda source: damaged)
    again = ResidualNet({"fer2013": 7}, widths=(6, 9), blocks=(2, 1), dropout=0, mirror=True)
    start_from(again, "it", images)
    again.eval()
    with torch.no_grad():
        torch.testing.assert_close(again(images)["fer2013"], answer, atol=1e-4, rtol=1e-3)


def test_a_run_begins_with_a_plain_one_and_stays_symmetric_to_the_bundle(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 2
    train(parse_recipe(recipe_values), faces, tmp_path / "plain", console=QUIET)
    images = torch.from_numpy(faces.images_gray.copy())[:, None].float() / 255
    assert _gap(load_run_model(tmp_path / "plain")[0], images) > 1e-3

    recipe_values["start_from"] = str(tmp_path / "plain")
    recipe_values["model"]["options"]["mirror"] = True
    recipe = parse_recipe(recipe_values)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(recipe, faces, whole, console=QUIET)
    network = load_run_model(whole, checkpoint="last")[0]
    assert _gap(network, images) < 1e-5

    train(recipe, faces, parts, console=QUIET, max_epochs_now=1)
    train(recipe, faces, parts, console=QUIET, resume=True)
    again = load_run_model(parts, checkpoint="last")[0].state_dict()
    assert all(torch.equal(weight, again[name]) for name, weight in network.state_dict().items())

    # Begun with the symmetric one, its pairs are taken and not looked for.
    recipe_values["start_from"] = str(whole)
    recipe_values["loop"]["epochs"] = 1
    train(parse_recipe(recipe_values), faces, tmp_path / "next", console=QUIET)
    after = load_run_model(tmp_path / "next", checkpoint="last")[0]
    assert _gap(after, images) < 1e-5
    for name, pairs in load_run_model(whole)[0].state_dict().items():
        assert not name.startswith("partners") or torch.equal(pairs, after.state_dict()[name])

    bundle = load_bundle(export_run(whole, tmp_path / "bundle", storage="fp32"))
    crops = faces.images_gray[:8]
    answers, mirrored = (
        bundle.predict_logits(np.ascontiguousarray(each)) for each in (crops, crops[:, :, ::-1])
    )
    for head, logits in answers.items():
        np.testing.assert_allclose(logits, mirrored[head], atol=1e-4)
