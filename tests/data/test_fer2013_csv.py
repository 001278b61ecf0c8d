from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fer2013_files import (
    csv_text,
    make_faces,
    pixel_text,
    usages_of,
    write_packed,
    write_small_fer2013,
    write_votes,
)
from mien.core.errors import DatasetError
from mien.core.labels import FER2013
from mien.data import SPLITS, open_dataset, read_fer2013
from mien.data.csv_rows import parse_pixels

FACES = make_faces(4)
EMOTIONS = [0, 6, 3, 1]
USAGES = ["Training", "PublicTest", "PrivateTest", "Training"]
TEXT = csv_text(FACES, EMOTIONS, USAGES)


@pytest.mark.parametrize(
    "name",
    ["fer2013.csv", "fer2013.csv.xz", "fer2013.csv.gz", "fer2013.csv.zip", "fer2013.tar.gz"],
)
@pytest.mark.parametrize("open_the_folder", [False, True])
def test_every_packing_gives_the_same_faces(
    tmp_path: Path, name: str, open_the_folder: bool
) -> None:
    path = write_packed(tmp_path / name, TEXT)
    dataset = open_dataset(tmp_path if open_the_folder else path)
    np.testing.assert_array_equal(dataset.images_gray, FACES)
    assert dataset.class_ids.tolist() == EMOTIONS
    assert [SPLITS[i] for i in dataset.splits] == ["train", "validation", "test", "train"]
    assert dataset.label_set is FER2013
    assert list(dataset.sources) == [0, 1, 2, 3]
    assert dataset.name == "fer2013"
    assert dataset.problems == () and dataset.notes == ()


def test_packing_is_told_by_the_bytes_not_by_the_name(tmp_path: Path) -> None:
    packed = write_packed(tmp_path / "fer2013.csv.xz", TEXT)
    misnamed = packed.rename(tmp_path / "download.csv")
    np.testing.assert_array_equal(open_dataset(misnamed).images_gray, FACES)


@pytest.mark.parametrize(
    "text",
    [
        csv_text(FACES, EMOTIONS, USAGES, header="emotion, Usage, pixels"),
        "\ufeff" + TEXT,
        TEXT.replace("\n", "\r\n"),
        TEXT.replace("\n", "\n\n"),
        TEXT.rstrip("\n"),
        "\n".join('"' + line.replace(",", '","') + '"' for line in TEXT.splitlines()),
        TEXT.replace(" ", "  "),
        TEXT.replace("\n6,", "\nneutral,").replace("\n3,", "\nHappy,"),
        TEXT.replace("Training", "train").replace("PublicTest", "val"),
    ],
    ids=["icml", "bom", "crlf", "blank", "cut", "quoted", "spaced", "names", "splits"],
)
def test_spellings_of_the_csv_give_the_same_faces(tmp_path: Path, text: str) -> None:
    path = tmp_path / "icml_face_data.csv"
    path.write_bytes(text.encode())
    dataset = open_dataset(path, strict=True)
    np.testing.assert_array_equal(dataset.images_gray, FACES)
    assert dataset.class_ids.tolist() == EMOTIONS
    assert dataset.splits.tolist() == [0, 1, 2, 0]


def test_competition_train_csv_is_all_train(tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text(csv_text(FACES, EMOTIONS, USAGES, header="emotion,pixels"))
    dataset = open_dataset(path)
    assert dataset.class_ids.tolist() == EMOTIONS
    assert dataset.splits.tolist() == [0, 0, 0, 0]


def test_competition_test_csv_is_unlabelled_and_test(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text(csv_text(FACES, EMOTIONS, USAGES, header="pixels"))
    dataset = open_dataset(path)
    assert dataset.class_ids.tolist() == [-1] * 4
    assert dataset.splits.tolist() == [2] * 4


def test_empty_emotion_is_unlabelled(tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text(csv_text(FACES, ["", 6, "", 1], USAGES))
    assert open_dataset(path, strict=True).class_ids.tolist() == [-1, 6, -1, 1]


def test_other_sizes_are_read_when_asked_for(tmp_path: Path) -> None:
    faces = make_faces(3, size=5)
    path = tmp_path / "small.csv"
    path.write_text(csv_text(faces, [0, 1, 2], USAGES[:3]))
    np.testing.assert_array_equal(open_dataset(path, size=5).images_gray, faces)
    with pytest.raises(DatasetError, match="expected 2304 pixels, got 25"):
        open_dataset(path)


GOOD = pixel_text(FACES[0])
BAD_ROWS = [
    ("0," + " ".join(["7"] * 2303) + ",Training", "pixel_count", "expected 2304 pixels, got 2303"),
    ("0," + " ".join(["7"] * 2305) + ",Training", "pixel_count", "got 2305"),
    ("0,,Training", "pixel_count", "got 0"),
    (f"0,256{GOOD[1:]},Training", "pixel_value", "got '256' as pixel 0|0..255, got 256"),
    (f"0,1234{GOOD[1:]},Training", "pixel_value", "'1234'"),
    (f"0,-1{GOOD[1:]},Training", "pixel_value", "'-1'"),
    (f"0,1.5{GOOD[1:]},Training", "pixel_value", "'1.5'"),
    (f"0,x{GOOD[1:]},Training", "pixel_value", "'x'"),
    (f"0,{'9' * 5000} {GOOD},Training", "pixel_value", r"got '9{20}\.\.\.' as pixel 0"),
    (f"0,²{GOOD[1:]},Training", "pixel_value", "²"),
    (f"7,{GOOD},Training", "label", "0..6 or its name, got '7'"),
    (f"-1,{GOOD},Training", "label", "'-1'"),
    (f"{'1' * 5000},{GOOD},Training", "label", r"got '1{20}\.\.\.'$"),
    (f"{GOOD},0,Training", "label", r"got '[\d ]{20}\.\.\.'$"),
    (f"bored,{GOOD},Training", "label", "'bored'"),
    (f"contempt,{GOOD},Training", "label", "'contempt'"),
    (f"0,{GOOD},Holiday", "split", "unknown split 'Holiday'"),
    (f"0,{GOOD}", "columns", "expected 3 columns, got 2"),
    (f"0,{GOOD},Training,more", "columns", "expected 3 columns, got 4"),
]


@pytest.mark.parametrize(("row", "kind", "reason"), BAD_ROWS)
def test_a_bad_row_is_skipped_and_said(
    tmp_path: Path, row: str, kind: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    lines = TEXT.splitlines()
    path = tmp_path / "bad.csv"
    path.write_text("\n".join([*lines[:3], row, *lines[3:]]) + "\n", encoding="utf-8")
    dataset = open_dataset(path)
    np.testing.assert_array_equal(dataset.images_gray, FACES)
    # Rows keep their numbers in the file, so that other files can be joined to them.
    assert list(dataset.sources) == [0, 1, 3, 4]
    (problem,) = dataset.problems
    assert (problem.source, problem.kind) == (2, kind)
    with pytest.raises(DatasetError, match=reason):
        open_dataset(path, strict=True)
    assert "1 of 5 rows skipped" in dataset.notes[0]
    assert "1 of 5 rows skipped; the first: row 2:" in caplog.text


def test_strict_names_the_row_also_from_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(TEXT + "9,1,Training\n")
    for _ in range(2):
        with pytest.raises(DatasetError, match="row 4: expected an emotion"):
            open_dataset(path, strict=True)


def test_votes_stay_with_their_rows_when_a_row_is_skipped(tmp_path: Path) -> None:
    lines = TEXT.splitlines()
    lines.insert(2, f"9,{GOOD},Training")
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n")
    votes = [[row, 10 - row, *[0] * 8] for row in range(5)]
    write_votes(tmp_path / "fer2013new.csv", votes, [USAGES[0], "Training", *USAGES[1:]])
    dataset = open_dataset(tmp_path)
    assert dataset.votes is not None
    assert dataset.votes[:, 0].tolist() == [0, 2, 3, 4]
    assert list(dataset.sources) == [0, 2, 3, 4]


def test_votes_on_other_rows_are_refused_when_named_and_left_out_when_found(
    tmp_path: Path,
) -> None:
    path = write_small_fer2013(tmp_path)
    short = write_votes(tmp_path / "fer2013new.csv", [[10, *[0] * 9]] * 3, USAGES[:3])
    with pytest.raises(DatasetError, match=r"fer2013 has 21 rows, .* has 3"):
        open_dataset(path, votes=short)
    dataset = open_dataset(path)
    assert dataset.votes is None
    assert "opened without FER+ votes" in dataset.notes[0]


def test_votes_of_another_usage_are_refused(tmp_path: Path) -> None:
    path = write_small_fer2013(tmp_path)
    usages = usages_of(path)
    usages[5] = "PrivateTest"
    votes = write_votes(tmp_path / "votes.csv", [[10, *[0] * 9]] * 21, usages)
    with pytest.raises(DatasetError, match="1 rows are of another Usage, the first is row 5"):
        open_dataset(path, votes=votes)


def test_what_is_no_dataset_is_refused_with_a_reason(tmp_path: Path) -> None:
    # Bit 0 of the flags, in the file's header and in the directory, says encrypted.
    locked = bytearray(write_packed(tmp_path / "b.csv.zip", TEXT).read_bytes())
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    cases = {
        "empty.csv": (b"", "is empty"),
        "locked.zip": (locked, "cannot unpack .* password required"),
        "names.csv": (b"a,b\n1,2\n", "columns emotion, pixels"),
        "headless.csv": (f"0,{GOOD},Training\n".encode(), "columns emotion, pixels"),
        "only_header.csv": (b"emotion,pixels,Usage\n", "none of its 0 rows"),
        "all_bad.csv": (b"emotion,pixels,Usage\n0,1 2,Training\n", "none of its 1 rows"),
        "cut.csv.xz": (write_packed(tmp_path / "a.xz", TEXT).read_bytes()[:-400], "damaged"),
        "cut.csv.gz": (write_packed(tmp_path / "a.gz", TEXT).read_bytes()[:-400], "damaged"),
        "cut.csv.zip": (write_packed(tmp_path / "a.zip", TEXT).read_bytes()[:-40], "damaged"),
        "cut.tar.gz": (write_packed(tmp_path / "a.tar.gz", TEXT).read_bytes()[:900], "damaged"),
        "utf16.csv": (TEXT.encode("utf-16"), "columns emotion, pixels"),
    }
    for name, (content, reason) in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DatasetError, match=reason):
            open_dataset(tmp_path / name)
    with pytest.raises(DatasetError, match="no file or folder"):
        open_dataset(tmp_path / "missing.csv")
    with pytest.raises(DatasetError, match="no file"):
        read_fer2013(tmp_path / "missing.csv")


def test_archive_with_several_files_must_have_a_known_one(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", "x")
        archive.writestr("b.csv", "y")
    with pytest.raises(DatasetError, match=r"expected one CSV file .* got a.csv, b.csv"):
        open_dataset(tmp_path / "two.zip")
    with zipfile.ZipFile(tmp_path / "two.zip", "a") as archive:
        archive.writestr("challenge/fer2013.csv", TEXT)
    np.testing.assert_array_equal(open_dataset(tmp_path / "two.zip").images_gray, FACES)


def test_progress_rises_to_one_and_is_silent_from_the_cache(tmp_path: Path) -> None:
    path = write_small_fer2013(tmp_path, 600)
    parts: list[float] = []
    open_dataset(path, progress=parts.append)
    assert parts == sorted(parts) and parts[-1] == 1.0 and len(parts) >= 3
    assert all(0 < part <= 1 for part in parts)
    parts.clear()
    open_dataset(path, progress=parts.append)
    assert parts == []


@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=40),
    st.sampled_from([" ", "  ", "\t", " \t "]),
    st.sampled_from(["{}", "{:03d}", "{:05d}"]),
)
def test_pixels_are_parsed_as_python_parses_them(values: list[int], blank: str, form: str) -> None:
    text = blank.join(form.format(value) for value in values)
    parsed = parse_pixels(text.encode(), len(values))
    assert parsed.dtype == np.uint8
    assert parsed.tolist() == values
