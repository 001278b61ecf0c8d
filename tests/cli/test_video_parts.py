"""What `mien video` is made of: times, names, places of outputs, and where a run goes on."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from mien.cli.times import parse_time
from mien.cli.video.choices import VideoChoices
from mien.cli.video.outputs import Wanted, plan_outputs
from mien.cli.video.progress import progress_on
from mien.cli.video.record import Outcome, RunRecord, fingerprint
from mien.cli.video.tables import losses, people_table
from mien.cli.video.videos import find_videos
from mien.core.errors import ConfigError, MienError, VideoSourceError
from mien.core.types import Box, Expression, Face, FrameResult
from mien.media.sampling import FramePicker, Sampling
from mien.recognition.seam import Seam
from mien.recognition.summary.summary import summary

SHARES = Expression({"happiness": 0.75, "sadness": 0.25}, "two")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90", 90),
        ("0.25", 0.25),
        ("1:30", 90),
        ("61:02", 3662),
        ("1:02:03.5", 3723.5),
        ("0:0:7", 7),
    ],
)
def test_times_are_seconds_or_as_on_a_clock(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "soon", "1:60", "1:61:00", "-5", "1:2:3:4", "5 s", "nan", "inf"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected seconds|up to 59"):
        parse_time(text)


@pytest.fixture
def films(tmp_path: Path) -> Path:
    for name in (
        "a.mp4",
        "a.mkv",
        "b \U0001f3ac.MOV",
        "sub/a.mp4",
        "sub/notes.txt",
        "deep.cut.mp4",
    ):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return tmp_path


def test_a_folder_stands_for_its_videos_each_with_a_name_of_its_own(films: Path) -> None:
    found = find_videos([str(films), str(films / "a.mp4"), f"{films}/sub/*.mp4"])
    assert [str(one.relative) for one in found] == [
        "a.mkv",
        "a.mp4",
        "b \U0001f3ac",
        "deep.cut",
        "sub/a",
    ]
    assert all(one.source == one.name == str(one.path) for one in found)


def test_names_do_not_depend_on_what_else_is_read(films: Path) -> None:
    (alone,) = find_videos([str(films / "deep.cut.mp4")])
    assert alone.beside == films / "deep.cut"
    twins = find_videos([str(films / "a.mp4"), str(films / "sub" / "a.mp4")])
    assert [str(one.relative) for one in twins] == ["a.mp4", "a-2.mp4"]


def test_addresses_lose_their_passwords_and_cameras_are_sent_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (stream,) = find_videos(["rtsp://me:secret@door.example:554/live/1.sdp"])
    assert stream.source == "rtsp://me:secret@door.example:554/live/1.sdp"
    assert stream.name == "rtsp://door.example:554/live/1.sdp"
    assert str(stream.relative) == "1"
    assert str(find_videos(["https://door.example"])[0].relative) == "door.example"
    for camera in ("0", "camera:Front", "/dev/video2"):
        with pytest.raises(ConfigError, match=f"mien webcam --source {camera}"):
            find_videos([camera])
    (tmp_path / "7").touch()
    assert find_videos(["7"])[0].path == Path("7")


def test_pictures_are_one_video_by_folder_or_pattern(films: Path) -> None:
    (folder,) = find_videos([str(films / "sub")], of_pictures=True)
    assert folder.beside == films / "sub"
    (pattern,) = find_videos([f"{films}/sub/*.png"], of_pictures=True)
    assert pattern.relative == Path("sub")


def planned(
    films: Path, wanted: Wanted, *names: str, is_job: bool = False
) -> list[tuple[str, str | None, str | None]]:
    videos = find_videos([str(films / name) for name in names or ("a.mp4",)])
    return [
        (
            str(one.rows.path.relative_to(films)) if one.rows else "-",
            str(one.annotated.relative_to(films)) if one.annotated else None,
            str(one.report.relative_to(films)) if one.report else None,
        )
        for one in plan_outputs(videos, wanted, is_job=is_job)
    ]


def test_outputs_go_beside_the_video_into_a_file_or_into_a_folder(films: Path) -> None:
    assert planned(films, Wanted()) == [("a.faces.parquet", None, None)]
    assert planned(films, Wanted(format="csv")) == [("a.faces.csv", None, None)]
    assert planned(films, Wanted(str(films / "x.ndjson"))) == [("x.ndjson", None, None)]
    assert planned(films, Wanted(str(films / "x.txt"), "csv")) == [("x.txt", None, None)]
    assert planned(films, Wanted(str(films / "new"))) == [("new/a.faces.parquet", None, None)]
    everything = Wanted(str(films / "o"), None, films / "o" / "x.mp4", films / "pages")
    assert planned(films, everything) == [
        ("o/a.faces.parquet", "o/x.mp4", "pages/a.faces.html"),
    ]
    job = Wanted(str(films / "o"), "csv", films / "drawn", films / "pages")
    assert planned(films, job, "sub", "deep.cut.mp4", is_job=True) == [
        ("o/a.faces.csv", "drawn/a.faces.mp4", "pages/a.faces.html"),
        ("o/deep.cut.faces.csv", "drawn/deep.cut.faces.mp4", "pages/deep.cut.faces.html"),
    ]
    assert (films / "drawn").is_dir()


def result(index: int, at_s: float, *ids: int | None, predicted: bool = False) -> FrameResult:
    faces = tuple(
        Face(Box(0, 0, 9, 9), 0.9, SHARES, track_id=one, smoothed=SHARES, predicted=predicted)
        for one in ids
    )
    return FrameResult(index, at_s, (64, 48), faces, "fake", {})


def test_nothing_on_disk_is_no_seam() -> None:
    assert Seam(VideoChoices()).start is None


def test_the_last_frame_is_read_again_and_what_came_before_is_recalled() -> None:
    seam = Seam(VideoChoices())
    for index in range(1000):
        seam.add(
            result(
                index, index / 25, 1, *([7] if index == 3 else []), *([9] if index == 999 else [])
            )
        )
    start = seam.start
    assert start is not None
    assert (start.start_s, start.first.index, seam.last_index) == (999 / 25, 999, 999)
    assert (start.last_id, seam.last_id) == (7, 9)
    assert start.before[-1].index == 998
    assert start.before[0].timestamp_s == pytest.approx(999 / 25 - 10, abs=0.041)
    assert start.index_of(result(3, 0.0)) == 1002
    start.check(result(0, 999 / 25 + 1e-7))
    with pytest.raises(VideoSourceError, match=r"39\.960000.*--overwrite"):
        start.check(result(0, 999 / 25 + 1e-3))


@pytest.mark.parametrize("every", [1, 2, 3, 7])
def test_going_on_begins_where_the_detector_runs(every: int) -> None:
    for frames in range(1, 25):
        seam = Seam(VideoChoices(detect_every=every))
        for number in range(frames):
            seam.add(result(number, number / 10))
        start = seam.start
        assert start is not None
        assert start.first.index % every == 0
        assert 0 <= seam.last_index - start.first.index < every


def test_going_on_begins_with_a_frame_that_was_searched_for_faces() -> None:
    seam = Seam(VideoChoices(detect_every="auto"))
    for index in range(10):
        seam.add(result(index, index / 10, 1, predicted=index > 6))
    start = seam.start
    assert start is not None and start.first.index == 6


def test_of_frames_at_the_same_time_going_on_begins_with_the_first() -> None:
    seam = Seam(VideoChoices())
    for index, at_s in enumerate((0.0, 0.1, 0.2, 0.2, 0.2)):
        seam.add(result(index, at_s))
    start = seam.start
    assert start is not None and start.first.index == 2


SAMPLINGS = [
    Sampling(),
    Sampling(every_n=4),
    Sampling(every_s=0.2),
    Sampling(every_s=1 / 3, start_s=0.5),
    Sampling(every_s=0.1, start_s=0.55, end_s=3.0),
    Sampling(every_n=3, start_s=0.3),
]


def taken(sampling: Sampling, times: list[float]) -> list[tuple[int, float]]:
    """The frames that a source would give: their numbers within the range, and their times."""
    picker, found, index = FramePicker(sampling), [], 0
    for at_s in times:
        if picker.is_before_range(at_s) or picker.is_past_range(at_s):
            continue
        if picker.takes(at_s):
            found.append((index, at_s))
        index += 1
    return found


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_sampling_goes_on_with_the_frames_that_it_would_have_taken(sampling: Sampling) -> None:
    """Times as of a phone, of which a table keeps microseconds."""
    times = [0.0, *(0.04 * step + 0.007 * (step % 5) + 1 / 3e6 for step in range(1, 100))]
    whole = taken(sampling, times)
    choices = VideoChoices(sampling.every_n, sampling.every_s, sampling.start_s, sampling.end_s)
    for stop in range(1, len(whole)):
        seam = Seam(choices)
        for index, at_s in whole[:stop]:
            seam.add(result(index, round(at_s, 6)))
        start = seam.start
        assert start is not None
        rest = taken(replace(sampling, start_s=start.start_s), times)
        again = [(start.index_of(result(index, at_s)), at_s) for index, at_s in rest]
        assert again == whole[stop - 1 :]


def test_a_record_comes_back_and_tells_what_differs(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv.run.json"
    record = RunRecord({"bytes": 5}, {"every_s": 0.2, "bundle": "a"}, Outcome("clip.mp4", frames=3))
    record.save(path)
    assert RunRecord.load(path) == record
    other = RunRecord({"bytes": 6}, {"every_s": 0.5, "bundle": "a"}, Outcome("clip.mp4"), mien="0")
    assert record.differences(other) == [
        f"mien: {record.mien} then, 0 now",
        "video bytes: 5 then, 6 now",
        "every_s: 0.2 then, 0.5 now",
    ]
    path.write_text('{"outcome": {}}')
    with pytest.raises(MienError, match="does not say how"):
        RunRecord.load(path)


def test_a_fingerprint_is_of_the_content_and_not_of_the_name(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"a" * 3_000_000 + b"end")
    two.write_bytes(one.read_bytes())
    assert fingerprint([one]) == fingerprint([two])
    two.write_bytes(b"a" * 3_000_000 + b"END")
    assert fingerprint([one]) != fingerprint([two])
    two.write_bytes(b"a" * 3_000_001 + b"end")
    assert fingerprint([one]) != fingerprint([two])


def test_a_crowd_is_told_in_part() -> None:
    frames = [result(index, index / 10, *range(1, 31)) for index in range(20)]
    outcome = Outcome("clip.mp4", summary=summary(frames).to_dict())
    table = people_table(outcome)
    assert table is not None
    assert table.row_count == 21
    assert "10 people more" in str(table.caption)
    assert people_table(Outcome("clip.mp4", summary=summary([]).to_dict())) is None


def test_losses_are_told_in_words() -> None:
    lost = Outcome("clip.mp4", left_out=1, dropped=1200, breaks=["broke off after 3.2 s: cut"])
    assert losses(lost) == [
        "broke off after 3.2 s: cut",
        "1 damaged frame or packet was left out",
        "1,200 frames dropped to keep up",
    ]


def test_bars_in_a_terminal_tell_speed_people_and_time_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=80, color_system=None)
    now = iter(float(second) for second in range(100))
    monkeypatch.setattr("mien.cli.video.progress.time.monotonic", lambda: next(now))
    outcome = Outcome("far/away/clip [red].mp4", seconds=20.0, faces=1234, people=2)
    bars = progress_on(console, 3, is_quiet=False)
    with bars:
        bars.next()
        bars.begin(outcome, 20.0, 60.0)
        outcome.seconds = 32.0
        bars.advance(outcome, 32.0)
    told = screen.getvalue()
    assert "clip [red].mp4" in told and "1 of 3" in told
    # Begun at 1 s, asked at 2 and told by the clock at 3: 12 s of video in 2 s; 28 s are left.
    assert re.search(r"6\.0x, 1,234 faces, 2 people, 0:05 left", told)


def test_who_wants_quiet_has_it() -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True)
    with progress_on(console, 1, is_quiet=True) as progress:
        progress.next()
        progress.begin(Outcome("clip.mp4"), 0.0, None)
        progress.advance(Outcome("clip.mp4"), 5.0)
        progress.end(Outcome("clip.mp4"))
    assert screen.getvalue() == ""
