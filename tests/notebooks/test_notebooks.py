"""The notebooks run from top to bottom, and what is kept in them is what they show."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.core.labels import FER2013
from mien.data import SPLITS, FaceDataset, open_dataset

REPO = Path(__file__).resolve().parents[2]
FOLDER = REPO / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MOST_BYTES = 400_000
# What would tell whose machine it was, or that faces of a dataset are shown.
NOT_IN_THE_KEPT = ("/home/", "/Users/", "/work/", "/tmp/", "Traceback")


def run_python(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], cwd=FOLDER, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


def read(path: Path) -> dict[str, Any]:
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return notebook


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source_of(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def outputs_after(notebook: dict[str, Any], text: str) -> list[dict[str, Any]]:
    """The outputs of the one cell that has this text in it."""
    found = [cell for cell in code_cells(notebook) if text in source_of(cell)]
    assert len(found) == 1, f"{len(found)} cells have {text!r}"
    outputs: list[dict[str, Any]] = found[0]["outputs"]
    return outputs


def words(outputs: list[dict[str, Any]]) -> str:
    """What the outputs say as text and as HTML."""
    kinds = ("text/plain", "text/html")
    return "\n".join("".join(one.get("data", {}).get(k, "")) for one in outputs for k in kinds)


def pictures(outputs: list[dict[str, Any]]) -> int:
    kinds = ("image/png", "image/jpeg")
    return sum(any(kind in one.get("data", {}) for kind in kinds) for one in outputs)


@pytest.fixture(scope="module")
def drawn_faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "drawn-faces"
    run_python(FOLDER / "drawn_faces.py", folder, "--faces", 300, "--seed", 2)
    return folder


@pytest.fixture(scope="module")
def drawn(drawn_faces: Path) -> FaceDataset:
    return open_dataset(drawn_faces)


def test_drawn_faces_are_a_dataset_with_every_expression_in_every_split(
    drawn: FaceDataset,
) -> None:
    assert drawn.label_set is FER2013
    assert drawn.images_gray.shape[1:] == (48, 48)
    cells = set(zip(drawn.splits.tolist(), drawn.class_ids.tolist(), strict=True))
    assert cells == {(s, c) for s in range(len(SPLITS)) for c in range(len(FER2013))}
    assert len(np.unique(drawn.images_gray, axis=0)) == len(drawn)


def test_drawn_faces_are_the_same_for_the_same_seed(drawn: FaceDataset, tmp_path: Path) -> None:
    run_python(FOLDER / "drawn_faces.py", tmp_path / "again", "--faces", 300, "--seed", 2)
    assert np.array_equal(open_dataset(tmp_path / "again").images_gray, drawn.images_gray)


def test_drawn_faces_overwrite_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    command = [sys.executable, FOLDER / "drawn_faces.py", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is there already" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.slow
def test_from_data_to_model_trains_and_reads_a_face_with_what_it_trained(
    drawn_faces: Path, drawn: FaceDataset, tmp_path: Path
) -> None:
    out = tmp_path / "executed.ipynb"
    settings = {"DATA": str(drawn_faces), "OUT": str(tmp_path / "runs"), "EPOCHS": 3}
    given = [
        part
        for name, value in settings.items()
        for part in ("--set", f"{name}={json.dumps(value)}")
    ]
    run_python(FOLDER / "execute.py", "from-data-to-model.ipynb", "--out", out, *given)
    notebook = read(out)

    training = int((drawn.splits == 0).sum())
    counted = words(outputs_after(notebook, "counts = pd.DataFrame"))
    happy = int(((drawn.splits == 0) & (drawn.class_ids == 3)).sum())
    assert str(happy) in counted and training > happy
    # The curves are one picture, however often they were drawn, with a line for each epoch below.
    trained = outputs_after(notebook, "LiveCurves()]")
    assert pictures(trained[:1]) == 1 and pictures(trained) == 1
    told = json.dumps(trained)
    assert all(f"epoch   {number}/3" in told for number in (1, 2, 3))
    run = next((tmp_path / "runs").iterdir())
    report = json.loads((run / "report.json").read_text())
    assert report["epochs_done"] == 3
    accuracy = report["best"]["val/fer2013/accuracy"]
    assert f"{accuracy:.3f}" in words(outputs_after(notebook, 'report["best"]'))
    assert (run / "bundle" / "model.onnx").is_file()
    assert pictures(outputs_after(notebook, "draw_confusion(")) == 1
    photo = outputs_after(notebook, 'bundle=bundle, detector="blazeface"')
    assert "1 face (blazeface)" in words(photo)


@pytest.mark.slow
def test_reading_faces_reads_a_photo_a_group_and_a_folder(tmp_path: Path) -> None:
    out = tmp_path / "executed.ipynb"
    run_python(FOLDER / "execute.py", "reading-faces.ipynb", "--out", out)
    notebook = read(out)
    assert "1 face (blazeface)" in words(outputs_after(notebook, "result = mien.analyze("))
    for text in ("annotate(read_image", "probabilities.plot", "reader.explain(", "group.paste"):
        assert pictures(outputs_after(notebook, text)) == 1, text
    group = words(outputs_after(notebook, "read.observations()"))
    assert len(re.findall(r"^\d +\d ", group, re.MULTILINE)) == 6
    folder = words(outputs_after(notebook, "reader.analyze_many("))
    assert "no picture" in folder and "not a picture" in folder
    assert pictures(outputs_after(notebook, "shares.plot.barh(")) == 1
    assert "(uncertain)" in words(outputs_after(notebook, "reader.answering("))


@pytest.mark.slow
def test_reading_a_video_follows_people_and_draws_them(tmp_path: Path) -> None:
    out = tmp_path / "executed.ipynb"
    run_python(FOLDER / "execute.py", "reading-a-video.ipynb", "--out", out)
    notebook = read(out)
    assert pictures(outputs_after(notebook, "glance.paste(")) == 1
    # Who leaves for longer than a moment comes back under a new number.
    told = words(outputs_after(notebook, "told = mien.summary(results)"))
    assert re.findall(r"^\d +(\w+) ", told, re.MULTILINE) == ["everybody", "1", "2", "3"]
    assert "happiness" in told and "surprise" in told
    for text in ("timeline(", "stacked_area(", "heat_map(", "face_strip("):
        assert pictures(outputs_after(notebook, f"mien.plots.{text}")) == 1, text
    rows = words(outputs_after(notebook, "table.to_parquet("))
    assert "smoothed_dominant" in rows
    size = re.search(r"clip\.html: (\d+) kB", words(outputs_after(notebook, "write_video_page(")))
    assert size is not None and 50 < int(size[1]) < 400


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_was_made_by_the_cells_as_they_are(path: Path) -> None:
    notebook = read(path)
    cells = code_cells(notebook)
    sources = json.dumps([source_of(cell) for cell in cells]).encode()
    made_by = notebook["metadata"]["mien"]["sources_sha256"]
    assert made_by == hashlib.sha256(sources).hexdigest(), "run python notebooks/execute.py"
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert sum(pictures(cell["outputs"]) for cell in cells) >= 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_is_kept_is_small_and_may_be_shown(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) <= MOST_BYTES
    assert [word for word in NOT_IN_THE_KEPT if word in text] == []
    if "open_dataset(DATA)" in text:
        shown = words(outputs_after(read(path), "faces = open_dataset(DATA)"))
        assert "drawn-faces" in shown


def test_there_are_the_notebooks_that_the_docs_promise() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "from-data-to-model",
        "reading-a-video",
        "reading-faces",
    ]
