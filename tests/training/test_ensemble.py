"""Several runs as one: what it answers, what it keeps of its members, what it refuses."""

from __future__ import annotations

import json
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto
from rich.console import Console
from typer.testing import CliRunner

from mien.bundle.load import load_bundle
from mien.cli.main import app
from mien.core.errors import ConfigError, DatasetError
from mien.evaluation.views import softmax
from mien.models import build_model, count_parameters
from mien.training.ensemble import make_ensemble
from mien.training.export import export_run
from mien.training.predictor import load_run_predictor
from mien.training.recipe import InputRecipe, parse_recipe
from mien.training.run import load_run_model
from mien.training.start import start_from
from mien.training.teacher import load_teachers
from mien.training.train import train
from training.conftest import make_faces

SIZE = 24
VALUES: dict[str, Any] = {
    "name": "one",
    "seed": 1,
    "model": {
        "name": "residual",
        "options": {"widths": [16, 32], "blocks": [1, 1], "standardise": True},
    },
    "input": {"size": SIZE},
    "heads": {"fer2013": {"target": "labels"}, "ferplus": {"target": "soft"}},
    "optimiser": {"name": "sgd", "learning_rate": 0.05, "schedule": "onecycle"},
    "loop": {"epochs": 8, "batch_size": 16, "precision": "fp32", "monitor": "last"},
}
# Smoothed labels have other shares of expressions: the ensemble's are the mean.
OTHER: dict[str, Any] = {
    **VALUES,
    "name": "two",
    "seed": 2,
    "model": {"name": "residual", "options": {"widths": [8, 16], "blocks": [1, 1]}},
    "heads": {
        "fer2013": {"target": "labels", "label_smoothing": 0.2},
        "ferplus": {"target": "soft"},
    },
}


def make_run(folder: Path, values: dict[str, Any], faces: int = 240) -> Path:
    train(parse_recipe(values), make_faces(faces), folder, console=Console(file=StringIO()))
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [make_run(folder / values["name"], values) for values in (VALUES, OTHER)]


@pytest.fixture(scope="module")
def together(runs: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("together") / "pair"
    make_ensemble(runs, out, name="pair", command="mien ensemble one two")
    return out


def test_it_answers_with_the_mean_of_what_its_members_find_probable(
    runs: list[Path], together: Path
) -> None:
    faces = make_faces().images_gray[:50]
    alone = [load_run_predictor(run).predict_logits(faces) for run in runs]
    answered = load_run_predictor(together).predict_logits(faces)
    for head, logits in answered.items():
        wanted = np.mean([softmax(each[head]) for each in alone], axis=0)
        np.testing.assert_allclose(np.exp(logits), wanted, atol=1e-5)
        mean_of_logits = softmax(np.mean([each[head] for each in alone], axis=0))
        assert np.abs(mean_of_logits - wanted).max() > 1e-4, "the test would pass for that too"


def test_a_class_that_no_member_finds_probable_is_answered_with_a_number() -> None:
    sure = {"name": "cnn6", "options": {}}
    network = build_model("ensemble", {"fer2013": 7}, {"members": [sure, sure]}).eval()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if name.endswith("fer2013.bias"):
                weight.copy_(torch.tensor([0.0, -400, 0, 0, 0, 0, 0]))
        logits = network(torch.zeros(2, 1, 48, 48))["fer2013"]
    assert torch.isfinite(logits).all()
    assert float(logits[0, 1]) < -300


def test_its_run_says_what_it_is_made_of(runs: list[Path], together: Path) -> None:
    network, info = load_run_model(together)
    members = [load_run_model(run) for run in runs]
    alone = [count_parameters(member).total for member, _ in members]
    assert count_parameters(network).total == sum(alone)
    assert [(each["name"], each["seed"], each["epochs"]) for each in info.members] == [
        ("one", 1, 8),
        ("two", 2, 8),
    ]
    assert info.recipe.name == "pair"
    shares = [each.training_priors["fer2013"] for _, each in members]
    assert shares[0] != shares[1]
    np.testing.assert_allclose(info.training_priors["fer2013"], np.mean(shares, 0), atol=1e-6)
    assert info.training_priors["ferplus"] == members[0][1].training_priors["ferplus"]
    assert info.environment["command"] == "mien ensemble one two"


def test_a_bundle_of_it_answers_so_and_its_card_names_every_member(
    together: Path, tmp_path: Path
) -> None:
    bundle = load_bundle(export_run(together, tmp_path / "bundle", calibrate_on=make_faces()))
    faces = make_faces().images_gray[:20]
    answered = bundle.predict_logits(faces)
    for head, logits in load_run_predictor(together).predict_logits(faces).items():
        # Weights were rounded to 16 bits.
        np.testing.assert_allclose(answered[head], logits, atol=0.05)
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert "the mean of what 2 networks find probable" in card
    assert "| network 2 | `residual`, widths [8, 16]" in card
    assert "Network 1, `one`" in card
    assert "mien ensemble one two" in card
    config = json.loads((bundle.path / "config.json").read_text())
    kept = config["training"]["members"]
    assert [each["recipe"]["heads"]["fer2013"]["label_smoothing"] for each in kept] == [0.0, 0.2]
    assert str(together.parent) not in json.dumps(kept), "no path of this machine"


def test_in_8_bits_the_first_and_last_layers_of_each_member_and_their_mean_stay_float(
    together: Path, tmp_path: Path
) -> None:
    data = make_faces()
    bundle = load_bundle(export_run(together, tmp_path / "bundle", calibrate_on=data, int8=True))
    graph = onnx.load(bundle.path / "model.onnx").graph
    kinds = {each.name: each.data_type for each in graph.initializer}
    in_float = Counter(
        node.op_type
        for node in graph.node
        if node.op_type in ("Conv", "Gemm") and kinds.get(node.input[1]) == TensorProto.FLOAT
    )
    assert in_float == {"Conv": 2, "Gemm": 4}
    made_by = {name: node for node in graph.node for name in node.output}
    for output in graph.output:
        waiting, seen = [output.name], set()
        while waiting:
            node = made_by[waiting.pop()]
            seen.add(node.op_type)
            if node.op_type != "Gemm":
                waiting += [name for name in node.input if name in made_by]
        assert "Gemm" in seen
        assert not seen & {"QuantizeLinear", "DequantizeLinear"}
    answers = bundle.predict_logits(data.images_gray)["fer2013"].argmax(1)
    in_full = load_run_predictor(together).predict_logits(data.images_gray)["fer2013"].argmax(1)
    assert (answers == in_full).mean() > 0.9


@pytest.mark.parametrize("int8", [False, True])
def test_its_run_and_its_bundle_teach(together: Path, tmp_path: Path, int8: bool) -> None:
    export_run(together, tmp_path / "bundle", calibrate_on=make_faces(), int8=int8, storage="fp32")
    sources = [str(together), str(tmp_path / "bundle")]
    recipe = parse_recipe({**VALUES, "teacher": {"runs": sources}})
    images = torch.from_numpy(make_faces().images_gray[:10].copy())[:, None].float() / 255
    run, bundle = (teacher(images)["fer2013"] for teacher in load_teachers(recipe))
    assert torch.allclose(run, bundle, atol=1e-4)


def test_a_network_begins_with_the_member_that_fits_it_best(
    runs: list[Path], together: Path, tmp_path: Path
) -> None:
    export_run(together, tmp_path / "bundle", storage="fp32")
    for values, run in zip((VALUES, OTHER), runs, strict=True):
        wanted = load_run_model(run)[0].state_dict()
        for source in (together, tmp_path / "bundle"):
            options = values["model"]["options"]
            network = build_model("residual", {"fer2013": 7, "ferplus": 8}, options)
            told = start_from(network, str(source), torch.zeros(2, 1, SIZE, SIZE))
            assert told["fresh"] == []
            for name, weight in network.state_dict().items():
                assert "num_batches" in name or torch.equal(weight, wanted[name]), name


def test_members_that_learn_together_keep_answering_mirror_images_alike(tmp_path: Path) -> None:
    member = {"name": "residual", "options": {"widths": [8, 16], "blocks": [1, 1], "mirror": True}}
    model = {"name": "ensemble", "options": {"members": [member, member]}}
    loop = {**VALUES["loop"], "epochs": 1}
    run = make_run(tmp_path / "run", {**VALUES, "model": model, "loop": loop})
    network, _ = load_run_model(run)
    faces = torch.rand(4, 1, SIZE, SIZE)
    with torch.no_grad():
        one, other = (network(each)["ferplus"] for each in (faces, faces.flip(3)))
    torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"input": {"size": 32}}, f"input: {InputRecipe(size=SIZE)} and {InputRecipe(size=32)}"),
        ({"heads": {"fer2013": {"target": "labels"}}}, "do not fit together: heads"),
    ],
)
def test_runs_that_cannot_answer_together_are_refused(
    runs: list[Path], tmp_path: Path, change: dict[str, Any], told: str
) -> None:
    other = make_run(tmp_path / "other", {**VALUES, "seed": 3, **change})
    with pytest.raises(ConfigError, match="do not fit together") as caught:
        make_ensemble([runs[0], other], tmp_path / "out", name="pair")
    assert told in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_runs_of_other_data_are_refused(runs: list[Path], tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", {**VALUES, "seed": 3}, faces=90)
    with pytest.raises(ConfigError, match="do not fit together: data"):
        make_ensemble([runs[0], other], tmp_path / "out", name="pair")


def test_what_cannot_be_a_member_is_refused(
    runs: list[Path], together: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for members, told in (
        (runs[:1], "name two runs or more"),
        ([runs[0], tmp_path], "is no run folder"),
        ([runs[0], runs[0]], "are there already; name other runs"),
        ([runs[0], together], "is an ensemble itself"),
    ):
        with pytest.raises(ConfigError, match=told):
            make_ensemble(members, out, name="pair")
    assert not out.exists()
    with pytest.raises(ConfigError, match="holds a run already"):
        make_ensemble(runs, together, name="pair")


def test_a_place_that_cannot_be_written_is_told(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError, match="cannot write the run folder"):
        make_ensemble(runs, tmp_path / "file" / "out", name="pair")


def test_the_command_makes_one_that_can_be_exported(runs: list[Path], tmp_path: Path) -> None:
    runner = CliRunner()
    out = tmp_path / "both"
    made = runner.invoke(app, ["ensemble", *map(str, runs), "--out", str(out)])
    assert made.exit_code == 0, made.output
    assert "both" in made.output
    assert "one (seed 1), two (seed 2)" in made.output
    exported = runner.invoke(app, ["export", str(out), "--out", str(tmp_path / "bundle")])
    assert exported.exit_code == 0, exported.output
    assert load_bundle(tmp_path / "bundle").config.name == "both"
    wrong = runner.invoke(app, ["ensemble", *map(str, runs), "--out", "x", "--checkpoint", "third"])
    assert isinstance(wrong.exception, ConfigError)
