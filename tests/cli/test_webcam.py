"""`mien webcam` with a scripted window and films in place of a person and a camera."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from numpy.typing import NDArray
from typer.testing import CliRunner

from mien.cli.main import app
from mien.cli.webcam.record import Recorder
from mien.cli.webcam.session import FrameFeed, Pace, Pair
from mien.core.errors import ConfigError, MienError, VideoSourceError
from mien.core.types import FrameResult
from mien.media import Camera, Frame, SourceInfo, open_source
from mien.media.cameras import CameraSource
from mien.media.window import ESCAPE
from tests.bundles import write_tiny_bundle
from tests.films import GREEN, RED, Film, make, picture

UInt8Array = NDArray[np.uint8]
SIZE = (320, 240)


class ScriptedWindow:
    """Presses keys after so many pictures, and is closed by its user after so many."""

    def __init__(self, keys: dict[int, str], closed_after: int | None = None) -> None:
        self.keys = dict(keys)
        self.closed_after = closed_after
        self.shown: list[UInt8Array] = []
        self.is_closed = False

    @property
    def is_open(self) -> bool:
        return self.closed_after is None or len(self.shown) < self.closed_after

    def show(self, image_rgb: UInt8Array) -> None:
        self.shown.append(image_rgb.copy())

    def poll_key(self) -> str | None:
        due = [count for count in self.keys if count <= len(self.shown)]
        return self.keys.pop(min(due)) if due else None

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a minute at 10 frames a second: longer than any test looks."""
    path = tmp_path_factory.mktemp("films") / "film.mp4"
    return make(path, Film(size=SIZE, times_ms=range(0, 30_000, 100)))


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    return str(write_tiny_bundle(tmp_path))


@pytest.fixture
def webcam(bundle: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Runs the command; its window is the one given."""

    def run(*arguments: str, window: ScriptedWindow | None = None) -> Result:
        monkeypatch.setattr("mien.cli.webcam.command.window_problem", lambda: None)
        monkeypatch.setattr("mien.cli.webcam.command.make_window", lambda _: window)
        own = ["--bundle", bundle, "--detector", "full", "--out", str(tmp_path / "kept")]
        return CliRunner().invoke(app, ["webcam", *own, *arguments])

    return run


def kept(tmp_path: Path, suffix: str) -> list[Path]:
    return sorted((tmp_path / "kept").glob(f"mien-*{suffix}"))


def times_of(path: Path) -> list[float]:
    with open_source(path) as source:
        return [frame.timestamp_s for frame in source]


@pytest.mark.parametrize("key", ["q", ESCAPE])
def test_keys_save_a_snapshot_record_and_end(
    webcam: Callable[..., Result], film: Path, tmp_path: Path, key: str
) -> None:
    window = ScriptedWindow({1: "s", 2: "r", 6: "r", 7: "h", 8: key})
    done = webcam("--source", str(film), window=window)
    assert done.exit_code == 0, done.output
    assert window.is_closed and len(window.shown) == 8

    (snapshot,) = kept(tmp_path, ".png")
    saved = json.loads(snapshot.with_suffix(".json").read_text())
    drawn = cv2.imread(str(snapshot))
    assert drawn.shape[:2] == (saved["height"], saved["width"]) == (240, 320)
    assert saved["faces"][0]["box"]["x2"] == 320

    (rows,), (video,) = kept(tmp_path, ".parquet"), kept(tmp_path, ".mp4")
    table = pd.read_parquet(rows)
    # From the frame at hand when r was pressed to the one at which it was pressed again.
    assert len(table) == 5
    since_s = (table["timestamp_s"] - table["timestamp_s"].iloc[0]).tolist()
    assert times_of(video) == pytest.approx(since_s, abs=1e-4)
    for path in (rows, video):
        assert f"recorded {path}" in done.output
    # The note of a recording and of keys covers more of the picture than that of neither.
    plain, listed = window.shown[1], window.shown[7]
    assert (listed[20:60, 4:60] != plain[20:60, 4:60]).any()


def test_closing_the_window_ends_as_well(webcam: Callable[..., Result], film: Path) -> None:
    window = ScriptedWindow({}, closed_after=3)
    done = webcam("--source", str(film), window=window)
    assert done.exit_code == 0, done.output
    assert len(window.shown) == 3


def test_a_recording_that_the_user_did_not_stop_is_finished_at_the_end(
    webcam: Callable[..., Result], film: Path, tmp_path: Path
) -> None:
    webcam("--source", str(film), window=ScriptedWindow({1: "r", 5: "q"}))
    (rows,), (video,) = kept(tmp_path, ".parquet"), kept(tmp_path, ".mp4")
    assert len(pd.read_parquet(rows)) == len(times_of(video)) == 5


def test_only_the_window_is_mirrored_and_only_if_asked_of_a_file(
    webcam: Callable[..., Result], film: Path, tmp_path: Path
) -> None:
    seen = {}
    for option in ("--mirror", "--no-mirror", None):
        window = ScriptedWindow({1: "s", 2: "q"})
        webcam("--source", str(film), *([option] if option else []), window=window)
        # In the upper half, clear of note and plate.
        seen[option] = [window.shown[0][100, x].astype(int) for x in (40, 280)]
    for option, (left, right) in seen.items():
        expected = (GREEN, RED) if option == "--mirror" else (RED, GREEN)
        assert np.abs(left - expected[0]).max() < 20, option
        assert np.abs(right - expected[1]).max() < 20, option
    for path in kept(tmp_path, ".png"):
        red = cv2.imread(str(path))[100, 40, ::-1].astype(int)
        assert np.abs(red - RED).max() < 20


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.parquet"])
def test_without_a_window_rows_and_video_are_recorded(
    webcam: Callable[..., Result], film: Path, tmp_path: Path, name: str
) -> None:
    rows, video = tmp_path / name, tmp_path / "drawn.mp4"
    options = ("--no-window", "--seconds", "1.05", "--record", str(rows), "--annotate", str(video))
    done = webcam("--source", str(film), *options)
    assert done.exit_code == 0, done.output
    readers: dict[str, Any] = {
        ".csv": pd.read_csv,
        ".jsonl": partial(pd.read_json, lines=True),
        ".parquet": pd.read_parquet,
    }
    table = readers[rows.suffix](rows)
    recorded = table["timestamp_s"].tolist()
    # Frames may have been dropped on a busy machine; those that are there have their own times.
    assert 1 <= len(recorded) <= 11
    assert {round(at_s, 6) for at_s in recorded} <= {number / 10 for number in range(11)}
    assert times_of(video) == pytest.approx(recorded, abs=1e-4)
    assert "dropped" in done.output


def test_a_file_plays_in_real_time(
    webcam: Callable[..., Result], film: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    started = time.monotonic()
    webcam("--source", str(film), "--no-window", "--seconds", "1.5", "--record", str(rows))
    assert time.monotonic() - started > 1.3


def test_fps_is_a_limit(webcam: Callable[..., Result], film: Path, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    options = ("--no-window", "--seconds", "1.05", "--fps", "2.5", "--record", str(rows))
    assert webcam("--source", str(film), *options).exit_code == 0
    assert set(pd.read_csv(rows)["timestamp_s"]) <= {0.0, 0.4, 0.8}


class Capture:
    """A camera that gives so many frames, and is then unplugged."""

    def __init__(self, frames: int) -> None:
        self.left = frames

    def isOpened(self) -> bool:
        return self.left > 0

    def read(self) -> tuple[bool, Any]:
        time.sleep(0.02)
        self.left -= 1
        return (True, picture(0, *SIZE)[:, :, ::-1].copy()) if self.left >= 0 else (False, None)

    def get(self, property_id: int, /) -> float:
        return 30.0

    def release(self) -> None:
        return None


@pytest.fixture
def plug_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Makes a camera 0 that gives so many frames."""

    def plug_in(frames: int) -> None:
        camera = partial(
            CameraSource,
            open_capture=lambda _: Capture(frames),
            cameras=lambda: [Camera(0, "Fake Camera")],
            patience_s=0.1,
        )
        monkeypatch.setattr("mien.media.source.CameraSource", camera)

    return plug_in


def test_what_was_recorded_is_kept_when_the_camera_is_unplugged(
    webcam: Callable[..., Result], plug_in: Callable[[int], None], tmp_path: Path
) -> None:
    plug_in(12)
    rows, video = tmp_path / "rows.parquet", tmp_path / "drawn.mp4"
    window = ScriptedWindow({})
    done = webcam("--record", str(rows), "--annotate", str(video), window=window)
    assert isinstance(done.exception, VideoSourceError)
    assert "Fake Camera" in str(done.exception) and "unplugged" in str(done.exception)
    assert f"recorded {rows}" in done.output and window.is_closed
    assert 1 <= len(pd.read_parquet(rows)) == len(times_of(video)) == len(window.shown) <= 12
    # One's own camera is a mirror.
    assert np.abs(window.shown[0][100, 40].astype(int) - GREEN).max() < 20


@pytest.mark.parametrize(
    ("source", "words"), [("7", "there is no camera 7"), ("0", "in use by another program")]
)
def test_a_camera_that_is_absent_or_in_use_is_a_clear_error(
    webcam: Callable[..., Result], plug_in: Callable[[int], None], source: str, words: str
) -> None:
    plug_in(0)
    done = webcam("--source", source, window=ScriptedWindow({}))
    assert isinstance(done.exception, VideoSourceError)
    assert words in str(done.exception)


def test_cameras_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    cameras: list[Camera] | None = [Camera(0, "Integrated"), Camera(2, "Desk 🎥")]
    monkeypatch.setattr("mien.media.list_cameras", lambda: cameras)
    assert CliRunner().invoke(app, ["webcam", "--list"]).output == "0  Integrated\n2  Desk 🎥\n"
    cameras = []
    assert CliRunner().invoke(app, ["webcam", "--list"]).output == "no camera\n"
    cameras = None
    assert "--source 0" in CliRunner().invoke(app, ["webcam", "--list"]).output


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the live page was opened with; there are no windows."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr("mien.cli.webcam.command.window_problem", lambda: "there is no display")
    monkeypatch.setattr("mien.cli.serve.serve", lambda **options: calls.append(options))
    return calls


def test_without_windows_the_live_page_opens_and_the_reason_is_told(
    served: list[dict[str, Any]],
) -> None:
    done = CliRunner().invoke(app, ["webcam", "--detector", "haar", "--prior", "balanced"])
    assert done.exit_code == 0, done.output
    assert "there is no display" in done.output
    (options,) = served
    assert (options["detector"], options["prior"], options["open_browser"]) == (
        "haar",
        "balanced",
        True,
    )
    assert options["bundle"] is options["threads"] is options["port"] is None


def test_what_the_live_page_cannot_do_is_not_passed_over(
    served: list[dict[str, Any]], tmp_path: Path
) -> None:
    rows = str(tmp_path / "rows.csv")
    done = CliRunner().invoke(app, ["webcam", "--record", rows, "--seconds", "3"])
    assert isinstance(done.exception, MienError)
    for words in ("there is no display", "--record, --seconds", "--no-window"):
        assert words in str(done.exception)
    assert not served


def test_wrong_use_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    there = tmp_path / "rows.csv"
    there.write_text("mine")
    for options, kind, words in (
        (["--no-window"], ConfigError, "--record or --annotate"),
        (["--record", "rows.txt"], ConfigError, ".parquet"),
        (["--annotate", "out.avi"], ConfigError, ".mp4"),
        (["--record", str(there)], MienError, "there already"),
        (["--record", str(tmp_path / "none" / "rows.csv")], MienError, "no folder"),
    ):
        done = CliRunner().invoke(app, ["webcam", "--bundle", "no such bundle", *options])
        assert isinstance(done.exception, kind), options
        assert words in str(done.exception)
    assert there.read_text() == "mine"


def test_files_are_replaced_when_asked(
    webcam: Callable[..., Result], film: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("old")
    options = ("--no-window", "--seconds", "0.3", "--record", str(rows), "--overwrite")
    assert webcam("--source", str(film), *options).exit_code == 0
    assert "timestamp_s" in rows.read_text()


def still(at_s: float) -> Pair:
    frame = Frame(round(at_s * 10), at_s, np.full((48, 64, 3), 60, np.uint8))
    return frame, FrameResult(frame.index, at_s, (64, 48), (), "none", {"classify": 5.0})


def test_what_is_begun_in_the_same_second_gets_a_name_of_its_own(tmp_path: Path) -> None:
    info = SourceInfo("camera 0", "camera", 64, 48)
    then = datetime(2026, 11, 21, 12, 30, 5)
    with Recorder(["neutral", "anger"], info, tmp_path, now=lambda: then) as recorder:
        for start_s in (0.0, 1.0):
            recorder.start_new(start_s)
            recorder.write(*still(start_s))
            recorder.stop()
        assert recorder.snapshot(*still(2.0)).name == "mien-20261121-123005.png"
        assert recorder.snapshot(*still(2.0)).name == "mien-20261121-123005-2.png"
    names = [path.name for path in recorder.files]
    assert names == [
        "mien-20261121-123005.parquet",
        "mien-20261121-123005.mp4",
        "mien-20261121-123005-2.parquet",
        "mien-20261121-123005-2.mp4",
    ]


def test_a_feed_hands_on_frames_and_then_what_went_wrong() -> None:
    def frames() -> Iterator[Pair]:
        yield still(0.0)
        yield still(0.1)
        raise VideoSourceError("the camera is gone")

    feed = FrameFeed(frames())
    got = []
    with pytest.raises(VideoSourceError, match="gone"):
        while not feed.is_over:
            pair = feed.next(1.0)
            if pair is not None:
                got.append(pair[0].timestamp_s)
    assert got == [0.0, 0.1] and feed.is_over


def test_a_feed_says_when_nothing_comes_in_time() -> None:
    def frames() -> Iterator[Pair]:
        time.sleep(0.4)
        yield still(0.0)

    feed = FrameFeed(frames())
    assert feed.next(0.01) is None and not feed.is_over
    assert feed.next(5.0) is not None
    feed.close()


def test_latency_is_what_a_result_is_later_than_the_quickest_one() -> None:
    clock = {"now": 1000.0}
    pace = Pace(now=lambda: clock["now"])
    # Five milliseconds of work each, and then half a second in which nothing was looked at.
    for at_s in (0.0, 0.1, 0.2):
        clock["now"] = 1000.0 + at_s + 0.005
        pace.note(still(at_s)[1])
    assert pace.latency_s == pytest.approx(0.005)
    assert pace.frames_per_s == pytest.approx(10)
    for step in range(3, 60):
        clock["now"] = 1000.0 + step / 10 + 0.505
        pace.note(still(step / 10)[1])
    assert pace.latency_s == pytest.approx(0.505, rel=0.02)
    assert pace.words(3, 9.96) == "10.0 fps   504 ms   3 dropped"
