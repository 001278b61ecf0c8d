"""`mien predict` from its arguments to its files, by the command itself."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from mien.cli.main import app
from mien.cli.pictures import find_pictures
from mien.core.labels import FERPLUS
from tests.bundles import SIZE, write_tiny_bundle

Predict = Callable[..., Result]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "160")


@pytest.fixture
def predict(tiny_bundle: Path) -> Predict:
    def run(*arguments: object, stdin: bytes | None = None) -> Result:
        words = ["predict", *map(str, arguments), "--bundle", str(tiny_bundle)]
        return CliRunner().invoke(app, words, input=stdin)

    return run


@pytest.fixture
def photos(tmp_path: Path, astronaut_path: Path) -> Path:
    """A face, the same below another folder, a blank, a broken picture, and a text."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    shutil.copy(astronaut_path, folder / "a.png")
    shutil.copy(astronaut_path, folder / "more" / "a.png")
    cv2.imwrite(str(folder / "blank.jpg"), np.full((64, 64, 3), 200, np.uint8))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "notes.txt").write_text("no picture, and none by its name")
    return folder


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_one_photo_is_a_row_of_the_table(predict: Predict, astronaut_path: Path) -> None:
    done = predict(astronaut_path)
    assert done.exit_code == 0, done.output
    assert str(astronaut_path) in done.stdout
    assert any(label in done.stdout for label in FERPLUS.labels)
    assert "1 face in 1 picture" in done.stderr


def test_what_auto_chose_is_said_once_and_a_named_detector_plainly(
    predict: Predict, astronaut_path: Path
) -> None:
    chosen = predict(astronaut_path, astronaut_path.parent).stderr
    assert chosen.count("blazeface (chosen by auto") == 1
    named = predict(astronaut_path, "--detector", "haar").stderr
    assert "detector haar\n" in named
    assert "auto" not in named


def test_json_has_an_object_for_each_picture(predict: Predict, photos: Path) -> None:
    done = predict(photos, "--json")
    assert done.exit_code == 0
    frames = {Path(frame["source"]).name: frame for frame in json.loads(done.stdout)}
    assert set(frames) == {"a.png", "blank.jpg", "broken.jpg"}
    assert len(json.loads(done.stdout)) == 4
    assert frames["blank.jpg"]["faces"] == []
    assert frames["blank.jpg"]["error"] is None
    assert "not a picture" in frames["broken.jpg"]["error"]
    assert frames["a.png"]["detector"] == "blazeface"
    assert len(frames["a.png"]["faces"]) == 1


def test_csv_and_parquet_hold_the_same_rows(predict: Predict, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "faces.csv", tmp_path / "faces.parquet"
    assert predict(photos, "--csv", out[0], "--parquet", out[1]).exit_code == 0
    rows = rows_of(out[0].read_text())
    assert [Path(row["source"]).name for row in rows] == [
        "a.png",
        "blank.jpg",
        "broken.jpg",
        "a.png",
    ]
    assert [bool(row["error"]) for row in rows] == [False, False, True, False]
    assert [row["face_index"] for row in rows] == ["0", "", "", "0"]
    shares = [float(rows[0][f"p_{label}"]) for label in FERPLUS.labels]
    assert sum(shares) == pytest.approx(1, abs=0.001)
    assert rows[0]["dominant"] == FERPLUS.labels[int(np.argmax(shares))]
    table = pq.read_table(out[1])
    assert table.column_names == list(rows[0])
    for row, record in zip(rows, table.to_pylist(), strict=True):
        for name, value in record.items():
            expected: Any = row[name] or None
            if isinstance(value, float):
                expected = pytest.approx(float(expected))
            assert (str(value) if isinstance(value, int) else value) == expected


def test_csv_can_be_printed(predict: Predict, astronaut_path: Path) -> None:
    done = predict(astronaut_path, "--csv", "-")
    assert len(rows_of(done.stdout)) == 1
    assert predict(astronaut_path, "--csv", "-", "--json").exit_code == 2


def test_annotated_pictures_keep_names_and_folders(
    predict: Predict, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert predict(photos, "--annotate", out).exit_code == 0
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*.*"))
    assert written == ["a.png", "blank.jpg", "more/a.png"]
    drawn, plain = cv2.imread(str(out / "a.png")), cv2.imread(str(photos / "a.png"))
    assert drawn is not None and plain is not None
    assert drawn.shape[1] > plain.shape[1]


def test_annotating_never_writes_over_the_pictures(predict: Predict, photos: Path) -> None:
    before = (photos / "a.png").read_bytes()
    done = predict(photos, "--annotate", photos)
    assert done.exit_code == 1
    assert "written over the picture itself" in str(done.exception)
    assert (photos / "a.png").read_bytes() == before


def test_crops_are_what_the_model_saw(predict: Predict, photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "crops"
    assert predict(photos, "--crops", out).exit_code == 0
    written = sorted(str(path.relative_to(out)) for path in out.rglob("*.png"))
    assert written == ["a.png.face1.png", "more/a.png.face1.png"]
    crop = cv2.imread(str(out / "a.png.face1.png"), cv2.IMREAD_UNCHANGED)
    assert crop is not None and crop.shape == (SIZE, SIZE)


def test_a_picture_can_come_by_standard_input(
    predict: Predict, astronaut_path: Path, tmp_path: Path
) -> None:
    done = predict("-", "--json", "--crops", tmp_path, stdin=astronaut_path.read_bytes())
    (frame,) = json.loads(done.stdout)
    assert frame["source"] == "-"
    assert len(frame["faces"]) == 1
    assert (tmp_path / "stdin.png.face1.png").is_file()


def test_it_fails_only_if_no_picture_could_be_read(
    predict: Predict, photos: Path, tmp_path: Path
) -> None:
    assert predict(photos / "broken.jpg", photos / "blank.jpg").exit_code == 0
    nothing = predict(photos / "broken.jpg", tmp_path / "none.jpg")
    assert nothing.exit_code == 1
    assert "2 could not be read" in nothing.stderr
    assert "No such file" in nothing.stdout


def test_detector_options_reach_the_detector(predict: Predict, astronaut_path: Path) -> None:
    assert "no face" in predict(astronaut_path, "--min-face", 300).stdout
    assert "no face" in predict(astronaut_path, "--threshold", 0.99).stdout
    full = json.loads(predict(astronaut_path, "--detector", "full", "--json").stdout)
    assert full[0]["faces"][0]["box"] == {"x1": 0, "y1": 0, "x2": 512, "y2": 512}
    fer = predict(astronaut_path, "--label-set", "fer2013", "--json").stdout
    assert len(json.loads(fer)[0]["faces"][0]["expression"]["probabilities"]) == 7


def test_a_threshold_that_is_no_share_is_wrong_use_for_every_detector(
    predict: Predict, astronaut_path: Path
) -> None:
    for detector in ("full", "haar"):
        done = predict(astronaut_path, "--detector", detector, "--threshold", "2")
        assert done.exit_code == 2


def test_a_wrong_detector_is_an_error_before_anything_is_read(
    predict: Predict, tmp_path: Path
) -> None:
    done = predict(tmp_path / "none.jpg", "--detector", "yunet")
    assert done.exit_code == 1
    assert "mien models fetch yunet" in str(done.exception)


def test_folders_globs_and_files_are_each_picture_once(photos: Path, tmp_path: Path) -> None:
    arguments = [str(photos), str(photos / "a.png"), f"{photos}/**/*.png", f"{tmp_path}/*.gif"]
    found = find_pictures(arguments)
    names = [Path(picture.name).relative_to(tmp_path).as_posix() for picture in found]
    assert names == [
        "photos/a.png",
        "photos/blank.jpg",
        "photos/broken.jpg",
        "photos/more/a.png",
        "*.gif",
    ]


def test_a_name_with_signs_of_a_pattern_is_a_file_where_there_is_one(tmp_path: Path) -> None:
    odd = tmp_path / "face[1].png"
    odd.write_bytes(b"")
    (found,) = find_pictures([str(odd)])
    assert found.data == odd


def test_pictures_of_one_name_get_outputs_of_their_own(photos: Path) -> None:
    found = find_pictures([str(photos / "a.png"), str(photos / "more" / "a.png")])
    assert [str(picture.relative) for picture in found] == ["a.png", "a-2.png"]


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("empty", "no pictures in this folder or below"),
        ("no*.png", "no file matches this pattern"),
        ("a**b/*.png", "no file matches this pattern"),
        ("none.png", "No such file"),
        ("~nobody-has-this-name.png", "No such file"),
        ("x" * 300 + ".png", "File name too long"),
    ],
)
def test_what_stands_for_no_picture_is_a_row_that_says_why(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, argument: str, words: str
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    done = predict(argument, "--json")
    assert done.exit_code == 1
    (row,) = json.loads(done.stdout)
    assert row["source"] == argument
    assert words in row["error"]


def test_names_with_a_tilde_spaces_and_emoji_are_read(
    predict: Predict, tmp_path: Path, astronaut_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = ["~photo.png", "a face \U0001f600.png"]
    for name in names:
        shutil.copy(astronaut_path, name)
    done = predict(*names, "--detector", "full", "--json")
    assert [row["source"] for row in json.loads(done.stdout)] == names


@pytest.mark.skipif(sys.platform != "linux", reason="names are text on this system")
def test_a_name_that_is_no_text_can_be_written_to_every_output(
    predict: Predict, tmp_path: Path, astronaut_path: Path
) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    shutil.copy(astronaut_path, os.fsencode(folder) + b"/bad\xff.png")
    table, parquet, out = tmp_path / "t.csv", tmp_path / "t.parquet", tmp_path / "out"
    done = predict(
        folder, "--detector", "full", "--json", "--csv", table, "--parquet", parquet,
        "--annotate", out, "--crops", out,
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    name = f"{folder}/bad\\xff.png"
    assert json.loads(done.stdout)[0]["source"] == name
    assert rows_of(table.read_text())[0]["source"] == name
    assert pq.read_table(parquet)["source"].to_pylist() == [name]
    assert len(list(out.iterdir())) == 2


def test_an_encoding_without_emoji_does_not_end_the_work(
    tiny_bundle: Path, tmp_path: Path, astronaut_path: Path
) -> None:
    photo = tmp_path / "face \U0001f600.png"
    shutil.copy(astronaut_path, photo)
    program = [sys.executable, "-c", "from mien.cli.main import run; run()", "predict", str(photo)]
    program += ["--bundle", str(tiny_bundle), "--detector", "full"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    for form in ([], ["--json"], ["--csv", "-"]):
        done = subprocess.run([*program, *form], capture_output=True, env=environment, timeout=120)
        assert done.returncode == 0, done.stderr
        if "--json" in form:
            assert json.loads(done.stdout)[0]["source"] == str(photo)


def test_a_narrow_terminal_still_shows_whole_paths(
    predict: Predict, tmp_path: Path, astronaut_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.chdir(tmp_path)
    name = "a-folder-with-a-long-name_and_a_picture-of-somebody.png"
    shutil.copy(astronaut_path, name)
    lines = predict(name, "--detector", "full").stdout.splitlines()
    width = lines[1].index("face")
    assert name in "".join(line[:width].strip() for line in lines)


def test_a_long_table_says_what_it_leaves_out(
    predict: Predict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.cli.predict.TABLE_ROWS", 3)
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.zeros((8, 8), np.uint8))
    done = predict(tmp_path)
    assert "2 rows more" in done.stdout
    assert "0 faces in 5 pictures" in done.stderr
