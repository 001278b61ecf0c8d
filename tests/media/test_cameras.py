"""Cameras, with a capture that plays one: names, times, trouble."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from films import number_in, picture
from mien.core.errors import VideoSourceError
from mien.media.cameras import Camera, CameraSource, find_camera, list_cameras
from mien.media.sampling import Sampling

HERE = [Camera(0, "Integrated Camera"), Camera(2, "Logitech C920"), Camera(4, "Logitech Brio")]


class Clock:
    """Time that passes only when somebody looks."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        self.now_s += 0.01
        return self.now_s


class Capture:
    """A camera that gives what it was told to: pictures, None for a frame missed, then nothing."""

    def __init__(self, script: list[int | None], opened: bool = True) -> None:
        self.script = list(script)
        self.opened = opened
        self.released = 0

    def isOpened(self) -> bool:
        return self.opened

    def read(self) -> tuple[bool, Any]:
        number = self.script.pop(0) if self.script else None
        return (False, None) if number is None else (True, picture(number)[:, :, ::-1])

    def get(self, property_id: int, /) -> float:
        return 30.0

    def release(self) -> None:
        self.released += 1


def open_camera(
    capture: Capture, camera: int | str = 0, sampling: Sampling | None = None
) -> CameraSource:
    return CameraSource(
        camera,
        sampling or Sampling(),
        open_capture=lambda _: capture,
        cameras=lambda: HERE,
        now=Clock(),
        patience_s=0.1,
    )


def test_frames_are_timed_by_when_they_came() -> None:
    with open_camera(Capture([0, 1, None, 2])) as source:
        frames = [next(source) for _ in range(3)]
        assert source.info.name == "camera 0 (Integrated Camera)"
        assert (source.info.width, source.info.height, source.info.frame_rate) == (64, 48, 30.0)
    assert [number_in(frame.image_rgb) for frame in frames] == [0, 1, 2]
    times_s = [frame.timestamp_s for frame in frames]
    assert times_s[0] == 0
    assert times_s == sorted(times_s)
    # The frame that was missed took its time.
    assert times_s[2] - times_s[1] > times_s[1] - times_s[0]


def test_a_camera_that_vanishes_ends_the_source_and_is_named() -> None:
    capture = Capture([0, 1, 2])
    with open_camera(capture) as source:
        frames = list(source)
        (found,) = source.report.breaks
    assert len(frames) == 3
    assert found.timestamp_s == frames[-1].timestamp_s
    assert "unplugged" in found.reason
    assert capture.released == 1


def test_a_camera_in_use_is_released_and_named() -> None:
    capture = Capture([], opened=False)
    with pytest.raises(VideoSourceError, match=r"camera 2 \(Logitech C920\).*in use"):
        open_camera(capture, "c920")
    assert capture.released == 1


def test_a_camera_that_gives_nothing_is_released_and_named() -> None:
    capture = Capture([])
    with pytest.raises(VideoSourceError, match="gives no frames"):
        open_camera(capture)
    assert capture.released == 1


def test_sampling_holds_for_cameras() -> None:
    with open_camera(Capture([0, 1, 2, 3, 4]), sampling=Sampling(every_n=2)) as source:
        assert [number_in(frame.image_rgb) for frame in source] == [0, 2, 4]


@pytest.mark.parametrize(
    ("wanted", "index"), [(2, 2), ("2", 2), ("brio", 4), ("logitech c920", 2), ("Integrated", 0)]
)
def test_a_camera_is_found_by_number_or_name(wanted: int | str, index: int) -> None:
    assert find_camera(wanted, HERE) == index


@pytest.mark.parametrize(
    ("wanted", "text"), [(1, "no camera 1"), ("Sony", "no camera 'Sony'"), ("logitech", "several")]
)
def test_a_camera_that_is_not_there_is_answered_with_those_that_are(
    wanted: int | str, text: str
) -> None:
    with pytest.raises(VideoSourceError, match=rf"{text}.*2 \(Logitech C920\)"):
        find_camera(wanted, HERE)


def test_without_a_list_numbers_alone_are_cameras() -> None:
    assert find_camera(3, None) == 3
    with pytest.raises(VideoSourceError, match="give its number"):
        find_camera("Brio", None)


def test_cameras_are_listed_without_their_metadata_nodes(tmp_path: Path) -> None:
    for node, index, name in (("video2", "0", "Brio"), ("video0", "0", "Own"), ("video1", "1", "")):
        (tmp_path / node).mkdir()
        (tmp_path / node / "index").write_text(f"{index}\n", encoding="ascii")
        (tmp_path / node / "name").write_text(f"{name}\n", encoding="ascii")
    (tmp_path / "v4l-subdev0").mkdir()
    assert list_cameras(tmp_path) == [Camera(0, "Own"), Camera(2, "Brio")]
    assert list_cameras(tmp_path / "none") is None
