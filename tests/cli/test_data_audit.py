"""`mien data audit` from the command line to the page, and on to training with what it found."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from bundles import write_tiny_bundle
from mien.cli.main import app
from mien.core.errors import ConfigError, DatasetError, MienError, MissingExtraError
from mien.core.labels import FER2013
from mien.data import FaceDataset, write_csv
from mien.evaluation import audit as judging
from mislabelled import answers_for, make_mislabelled

RECIPE = """
name = "tiny"
seed = 5
[model]
name = "residual"
options = { widths = [4, 8], blocks = [1, 1] }
[input]
size = 24
[heads.fer2013]
target = "labels"
[loop]
epochs = 1
batch_size = 8
precision = "fp32"
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def faces(tmp_path: Path) -> tuple[FaceDataset, Any]:
    """60 training and 30 validation faces in faces/fer2013.csv, and their true classes."""
    data, true = make_mislabelled(60, n_validation=30, size=48)
    # Validation face 60 is training face 0 once more.
    data.images_gray[60] = data.images_gray[0]
    (tmp_path / "faces").mkdir()
    write_csv(data, tmp_path / "faces" / "fer2013.csv")
    (tmp_path / "tiny.toml").write_text(RECIPE)
    return data, true


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)])


def error_of(result: Result, kind: type[MienError]) -> str:
    assert isinstance(result.exception, kind), result.output
    return str(result.exception)


def write_answers(path: Path, data: FaceDataset, answers: Any) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", *(f"p_{label}" for label in FER2013.labels)])
        for source, row in zip(data.sources, answers.tolist(), strict=True):
            writer.writerow([source, *row])


def rows_of(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "audit.csv").read_text().splitlines()))


def test_folds_are_trained_judged_and_shown_and_training_takes_the_file(
    faces: tuple[FaceDataset, Any], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    asked = ("data", "audit", "faces", "--recipe", "tiny.toml", "--folds", 2, "--out", out)
    done = invoke(*asked)
    assert done.exit_code == 0, done.output
    assert "fer2013, train split, n = 60" in done.stdout
    assert "fold 1 of 2" in done.stderr and "epoch   1/1" in done.stderr
    assert f"mien train RECIPE --corrections {out / 'audit.csv'}" in done.stderr
    summary = json.loads((out / "audit.json").read_text())
    assert summary["answers"]["recipe"] == "tiny" and summary["answers"]["folds"] == 2
    rows = rows_of(out)
    assert {row["fold"] for row in rows} == {"1", "2"} and len(rows) == 60
    assert "Labels to look at" in (out / "audit.html").read_text()
    assert "holds folds already" in error_of(invoke(*asked), ConfigError)
    # Going on trains nothing more, and finds the same.
    again = invoke(*asked, "--resume", "--json")
    assert json.loads(again.stdout)["pairs"] == summary["pairs"]
    assert "epoch" not in again.stderr and rows_of(out) == rows

    trained = invoke(
        *("train", "tiny.toml", "--data", "faces", "--out", "run"),
        *("--corrections", out / "audit.csv"),
    )
    assert trained.exit_code == 0, trained.output
    counts = summary["suggestions"]
    assert f"{counts['drop']} training faces dropped" in trained.stderr
    info = json.loads((tmp_path / "run" / "run.json").read_text())
    assert info["data"]["corrections"]["relabelled"] == counts["relabel"]
    assert info["recipe"]["corrections"] == str(out / "audit.csv")


def test_a_model_judges_a_split_that_it_never_saw(
    faces: tuple[FaceDataset, Any], tmp_path: Path
) -> None:
    bundle = write_tiny_bundle(tmp_path, prior_strength=0.5)
    asked = ("data", "audit", "faces", "--run", bundle, "--out", "out", "--threads", 1)
    done = invoke(*asked)
    assert done.exit_code == 0, done.output
    summary = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert (summary["split"], summary["n"], summary["n_split"]) == ("validation", 29, 30)
    assert summary["left_out"] == {"unlabelled": 0, "also_in_training": 1}
    assert summary["answers"]["name"] == "tiny"
    assert summary["answers"]["prior"]["fer2013"].startswith("natural")
    assert "60" not in {row["source"] for row in rows_of(tmp_path / "out")}
    assert "--corrections" not in done.stderr
    refused = invoke(*asked, "--split", "train")
    assert "--run judges validation or test" in error_of(refused, ConfigError)
    # Nothing of a split that measures is ever changed.
    rows = rows_of(tmp_path / "out")
    assert any(row["suggestion"] != "keep" for row in rows)
    taken = invoke(
        *("train", "tiny.toml", "--data", "faces", "--out", "run"),
        *("--corrections", "out/audit.csv"),
    )
    assert "only faces of train may be corrected" in error_of(taken, DatasetError)


def test_a_file_of_predictions_judges_and_an_audit_is_such_a_file(
    faces: tuple[FaceDataset, Any], tmp_path: Path
) -> None:
    data, true = faces
    write_answers(tmp_path / "answers.csv", data, answers_for(true, sure=0.95))
    asked = ("data", "audit", "faces", "--predictions")
    done = invoke(*asked, "answers.csv", "--out", "out", "--relabel-from", 0.5)
    assert done.exit_code == 0, done.output
    rows = {int(row["source"]): row for row in rows_of(tmp_path / "out")}
    wrong = set(np.flatnonzero(data.class_ids[:60] != true[:60]).tolist())
    found = {source for source, row in rows.items() if row["suggestion"] != "keep"}
    assert len(wrong) == 6 and found <= wrong and len(found) >= 5
    for source in found:
        assert rows[source]["likely"] == FER2013.labels[true[source]]
    again = invoke(*asked, "out/audit.csv", "--out", "again", "--relabel-from", 0.5)
    assert again.exit_code == 0, again.output
    suggestions = {int(row["source"]): row["suggestion"] for row in rows_of(tmp_path / "again")}
    assert suggestions == {source: row["suggestion"] for source, row in rows.items()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "expected one of --recipe"),
        (("--recipe", "tiny.toml", "--run", "mien-s"), "expected one of --recipe"),
        (("--run", "mien-s", "--folds", 3), "belong to --recipe"),
        (("--predictions", "answers.csv", "--resume"), "belong to --recipe"),
        (("--recipe", "tiny.toml", "--split", "PublicTest"), "expected --split train"),
        (("--recipe", "other.toml"), "no recipe at other.toml"),
    ],
)
def test_choices_that_do_not_fit_are_wrong_use(
    faces: tuple[FaceDataset, Any], arguments: tuple[object, ...], message: str
) -> None:
    result = invoke("data", "audit", "faces", "--out", "out", *arguments)
    assert message in error_of(result, ConfigError)
    assert not Path("out").exists()


def test_mistakes_in_the_data_are_told_in_words(faces: tuple[FaceDataset, Any]) -> None:
    asked = ("data", "audit", "faces", "--out", "out")
    many = invoke(*asked, "--recipe", "tiny.toml", "--folds", 40)
    assert "different faces in the training split, fewer than the 40 folds" in error_of(
        many, DatasetError
    )
    empty = invoke(*asked, "--run", "mien-s", "--split", "test")
    assert "no face in split test" in error_of(empty, DatasetError)
    missing = invoke(*asked, "--predictions", "nowhere.csv")
    assert "cannot read nowhere.csv" in error_of(missing, DatasetError)


@pytest.mark.parametrize("module", ["mien.training.recipe", "mien.training.folds"])
def test_without_torch_the_extra_is_named(
    faces: tuple[FaceDataset, Any], monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, module, None)
    result = invoke("data", "audit", "faces", "--recipe", "tiny.toml", "--out", "out")
    assert "pip install 'mien[train]'" in error_of(result, MissingExtraError)


def test_without_cleanlab_nothing_is_trained(
    faces: tuple[FaceDataset, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(MissingExtraError, match="judging labels needs cleanlab"):
        judging.require_cleanlab()
    result = invoke("data", "audit", "faces", "--recipe", "tiny.toml", "--out", "out")
    error_of(result, MissingExtraError)
    assert not Path("out").exists()
