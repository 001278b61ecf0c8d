"""`mien robustness` from the command line to the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from bundles import MEAN, STD, linear_weights, write_tiny_bundle
from fer2013_files import csv_text, make_faces, write_votes
from mien.bundle.picture import check_picture
from mien.cli.main import app
from mien.core.errors import ConfigError, DatasetError
from mien.core.labels import FER2013
from mien.evaluation.robustness_conditions import CONDITIONS

N = 24
USAGES = [("Training", "PublicTest", "PrivateTest")[i % 3] for i in range(N)]
LABELS = [(i // 3) % 7 for i in range(N)]


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """24 faces, eight a split, with votes."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "fer2013.csv").write_text(csv_text(make_faces(N), LABELS, USAGES))
    votes = np.zeros((N, 10), int)
    votes[np.arange(N), np.arange(N) % 8] = 10
    write_votes(folder / "fer2013new.csv", votes.tolist(), USAGES)
    return folder


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path / "bundles")


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["robustness", *map(str, arguments)])


def right_answers(faces: np.ndarray, labels: list[int]) -> int:
    """The tiny bundle is linear, so its answers can be worked out from the pixels."""
    logits = (faces.reshape(len(faces), -1) / 255 - MEAN) / STD @ linear_weights(FER2013)
    return int((logits.argmax(axis=1) == np.array(labels)).sum())


def test_report_has_every_file_and_the_models_own_figures(
    tmp_path: Path, data: Path, bundle: Path
) -> None:
    out = tmp_path / "new" / "report"
    result = invoke(bundle, "--data", data, "--out", out, "--batch-size", 3)
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {
        "robustness.json",
        "robustness.html",
        "faces.png",
    }
    assert "tiny on fer2013, validation split, rule fer2013, n = 8" in result.stdout
    assert "rule majority, n = 8" in result.stdout
    told = json.loads((out / "robustness.json").read_text())
    assert [rule["rule"] for rule in told["rules"]] == ["fer2013", "majority"]
    own = told["rules"][0]
    faces, labels = make_faces(N)[1::3], LABELS[1::3]
    assert own["accuracy"]["value"] == pytest.approx(right_answers(faces, labels) / 8)
    rows = {row["name"]: row for row in own["rows"]}
    assert list(rows) == [condition.name for condition in CONDITIONS]
    covered = faces.copy()
    covered[:, 30:43, 10:38] = 128
    expected = right_answers(covered, labels) / 8
    assert rows["covered mouth"]["accuracy"]["value"] == pytest.approx(expected)
    with Image.open(out / "faces.png") as sheet:
        assert sheet.width > 500
    assert "onnxruntime" in told["provenance"]["versions"]


def test_without_a_folder_only_the_table_is_given(data: Path, bundle: Path) -> None:
    result = invoke(bundle, "--data", data, "--rule", "fer2013", "--split", "test")
    assert result.exit_code == 0, result.output
    assert "test split, rule fer2013" in result.stdout
    assert "crop scale 0.85" in result.stdout
    assert "Report" not in result.output


def test_quick_looks_at_a_sample_that_its_seed_decides(
    data: Path, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.evaluation.robustness.QUICK_FACES", 5)
    arguments = (bundle, "--data", data, "--rule", "fer2013", "--json", "--quick", "--seed", 2)
    result = invoke(*arguments)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert (told["n_split"], told["n_looked_at"], told["seed"]) == (8, 5, 2)
    assert told["rules"] == json.loads(invoke(*arguments).stdout)["rules"]
    drawn = np.sort(np.random.default_rng(2).choice(np.arange(1, N, 3), 5, replace=False))
    right = right_answers(make_faces(N)[drawn], [LABELS[i] for i in drawn])
    assert told["rules"][0]["accuracy"]["value"] == pytest.approx(right / 5)


def test_prior_changes_the_answers_and_is_named(data: Path, bundle: Path) -> None:
    # The tiny bundle was trained on equal shares, so the target is what moves its answers.
    shares = "neutral=0.94," + ",".join(
        f"{label}=0.01" for label in FER2013.labels if label != "neutral"
    )
    arguments = (bundle, "--data", data, "--rule", "fer2013", "--prior", shares)
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    (rule,) = json.loads(result.stdout)["rules"]
    faces, labels = make_faces(N)[1::3], LABELS[1::3]
    logits = (faces.reshape(len(faces), -1) / 255 - MEAN) / STD @ linear_weights(FER2013)
    logits[:, FER2013.index("neutral")] += np.log(94)
    right = (logits.argmax(axis=1) == np.array(labels)).mean()
    assert rule["accuracy"]["value"] == pytest.approx(right)
    assert rule["prior"] == {"name": "given", "strength": 1.0}
    assert "n = 8, prior given" in invoke(*arguments).stdout
    natural = invoke(*arguments[:-2], "--prior", "natural")
    assert "prior" not in natural.stdout


def test_a_photo_alone_is_changed_until_the_answer_is_another(
    tmp_path: Path, bundle: Path, astronaut_path: Path
) -> None:
    out = tmp_path / "out"
    asked = ("--picture", astronaut_path, "--detector", "blazeface", "--out", out)
    result = invoke(bundle, *asked)
    assert result.exit_code == 0, result.output
    assert [path.name for path in out.iterdir()] == ["failures.png"]
    assert "tiny, astronaut.png" in result.stdout and "covered from above" in result.stdout
    with Image.open(out / "failures.png") as sheet:
        assert sheet.format == "PNG" and sheet.width > sheet.height
    # The file says whose answers it shows, so that a bundle's card shows no other's.
    graph = json.loads((bundle / "config.json").read_text())["files"]["model.onnx"]["sha256"]
    check_picture((out / "failures.png").read_bytes(), graph)


def test_what_does_not_go_together_is_refused(
    tmp_path: Path, data: Path, bundle: Path, astronaut_path: Path
) -> None:
    wrong = {
        "nothing to do": (bundle,),
        "say where with --out": (bundle, "--picture", astronaut_path),
        "--json prints what faces": (bundle, "--picture", astronaut_path, "--json"),
    }
    for told, arguments in wrong.items():
        result = invoke(*arguments)
        assert result.exit_code == 2
        assert told in " ".join(result.output.split())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}")
    asked = ("--picture", astronaut_path, "--out", tmp_path / "out")
    refused = invoke(tmp_path / "run", *asked, "--data", data).exception
    assert isinstance(refused, ConfigError) and "is a run" in str(refused)


def test_place_that_cannot_be_written_is_told_before_the_work(
    tmp_path: Path, data: Path, bundle: Path
) -> None:
    (tmp_path / "file").write_text("")
    result = invoke(bundle, "--data", data, "--out", tmp_path / "file" / "out")
    assert isinstance(result.exception, DatasetError)
    assert "cannot make the folder" in str(result.exception)
