"""`mien compare` from the command line to the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from typer.testing import CliRunner, Result

from bundles import MEAN, STD, linear_weights, write_tiny_bundle
from fer2013_files import csv_text, make_faces, write_votes
from mien.cli.main import app
from mien.core.errors import BundleError, ConfigError, DatasetError, MienError
from mien.core.labels import FER2013, LabelSet

N = 30
USAGES = [("Training", "PublicTest", "PrivateTest")[i % 3] for i in range(N)]
LABELS = [(i // 3) % 7 for i in range(N)]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "120")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """30 faces, ten a split, with votes."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "fer2013.csv").write_text(csv_text(make_faces(N), LABELS, USAGES))
    votes = np.zeros((N, 10), int)
    votes[np.arange(N), np.arange(N) % 8] = 10
    write_votes(folder / "fer2013new.csv", votes.tolist(), USAGES)
    return folder


def turned(labels: LabelSet) -> np.ndarray:
    """Weights of another linear model: those of the tiny bundle, a class further."""
    return np.roll(linear_weights(labels), 1, axis=1)


@pytest.fixture
def bundles(tmp_path: Path) -> tuple[Path, Path]:
    """Two tiny bundles that answer differently."""
    folder = tmp_path / "bundles"
    return (
        write_tiny_bundle(folder, name="first"),
        write_tiny_bundle(folder, name="second", weights_of=turned),
    )


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["compare", *map(str, arguments)])


def error_of(result: Result, kind: type[MienError]) -> str:
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


def test_two_bundles_are_compared_to_every_file(
    tmp_path: Path, data: Path, bundles: tuple[Path, Path]
) -> None:
    out = tmp_path / "new" / "report"
    result = invoke(*bundles, "--data", data, "--out", out, "--speed", "--batch-size", 3)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {"comparison.json", "comparison.html"}
    told = json.loads((out / "comparison.json").read_text())
    assert (told["models"], told["split"]) == (["first", "second"], "validation")
    assert [rule["rule"] for rule in told["rules"]] == ["fer2013", "majority"]
    for path, name in zip(bundles, told["models"], strict=True):
        files = sum(file.stat().st_size for file in path.iterdir())
        assert told["costs"][name]["bundle_bytes"] == files
        assert told["costs"][name]["speed"]["ms_per_face"] > 0
        config = json.loads((path / "config.json").read_text())
        assert told["descriptions"][name]["sha256"] == config["files"]["model.onnx"]["sha256"]
    assert told["cpu"]
    assert "second against first on fer2013, validation split, rule fer2013" in result.stdout
    assert str(out / "comparison.html") in result.stderr


def test_figures_and_test_are_those_of_the_answers(
    tmp_path: Path, data: Path, bundles: tuple[Path, Path]
) -> None:
    result = invoke(
        *bundles, "--data", data, "--rule", "fer2013", "--split", "PublicTest", "--json"
    )
    assert result.exit_code == 0, result.output
    (rule,) = json.loads(result.stdout)["rules"]
    # Tiny bundles are linear, so their answers can be worked out from the pixels.
    pixels = (make_faces(N)[1::3].reshape(10, -1) / 255 - MEAN) / STD
    labels = np.array(LABELS[1::3])
    right = [
        (pixels @ weights).argmax(axis=1) == labels
        for weights in (linear_weights(FER2013), turned(FER2013))
    ]
    way = rule["ways"][0]
    for name, hits in zip(("first", "second"), right, strict=True):
        assert way["figures"][name]["accuracy"]["value"] == pytest.approx(hits.mean())
    told = way["minus_reference"]["second"]
    assert told["accuracy"]["value"] == pytest.approx(right[1].mean() - right[0].mean())
    only_first, only_second = (right[0] & ~right[1]).sum(), (right[1] & ~right[0]).sum()
    assert (told["test"]["only_reference"], told["test"]["only_model"]) == (only_first, only_second)
    assert only_first + only_second > 0
    expected = binomtest(int(only_first), int(only_first + only_second)).pvalue
    assert told["test"]["p_value"] == pytest.approx(expected)


def test_json_is_all_that_standard_output_gets_and_repeats(
    tmp_path: Path, data: Path, bundles: tuple[Path, Path]
) -> None:
    out = tmp_path / "report"
    result = invoke(*bundles, "--data", data, "--out", out, "--rule", "fer2013", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told == json.loads((out / "comparison.json").read_text())
    again = json.loads(invoke(*bundles, "--data", data, "--rule", "fer2013", "--json").stdout)
    assert again["rules"] == told["rules"]
    assert told["cpu"] is None
    assert all(cost["speed"] is None for cost in told["costs"].values())


def test_models_of_one_name_go_by_what_was_given(
    tmp_path: Path, data: Path, bundles: tuple[Path, Path]
) -> None:
    twin = write_tiny_bundle(tmp_path / "elsewhere", name="first")
    result = invoke(bundles[0], twin, "--data", data, "--rule", "fer2013", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["models"] == [str(bundles[0]), str(twin)]
    gap = told["rules"][0]["ways"][0]["minus_reference"][str(twin)]
    assert gap["log_loss"] == {"value": 0, "low": 0, "high": 0}


def test_a_prior_is_given_to_every_model(data: Path, bundles: tuple[Path, Path]) -> None:
    common = (*bundles, "--data", data, "--rule", "majority", "--json")
    natural = json.loads(invoke(*common).stdout)
    shares = "neutral=0.86," + ",".join(
        f"{name}=0.02"
        for name in ("happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
    )
    result = invoke(*common, "--prior", shares)
    assert result.exit_code == 0, result.output
    given = json.loads(result.stdout)
    for name in ("first", "second"):
        before, after = (
            told["rules"][0]["ways"][0]["figures"][name]["per_class"][0]["answered"]
            for told in (natural, given)
        )
        assert after >= before
        assert given["descriptions"][name]["prior"] != natural["descriptions"][name]["prior"]


def test_mistakes_are_told_before_the_work(
    tmp_path: Path, data: Path, bundles: tuple[Path, Path]
) -> None:
    assert "at least two models" in error_of(invoke(bundles[0], "--data", data), ConfigError)
    twice = invoke(bundles[0], bundles[0], "--data", data)
    assert "given twice" in error_of(twice, ConfigError)
    unknown = invoke(bundles[0], "mien-nobody", "--data", data)
    assert "unknown bundle" in error_of(unknown, BundleError)
    split = invoke(*bundles, "--data", data, "--split", "exam")
    assert "unknown split" in error_of(split, DatasetError)
    (tmp_path / "file").write_text("")
    in_the_way = invoke(*bundles, "--data", data, "--out", tmp_path / "file" / "out")
    assert "cannot make the folder" in error_of(in_the_way, DatasetError)


def test_a_run_and_a_bundle_are_compared_where_both_can_answer(
    tmp_path: Path, data: Path, bundles: tuple[Path, Path]
) -> None:
    torch = pytest.importorskip("torch")
    from mien.models import count_parameters
    from mien.training.recipe import load_recipe
    from mien.training.run import RunInfo, build_recipe_model

    # cnn6 has the FER+ head alone.
    recipe = load_recipe(str(Path(__file__).parents[2] / "recipes" / "cnn6.toml"))
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    RunInfo(recipe, {"ferplus": [1 / 8] * 8}, {}, {}).write(folder)
    network = build_recipe_model(recipe)
    state = {f"model.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state}, folder / "checkpoints" / "best.ckpt")

    result = invoke(folder, bundles[0], "--data", data, "--speed", "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["models"] == [recipe.name, "first"]
    assert [rule["rule"] for rule in told["rules"]] == ["majority"]
    run, bundle = (told["costs"][name] for name in told["models"])
    assert run["parameters"] == count_parameters(network).total
    assert (run["bundle_bytes"], run["speed"]) == (None, None)
    assert bundle["speed"]["runs"] > 0
    assert {"torch", "onnxruntime"} <= told["provenance"]["versions"].keys()
    only_runs = invoke(folder, f"{folder}/", "--data", data, "--speed")
    assert "--speed measures bundles" in error_of(only_runs, ConfigError)
