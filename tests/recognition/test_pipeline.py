"""The stages of a reading overlap, within bounds, and leave nothing behind however they end."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import ImageError, VideoSourceError
from mien.core.types import Box, FrameResult
from mien.faces import DetectedFace
from mien.media.frames import DecodedFrame, SourceInfo, VideoSource
from mien.media.sampling import Sampling
from mien.recognition import parts
from mien.recognition.recognizer import Recognizer
from tests.films import Film, make, number_in, picture

UInt8Array = NDArray[np.uint8]

# More than may be under way at a time, in all places together.
MOST_UNDER_WAY = 100


class Scripted(VideoSource):
    """A source that shows the number of each frame, without an end unless one is given."""

    def __init__(
        self,
        frames: int = 10**9,
        *,
        first: int = 0,
        kind: str = "file",
        rate_hz: float = 25.0,
        is_paced: bool = False,
        show: Callable[[int], UInt8Array] = picture,
        fails_at: int | None = None,
    ) -> None:
        super().__init__(Sampling())
        self.info = SourceInfo("scripted", kind, 64, 48)  # type: ignore[arg-type]
        self._first, self._length, self._rate_hz, self._is_paced = first, frames, rate_hz, is_paced
        self._show, self._fails_at = show, fails_at
        self.is_released = False

    def _decoded(self) -> Iterator[DecodedFrame]:
        began = time.monotonic()
        for number in range(self._first, self._length):
            if number == self._fails_at:
                raise RuntimeError("the source fell apart")
            if self._is_paced:
                time.sleep(max(0.0, began + number / self._rate_hz - time.monotonic()))
            image = self._show(number % 256)
            yield DecodedFrame(number / self._rate_hz, lambda image=image: image)

    def _release(self) -> None:
        self.is_released = True


class Numbered:
    """A detector that sees a face whose place and size tell the number of the frame."""

    name = frame_key = "full"
    threshold = 0.5
    weights_sha256 = None

    def __init__(self, wait_s: Callable[[], float] = lambda: 0.0) -> None:
        self._wait_s = wait_s
        self.seen: list[int] = []

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        number = number_in(image_bgr)
        self.seen.append(number)
        time.sleep(self._wait_s())
        return [DetectedFace(self.box(number), 0.9)]

    @staticmethod
    def box(number: int) -> Box:
        return Box(4, 4, 24 + number / 8, 24 + number / 8)


def pipeline_threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("mien-video-")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    assert pipeline_threads() == []
    yield
    assert pipeline_threads() == []


def test_results_keep_their_order_however_long_each_takes(tiny_bundle: Path) -> None:
    dice = random.Random(1)
    reader = Recognizer(tiny_bundle, Numbered(lambda: dice.uniform(0, 0.01)))
    source = Scripted(120)
    results = list(reader.video(source, threads=4))
    assert [result.index for result in results] == list(range(120))
    assert [result.timestamp_s for result in results] == [number / 25 for number in range(120)]
    assert [result[0].box for result in results] == [Numbered.box(n) for n in range(120)]
    assert source.is_released and source.report.given == 120
    assert all(
        set(result.milliseconds) == {"decode", "detect", "crop", "classify"} for result in results
    )


def test_the_faces_of_several_frames_are_read_together(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Recognizer(tiny_bundle, Numbered())
    sizes: list[int] = []
    classify = reader.classify

    def counting(crops_gray: UInt8Array) -> NDArray[np.float32]:
        sizes.append(len(crops_gray))
        return classify(crops_gray)

    monkeypatch.setattr(reader, "classify", counting)
    assert len(list(reader.video(Scripted(64)))) == 64
    assert sum(sizes) == 64 and len(sizes) <= 16


@pytest.mark.parametrize("pictures", [False, True])
def test_a_slow_consumer_holds_the_source_back(tiny_bundle: Path, pictures: bool) -> None:
    source = Scripted()
    reading = Recognizer(tiny_bundle, Numbered()).video(source)
    ahead = []
    results = reading.frames() if pictures else iter(reading)
    for taken in range(30):
        next(results)
        time.sleep(0.01)
        ahead.append(source.report.given - taken - 1)
    reading.close()
    assert 0 < max(ahead) <= MOST_UNDER_WAY
    time.sleep(0.05)
    assert source.report.given <= 30 + MOST_UNDER_WAY


def test_large_pictures_wait_in_small_numbers(tiny_bundle: Path) -> None:
    """A frame of 24 MB: two or three of them, and not dozens, are in memory in any one place."""
    source = Scripted(show=lambda number: picture(number, 64, 48))
    source.info = SourceInfo("large", "file", 4000, 2000)
    reading = Recognizer(tiny_bundle, Numbered()).video(source)
    pairs = reading.frames()
    next(pairs)
    time.sleep(0.3)
    assert source.report.given <= 12
    reading.close()


def test_breaking_off_stops_all_threads_and_closes_the_source(tiny_bundle: Path) -> None:
    source = Scripted()
    for result in Recognizer(tiny_bundle, Numbered()).video(source):
        if result.index == 5:
            break
    assert pipeline_threads() == []
    assert source.is_released


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_exception_where_results_are_used_closes_all(
    tiny_bundle: Path, error: type[BaseException]
) -> None:
    source = Scripted()
    with pytest.raises(error), Recognizer(tiny_bundle, Numbered()).video(source) as reading:
        for _ in reading:
            raise error
    assert pipeline_threads() == []
    assert source.is_released


def test_ctrl_c_while_waiting_for_a_frame_closes_all(tiny_bundle: Path) -> None:
    source = Scripted(rate_hz=4, is_paced=True)
    pressing = threading.Timer(0.6, os.kill, (os.getpid(), signal.SIGINT))
    # A shell lets what it runs in the background ignore the key, and the test would wait for ever.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            for result in Recognizer(tiny_bundle, Numbered()).video(source, live=True):
                if result.index == 0:
                    pressing.start()
        pressing.join()
    finally:
        signal.signal(signal.SIGINT, before)
    assert pipeline_threads() == []
    assert source.is_released


def test_closing_from_another_thread_ends_the_reading(tiny_bundle: Path) -> None:
    reading = Recognizer(tiny_bundle, Numbered()).video(Scripted())
    closing = threading.Timer(0.05, reading.close)
    for result in reading:
        if result.index == 5:
            closing.start()
    closing.join()
    assert pipeline_threads() == []


def test_what_a_source_fails_with_comes_after_all_results_before_it(tiny_bundle: Path) -> None:
    source = Scripted(fails_at=20)
    seen = []
    with pytest.raises(RuntimeError, match="fell apart"):
        for result in Recognizer(tiny_bundle, Numbered()).video(source, threads=1):
            seen.append(result.index)
    assert seen == list(range(20))
    assert source.is_released


def test_what_detector_or_model_fail_with_is_raised(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> list[DetectedFace]:
        raise RuntimeError("no kernel for this")

    detector = Numbered()
    reader = Recognizer(tiny_bundle, detector)
    monkeypatch.setattr(detector, "detect", broken)
    with pytest.raises(RuntimeError, match="no kernel"):
        list(reader.video(Scripted()))
    reader = Recognizer(tiny_bundle, Numbered())
    monkeypatch.setattr(reader, "classify", broken)
    with pytest.raises(RuntimeError, match="no kernel"):
        list(reader.video(Scripted()))


def test_one_frame_that_cannot_be_read_is_an_error_in_its_place(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Numbered()
    detect = detector.detect

    def doubtful(image_bgr: UInt8Array) -> list[DetectedFace]:
        number = number_in(image_bgr)
        if number == 3:
            raise ImageError("too odd a picture")
        if number == 5:
            return [DetectedFace(Box(8, 8, 8, 30), 0.9)]  # no area: nothing to cut out
        return detect(image_bgr)

    monkeypatch.setattr(detector, "detect", doubtful)
    results = list(Recognizer(tiny_bundle, detector).video(Scripted(8)))
    assert [result.error for result in results][3] == "too odd a picture"
    assert "area" in str(results[5].error)
    assert [len(result) for result in results] == [1, 1, 1, 0, 1, 0, 1, 1]
    assert [result.error is None for result in results] == [len(r) == 1 for r in results]
    assert all(result.size == (64, 48) for result in results)


def test_the_smallest_and_very_large_frames_are_read(
    tiny_bundle: Path, recognizer: Recognizer, tmp_path: Path
) -> None:
    tiny = make(tmp_path / "dot.avi", Film(codec="ffv1", pixel_format="bgr0", size=(2, 1)))
    assert {(r.size, r.error, len(r)) for r in recognizer.video(tiny)} == {((2, 1), None, 0)}
    dots = Scripted(3, show=lambda number: np.full((1, 1, 3), number, np.uint8))
    assert [result.error for result in recognizer.video(dots)] == [None] * 3
    large = np.zeros((4320, 7680, 3), np.uint8)
    (result,) = recognizer.video(Scripted(1, show=lambda _: large), threads=1)
    assert (result.size, result.error, len(result)) == ((7680, 4320), None, 0)


def test_a_picture_that_is_shown_again_is_searched_once(tiny_bundle: Path) -> None:
    detector = Numbered()
    slides = Scripted(30, show=lambda number: picture(number // 10))
    results = list(Recognizer(tiny_bundle, detector).video(slides))
    assert detector.seen == [0, 1, 2]
    assert [r[0].box for r in results] == [Numbered.box(n // 10) for n in range(30)]


def test_a_live_source_drops_frames_and_stays_at_the_newest(tiny_bundle: Path) -> None:
    source = Scripted(100, kind="camera", rate_hz=100, is_paced=True)
    reading = Recognizer(tiny_bundle, Numbered(lambda: 0.05)).video(source)
    assert reading.is_live and reading.frames_per_s is None
    late = []
    results: list[FrameResult] = []
    for result in reading:
        results.append(result)
        late.append(source.report.decoded - 1 - result.index)
    assert len(results) + reading.dropped == 100
    assert reading.dropped > 40
    indexes = [result.index for result in results]
    assert indexes == sorted(set(indexes))
    assert indexes[-1] == 99
    assert reading.frames_per_s is not None and reading.frames_per_s < 40
    # At 20 of 100 frames a second, 5 pass while one is searched; no more than a few searches late.
    assert sorted(late)[len(late) // 2] <= 40


def test_what_is_not_live_drops_nothing_even_if_it_is_slow(tiny_bundle: Path) -> None:
    source = Scripted(20, kind="camera", rate_hz=200, is_paced=True)
    detector = Numbered(lambda: 0.01)
    reading = Recognizer(tiny_bundle, detector).video(source, live=False)
    assert [result.index for result in reading] == list(range(20))
    assert not reading.is_live and reading.dropped == 0


def test_a_recording_read_as_live_takes_its_time(tiny_bundle: Path) -> None:
    reading = Recognizer(tiny_bundle, Numbered()).video(Scripted(11, rate_hz=20), live=True)
    began = time.monotonic()
    assert len(list(reading)) + reading.dropped == 11
    assert time.monotonic() - began >= 0.5


def test_every_third_frame_searched_is_said_and_the_others_are_read_where_faces_are_expected(
    tiny_bundle: Path,
) -> None:
    detector = Numbered()
    reader = Recognizer(tiny_bundle, detector)
    results = list(reader.video(Scripted(31), detect_every=3))
    assert sorted(detector.seen) == list(range(0, 31, 3))
    assert [result[0].predicted for result in results] == [n % 3 != 0 for n in range(31)]
    assert {result[0].track_id for result in results} == {1}
    for number, result in enumerate(results[6:], 6):
        face = result[0]
        assert face.box.iou(Numbered.box(number)) > 0.9
        crop = reader.crop(np.ascontiguousarray(picture(number)[:, :, ::-1]), [face])
        expected = reader.classify(crop)[0]
        assert list(face.expression.probabilities.values()) == pytest.approx(expected, abs=1e-5)
        assert result.milliseconds["detect"] == 0 or not face.predicted
    untracked = list(reader.video(Scripted(7), detect_every=3, track=False))
    assert [result[0].predicted for result in untracked] == [n % 3 != 0 for n in range(7)]
    assert all(result[0].track_id is None for result in untracked)


class Doubting(Numbered):
    """Sure of the face in the first frames only; now and then it sees something in nothing."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        number = number_in(image_bgr)
        faces = [DetectedFace(Box(4, 4, 24, 24), 0.9 if number < 5 else 0.4)]
        if number % 2:
            faces.append(DetectedFace(Box(40, 24, 50, 34), 0.35))
        return [face for face in faces if face.confidence >= self.threshold]


def test_doubtful_faces_continue_tracks_where_the_recognizer_opened_its_detector(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def opening(name: str, *, doubtful: bool = False, **_: object) -> Doubting:
        return Doubting(0.3 if doubtful else 0.6)

    monkeypatch.setattr(parts, "open_detector", opening)
    reader = Recognizer(tiny_bundle, "full").answering(uncertain_below=0.5)
    results = list(reader.video(Scripted(10)))
    assert [[face.track_id for face in result] for result in results] == [[1]] * 10
    assert {result.detector_threshold for result in results} == {0.3}
    sure_only = list(reader.video(Scripted(10), track=False))
    assert [len(result) for result in sure_only] == [1] * 5 + [0] * 5
    assert {result.detector_threshold for result in sure_only} == {0.6}
    given = Recognizer(tiny_bundle, Doubting(0.6))
    assert [len(result) for result in given.video(Scripted(10))] == [1] * 5 + [0] * 5


def test_a_reading_goes_on_with_the_tracks_of_one_that_was_stopped(tiny_bundle: Path) -> None:
    reader = Recognizer(tiny_bundle, Numbered())
    whole = list(reader.video(Scripted(40), time_constant_s=0.5))
    again = reader.video(Scripted(40, first=25), time_constant_s=0.5)
    again.recall(whole[5:25], last_id=7)
    rest = list(again)
    assert [result[0].track_id for result in rest] == [1] * 15
    for mine, true in zip(rest, whole[25:], strict=True):
        assert mine[0].smoothed is not None and true[0].smoothed is not None
        for label in true[0].smoothed:
            assert mine[0].smoothed[label] == pytest.approx(true[0].smoothed[label], abs=1e-5)
    with pytest.raises(VideoSourceError, match="before"):
        again.recall(whole)
