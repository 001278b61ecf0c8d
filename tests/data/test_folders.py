from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from fer2013_files import make_faces, write_votes
from mien.core.errors import DatasetError
from mien.core.labels import FER2013, FERPLUS
from mien.data import SPLITS, open_dataset


def save_face(path: Path, seed: int = 0, *, size: int = 48) -> np.ndarray:
    path.parent.mkdir(parents=True, exist_ok=True)
    face = make_faces(1, seed=seed, size=size)[0]
    Image.fromarray(face).save(path)
    return face


def by_source(folder: Path, **options: object) -> dict[str, tuple[str, int]]:
    """Path below the folder -> (split, class id)."""
    dataset = open_dataset(folder, **options)  # type: ignore[arg-type]
    return {
        str(Path(str(source)).relative_to(folder)): (SPLITS[split], class_id)
        for source, split, class_id in zip(
            dataset.sources, dataset.splits.tolist(), dataset.class_ids.tolist(), strict=True
        )
    }


def test_split_and_class_come_from_the_folders_in_any_usual_spelling(tmp_path: Path) -> None:
    expected = {
        "Training/Angry/a.png": ("train", 0),
        "Training/6/b.png": ("train", 6),
        "val/happiness/c.png": ("validation", 3),
        "test/SAD/d.png": ("test", 4),
        "test/surprised/subject 1/e.png": ("test", 5),
        "test/unlabelled/f.png": ("test", -1),
    }
    for seed, name in enumerate(expected):
        save_face(tmp_path / name, seed)
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "test/SAD/.hidden.png").write_text("")
    (tmp_path / "__MACOSX/train/sad").mkdir(parents=True)
    assert by_source(tmp_path, strict=True) == expected


def test_pixels_of_a_gray_picture_of_the_right_size_are_kept(tmp_path: Path) -> None:
    face = save_face(tmp_path / "train/fear/a.png")
    dataset = open_dataset(tmp_path)
    np.testing.assert_array_equal(dataset.images_gray, face[None])
    assert dataset.label_set is FER2013


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp", "tiff", "gif", "pgm"])
def test_every_picture_format_is_read(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "train/fear").mkdir(parents=True)
    smooth = np.add.outer(np.arange(48), np.arange(48)).astype(np.uint8) * 2
    Image.fromarray(smooth).save(tmp_path / f"train/fear/a.{suffix}")
    got = open_dataset(tmp_path).images_gray[0].astype(int)
    assert np.abs(got - smooth).max() <= 8


def test_colour_pictures_become_gray_luma(tmp_path: Path) -> None:
    (tmp_path / "train/sad").mkdir(parents=True)
    Image.new("RGB", (48, 48), (200, 100, 50)).save(tmp_path / "train/sad/a.png")
    # ITU-R BT.601: 0.299 R + 0.587 G + 0.114 B
    expected = round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)
    assert set(open_dataset(tmp_path).images_gray.ravel().tolist()) == {expected}


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    (tmp_path / "train/sad").mkdir(parents=True)
    stored = np.zeros((48, 48), np.uint8)
    stored[:12] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the stored top is the right side
    Image.fromarray(stored).save(tmp_path / "train/sad/a.jpg", exif=exif, quality=95)
    shown = open_dataset(tmp_path).images_gray[0]
    assert shown[:, 40:].mean() > 240
    assert shown[:, :32].mean() < 15


def test_large_pictures_are_averaged_down(tmp_path: Path) -> None:
    save_face(tmp_path / "train/sad/a.png")
    large = make_faces(1, seed=3, size=96)[0]
    Image.fromarray(large).save(tmp_path / "train/sad/a.png")
    expected = large.reshape(48, 2, 48, 2).astype(float).mean(axis=(1, 3))
    got = open_dataset(tmp_path).images_gray[0]
    assert np.abs(got - expected).max() <= 0.5 + 1e-9


def test_small_and_long_pictures_are_brought_to_the_size(tmp_path: Path) -> None:
    for name, shape in (("small", (20, 20)), ("wide", (30, 90)), ("one", (1, 1))):
        (tmp_path / "train/sad").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full(shape, 77, np.uint8)).save(tmp_path / f"train/sad/{name}.png")
    images = open_dataset(tmp_path, size=32).images_gray
    assert images.shape == (3, 32, 32)
    assert (images == 77).all()


def test_what_cannot_be_used_is_skipped_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_face(tmp_path / "train/sad/good.png")
    save_face(tmp_path / "train/bored/a.png")
    save_face(tmp_path / "extra/sad/a.png")
    (tmp_path / "train/sad/notes.txt").write_text("not a picture")
    (tmp_path / "train/sad/empty.png").write_bytes(b"")
    cut = cv2.imencode(".png", make_faces(1)[0])[1].tobytes()[:900]
    (tmp_path / "train/sad/cut.png").write_bytes(cut)
    dataset = open_dataset(tmp_path)
    assert list(dataset.sources) == [str(tmp_path / "train/sad/good.png")]
    found = {
        str(Path(str(p.source)).relative_to(tmp_path)): (p.kind, p.reason) for p in dataset.problems
    }
    assert {name: kind for name, (kind, _) in found.items()} == {
        "train/bored": "label",
        "extra": "split",
        "train/sad/notes.txt": "unreadable",
        "train/sad/empty.png": "unreadable",
        "train/sad/cut.png": "unreadable",
    }
    assert str(tmp_path) not in found["train/sad/cut.png"][1], "the path is said once"
    assert "5 files or folders skipped" in caplog.text


@pytest.mark.parametrize("bad", ["train/bored/a.png", "train/sad/a.txt"])
def test_strict_stops_at_what_cannot_be_used(tmp_path: Path, bad: str) -> None:
    save_face(tmp_path / "train/sad/good.png")
    (tmp_path / bad).parent.mkdir(exist_ok=True)
    (tmp_path / bad).write_text("nothing")
    with pytest.raises(DatasetError, match=bad.split("/")[1]):
        open_dataset(tmp_path, strict=True)


def test_rafdb_digits_are_refused(tmp_path: Path) -> None:
    for digit in range(1, 8):
        save_face(tmp_path / f"train/{digit}/a.png")
    with pytest.raises(DatasetError, match=r"0 anger, 1 disgust.* up to 7.*RAF-DB's 1\.\.7"):
        open_dataset(tmp_path)


def test_contempt_makes_the_label_set_ferplus(tmp_path: Path) -> None:
    save_face(tmp_path / "train/contempt/a.png", 1)
    save_face(tmp_path / "train/anger/b.png", 2)
    dataset = open_dataset(tmp_path)
    assert dataset.label_set is FERPLUS
    assert dataset.class_ids.tolist() == [FERPLUS.index("anger"), FERPLUS.index("contempt")]


def test_one_folder_is_split_by_class_and_seed(tmp_path: Path) -> None:
    for label, count in (("happy", 20), ("sad", 10)):
        for number in range(count):
            save_face(tmp_path / label / f"{number:02d}.png", number, size=4)
    first = by_source(tmp_path, size=4)
    assert first == by_source(tmp_path, size=4)
    assert first != by_source(tmp_path, size=4, seed=1)
    counts = {
        label: [sum(v == (split, FER2013.index(label)) for v in first.values()) for split in SPLITS]
        for label in ("happy", "sad")
    }
    assert counts == {"happy": [16, 2, 2], "sad": [8, 1, 1]}


def test_an_archive_folder_above_the_tree_is_stepped_into(tmp_path: Path) -> None:
    save_face(tmp_path / "archive/data/train/sad/a.png")
    assert by_source(tmp_path) == {"archive/data/train/sad/a.png": ("train", 4)}


def test_merged_test_folder_is_told_apart_by_names(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    save_face(tmp_path / "train/sad/Training_1.png", 0)
    save_face(tmp_path / "test/sad/PublicTest_2.png", 1)
    save_face(tmp_path / "test/sad/PrivateTest_3.png", 2)
    assert by_source(tmp_path) == {
        "train/sad/Training_1.png": ("train", 4),
        "test/sad/PublicTest_2.png": ("validation", 4),
        "test/sad/PrivateTest_3.png": ("test", 4),
    }
    assert "1 of its 2 pictures are PublicTest" in caplog.text


def test_merged_test_folder_without_names_is_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.data.folders._MERGED_TEST_COUNTS", (1, 2))
    for number, name in enumerate(["train/sad/1.png", "test/sad/2.png", "test/sad/3.png"]):
        save_face(tmp_path / name, number)
    (note,) = open_dataset(tmp_path).notes
    assert "msambare/fer2013" in note and "use fer2013.csv instead" in note
    save_face(tmp_path / "train/sad/4.png", 4)
    assert open_dataset(tmp_path).notes == ()


def test_votes_are_joined_by_name(tmp_path: Path) -> None:
    save_face(tmp_path / "train/sad/fer0000007.png", 0)
    save_face(tmp_path / "train/sad/other.png", 1)
    rows = [[row, 0, 0, 10 - row, *[0] * 6] for row in range(9)]
    names = [f"fer{row:07d}.png" if row != 7 else "" for row in range(9)]
    write_votes(tmp_path / "fer2013new.csv", rows, ["Training"] * 9, names)
    votes = open_dataset(tmp_path).votes
    assert votes is not None
    assert votes.tolist() == [rows[7], [0] * 10]


def test_votes_on_none_of_the_pictures_are_refused(tmp_path: Path) -> None:
    save_face(tmp_path / "train/sad/a.png")
    write_votes(tmp_path / "fer2013new.csv", [[10, *[0] * 9]], ["Training"])
    with pytest.raises(DatasetError, match="has no votes on these pictures"):
        open_dataset(tmp_path)


def test_folders_without_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"expected .*class folders.* got an empty folder"):
        open_dataset(tmp_path)
    save_face(tmp_path / "holiday.png")
    with pytest.raises(DatasetError, match=r"got holiday\.png"):
        open_dataset(tmp_path)
    (tmp_path / "sad").mkdir()
    (tmp_path / "sad/a.txt").write_text("x")
    with pytest.raises(DatasetError, match="no picture in its class folders can be read"):
        open_dataset(tmp_path)


def test_a_csv_of_file_names_does_not_hide_the_class_folders(tmp_path: Path) -> None:
    save_face(tmp_path / "train/sad/a.png")
    (tmp_path / "train.csv").write_text("image,label\na.png,5\n")
    assert len(open_dataset(tmp_path)) == 1


def test_progress_counts_the_pictures(tmp_path: Path) -> None:
    for number in range(4):
        save_face(tmp_path / f"train/sad/{number}.png", number)
    parts: list[float] = []
    open_dataset(tmp_path, progress=parts.append)
    assert parts == [0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize(
    ("sizes", "largest", "read_at"),
    [
        ((100, 120, 300), 64, 64),
        ((100, 120, 300), 224, 120),
        ((48, 48, 300), 64, 48),
        ((20, 30, 300), 64, 48),
        ((100, 120, 300), None, 48),
        ((100, 120, 300), 44, 48),
    ],
    ids=["larger", "between", "most are small", "tiny", "not asked for", "model takes less"],
)
def test_large_pictures_are_read_as_large_as_the_model_takes_them(
    tmp_path: Path, sizes: tuple[int, ...], largest: int | None, read_at: int
) -> None:
    for number, size in enumerate(sizes):
        save_face(tmp_path / f"train/fear/{number}.png", number, size=size)
    assert open_dataset(tmp_path, largest=largest).images_gray.shape[1:] == (read_at, read_at)


def test_pictures_that_cannot_be_opened_do_not_decide_the_size(tmp_path: Path) -> None:
    save_face(tmp_path / "train/fear/a.png", size=80)
    (tmp_path / "train/fear/b.png").write_bytes(b"no picture")
    dataset = open_dataset(tmp_path, largest=64)
    assert dataset.images_gray.shape == (1, 64, 64)
    assert [problem.source for problem in dataset.problems] == [str(tmp_path / "train/fear/b.png")]
