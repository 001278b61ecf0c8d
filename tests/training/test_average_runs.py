"""Several runs as one network: whose weights it has, what it answers, what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from rich.console import Console
from torch import nn
from typer.testing import CliRunner

from mien.bundle.load import load_bundle
from mien.cli.main import app
from mien.core.errors import ConfigError, DatasetError
from mien.core.labels import FER2013
from mien.data import SPLITS
from mien.models.mirror import symmetrise
from mien.training.average_runs import average_runs
from mien.training.ensemble import make_ensemble
from mien.training.export import export_run
from mien.training.predictor import load_run_predictor
from mien.training.recipe import parse_recipe
from mien.training.run import load_run_model
from mien.training.sample import sample_training_faces
from mien.training.train import train
from training.conftest import make_faces

SIZE = 24
VALUES: dict[str, Any] = {
    "name": "held",
    "seed": 1,
    "model": {
        "name": "residual",
        "options": {"widths": [16, 32], "blocks": [1, 1], "standardise": True, "mirror": True},
    },
    "input": {"size": SIZE},
    "heads": {
        "fer2013": {"target": "labels", "label_smoothing": 0.2},
        "ferplus": {"target": "soft"},
    },
    "optimiser": {"name": "sgd", "learning_rate": 0.05, "schedule": "onecycle"},
    "loop": {"epochs": 8, "batch_size": 16, "precision": "fp32", "monitor": "last"},
}


def make_run(folder: Path, **changes: Any) -> Path:
    recipe = parse_recipe({**VALUES, **changes})
    train(recipe, make_faces(), folder, console=Console(file=StringIO()))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    held = make_run(folder / "held")
    heads = {"fer2013": {"target": "labels"}, "ferplus": {"target": "soft"}}
    optimiser = {**VALUES["optimiser"], "learning_rate": 0.01}
    fitted = make_run(
        folder / "fitted",
        **{"name": "fitted", "heads": heads, "optimiser": optimiser, "start_from": str(held)},
    )
    return [held, fitted]


@pytest.fixture(scope="module")
def average(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("average") / "both"
    average_runs(runs, make_faces(), out, name="both", command="mien average held fitted")
    return out


def test_its_weights_are_the_mean_of_its_members(runs: list[Path], average: Path) -> None:
    one, other = (load_run_model(run)[0] for run in runs)
    made = load_run_model(average)[0]
    for (name, weight), a, b in zip(
        made.named_parameters(), one.parameters(), other.parameters(), strict=True
    ):
        torch.testing.assert_close(weight, (a + b) / 2, atol=1e-6, rtol=1e-5, msg=name)
        if weight.ndim > 1:
            assert not torch.equal(a, b), "the test would pass for either"


def test_its_batch_norms_are_measured_on_training_faces(runs: list[Path], average: Path) -> None:
    made, info = load_run_model(average)
    spec = info.recipe.input
    faces = sample_training_faces(make_faces(), size=SIZE, count=1000)
    images = (torch.from_numpy(faces)[:, None].float() / 255 - spec.mean) / spec.std
    # What a batch norm is given has the mean that it subtracts, over faces and mirror images.
    given: dict[str, torch.Tensor] = {}
    norms = {name: m for name, m in made.named_modules() if isinstance(m, nn.BatchNorm2d)}
    for name, norm in norms.items():
        norm.register_forward_pre_hook(
            lambda _, inputs, name=name: given.__setitem__(name, inputs[0].mean((0, 2, 3)))
        )
    with torch.no_grad():
        made(torch.cat([images, images.flip(-1)]))
    first = next(iter(norms))
    torch.testing.assert_close(
        norms[first].get_buffer("running_mean"), given[first], atol=1e-4, rtol=1e-3
    )
    means = [dict(load_run_model(run)[0].named_buffers()) for run in runs]
    differing = [
        name
        for name, norm in norms.items()
        if not torch.allclose(
            norm.get_buffer("running_mean"),
            (means[0][f"{name}.running_mean"] + means[1][f"{name}.running_mean"]) / 2,
            atol=1e-4,
        )
    ]
    assert differing, "the mean of the members' statistics would pass too"


def test_it_answers_as_its_members_do_and_mirror_images_alike(
    runs: list[Path], average: Path
) -> None:
    data = make_faces()
    answers = [
        load_run_predictor(run).predict_logits(data.images_gray)["fer2013"].argmax(1)
        for run in (*runs, average)
    ]
    right = [(answer == data.class_ids).mean() for answer in answers]
    assert right[2] >= min(right[:2]) - 0.05
    faces = torch.rand(4, 1, SIZE, SIZE)
    network = load_run_model(average)[0]
    with torch.no_grad():
        one, other = (network(each)["ferplus"] for each in (faces, faces.flip(3)))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)
    # The statistics that were measured are a pair's too, to the last digit.
    before = {name: value.clone() for name, value in network.state_dict().items()}
    symmetrise(network)
    changed = [n for n, value in network.state_dict().items() if not torch.equal(value, before[n])]
    assert not changed


def test_pairs_of_channels_that_a_member_lost_are_found_again(
    runs: list[Path], tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "run.json").write_bytes((runs[0] / "run.json").read_bytes())
    (broken / "checkpoints").mkdir()
    kept = torch.load(runs[0] / "checkpoints" / "best.ckpt", weights_only=True)
    for name, value in kept["state_dict"].items():
        if "partners" in name:
            value.fill_(1)
    torch.save(kept, broken / "checkpoints" / "best.ckpt")
    average_runs([broken, runs[1]], make_faces(), tmp_path / "out", name="both")
    for name, pairs in load_run_model(tmp_path / "out")[0].state_dict().items():
        if "partners" in name:
            assert torch.equal(pairs[pairs], torch.arange(len(pairs))), name


def test_its_run_and_card_say_what_it_is_made_of(average: Path, tmp_path: Path) -> None:
    info = load_run_model(average)[1]
    assert [each["name"] for each in info.members] == ["held", "fitted"]
    assert info.recipe.description == "The average of the weights of held, fitted"
    bundle = load_bundle(export_run(average, tmp_path / "bundle", calibrate_on=make_faces()))
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert "the average of the weights of these networks" in card
    assert "Network 2, `fitted`" in card
    assert "mien average held fitted" in card
    assert "| architecture | `residual`" in card


def test_it_can_be_a_member_of_an_ensemble_whose_card_says_so(
    runs: list[Path], average: Path, tmp_path: Path
) -> None:
    other = make_run(tmp_path / "other", name="other", seed=2)
    make_ensemble([average, other], tmp_path / "together", name="together", command="mien x")
    export_run(tmp_path / "together", tmp_path / "bundle")
    card = (tmp_path / "bundle" / "MODEL_CARD.md").read_text()
    assert "| average of | [held, fitted] |" in card
    commands = json.loads((tmp_path / "bundle" / "config.json").read_text())["training"]["commands"]
    assert "mien average held fitted" in commands
    kept = (tmp_path / "bundle" / "config.json").read_text()
    assert str(average.parent) not in kept, "no path of this machine"
    faces = make_faces().images_gray[:10]
    assert np.isfinite(
        load_run_predictor(tmp_path / "together").predict_logits(faces)["fer2013"]
    ).all()


def test_networks_that_did_not_come_from_one_are_refused(runs: list[Path], tmp_path: Path) -> None:
    stranger = make_run(tmp_path / "stranger", name="stranger", seed=7)
    with pytest.raises(ConfigError, match="did not come from one another"):
        average_runs([runs[1], stranger], make_faces(), tmp_path / "out", name="both")
    assert not (tmp_path / "out").exists()


def test_networks_of_other_shapes_are_refused(runs: list[Path], tmp_path: Path) -> None:
    model = {"name": "residual", "options": {"widths": [8, 16], "blocks": [1, 1]}}
    other = make_run(tmp_path / "other", name="other", model=model)
    with pytest.raises(ConfigError, match=r"networks of different shapes.*mien ensemble"):
        average_runs([runs[0], other], make_faces(), tmp_path / "out", name="both")


def test_data_without_training_faces_is_told(runs: list[Path], tmp_path: Path) -> None:
    data = make_faces()
    nothing = replace(data, splits=np.full_like(data.splits, SPLITS.index("test")))
    with pytest.raises(DatasetError, match="has no training faces"):
        average_runs(runs, nothing, tmp_path / "out", name="both")


def test_a_place_that_cannot_be_written_is_told(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError, match="cannot write the run folder"):
        average_runs(runs, make_faces(), tmp_path / "file" / "out", name="both")


def test_the_command_makes_one(runs: list[Path], tmp_path: Path) -> None:
    data = make_faces()
    for number, (face, class_id) in enumerate(zip(data.images_gray, data.class_ids, strict=True)):
        folder = tmp_path / "faces" / FER2013.labels[class_id]
        folder.mkdir(parents=True, exist_ok=True)
        # Twice as large, so that it is brought back to what the runs learned from.
        assert cv2.imwrite(str(folder / f"{number}.png"), face.repeat(2, 0).repeat(2, 1))
    runner = CliRunner()
    out = tmp_path / "both"
    words = ["average", *map(str, runs), "--data", str(tmp_path / "faces"), "--out", str(out)]
    made = runner.invoke(app, words)
    assert made.exit_code == 0, made.output
    assert "the average of held (seed 1), fitted (seed 1)" in made.output
    assert load_run_model(out)[1].recipe.name == "both"
    wrong = runner.invoke(app, [*words, "--checkpoint", "third"])
    assert isinstance(wrong.exception, ConfigError)
