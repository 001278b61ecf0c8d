"""A video is read frame by frame, in order, by its own clock; whatever happens, all is closed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import ConfigError, VideoSourceError
from mien.media import VideoWriter, open_source
from mien.recognition.recognizer import Recognizer
from tests.films import UNEVEN_MS, Film, make, number_in

UInt8Array = NDArray[np.uint8]


@pytest.fixture(scope="session")
def uneven_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """17 small frames with gaps of every length; no faces."""
    return make(tmp_path_factory.mktemp("films") / "uneven.mp4", Film())


@pytest.fixture(scope="session")
def walk(tmp_path_factory: pytest.TempPathFactory, astronaut_path: Path) -> Path:
    """One face that moves to the right by 12 px a frame, 15 frames at 15 a second."""
    path = tmp_path_factory.mktemp("films") / "a walk 🎬.mp4"
    portrait_rgb = cv2.imread(str(astronaut_path))[:, :, ::-1]
    with VideoWriter(path, threads=1) as writer:
        for number in range(15):
            canvas = np.full((360, 640, 3), 90, np.uint8)
            left = 20 + 12 * number
            canvas[20:340, left : left + 256] = portrait_rgb[:320, 96:352]
            writer.write(canvas, number / 15)
    return path


def times_of(path: Path) -> list[float]:
    """Presentation times of a file's frames, straight from PyAV."""
    with av.open(str(path)) as container:
        return [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]


def test_each_frame_has_a_result_with_its_own_time(
    recognizer: Recognizer, uneven_film: Path
) -> None:
    reading = recognizer.video(uneven_film)
    assert (reading.info.kind, reading.info.width) == ("file", 64)
    results = list(reading)
    assert [result.index for result in results] == list(range(len(UNEVEN_MS)))
    assert [result.timestamp_s for result in results] == times_of(uneven_film)
    assert results[3].timestamp_s == pytest.approx(0.12)
    assert {result.source for result in results} == {str(uneven_film)}
    assert {result.size for result in results} == {(64, 48)}
    assert (reading.report.given, reading.report.complete, reading.dropped) == (17, True, 0)


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_times_are_those_of_ffprobe(recognizer: Recognizer, uneven_film: Path) -> None:
    asked = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries"]
    command = [*asked, "frame=pts_time", "-of", "csv=p=0", str(uneven_film)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    results = list(recognizer.video(uneven_film))
    assert [f"{result.timestamp_s:.6f}" for result in results] == [t.strip(",") for t in told]


def test_sampling_and_range_are_those_of_the_source(
    recognizer: Recognizer, uneven_film: Path
) -> None:
    some = list(recognizer.video(uneven_film, every_n=4, start_s=0.05, end_s=0.9))
    assert [round(1000 * result.timestamp_s) for result in some] == [50, 410, 700]
    slots = list(recognizer.video(uneven_film, every_s=0.5))
    assert [round(1000 * result.timestamp_s) for result in slots] == [0, 500, 1000]


def test_a_person_keeps_one_id_and_is_smoothed(recognizer: Recognizer, walk: Path) -> None:
    results = list(recognizer.video(walk))
    assert len(results) == 15
    assert [[face.track_id for face in result] for result in results] == [[1]] * 15
    assert all(face.smoothed is not None for result in results for face in result)
    first, last = results[0][0], results[-1][0]
    assert last.box.centre[0] - first.box.centre[0] == pytest.approx(12 * 14, abs=6)
    assert first.smoothed == first.expression != last.smoothed != last.expression


def test_without_tracks_a_video_is_read_as_its_frames_are(
    recognizer: Recognizer, walk: Path
) -> None:
    with open_source(walk) as source:
        alone = [
            recognizer.analyze(frame.image_rgb, colour_order="rgb", index=frame.index)
            for frame in source
        ]
    results = list(recognizer.video(walk, track=False))
    for result, expected in zip(results, alone, strict=True):
        (face,), (wanted,) = result, expected
        assert (face.box, face.confidence, face.landmarks) == (
            wanted.box,
            wanted.confidence,
            wanted.landmarks,
        )
        assert face.track_id is None and face.smoothed is None and not face.predicted
        for label in face.expression:
            assert face.expression[label] == pytest.approx(wanted.expression[label], abs=1e-5)


def test_the_picture_comes_beside_its_result(recognizer: Recognizer, uneven_film: Path) -> None:
    for number, (frame, result) in enumerate(recognizer.video(uneven_film).frames()):
        assert number_in(frame.image_rgb) == number == result.index == frame.index
        assert frame.timestamp_s == result.timestamp_s


def test_a_reading_is_read_once(recognizer: Recognizer, uneven_film: Path) -> None:
    reading = recognizer.video(uneven_film)
    next(iter(reading))
    with pytest.raises(VideoSourceError, match="open it again"):
        iter(reading)
    closed = recognizer.video(uneven_film)
    closed.close()
    closed.close()
    with pytest.raises(VideoSourceError, match="open it again"):
        closed.frames()


def test_an_open_source_is_taken_over_with_its_sampling(
    recognizer: Recognizer, uneven_film: Path
) -> None:
    source = open_source(uneven_film, every_n=8)
    with recognizer.video(source) as reading:
        assert [result.index for result in reading] == [0, 8, 16]
    with pytest.raises(VideoSourceError, match="closed"):
        next(source)
    with open_source(uneven_film) as source, pytest.raises(ConfigError, match="open already"):
        recognizer.video(source, every_n=2)


def test_what_cannot_be_is_said_at_once(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(VideoSourceError, match="does not exist"):
        recognizer.video(tmp_path / "none.mp4")
    for wrong in (0, -1, "often", 1.5):
        with pytest.raises(ConfigError, match="detect_every"):
            recognizer.video(tmp_path / "none.mp4", detect_every=wrong)  # type: ignore[arg-type]
    for name in ("max_gap_s", "time_constant_s"):
        with pytest.raises(ConfigError, match=name):
            recognizer.video(tmp_path / "none.mp4", **{name: -1})
    with pytest.raises(ConfigError, match="threads"):
        recognizer.video(tmp_path / "none.mp4", threads=0)
