"""Sharpness-aware minimisation: the climb, the way back, and a run that does both."""

from __future__ import annotations

import copy
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import nn

from mien.data import FaceDataset
from mien.models.residual import ResidualNet
from mien.training.recipe import parse_recipe
from mien.training.run import load_run_model
from mien.training.sharpness import Ascent
from mien.training.train import train

QUIET = Console(file=StringIO())


def _network() -> ResidualNet:
    torch.manual_seed(5)
    network = ResidualNet({"fer2013": 7}, widths=(4, 8), blocks=(1, 1), stem_kernel=3, dropout=0)
    # As made, each block's last batch norm is zero, and so is what its weights get to hear.
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network.train()


def test_the_climb_has_the_length_asked_for_leads_uphill_and_ends_where_it_began() -> None:
    network = _network()
    faces, labels = torch.rand(12, 1, 16, 16), torch.arange(12) % 7
    before = copy.deepcopy(network.state_dict())

    def loss() -> torch.Tensor:
        return nn.functional.cross_entropy(network(faces)["fer2013"], labels)

    ascent = Ascent(network, radius=0.05)
    ascent.climb(loss)
    moved = [after.detach() - before[name] for name, after in network.named_parameters()]
    length = torch.linalg.vector_norm(torch.cat([each.flatten() for each in moved]))
    assert float(length) == pytest.approx(0.05, rel=1e-3)
    statistics = {name: value for name, value in network.state_dict().items() if "running" in name}
    assert statistics
    for name, value in statistics.items():
        assert torch.equal(value, before[name]), name
    assert all(
        module.momentum == 0.1 for module in network.modules() if isinstance(module, nn.BatchNorm2d)
    )

    uphill = float(loss().detach())
    ascent.come_back()
    for name, weight in network.named_parameters():
        assert torch.equal(weight, before[name]), name
    assert uphill > float(loss().detach())


def test_a_loss_that_is_no_number_moves_nothing() -> None:
    network = _network()
    before = copy.deepcopy(network.state_dict())
    Ascent(network, 0.05).climb(lambda: network(torch.rand(4, 1, 16, 16))["fer2013"].sum() * 1e400)
    for name, weight in network.named_parameters():
        assert torch.equal(weight, before[name]), name


def test_a_step_goes_down_from_where_it_was_by_the_gradient_uphill() -> None:
    """On w^2 / 2 from 1, rho 0.5: the gradient uphill is 1.5, and a rate of 0.1 leads to 0.85."""
    line = nn.Linear(1, 1, bias=False)
    nn.init.ones_(line.weight)
    optimiser = torch.optim.SGD(line.parameters(), lr=0.1)
    ascent = Ascent(line, 0.5)
    ascent.climb(lambda: line.weight.square().sum() / 2)
    (line.weight.square().sum() / 2).backward()
    ascent.come_back()
    optimiser.step()
    assert line.weight.item() == pytest.approx(0.85)


def test_a_run_with_it_learns_and_goes_on_after_a_stop_as_if_there_was_none(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    plain = parse_recipe(recipe_values)
    recipe_values["optimiser"] |= {"sam_rho": 0.1, "sam_share": 0.5}
    recipe = parse_recipe(recipe_values)
    whole, parts, other = tmp_path / "whole", tmp_path / "parts", tmp_path / "other"
    train(recipe, faces, whole, console=QUIET)
    train(recipe, faces, parts, console=QUIET, max_epochs_now=2)
    train(recipe, faces, parts, console=QUIET, resume=True)
    train(plain, faces, other, console=QUIET)
    weights, again, without = (load_run_model(run)[0].state_dict() for run in (whole, parts, other))
    assert all(torch.equal(weights[name], again[name]) for name in weights)
    assert any(not torch.equal(weights[name], without[name]) for name in weights)
