"""`mien video` from its arguments to its files: rows, stopping, going on, jobs and bad input."""

from __future__ import annotations

import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from mien.cli.main import app
from mien.cli.video.figures import VideoFigures
from mien.core.errors import ConfigError, MienError, TableWriteError
from mien.core.labels import FERPLUS
from mien.media import VideoWriter, open_source
from mien.recognition.rows import writer as row_writer
from mien.recognition.rows.files import RowFile
from mien.recognition.rows.parquet import parts_folder
from mien.recognition.rows.rows import columns
from mien.recognition.rows.text import TextRowWriter
from tests.bundles import write_tiny_bundle
from tests.films import Film, make, make_wave

Video = Callable[..., Result]
Rows = list[dict[str, Any]]

# Steps of 1/15 s but for two longer ones.
TIMES_S = [
    round(number / 15 + 0.21 * (number > 4) + 0.4 * (number > 20), 6) for number in range(28)
]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory, astronaut_path: Path) -> Path:
    """One who walks to the right and is away for two frames; from the 13th on another as well."""
    path = tmp_path_factory.mktemp("films") / "a walk \U0001f3ac.mp4"
    portrait = cv2.imread(str(astronaut_path))
    assert portrait is not None
    face_rgb = cv2.resize(portrait[20:220, 120:320, ::-1], (110, 110))
    with VideoWriter(path, threads=1) as writer:
        for number, at_s in enumerate(TIMES_S):
            canvas = np.full((150, 320, 3), 90, np.uint8)
            if number not in (9, 10):
                canvas[20:130, 5 + 3 * number : 115 + 3 * number] = face_rgb
            if number > 12:
                canvas[30:140, 205:315] = face_rgb
            writer.write(canvas, at_s)
    return path


@pytest.fixture
def clip(walk: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(walk, tmp_path / walk.name))


@pytest.fixture
def video(tiny_bundle: Path) -> Video:
    def run(*arguments: object, stdin: bytes | None = None) -> Result:
        words = ["video", "--bundle", str(tiny_bundle), "--detector", "blazeface"]
        return CliRunner().invoke(app, [*words, *map(str, arguments)], input=stdin)

    return run


@pytest.fixture
def stopped(video: Video, monkeypatch: pytest.MonkeyPatch) -> Video:
    """As `video`, with Ctrl-C pressed when so many frames were read."""

    def run(after: int, *arguments: object) -> Result:
        count = 0

        def add(self: VideoFigures, *rest: Any) -> None:
            nonlocal count
            if count == after:
                raise KeyboardInterrupt
            count += 1
            plain(self, *rest)

        plain = VideoFigures.add
        with monkeypatch.context() as patch:
            patch.setattr(VideoFigures, "add", add)
            return video(*arguments)

    return run


def rows_in(path: Path) -> Rows:
    return list(RowFile.named(path).rows())


def record_of(path: Path) -> dict[str, Any]:
    known = json.loads(path.with_name(f"{path.name}.run.json").read_text())
    assert isinstance(known, dict)
    return known


def same(rows: Rows, expected: Rows) -> None:
    """Equal but for what is rounded on disk: smoothed values, and boxes predicted from others."""
    assert len(rows) == len(expected)
    for row, other in zip(rows, expected, strict=True):
        assert list(row) == list(other)
        for name, value in row.items():
            wanted = other[name]
            if type(value) is float:
                wanted = pytest.approx(wanted, abs=tolerance(name, is_predicted=row["predicted"]))
            assert value == wanted, f"{name} of {row}"


def tolerance(name: str, *, is_predicted: bool) -> float:
    if name in ("timestamp_s", "detector_confidence"):
        return 0.0
    if name == "sharpness":
        return 8.0 if is_predicted else 0.11
    if name.startswith("p_") or name in ("confidence", "entropy"):
        return 0.02 if is_predicted else 0.0002
    return 0.02 if is_predicted and name.startswith("s_") else 0.11 if is_predicted else 0.002


def test_rows_lie_beside_the_video_one_for_each_face_and_frame(video: Video, clip: Path) -> None:
    done = video(clip)
    assert done.exit_code == 0, done.output
    table = pq.read_table(clip.with_name("a walk \U0001f3ac.faces.parquet"))
    assert table.column_names == columns(FERPLUS.labels)
    rows = table.to_pylist()
    assert {row["source"] for row in rows} == {str(clip)}
    times = dict.fromkeys(row["timestamp_s"] for row in rows)
    assert list(times) == pytest.approx(TIMES_S, abs=2e-5)
    assert list(dict.fromkeys(row["frame_index"] for row in rows)) == list(range(28))
    ids = {row["frame_index"]: row["track_id"] for row in rows if row["face_index"] == 0}
    assert ids[0] == ids[8] == ids[12] == 1
    empty = [row for row in rows if row["frame_index"] == 9]
    assert [(row["face_index"], row["p_anger"], row["error"]) for row in empty] == [(None,) * 3]
    assert {row["track_id"] for row in rows if row["frame_index"] == 20} == {1, 2}
    assert "2 people" in done.stderr and "x real time" in done.stderr
    assert done.stdout.count(" - 0:0") >= 2


def test_what_made_the_rows_lies_beside_them(video: Video, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    assert video(clip, "--out", out, "--fps", 5, "--prior", "balanced").exit_code == 0
    record = record_of(out)
    assert record["settings"]["every_s"] == pytest.approx(0.2)
    assert (record["settings"]["bundle"], record["settings"]["prior"]) == ("tiny", "balanced")
    outcome = record["outcome"]
    assert (outcome["status"], outcome["people"], outcome["width"]) == ("done", 2, 320)
    rows = rows_in(out)
    slots = {math.floor((at_s + 1e-4) / 0.2) for at_s in TIMES_S}
    assert outcome["frames"] == len({row["frame_index"] for row in rows}) == len(slots)
    assert outcome["faces"] == sum(row["face_index"] is not None for row in rows)
    assert [one["track_id"] for one in outcome["summary"]["people"]] == [1, 2]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_other_formats_hold_the_rows_of_parquet(
    video: Video, clip: Path, tmp_path: Path, suffix: str
) -> None:
    assert video(clip).exit_code == 0
    assert video(clip, "--format", suffix[1:]).exit_code == 0
    assert video(clip, "--out", tmp_path / f"own{suffix}").exit_code == 0
    expected = rows_in(clip.with_name("a walk \U0001f3ac.faces.parquet"))
    same(rows_in(clip.with_name(f"a walk \U0001f3ac.faces{suffix}")), expected)
    same(rows_in(tmp_path / f"own{suffix}"), expected)


def test_nothing_is_written_over_unasked(video: Video, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.csv"
    out.write_text("dear diary")
    refused = video(clip, "--out", out)
    assert refused.exit_code == 1
    assert "is there already" in refused.stderr and "--overwrite" in refused.stderr
    lost = video(clip, "--out", out, "--resume")
    assert "does not say how the rows beside it were made" in lost.stderr
    assert out.read_text() == "dear diary"
    assert video(clip, "--out", out, "--overwrite").exit_code == 0
    assert len(rows_in(out)) > 28


def test_a_video_is_never_written_over(video: Video, clip: Path) -> None:
    before = clip.read_bytes()
    for option in ("--annotate", "--out"):
        done = video(clip, option, clip, "--format", "csv", "--overwrite")
        assert isinstance(done.exception, ConfigError)
    assert clip.read_bytes() == before


SAMPLINGS = [
    ("rows.parquet", 7, ()),
    ("rows.csv", 1, ()),
    ("rows.jsonl", 9, ("--every-n", 2)),
    ("rows.parquet", 4, ("--fps", 6, "--start", "0.3", "--end", "0:01.9")),
    ("rows.csv", 5, ("--every-s", 0.25)),
    ("rows.parquet", 12, ("--detect-every", 3, "--smoothing", 1)),
    ("rows.jsonl", 20, ("--detect-every", "auto")),
]


@pytest.mark.parametrize(("name", "after", "options"), SAMPLINGS)
def test_who_goes_on_ends_as_if_nothing_had_happened(
    video: Video,
    stopped: Video,
    clip: Path,
    tmp_path: Path,
    name: str,
    after: int,
    options: Sequence[object],
) -> None:
    whole, out = tmp_path / f"whole-{name}", tmp_path / name
    assert video(clip, "--out", whole, *options).exit_code == 0
    first = stopped(after, clip, "--out", out, *options)
    assert first.exit_code == 130
    assert "--resume" in first.stderr
    begun = rows_in(out)
    assert len({row["frame_index"] for row in begun}) == after
    assert record_of(out)["outcome"]["status"] == "stopped"
    then = video(clip, "--out", out, *options, "--resume")
    assert then.exit_code == 0, then.stderr
    same(rows_in(out), rows_in(whole))
    now, at_once = record_of(out)["outcome"], record_of(whole)["outcome"]
    for key in ("status", "frames", "faces", "people", "seconds"):
        assert now[key] == at_once[key]
    for person, other in zip(now["summary"]["people"], at_once["summary"]["people"], strict=True):
        assert person["visible_s"] == pytest.approx(other["visible_s"], abs=1e-3)


KILLED = """
import os, signal, sys
from mien.cli.main import run
from mien.cli.video.figures import VideoFigures
from mien.recognition.rows import writer as row_writer
row_writer._FLUSH_ROWS = 3
plain, count = VideoFigures.add, 0
def add(self, *rest):
    global count
    count += 1
    if count == 18:
        os.kill(os.getpid(), signal.SIGKILL)
    plain(self, *rest)
VideoFigures.add = add
run()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
def test_a_kill_costs_the_last_frames_alone(
    video: Video, clip: Path, tmp_path: Path, tiny_bundle: Path
) -> None:
    out = tmp_path / "rows.parquet"
    words = ["video", str(clip), "--out", str(out)]
    chosen = ["--bundle", str(tiny_bundle), "--detector", "blazeface"]
    done = subprocess.run(
        [sys.executable, "-c", KILLED, *words, *chosen], capture_output=True, timeout=300
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not out.exists()
    kept = pq.read_table(parts_folder(out)).to_pylist()
    frames = {row["frame_index"] for row in kept}
    assert frames == set(range(len(frames))) and len(frames) > 14
    assert record_of(out)["outcome"]["status"] == "running"
    assert video(clip, "--out", out, "--resume").exit_code == 0
    assert video(clip, "--out", tmp_path / "whole.parquet").exit_code == 0
    same(rows_in(out), rows_in(tmp_path / "whole.parquet"))
    assert not parts_folder(out).exists()


def test_only_the_same_video_read_alike_is_gone_on_with(
    video: Video, stopped: Video, clip: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rows.csv"
    assert stopped(5, clip, "--out", out).exit_code == 130
    before = out.read_bytes()
    other = video(clip, "--out", out, "--resume", "--smoothing", 2, "--every-n", 2)
    assert other.exit_code == 1
    assert "every_n: None then, 2 now" in other.stderr
    assert "time_constant_s: 0.35 then, 2.0 now" in other.stderr
    clip.write_bytes(clip.read_bytes() + b"\0" * 100)
    assert "video bytes:" in video(clip, "--out", out, "--resume").stderr
    assert out.read_bytes() == before


def test_what_is_done_is_left_alone(video: Video, clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.parquet"
    assert video(clip, "--out", out).exit_code == 0
    before = out.stat().st_mtime_ns
    again = video(clip, "--out", out, "--resume")
    assert again.exit_code == 0
    assert "read before" in again.stderr
    assert out.stat().st_mtime_ns == before


@pytest.fixture
def recordings(walk: Path, tmp_path: Path) -> Path:
    """Two good videos, one of them below, one that is none, and a text."""
    folder = tmp_path / "recordings"
    (folder / "more").mkdir(parents=True)
    shutil.copy(walk, folder / "a.mp4")
    shutil.copy(walk, folder / "more" / "a.mp4")
    (folder / "bad.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + b"no video" * 40)
    (folder / "notes.txt").write_text("none by its name")
    return folder


def summary_in(folder: Path) -> list[dict[str, str]]:
    with (folder / "summary.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_one_bad_file_does_not_end_the_work_of_a_night(
    video: Video, recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rows"
    done = video(recordings, "--out", out, "--every-n", 4)
    assert done.exit_code == 1
    rows = summary_in(out)
    assert [Path(row["file"]).relative_to(recordings).as_posix() for row in rows] == [
        "a.mp4",
        "bad.mp4",
        "more/a.mp4",
    ]
    assert [row["status"] for row in rows] == ["done", "failed", "done"]
    assert str(recordings / "bad.mp4") in rows[1]["error"]
    assert (rows[0]["frames"], rows[0]["people"], rows[1]["frames"]) == ("7", "2", "0")
    assert [row["out"] != "" for row in rows] == [True, False, True]
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.parquet"))
    assert written == ["a.faces.parquet", "more/a.faces.parquet"]
    known = json.loads((out / "summary.json").read_text())
    assert [one["status"] for one in known["videos"]] == ["done", "failed", "done"]
    assert "failed" in done.stdout and str(recordings / "bad.mp4") in done.stderr
    assert "is there already" in str(video(recordings, "--out", out).exception)


def test_a_job_goes_on_with_what_is_not_done(
    video: Video, stopped: Video, recordings: Path, walk: Path, tmp_path: Path
) -> None:
    out = tmp_path / "rows"
    first = stopped(4, recordings, "--out", out, "--every-n", 4)
    assert first.exit_code == 130
    assert "2 videos were not begun" in first.stderr
    assert [row["status"] for row in summary_in(out)] == ["stopped"]
    shutil.copy(walk, recordings / "bad.mp4")
    then = video(recordings, "--out", out, "--every-n", 4, "--resume", "--json")
    assert then.exit_code == 0, then.stderr
    told = json.loads(then.stdout)["videos"]
    assert [(one["status"], one["skipped"]) for one in told] == [("done", False)] * 3
    again = video(recordings, "--out", out, "--every-n", 4, "--resume", "--json")
    assert [one["skipped"] for one in json.loads(again.stdout)["videos"]] == [True] * 3
    tables = [rows_in(path) for path in sorted(out.rglob("*.parquet"))]
    for table in tables[1:]:
        same([{**row, "source": ""} for row in table], [{**row, "source": ""} for row in tables[0]])


def test_a_bug_in_one_video_leaves_the_others_alone(
    video: Video, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = TextRowWriter.write

    def write(self: TextRowWriter, result: Any) -> bool:
        if "more" not in result.source:
            raise ZeroDivisionError("a bug")
        return plain(self, result)

    monkeypatch.setattr(TextRowWriter, "write", write)
    done = video(recordings, "--out", tmp_path / "rows", "--format", "csv")
    assert done.exit_code == 1
    rows = summary_in(tmp_path / "rows")
    assert [row["status"] for row in rows] == ["failed", "failed", "done"]
    assert "unexpected: ZeroDivisionError: a bug" in rows[0]["error"]


def cut(path: Path, _: Path) -> None:
    make(path, Film(times_ms=range(0, 4000, 40), container=(("movflags", "faststart"),)))
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 6 // 10])


def flipped(path: Path, _: Path) -> None:
    make(path, Film("mjpeg", "yuvj420p", times_ms=range(0, 2000, 40)))
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 1500] = os.urandom(1500)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, flipped])
def test_what_can_be_read_of_a_damaged_file_is_kept_and_the_rest_named(
    video: Video, tmp_path: Path, damage: Callable[[Path, Path], None]
) -> None:
    path = tmp_path / "broken.mov"
    damage(path, tmp_path)
    done = video(path, "--quiet")
    assert done.exit_code == 0, done.stderr
    outcome = record_of(tmp_path / "broken.faces.parquet")["outcome"]
    assert outcome["status"] == "damaged"
    rows = rows_in(tmp_path / "broken.faces.parquet")
    assert 10 < len(rows) == outcome["frames"]
    if damage is cut:
        assert outcome["breaks"] == [
            f"broke off after {rows[-1]['timestamp_s']:.3f} s: "
            f"{outcome['breaks'][0].partition(': ')[2]}"
        ]
        assert outcome["breaks"][0] in done.stderr
    else:
        assert outcome["left_out"] > 0
        assert "left out" in done.stderr


def no_video(path: Path) -> None:
    make_wave(path)


def no_frames(path: Path) -> None:
    with av.open(str(path), "w", format="mp4") as output:
        output.add_stream("libx264", rate=25, width=64, height=48).pix_fmt = "yuv420p"
        output.start_encoding()


def no_bytes(path: Path) -> None:
    path.touch()


def a_text(path: Path) -> None:
    path.write_text("call me Ishmael " * 1000)


@pytest.mark.parametrize("spoil", [no_video, no_frames, no_bytes, a_text, None])
def test_what_has_no_picture_is_an_error_that_names_it_and_leaves_nothing(
    video: Video, tmp_path: Path, spoil: Callable[[Path], None] | None
) -> None:
    path = tmp_path / "no video \U0001f648.mp4"
    if spoil is not None:
        spoil(path)
    done = video(path)
    assert done.exit_code == 1
    assert "error: " in done.stderr and str(path) in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == ([path.name] if spoil else [])


ODD_FILMS = {
    "one pixel.mkv": Film("ffv1", "bgr0", size=(1, 1), times_ms=(0, 40)),
    "ten bits.mkv": Film("libx264", "yuv420p10le", times_ms=(0, 40, 80)),
    "gray, 16 bits.mkv": Film("ffv1", "gray16le", times_ms=(0, 40)),
    "without subsampling.mkv": Film("libx264", "yuv444p", size=(63, 47), times_ms=(0, 40)),
    "with transparency.mov": Film("qtrle", "argb", times_ms=(0, 40)),
    "above 4K.mkv": Film("mjpeg", "yuvj420p", size=(7680, 4320), times_ms=(0, 40)),
}


@pytest.mark.parametrize("name", ODD_FILMS)
def test_frames_of_every_size_and_kind_are_read(video: Video, tmp_path: Path, name: str) -> None:
    film = ODD_FILMS[name]
    path = make(tmp_path / name, film)
    done = video(path, "--detector", "full", "--min-face", 1)
    assert done.exit_code == 0, done.stderr
    rows = rows_in(path.with_suffix(".faces.parquet"))
    assert [round(1000 * row["timestamp_s"]) for row in rows] == list(film.times_ms)
    assert {(row["x2"], row["y2"]) for row in rows} == {film.size}
    assert all(row["error"] is None for row in rows)


def test_a_full_disk_leaves_what_was_written_and_the_work_goes_on_later(
    video: Video, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "rows.parquet"
    synced = 0

    def full(_: int) -> None:
        nonlocal synced
        synced += 1
        if synced > 3:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(row_writer, "_FLUSH_ROWS", 4)
        patch.setattr(os, "fsync", full)
        done = video(clip, "--out", out)
    assert done.exit_code == 1
    assert "No space left on device" in done.stderr
    assert f"are kept in {parts_folder(out)}" in done.stderr
    kept = pq.read_table(parts_folder(out)).to_pylist()
    assert len({row["frame_index"] for row in kept}) > 5
    assert video(clip, "--out", out, "--resume").exit_code == 0
    assert video(clip, "--out", tmp_path / "whole.parquet").exit_code == 0
    same(rows_in(out), rows_in(tmp_path / "whole.parquet"))


def test_rows_can_be_printed_and_a_video_come_by_a_pipe(video: Video, tmp_path: Path) -> None:
    path = make(tmp_path / "clip.mkv", Film())
    done = video("-", "--out", "-", stdin=path.read_bytes())
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 17
    assert {row["source"] for row in rows} == {"-"}
    table = video(path, "--out", "-", "--format", "csv", "--every-n", 5)
    assert len(list(csv.DictReader(table.stdout.splitlines()))) == 4


def test_a_pipe_cannot_be_gone_on_with(
    video: Video, stopped: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make(tmp_path / "clip.mkv", Film()).read_bytes()
    out = tmp_path / "rows.csv"
    plain = video

    def piped(*arguments: object) -> Result:
        return plain(*arguments, stdin=content)

    assert piped("-", "--out", out).exit_code == 0
    record = out.with_name("rows.csv.run.json")
    known = json.loads(record.read_text())
    known["outcome"]["status"] = "running"
    record.write_text(json.dumps(known))
    done = piped("-", "--out", out, "--resume")
    assert done.exit_code == 1
    assert "passes by only once" in done.stderr


def test_pictures_in_a_folder_are_one_video_if_they_have_times(
    video: Video, tmp_path: Path, astronaut_bgr: NDArray[np.uint8]
) -> None:
    folder = tmp_path / "shots"
    folder.mkdir()
    for number in range(12):
        cv2.imwrite(str(folder / f"{number}.jpg"), cv2.resize(astronaut_bgr, (160, 160)))
    done = video(folder, "--picture-times", 4, "--json")
    (told,) = json.loads(done.stdout)["videos"]
    assert (told["frames"], told["seconds"]) == (12, 2.75)
    assert len(rows_in(tmp_path / "shots.faces.parquet")) == 12
    none = video(folder, "--out", tmp_path / "rows")
    assert none.exit_code == 1
    assert "no videos in this folder or below" in none.stderr


def test_json_has_each_person_and_nothing_else_is_printed(video: Video, clip: Path) -> None:
    done = video(clip, "--json")
    (told,) = json.loads(done.stdout)["videos"]
    assert told["file"] == str(clip)
    first = told["summary"]["people"][0]
    assert sum(first["shares"].values()) == pytest.approx(1, abs=1e-3)
    quiet = video(clip, "--quiet", "--overwrite")
    assert (quiet.stdout, quiet.stderr) == ("", "")


def test_a_line_now_and_then_where_there_is_no_terminal(
    video: Video, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.cli.video.progress._LINE_STEP_S", 0.0)
    lines = [line for line in video(clip).stderr.splitlines() if " of 0:02, " in line]
    assert len(lines) == 28
    assert (
        "speed against real time" in lines[-1]
        and "1 person" in lines[5]
        and lines[-1].endswith("left")
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--fps", 5, "--every-n", 2), "exclude each other"),
        (("--resume", "--overwrite"), "choose one"),
        (("--out", "-", "--json"), "both print"),
        (("--out", "rows.txt"), "cannot tell what kind of table"),
        (("--format", "xml"), "parquet, csv or jsonl"),
        (("--detect-every", "0"), "1 or more frames"),
        (("--picture-times", "often"), "pictures a second"),
        (("--start", "9", "--end", "3"), "end_s must be later"),
        (("--annotate", "out.avi"), r"ends in \.mp4"),
    ],
)
def test_options_that_cannot_be_are_wrong_use(
    video: Video, clip: Path, options: Sequence[object], words: str
) -> None:
    done = video(clip, *options)
    assert isinstance(done.exception, ConfigError)
    with pytest.raises(ConfigError, match=words):
        raise done.exception
    assert [one.name for one in clip.parent.iterdir()] == [clip.name]


def test_cameras_and_jobs_without_a_folder_are_sent_elsewhere(
    video: Video, clip: Path, recordings: Path
) -> None:
    assert "mien webcam --source 0" in str(video("0").exception)
    assert "give --out FOLDER" in str(video(recordings).exception)
    assert "need a folder" in str(video(recordings, "--out", "rows.csv").exception)
    assert "1:70" in video(clip, "--start", "1:70").output


def test_errors_are_of_the_family_that_the_command_line_tells() -> None:
    assert issubclass(TableWriteError, MienError)


def test_what_was_read_is_drawn_into_a_copy_and_onto_a_page(
    video: Video, clip: Path, tmp_path: Path
) -> None:
    drawn, page = tmp_path / "drawn.mp4", tmp_path / "page.html"
    done = video(clip, "--annotate", drawn, "--report", page, "--fps", 8)
    assert done.exit_code == 0, done.output
    assert str(drawn) in done.stderr and str(page) in done.stderr
    rows = rows_in(clip.with_name("a walk \U0001f3ac.faces.parquet"))
    times = dict.fromkeys(row["timestamp_s"] for row in rows)
    with open_source(drawn) as source:
        frames = list(source)
    assert [frame.timestamp_s for frame in frames] == pytest.approx(list(times), abs=2e-5)
    with open_source(clip) as source:
        plain_rgb = next(iter(source)).image_rgb
    assert np.abs(frames[0].image_rgb.astype(int) - plain_rgb).max() > 100
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "data:image/jpeg;base64," in text


def test_a_page_can_be_made_of_rows_that_are_there_and_of_a_run_that_went_on(
    video: Video, stopped: Video, clip: Path, tmp_path: Path
) -> None:
    out, page = tmp_path / "rows.csv", tmp_path / "page.html"
    assert stopped(15, clip, "--out", out, "--report", page).exit_code == 130
    assert not page.exists()
    assert record_of(out)["outcome"]["report"] is None
    assert video(clip, "--out", out, "--report", page, "--resume").exit_code == 0
    went_on = page.read_text(encoding="utf-8")
    page.unlink()
    again = video(clip, "--out", out, "--report", page, "--resume")
    assert "read before" in again.stderr
    of_rows = page.read_text(encoding="utf-8")
    for text in (went_on, of_rows):
        assert "28 over" in text
    assert "data:image/jpeg;base64," in went_on
    assert "data:image/jpeg;base64," not in of_rows


def test_a_drawn_video_is_not_gone_on_with(
    video: Video, stopped: Video, clip: Path, tmp_path: Path
) -> None:
    out, drawn = tmp_path / "rows.csv", tmp_path / "drawn.mp4"
    assert stopped(9, clip, "--out", out, "--annotate", drawn).exit_code == 130
    with open_source(drawn) as source:
        assert len(list(source)) >= 8
    refused = video(clip, "--out", out, "--annotate", drawn, "--resume")
    assert refused.exit_code == 1
    assert "--overwrite, or go on without --annotate" in refused.stderr
    assert video(clip, "--out", out, "--resume").exit_code == 0
    assert len({row["frame_index"] for row in rows_in(out)}) == 28
