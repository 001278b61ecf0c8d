"""`mien train` from the command line to the run folder, and its mistakes in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from fer2013_files import csv_text, make_faces
from mien.cli.main import app
from mien.core.errors import ConfigError, DatasetError, MienError, MissingExtraError

N = 42
RECIPE = """
name = "tiny"
[model]
name = "residual"
options = { widths = [4, 8], blocks = [1, 1] }
[input]
size = 16
[heads.fer2013]
target = "labels"
[loop]
epochs = 3
batch_size = 8
precision = "fp32"
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    usages = [("Training", "PublicTest")[i % 2] for i in range(N)]
    path = tmp_path / "fer2013.csv"
    path.write_text(csv_text(make_faces(N), [i // 2 % 7 for i in range(N)], usages) + "0,1,x\n")
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE)
    return path


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def error_of(result: Result, kind: type[MienError]) -> str:
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


def test_a_recipe_and_a_dataset_become_a_run(tmp_path: Path, data: Path, recipe: Path) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "runs" / "tiny"
    done = invoke(recipe, "--data", data, "--out", out, "--epochs", 1, "--seed", 7)
    assert done.exit_code == 0, done.output
    info = json.loads((out / "run.json").read_text())
    assert (info["recipe"]["seed"], info["recipe"]["loop"]["epochs"]) == (7, 1)
    assert (out / "recipe.toml").read_text() == RECIPE
    report = json.loads((out / "report.json").read_text())
    assert f"{report['best']['val/score']:g}" in done.stdout
    known = report["training_faces"]["accuracy"]["fer2013"]
    assert f"{known:g}" in done.stdout and "accuracy on 21 training faces" in done.stdout
    assert f"mien evaluate {out}" in done.stdout
    # What is on the way goes to standard error: skipped rows, and a line an epoch.
    assert "rows or files skipped: 1; `mien data check" in done.stderr
    assert "epoch   1/1" in done.stderr and "images/s" in done.stderr


def test_a_run_keeps_what_set_changed_in_its_recipe(
    tmp_path: Path, data: Path, recipe: Path
) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "run"
    settings = ["--set", "loop.epochs=1", "--set", "name=other"]
    done = invoke(recipe, "--data", data, "--out", out, *settings)
    assert done.exit_code == 0, done.output
    info = json.loads((out / "run.json").read_text())
    assert info["settings"] == {"loop.epochs": 1, "name": "other"}
    assert (info["recipe"]["loop"]["epochs"], info["recipe"]["name"]) == (1, "other")
    assert (out / "recipe.toml").read_text() == RECIPE
    wrong = invoke(recipe, "--data", data, "--out", tmp_path / "new", "--set", "loop.epoch=1")
    assert "loop.epoch: unknown key" in error_of(wrong, ConfigError)


def test_mistakes_are_told_in_words_and_leave_no_run(
    tmp_path: Path, data: Path, recipe: Path
) -> None:
    pytest.importorskip("torch")
    out = tmp_path / "run"
    missing = invoke(tmp_path / "other.toml", "--data", data, "--out", out)
    assert "by name there are: bottleneck-mlp, cnn4, cnn6, " in error_of(missing, ConfigError)
    nowhere = invoke(recipe, "--data", tmp_path / "nowhere", "--out", out)
    assert "no file or folder" in error_of(nowhere, DatasetError)
    many = invoke(recipe, "--data", data, "--out", out, "--devices", 99)
    assert "expected 99 GPUs" in error_of(many, ConfigError)
    recipe.write_text(RECIPE.replace('fer2013]\ntarget = "labels"', 'ferplus]\ntarget = "soft"'))
    voteless = invoke(recipe, "--data", data, "--out", out)
    assert "needs FER+ votes" in error_of(voteless, DatasetError)
    blocked = invoke(recipe, "--data", data, "--out", data / "run")
    assert "cannot write the run folder" in error_of(blocked, DatasetError)
    assert not (out / "run.json").exists()


def test_without_torch_the_extra_is_named(
    tmp_path: Path, data: Path, recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What importing it comes to where torch is missing.
    monkeypatch.setitem(sys.modules, "mien.training.devices", None)
    result = invoke(recipe, "--data", data, "--out", tmp_path / "run")
    assert "pip install 'mien[train]'" in error_of(result, MissingExtraError)
