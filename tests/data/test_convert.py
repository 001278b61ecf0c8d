from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fer2013_files import csv_text, make_faces, usages_of, write_small_fer2013, write_votes
from mien.core.errors import DatasetError
from mien.core.labels import FER2013, FERPLUS
from mien.data import FaceDataset, is_csv_name, open_dataset, write_csv, write_folders
from mien.data.convert import row_numbers


def same(first: FaceDataset, second: FaceDataset) -> None:
    for name in ("images_gray", "splits", "class_ids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name), err_msg=name)
    if first.votes is None:
        assert second.votes is None
    else:
        np.testing.assert_array_equal(first.votes, second.votes)


@pytest.fixture
def with_votes(tmp_path: Path) -> FaceDataset:
    path = write_small_fer2013(tmp_path / "source")
    votes = np.random.default_rng(0).integers(0, 11, (21, 10)).tolist()
    write_votes(path.parent / "fer2013new.csv", votes, usages_of(path))
    return open_dataset(path.parent)


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zip"])
def test_csv_to_folders_and_back_loses_nothing(
    tmp_path: Path, with_votes: FaceDataset, suffix: str
) -> None:
    folder = write_folders(with_votes, tmp_path / "faces")
    back = write_csv(open_dataset(folder, strict=True), tmp_path / f"back/fer2013.csv{suffix}")
    same(with_votes, open_dataset(back.parent, strict=True))


def test_plain_csv_comes_back_byte_for_byte(tmp_path: Path, with_votes: FaceDataset) -> None:
    folder = write_folders(with_votes, tmp_path / "faces")
    write_csv(open_dataset(folder), tmp_path / "back/fer2013.csv")
    for name in ("fer2013.csv", "fer2013new.csv"):
        assert (tmp_path / "back" / name).read_bytes() == (tmp_path / "source" / name).read_bytes()


def test_folders_have_fer_plus_names_under_split_and_class(
    tmp_path: Path, with_votes: FaceDataset
) -> None:
    folder = write_folders(with_votes, tmp_path / "faces")
    assert (folder / "train/anger/fer0000000.png").is_file()
    assert (folder / "train/disgust/fer0000001.png").is_file()
    with Image.open(folder / "train/anger/fer0000007.png") as picture:
        assert picture.mode == "L"
        np.testing.assert_array_equal(np.asarray(picture), with_votes.images_gray[7])
    assert not list(tmp_path.glob(".faces*")), "nothing half-written is left"


def test_unlabelled_faces_and_gaps_in_the_rows_survive(tmp_path: Path) -> None:
    path = tmp_path / "fer2013.csv"
    usages = ["Training", "PublicTest", "PrivateTest", "Training"]
    lines = csv_text(make_faces(4), ["", 2, "", 6], usages).splitlines()
    path.write_text("\n".join([*lines[:2], "9,1,Training", *lines[2:]]))
    first = open_dataset(path)
    folder = write_folders(first, tmp_path / "faces")
    assert (folder / "train/unlabelled/fer0000000.png").is_file()
    assert (folder / "train/neutral/fer0000004.png").is_file()
    back = open_dataset(write_csv(open_dataset(folder), tmp_path / "back.csv"), strict=True)
    same(first, back)


def test_votes_follow_their_faces_when_rows_are_counted_afresh(
    tmp_path: Path, with_votes: FaceDataset
) -> None:
    part = with_votes.subset([20, 3, 11])
    write_csv(part, tmp_path / "part/fer2013.csv")
    back = open_dataset(tmp_path / "part", strict=True)
    same(part.subset([1, 2, 0]), back)
    folder = write_folders(part, tmp_path / "faces")
    write_csv(open_dataset(folder), tmp_path / "again/fer2013.csv")
    same(part.subset([1, 2, 0]), open_dataset(tmp_path / "again"))


def test_a_label_that_fer2013_lacks_is_refused_and_nothing_written(tmp_path: Path) -> None:
    dataset = FaceDataset(
        "made",
        make_faces(2),
        np.zeros(2, np.int8),
        np.array([FERPLUS.index("contempt"), FERPLUS.index("fear")]),
        FERPLUS,
        None,
        ("a.png", "b.png"),
    )
    with pytest.raises(DatasetError, match="no label contempt, and 1 faces have it"):
        write_csv(dataset, tmp_path / "out.csv")
    assert not list(tmp_path.glob("*.csv"))
    write_csv(dataset.subset([1]), tmp_path / "out.csv")
    assert open_dataset(tmp_path / "out.csv").class_ids.tolist() == [FER2013.index("fear")]


def test_an_existing_folder_is_never_overwritten(tmp_path: Path, with_votes: FaceDataset) -> None:
    (tmp_path / "faces").mkdir()
    write_folders(with_votes, tmp_path / "faces")
    with pytest.raises(DatasetError, match="there already and not empty"):
        write_folders(with_votes, tmp_path / "faces")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DatasetError, match="there already"):
        write_folders(with_votes, tmp_path / "file")


def test_votes_that_lie_beside_are_kept_if_the_same_and_never_replaced(
    tmp_path: Path, with_votes: FaceDataset
) -> None:
    votes = tmp_path / "source/fer2013new.csv"
    # Spelled otherwise than mien does, as Microsoft's file is, so that a rewrite would show.
    votes.write_text(votes.read_text().replace("\n", "\r\n"), newline="")
    before = votes.read_bytes()
    write_csv(with_votes, tmp_path / "source/copy.csv")
    assert votes.read_bytes() == before
    part = with_votes.select_split("train")
    with pytest.raises(DatasetError, match="other votes"):
        write_csv(part, tmp_path / "source/part.csv")
    assert votes.read_bytes() == before
    assert not (tmp_path / "source/part.csv").exists()


def test_ctrl_c_leaves_the_former_file_and_no_half_folder(
    tmp_path: Path, with_votes: FaceDataset
) -> None:
    def interrupt(part: float) -> None:
        raise KeyboardInterrupt

    target = tmp_path / "out.csv"
    target.write_text("former")
    with pytest.raises(KeyboardInterrupt):
        write_csv(with_votes, target, progress=interrupt)
    assert target.read_text() == "former"
    with pytest.raises(KeyboardInterrupt):
        write_folders(with_votes, tmp_path / "faces", progress=interrupt)
    assert {p.name for p in tmp_path.iterdir()} == {"source", "cache", "out.csv"}


def test_what_cannot_be_written_is_said(tmp_path: Path, with_votes: FaceDataset) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match="cannot write"):
        write_csv(with_votes, tmp_path / "file/out.csv")
    with pytest.raises(DatasetError, match="cannot write"):
        write_folders(with_votes, tmp_path / "file/faces")
    with pytest.raises(DatasetError, match=r"expected a name ending in \.csv"):
        write_csv(with_votes, tmp_path / "out.parquet")


def test_numbers_come_from_names_only_if_all_have_one() -> None:
    base = FaceDataset(
        "made",
        make_faces(3, size=2),
        np.zeros(3, np.int8),
        np.zeros(3, np.int64),
        FER2013,
        None,
        ("x/fer0000009.png", "y/3.png", "y/im_04.png"),
    )
    assert row_numbers(base).tolist() == [9, 3, 4]
    for sources in (("a9.png", "b9.png", "c1.png"), ("a1.png", "b.png", "c2.png")):
        changed = FaceDataset(
            "made", base.images_gray, base.splits, base.class_ids, FER2013, None, sources
        )
        assert row_numbers(changed).tolist() == [0, 1, 2]


def test_csv_names_are_told_by_suffix() -> None:
    assert all(map(is_csv_name, ["a.csv", "b.CSV", "c.csv.xz", "d.csv.gz", "e.csv.zip"]))
    assert not any(map(is_csv_name, ["faces", "a.csv/", "b.zip", "c.xz"]))
