"""Training with corrections is training on the corrected faces, and the run says so."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from mien.core.errors import ConfigError, DatasetError
from mien.core.labels import FER2013
from mien.data import SPLITS, FaceDataset
from mien.data.duplicates import face_fingerprints
from mien.training.recipe import parse_recipe
from mien.training.run import load_run_model
from mien.training.train import train


def write_corrections(path: Path, faces: FaceDataset, suggestions: dict[int, str]) -> Path:
    """Rows for some places of the dataset; relabelling gives the next class."""
    fingerprints = face_fingerprints(faces)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source", "split", "face", "given", "likely", "suggestion"])
        for place, suggestion in suggestions.items():
            given = int(faces.class_ids[place])
            names = FER2013.labels[given], FER2013.labels[(given + 1) % 7]
            split = SPLITS[faces.splits[place]]
            writer.writerow([faces.sources[place], split, fingerprints[place], *names, suggestion])
    return path


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_run_model(run, checkpoint="last")[0].state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


# Every third face is of train: places 0, 3, 6, ...
CHANGES = {0: "drop", 3: "relabel", 6: "keep", 9: "relabel", 1: "keep"}


def test_the_model_is_that_of_faces_that_were_corrected_by_hand(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 1
    path = write_corrections(tmp_path / "audit.csv", faces, CHANGES)
    shown = StringIO()
    train(
        parse_recipe({**recipe_values, "corrections": str(path)}),
        faces,
        tmp_path / "corrected",
        console=Console(file=shown, width=200),
    )
    by_hand = faces.class_ids.copy()
    by_hand[[3, 9]] = (by_hand[[3, 9]] + 1) % 7
    edited = FaceDataset(**{**vars(faces), "class_ids": by_hand}).subset(np.arange(len(faces)) != 0)
    quiet = Console(file=StringIO())
    train(parse_recipe(recipe_values), edited, tmp_path / "by hand", console=quiet)
    train(parse_recipe(recipe_values), faces, tmp_path / "as it is", console=quiet)
    assert same(weights(tmp_path / "corrected"), weights(tmp_path / "by hand"))
    assert not same(weights(tmp_path / "corrected"), weights(tmp_path / "as it is"))
    told = "audit.csv: 1 training faces dropped, 2 relabelled"
    assert told in shown.getvalue()
    data = json.loads((tmp_path / "corrected" / "run.json").read_text())["data"]
    assert (data["corrections"]["dropped"], data["corrections"]["relabelled"]) == (1, 2)
    assert data["faces"] == {"train": 79, "validation": 80}
    assert "corrections" not in json.loads((tmp_path / "as it is" / "run.json").read_text())["data"]


def test_a_recipe_without_labels_is_told_that_relabelling_is_in_vain(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 1
    del recipe_values["heads"]["fer2013"]
    path = write_corrections(tmp_path / "audit.csv", faces, CHANGES)
    recipe, shown = parse_recipe({**recipe_values, "corrections": str(path)}), StringIO()
    train(recipe, faces, tmp_path / "run", console=Console(file=shown, width=200))
    assert "no head here learns labels, so only drops count" in shown.getvalue()


def test_a_run_goes_on_with_the_corrections_it_began_with_and_no_others(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    quiet, run = Console(file=StringIO()), tmp_path / "run"
    recipe_values["loop"]["epochs"] = 2
    path = write_corrections(tmp_path / "audit.csv", faces, CHANGES)
    recipe = parse_recipe({**recipe_values, "corrections": str(path)})
    train(recipe, faces, run, console=quiet, max_epochs_now=1)
    write_corrections(path, faces, {**CHANGES, 12: "drop"})
    with pytest.raises(ConfigError, match="has changed since this run was started"):
        train(recipe, faces, run, console=quiet, resume=True)
    write_corrections(path, faces, CHANGES)
    assert train(recipe, faces, run, console=quiet, resume=True)["epochs_done"] == 2


def test_validation_faces_and_other_data_are_refused_before_anything_is_learned(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    quiet = Console(file=StringIO())
    path = write_corrections(tmp_path / "audit.csv", faces, {1: "drop"})
    recipe = parse_recipe({**recipe_values, "corrections": str(path)})
    with pytest.raises(DatasetError, match="only faces of train may be corrected"):
        train(recipe, faces, tmp_path / "run", console=quiet)
    write_corrections(path, faces, {0: "drop"})
    with pytest.raises(DatasetError, match="does not fit bars"):
        train(recipe, faces.subset(slice(3, None)), tmp_path / "run", console=quiet)
    assert not (tmp_path / "run" / "run.json").exists()
