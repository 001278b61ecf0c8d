"""`mien evaluate` from the command line to the files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import mien
from bundles import MEAN, STD, linear_weights, write_tiny_bundle
from fer2013_files import csv_text, make_faces, write_votes
from mien.cli.main import app
from mien.core.errors import (
    BundleError,
    ConfigError,
    DatasetError,
    MienError,
    MissingExtraError,
)
from mien.core.labels import FER2013

N = 30
USAGES = [("Training", "PublicTest", "PrivateTest")[i % 3] for i in range(N)]
LABELS = [(i // 3) % 7 for i in range(N)]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """30 faces, ten a split, with votes; the first test face is the first training face."""
    faces = make_faces(N)
    faces[2] = faces[0]
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "fer2013.csv").write_text(csv_text(faces, LABELS, USAGES))
    votes = np.zeros((N, 10), int)
    votes[np.arange(N), np.arange(N) % 8] = 10
    votes[5] = [0] * 9 + [10]
    write_votes(folder / "fer2013new.csv", votes.tolist(), USAGES)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundles")


def invoke(*arguments: object) -> Result:
    """Run `mien evaluate` on the test split, if the arguments name no other."""
    return CliRunner().invoke(app, ["evaluate", "--split", "test", *map(str, arguments)])


def test_the_split_that_is_looked_at_once_is_never_the_default(
    tmp_path: Path, data: Path, bundle: Path
) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", str(bundle), "--data", str(data), "--out", str(tmp_path / "out")]
    )
    assert "on fer2013, validation split" in result.stdout


def error_of(result: Result, kind: type[MienError]) -> str:
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


def test_bundle_is_evaluated_to_every_file(tmp_path: Path, data: Path, bundle: Path) -> None:
    out = tmp_path / "new" / "report"
    result = invoke(bundle, "--data", data, "--out", out, "--batch-size", 3)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "evaluation.json",
        "evaluation.html",
        *(
            f"{rule}-{kind}.png"
            for rule in ("fer2013", "majority")
            for kind in ("confusion", "reliability", "classes", "coverage")
        ),
    }
    assert "tiny on fer2013, test split, rule fer2013, n = 10" in result.stdout
    assert "rule majority, n = 9" in result.stdout
    report = json.loads((out / "evaluation.json").read_text())
    model = report["provenance"]["model"]
    config = json.loads((bundle / "config.json").read_text())
    assert model["sha256"] == config["files"]["model.onnx"]["sha256"]
    assert (model["precision"], model["storage"]) == ("fp32", "fp32")
    assert model["graph_bytes"] == (bundle / "model.onnx").stat().st_size
    assert model["bundle_bytes"] == sum(path.stat().st_size for path in bundle.iterdir())
    megabytes = f"{model['graph_bytes'] / 1e6:.1f} MB"
    assert f"tiny: 34,560 parameters, fp32; graph {megabytes}, whole" in result.stdout
    assert "onnxruntime" in report["provenance"]["versions"]
    assert [rule["n_also_in_training"] for rule in report["rules"]] == [1, 1]


def test_json_is_all_that_standard_output_gets(tmp_path: Path, data: Path, bundle: Path) -> None:
    out = tmp_path / "report"
    result = invoke(bundle, "--data", data, "--out", out, "--rule", "fer2013", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == json.loads((out / "evaluation.json").read_text())
    assert str(out / "evaluation.html") in result.stderr


def test_figures_are_those_of_the_model_on_those_faces(
    tmp_path: Path, data: Path, bundle: Path
) -> None:
    out = tmp_path / "report"
    result = invoke(
        bundle, "--data", data, "--out", out, "--rule", "fer2013", "--split", "PublicTest"
    )
    assert result.exit_code == 0, result.output
    (rule,) = json.loads((out / "evaluation.json").read_text())["rules"]
    # The tiny bundle is linear, so its answers can be worked out from the pixels.
    faces = make_faces(N)[1::3].reshape(10, -1)
    logits = (faces / 255 - MEAN) / STD @ linear_weights(FER2013)
    right = int((logits.argmax(axis=1) == np.array(LABELS[1::3])).sum())
    figures = rule["results"][0]["figures"]
    assert figures["accuracy"]["value"] == pytest.approx(right / 10)
    assert np.trace(np.array(figures["confusion"])) == right
    mirrored = np.ascontiguousarray(make_faces(N)[1::3][:, :, ::-1]).reshape(10, -1)
    both = [
        np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        for z in (logits, (mirrored / 255 - MEAN) / STD @ linear_weights(FER2013))
    ]
    mean = (both[0] + both[1]) / 2
    log_loss = -np.log(mean[np.arange(10), LABELS[1::3]]).mean()
    assert rule["results"][1]["figures"]["log_loss"] == pytest.approx(log_loss, rel=1e-4)


def test_rules_can_be_given_several_times(tmp_path: Path, data: Path, bundle: Path) -> None:
    rules = ("--rule", "argmax8", "--rule", "argmax10")
    result = invoke(bundle, "--data", data, "--out", tmp_path, *rules)
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "evaluation.json").read_text())
    assert [rule["rule"] for rule in report["rules"]] == ["argmax8", "argmax10"]


def test_the_prior_that_is_asked_for_is_evaluated_and_said(tmp_path: Path, data: Path) -> None:
    shares = (0.12, 0.03, 0.15, 0.25, 0.2, 0.1, 0.15)
    bundle = write_tiny_bundle(
        tmp_path / "bundles", training_priors={"fer2013": shares}, prior_strength=0.5
    )
    reports = {}
    for name, asked in {
        "own": (),
        "natural": ("--prior", "natural"),
        "weak": ("--prior-strength", "0.1"),
    }.items():
        out = tmp_path / name
        result = invoke(bundle, "--data", data, "--out", out, "--split", "validation", *asked)
        assert result.exit_code == 0, result.output
        reports[name] = json.loads((out / "evaluation.json").read_text())
    said = {name: report["rules"][0]["prior"] for name, report in reports.items()}
    assert said == {
        "own": {"name": "balanced", "strength": 0.5},
        "natural": {"name": "natural", "strength": 0.0},
        "weak": {"name": "balanced", "strength": 0.1},
    }
    own, natural = (reports[name]["rules"][0] for name in ("own", "natural"))
    losses = [way["results"][0]["figures"]["log_loss"] for way in (own, natural)]
    assert losses[0] != losses[1]
    # The curve is the same, whichever of its points was evaluated.
    for mine, other in zip(own["trade_off"]["points"], natural["trade_off"]["points"], strict=True):
        assert mine == pytest.approx(other)
    assert reports["weak"]["provenance"]["model"]["prior"]["fer2013"] == "balanced 0.1"
    unknown = invoke(bundle, "--data", data, "--out", tmp_path, "--prior", "equal")
    assert "natural, balanced" in error_of(unknown, ConfigError)


def test_votes_can_lie_elsewhere_and_are_needed_for_their_rules(
    tmp_path: Path, data: Path, bundle: Path
) -> None:
    votes = (data / "fer2013new.csv").rename(tmp_path / "votes.csv")
    arguments = (bundle, "--data", data, "--out", tmp_path / "out", "--rule", "majority")
    assert "needs FER+ votes" in error_of(invoke(*arguments), DatasetError)
    result = invoke(*arguments, "--votes", votes)
    assert result.exit_code == 0, result.output


def test_mistakes_are_told_before_the_work(tmp_path: Path, data: Path, bundle: Path) -> None:
    out = tmp_path / "out"
    unknown = invoke(bundle, "--data", data, "--out", out, "--rule", "best")
    assert "unknown rule best" in error_of(unknown, ConfigError)
    assert "unknown split" in error_of(
        invoke(bundle, "--data", data, "--out", out, "--split", "exam"), DatasetError
    )
    assert "nowhere" in error_of(
        invoke(bundle, "--data", tmp_path / "nowhere", "--out", out), DatasetError
    )
    assert "unknown bundle" in error_of(
        invoke("mien-nobody", "--data", data, "--out", out), BundleError
    )
    (tmp_path / "file").write_text("")
    in_the_way = invoke(bundle, "--data", data, "--out", tmp_path / "file" / "out")
    assert "cannot make the folder" in error_of(in_the_way, DatasetError)


def test_run_folder_without_torch_says_which_extra(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    # As in a fresh process: what an earlier test imported must not answer.
    for name in list(sys.modules):
        if name.split(".")[:2] in (["mien", "training"], ["mien", "models"]):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(mien, "training", None, raising=False)
    monkeypatch.setattr(mien, "models", None, raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    result = invoke(tmp_path / "run", "--data", data, "--out", tmp_path / "out")
    assert "pip install 'mien[train]'" in error_of(result, MissingExtraError)


def test_run_folder_is_evaluated_with_torch(tmp_path: Path, data: Path) -> None:
    torch = pytest.importorskip("torch")
    from mien.training.recipe import load_recipe
    from mien.training.run import RunInfo, build_recipe_model

    recipe = load_recipe(str(Path(__file__).parents[2] / "recipes" / "cnn6.toml"))
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    RunInfo(recipe, {"ferplus": [0.3] + [0.1] * 7}, {}, {}).write(folder)
    weights = build_recipe_model(recipe).state_dict()
    state = {f"model.{name}": value for name, value in weights.items()}
    torch.save({"state_dict": state}, folder / "checkpoints" / "best.ckpt")

    result = invoke(folder, "--data", data, "--out", tmp_path / "out", "--prior", "balanced")
    assert result.exit_code == 0, result.output
    report = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert report["model"] == recipe.name
    assert report["rules"][0]["prior"] == {"name": "balanced", "strength": 1.0}
    # cnn6 has the FER+ head alone, so its votes' rule is the one that there is.
    assert [rule["rule"] for rule in report["rules"]] == ["majority"]
    assert "torch" in report["provenance"]["versions"]
