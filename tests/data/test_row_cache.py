from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from fer2013_files import csv_text, make_faces, write_small_fer2013
from mien.core.errors import DatasetError
from mien.data import fer2013, open_dataset
from mien.data.cache import default_cache_folder
from mien.data.csv_rows import CsvColumns, parse_csv


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were really parsed, in order."""
    calls: list[Path] = []

    def counted(path: Path, *args: object, **kwargs: object) -> CsvColumns:
        calls.append(path)
        return parse_csv(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(fer2013, "parse_csv", counted)
    return calls


def files_in(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_second_open_does_not_parse_and_gives_the_same(tmp_path: Path, parsed: list[Path]) -> None:
    path = write_small_fer2013(tmp_path)
    first, second = open_dataset(path), open_dataset(path)
    assert parsed == [path]
    for name in ("images_gray", "splits", "class_ids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
        assert getattr(first, name).dtype == getattr(second, name).dtype
    assert first.sources == second.sources
    assert isinstance(second.images_gray, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        second.images_gray[0, 0, 0] = 1


def test_problems_come_from_the_cache_too(tmp_path: Path) -> None:
    path = write_small_fer2013(tmp_path)
    with path.open("a") as file:
        file.write("9,1,Training\n")
    first, second = open_dataset(path), open_dataset(path)
    assert len(first.problems) == 1
    assert first.problems == second.problems
    assert first.notes == second.notes


def test_changed_file_is_noticed_though_size_and_date_are_the_same(
    tmp_path: Path, parsed: list[Path]
) -> None:
    faces = make_faces(2)
    path = tmp_path / "fer2013.csv"
    for emotions in ([0, 1], [0, 2]):
        path.write_text(csv_text(faces, emotions, ["Training"] * 2))
        os.utime(path, ns=(10**18, 10**18))
        assert open_dataset(path).class_ids.tolist() == emotions
    assert len(parsed) == 2


def test_former_content_leaves_the_cache(tmp_path: Path, cache_dir: Path) -> None:
    path = tmp_path / "fer2013.csv"
    for emotions in ([0, 1], [0, 2]):
        path.write_text(csv_text(make_faces(2), emotions, ["Training"] * 2))
        open_dataset(path)
    assert len(list((cache_dir / "rows").iterdir())) == 1


def test_touched_and_copied_files_are_not_parsed_again(tmp_path: Path, parsed: list[Path]) -> None:
    path = write_small_fer2013(tmp_path / "a")
    open_dataset(path)
    os.utime(path, ns=(10**18, 10**18))
    open_dataset(path)
    copy = tmp_path / "b.csv"
    shutil.copy(path, copy)
    assert len(open_dataset(copy)) == 21
    assert parsed == [path]


def test_old_file_is_known_by_size_and_times_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_small_fer2013(tmp_path)
    monkeypatch.setattr("mien.data.cache._SETTLED_NS", -1)
    open_dataset(path)
    monkeypatch.setattr(
        "mien.data.cache._sha256", lambda path: pytest.fail("the file was hashed again")
    )
    assert len(open_dataset(path)) == 21


def test_sizes_are_cached_apart(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    small, large = make_faces(1, size=6), make_faces(2)
    text = csv_text(large, [0, 1], ["Training"] * 2)
    path.write_text(text + csv_text(small, [2], ["Training"]).split("\n", 1)[1])
    for _ in range(2):
        assert open_dataset(path).class_ids.tolist() == [0, 1]
        assert open_dataset(path, size=6).class_ids.tolist() == [2]


@pytest.mark.parametrize("part", ["images.u8", "columns.npy", "about.json"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damaged_cache_is_made_anew(
    tmp_path: Path, cache_dir: Path, part: str, damage: str, parsed: list[Path]
) -> None:
    path = write_small_fer2013(tmp_path)
    expected = np.array(open_dataset(path).images_gray)
    (entry,) = (cache_dir / "rows").iterdir()
    if damage == "gone":
        (entry / part).unlink()
    else:
        (entry / part).write_bytes((entry / part).read_bytes()[:-1])
    for _ in range(2):
        np.testing.assert_array_equal(open_dataset(path).images_gray, expected)
    assert len(parsed) == 2
    assert {p.name for p in (cache_dir / "rows").iterdir()} == {entry.name}


def test_damaged_index_is_made_anew(tmp_path: Path, cache_dir: Path) -> None:
    path = write_small_fer2013(tmp_path)
    open_dataset(path)
    (index,) = (cache_dir / "files").iterdir()
    index.write_text('{"path"')
    assert len(open_dataset(path)) == 21
    assert "sha256" in index.read_text()


def test_ctrl_c_leaves_no_half_cache(tmp_path: Path, cache_dir: Path) -> None:
    path = write_small_fer2013(tmp_path, 600)

    def interrupt(part: float) -> None:
        if part > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_dataset(path, progress=interrupt)
    assert files_in(cache_dir) == set()
    assert len(open_dataset(path)) == 600


def test_full_disk_leaves_no_half_cache_and_reads_into_memory(
    tmp_path: Path,
    cache_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = write_small_fer2013(tmp_path)

    def full(path: Path, images: BinaryIO, **kwargs: object) -> CsvColumns:
        columns = parse_csv(path, images, size=48)
        if hasattr(images, "fileno") and not hasattr(images, "getbuffer"):
            raise OSError(errno.ENOSPC, "No space left on device")
        return columns

    monkeypatch.setattr(fer2013, "parse_csv", full)
    dataset = open_dataset(path)
    np.testing.assert_array_equal(dataset.images_gray, make_faces(21))
    assert files_in(cache_dir) == set()
    assert "cannot be written (No space left on device)" in dataset.notes[0]
    assert "cannot be written" in caplog.text


def test_cache_folder_that_cannot_be_made_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_small_fer2013(tmp_path)
    in_the_way = tmp_path / "in_the_way"
    in_the_way.write_text("")
    dataset = open_dataset(path, cache_dir=in_the_way)
    np.testing.assert_array_equal(dataset.images_gray, make_faces(21))
    assert f"the cache {in_the_way} cannot be written" in dataset.notes[0]
    assert "read into memory" in caplog.text


def test_left_overs_of_killed_processes_are_removed(tmp_path: Path, cache_dir: Path) -> None:
    old, fresh = cache_dir / "rows" / "part-old", cache_dir / "rows" / "part-fresh"
    for folder in (old, fresh):
        folder.mkdir(parents=True)
    os.utime(old, (1, 1))
    open_dataset(write_small_fer2013(tmp_path))
    assert not old.exists()
    assert fresh.exists(), "another process may be writing it"


def test_bad_file_leaves_no_cache(tmp_path: Path, cache_dir: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_text("emotion,pixels,Usage\n0,1 2,Training\n")
    with pytest.raises(DatasetError):
        open_dataset(path)
    assert files_in(cache_dir) == set()


def test_cache_folder_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert default_cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("MIEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_cache_folder() == tmp_path / "xdg" / "mien"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache_folder() == tmp_path / "home" / ".cache" / "mien"
