"""Tables on disk: the same in every format, whole after a kill or on a full disk, gone on with."""

from __future__ import annotations

import csv
import io
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from mien.core.errors import ConfigError, TableWriteError
from mien.core.types import Box, Expression, Face, FrameResult
from mien.recognition.rows import writer as row_writer
from mien.recognition.rows.files import RowFile
from mien.recognition.rows.parquet import parts_folder
from mien.recognition.rows.rows import columns, kind
from mien.recognition.rows.text import CsvForm, StreamRowWriter

LABELS = ("happiness", "sadness")
FORMATS = ("parquet", "csv", "jsonl")
NAME = "a clip,\nin two lines \U0001f600.mp4"


def face(number: int, track_id: int | None = None) -> Face:
    shares = {"happiness": 0.25 * (number % 4), "sadness": 1 - 0.25 * (number % 4)}
    expression = Expression(shares, "two", 0.3)
    return Face(
        Box(number, 20.5, number + 40, 60.5),
        0.9,
        expression,
        landmarks=tuple((number + step, 30.5) for step in range(5)) if number % 2 else None,
        track_id=track_id,
        smoothed=expression if track_id else None,
        sharpness=12.5 if number % 3 else None,
        predicted=number % 5 == 4,
    )


def frame(index: int, source: str = NAME) -> FrameResult:
    """Two faces in most frames, none in every fourth, and one that could not be read."""
    faces = () if index % 4 == 3 else (face(index, 1), face(index + 7, None if index % 2 else 2))
    error = "damaged" if index == 5 else None
    return FrameResult(
        index,
        index / 30,
        (160, 120),
        () if error else faces,
        "fake",
        {},
        source=source,
        error=error,
    )


def as_read_back(results: Sequence[FrameResult]) -> list[FrameResult]:
    """What rows keep of results: times to the microsecond."""
    return [replace(one, timestamp_s=round(one.timestamp_s, 6)) for one in results]


@pytest.fixture(params=FORMATS)
def table(request: pytest.FixtureRequest, tmp_path: Path) -> RowFile:
    return RowFile.named(tmp_path / f"faces {NAME[-5]}.{request.param}")


@pytest.fixture
def flush_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_writer, "_FLUSH_ROWS", 1)


def write(table: RowFile, results: Sequence[FrameResult], **choices: object) -> None:
    with table.open(LABELS, **choices) as writer:  # type: ignore[arg-type]
        for result in results:
            writer.write(result)


def test_results_come_back_as_they_were(table: RowFile) -> None:
    results = [frame(index) for index in range(50)]
    write(table, results)
    assert list(table.results(size=(160, 120), uncertain_below=0.3)) == as_read_back(results)
    assert [path.name for path in table.path.parent.iterdir()] == [table.path.name]


def test_every_format_holds_the_same_rows_for_other_readers(tmp_path: Path) -> None:
    results = [frame(index) for index in range(9)]
    for format in FORMATS:
        write(RowFile.named(tmp_path / f"faces.{format}"), results)
    records = pq.read_table(tmp_path / "faces.parquet").to_pylist()
    lines = (tmp_path / "faces.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == records
    assert list(records[0]) == columns(LABELS)
    sheet = pd.read_csv(tmp_path / "faces.csv")
    frame_of = pd.DataFrame.from_records(records)
    for name in columns(LABELS):
        expected = frame_of[name]
        if kind(name) in ("whole", "decimal"):
            pd.testing.assert_series_equal(
                sheet[name].astype(float), expected.astype(float), check_names=False
            )
        else:
            known = expected.notna()
            assert sheet[name].notna().tolist() == known.tolist()
            assert sheet[name][known].tolist() == expected[known].tolist()
    assert sheet["frame_index"].tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 6, 6, 7, 8, 8]
    assert sheet["error"].dropna().tolist() == ["damaged"]


def test_nothing_that_is_there_is_written_over_unasked(table: RowFile) -> None:
    write(table, [frame(0)])
    before = table.path.read_bytes()
    with pytest.raises(TableWriteError, match=r"is there already.*--overwrite"):
        table.open(LABELS)
    assert table.path.read_bytes() == before
    write(table, [frame(8)], if_there="replace")
    assert [result.index for result in table.results()] == [8]


def test_a_table_without_a_row_has_its_columns_still(table: RowFile) -> None:
    write(table, [])
    assert list(table.results()) == []
    if table.format == "parquet":
        assert pq.read_schema(table.path).names == columns(LABELS)
    if table.format == "csv":
        assert table.path.read_text() == ",".join(columns(LABELS)) + "\n"


KILLED = """
import os, sys
from pathlib import Path
from mien.recognition.rows import writer as row_writer
from mien.recognition.rows.files import RowFile
sys.path.insert(0, sys.argv[2])
from test_row_files import LABELS, frame
row_writer._FLUSH_ROWS = 4
writer = RowFile.named(Path(sys.argv[1])).open(LABELS)
for index in range(20):
    writer.write(frame(index))
os._exit(9)
"""


def test_what_was_written_is_there_after_a_kill_and_goes_on(table: RowFile) -> None:
    here = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(table.path), here], timeout=240, check=False
    )
    assert done.returncode == 9
    kept = list(table.results(size=(160, 120), uncertain_below=0.3))
    assert len(kept) > 14
    assert kept == as_read_back([frame(index) for index in range(len(kept))])
    if table.format == "parquet":
        assert len(pd.read_parquet(parts_folder(table.path))) == len(list(table.rows()))
    with table.open(LABELS, if_there="go-on") as writer:
        after = sum(1 for _ in table.results())
        assert len(kept) - 1 <= after <= len(kept)
        for index in range(after, 30):
            writer.write(frame(index))
    assert [result.index for result in table.results()] == list(range(30))


@pytest.mark.parametrize("format", ["csv", "jsonl"])
@pytest.mark.usefixtures("flush_always")
def test_a_line_that_is_torn_off_anywhere_is_taken_off(format: str, tmp_path: Path) -> None:
    whole = RowFile.named(tmp_path / f"whole.{format}")
    write(whole, [frame(index) for index in range(4)])
    content = whole.path.read_bytes()
    torn = RowFile.named(tmp_path / f"torn.{format}")
    for length in range(0, len(content), 7):
        torn.path.write_bytes(content[:length])
        with torn.open(LABELS, if_there="go-on") as writer:
            after = [result.index for result in torn.results()]
            assert after == list(range(len(after)))
            for index in range(len(after), 4):
                writer.write(frame(index))
        assert torn.path.read_bytes() == content


def test_a_table_damaged_in_its_middle_or_of_other_columns_is_left_alone(tmp_path: Path) -> None:
    table = RowFile.named(tmp_path / "faces.csv")
    write(table, [frame(index, "clip.mp4") for index in range(9)])
    lines = table.path.read_bytes().splitlines(keepends=True)
    table.path.write_bytes(b"".join([*lines[:4], b"\n", *lines[4:]]))
    with pytest.raises(TableWriteError, match="damaged in its middle"):
        table.open(LABELS, if_there="go-on")
    assert table.path.stat().st_size == sum(map(len, lines)) + 1
    for format in FORMATS:
        other = RowFile.named(tmp_path / f"other.{format}")
        write(other, [frame(0)])
        before = other.path.read_bytes()
        with pytest.raises(TableWriteError, match="other columns"):
            other.open(("fear", "anger"), if_there="go-on")
        assert other.path.read_bytes() == before


@contextmanager
def full_disk(at_bytes: int) -> Iterator[None]:
    """No file grows above a size: the system's own error, in the midst of a write as it may be."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is another elsewhere")
@pytest.mark.usefixtures("flush_always")
@pytest.mark.parametrize("format", ["csv", "jsonl"])
def test_a_disk_that_runs_full_leaves_whole_frames(format: str, tmp_path: Path) -> None:
    table = RowFile.named(tmp_path / f"faces.{format}")
    writer = table.open(LABELS)
    with full_disk(5000), pytest.raises(TableWriteError, match=r"frames up to .* are kept"):
        for index in range(100):
            writer.write(frame(index))
    kept = [result.index for result in table.results()]
    assert len(kept) > 2
    assert kept == list(range(len(kept)))
    assert table.path.read_bytes().endswith(b"\n")
    assert len(list(table.results())[-1].faces) == len(frame(kept[-1]).faces)


def test_a_disk_that_runs_full_leaves_the_parts_of_parquet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_writer, "_FLUSH_ROWS", 1)
    table = RowFile.named(tmp_path / "faces.parquet")
    writer = table.open(LABELS)
    writer.write(frame(0))
    writer.write(frame(1))

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TableWriteError, match=r"No space left.*up to 0.033 s are kept in .*parts"):
        writer.write(frame(2))
    monkeypatch.undo()
    writer.close()
    assert not table.path.exists()
    assert [result.index for result in table.results()] == [0, 1]
    write(table, [frame(2)], if_there="go-on")
    assert [result.index for result in table.results()] == [0, 1, 2]
    assert not parts_folder(table.path).exists()


@pytest.mark.usefixtures("flush_always")
def test_joining_on_a_full_disk_keeps_the_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = RowFile.named(tmp_path / "faces.parquet")
    writer = table.open(LABELS)
    writer.write(frame(0))
    monkeypatch.setattr(
        pq.ParquetWriter, "write_table", lambda *_: (_ for _ in ()).throw(OSError(28, "full"))
    )
    with pytest.raises(TableWriteError, match="full"):
        writer.close()
    monkeypatch.undo()
    assert sorted(path.name for path in parts_folder(table.path).iterdir()) == ["00000000.parquet"]
    assert [result.index for result in table.results()] == [0]


@pytest.mark.usefixtures("flush_always")
def test_a_kill_between_joining_and_cleaning_up_doubles_nothing(tmp_path: Path) -> None:
    table = RowFile.named(tmp_path / "faces.parquet")
    write(table, [frame(index) for index in range(3)])
    parts = parts_folder(table.path)
    parts.mkdir()
    shutil.copy(table.path, parts / "00000000.parquet")
    write(table, [frame(3)], if_there="go-on")
    assert [result.index for result in table.results()] == [0, 1, 2, 3]


def test_parts_are_joined_in_large_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_writer, "_FLUSH_ROWS", 4)
    monkeypatch.setattr("mien.recognition.rows.parquet._GROUP_ROWS", 12)
    table = RowFile.named(tmp_path / "faces.parquet")
    write(table, [frame(index) for index in range(40)])
    file = pq.ParquetFile(table.path)
    sizes = [file.metadata.row_group(n).num_rows for n in range(file.metadata.num_row_groups)]
    file.close()
    assert sum(sizes) == len(list(table.rows())) == 69
    assert min(sizes[:-1]) >= 12 and max(sizes) <= 16


def test_rows_can_be_printed_as_they_come() -> None:
    stream = io.StringIO()
    with StreamRowWriter(stream, CsvForm(), LABELS) as writer:
        assert writer.write(frame(0))
        assert len(list(csv.DictReader(io.StringIO(stream.getvalue())))) == 2


def test_a_name_says_its_format_or_is_refused(tmp_path: Path) -> None:
    assert RowFile.named(Path("a.NDJSON")).format == "jsonl"
    assert RowFile.named(Path("a.table"), "csv").format == "csv"
    with pytest.raises(ConfigError, match=r"a\.table.*\.parquet"):
        RowFile.named(Path("a.table"))
    with pytest.raises(TableWriteError, match="No such file or directory"):
        RowFile.named(tmp_path / "none" / "a.csv").open(LABELS)
    with pytest.raises(TableWriteError, match="No such file or directory"):
        RowFile.named(tmp_path / "none" / "a.parquet").open(LABELS)
