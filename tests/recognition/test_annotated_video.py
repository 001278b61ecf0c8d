"""Annotated videos: the source's own times and sound, and what was written is kept."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from mien.core.errors import VideoWriteError
from mien.core.types import Box, Expression, Face, FrameResult
from mien.media import Frame, open_source
from mien.recognition.drawing.annotated_video import AnnotatedVideo, fitted
from mien.recognition.drawing.overlay import VideoOverlay
from tests.films import UNEVEN_MS, Film, heard_at, make

SIZE = (320, 240)


def read(frame: Frame) -> FrameResult:
    shares = Expression({"neutral": 0.2, "anger": 0.8}, "fer2013")
    size = (frame.image_rgb.shape[1], frame.image_rgb.shape[0])
    box = Box(0.4 * size[0], 0.3 * size[1], 0.6 * size[0], 0.6 * size[1])
    faces = (Face(box, 0.9, shares, track_id=1, smoothed=shares),)
    return FrameResult(frame.index, frame.timestamp_s, size, faces, "none", {})


def still(at_s: float, size: tuple[int, int] = SIZE) -> Frame:
    return Frame(round(at_s * 10), at_s, np.full((size[1], size[0], 3), 90, np.uint8))


@pytest.mark.parametrize("every_n", [1, 3])
def test_frames_keep_their_own_times_and_the_sound_stays(tmp_path: Path, every_n: int) -> None:
    film = make(tmp_path / "film 🎬.mp4", Film(size=SIZE, sound="aac"))
    out = tmp_path / "out.mp4"
    with (
        open_source(film, every_n=every_n) as source,
        AnnotatedVideo(out, source=source.info) as video,
    ):
        for frame in source:
            video.write(frame, read(frame))
    with open_source(out) as source:
        frames = list(source)
    wanted = [one / 1000 for one in UNEVEN_MS[::every_n]]
    assert [one.timestamp_s for one in frames] == pytest.approx(wanted, abs=2e-5)
    assert video.frames_written == len(wanted)
    assert video.sound is not None and "copied" in video.sound
    heard, original = heard_at(out), heard_at(film)
    assert len(heard) >= 3
    assert heard == pytest.approx(original[: len(heard)], abs=0.002)
    # Anger's orange is on the box, in the picture's middle.
    red, green, blue = frames[0].image_rgb[72:144, 128:131].reshape(-1, 3).max(axis=0)
    assert red > 170 and green < 140 and blue < 120


def test_a_range_begins_at_0_with_its_own_sound(tmp_path: Path) -> None:
    film = make(tmp_path / "film.mp4", Film(size=SIZE, sound="aac"))
    out = tmp_path / "out.mp4"
    with (
        open_source(film, start_s=0.5) as source,
        AnnotatedVideo(out, source=source.info, start_s=0.5) as video,
    ):
        for frame in source:
            video.write(frame, read(frame))
    with open_source(out) as source:
        times = [one.timestamp_s for one in source]
    assert times == pytest.approx([t / 1000 - 0.5 for t in UNEVEN_MS if t >= 500], abs=2e-5)
    assert heard_at(out)[0] == pytest.approx(0.25, abs=0.03)


def test_pictures_cameras_and_streams_have_no_sound_to_keep(tmp_path: Path) -> None:
    with AnnotatedVideo(tmp_path / "out.mp4") as video:
        video.write(still(0.0), read(still(0.0)))
    assert video.sound is None


def test_what_was_written_is_kept_when_an_error_comes(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with pytest.raises(RuntimeError, match="unplugged"), AnnotatedVideo(out) as video:
        for step in range(20):
            video.write(still(step / 10), read(still(step / 10)))
        raise RuntimeError("unplugged")
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 20


def test_a_frame_that_is_no_later_is_left_out_and_counted(tmp_path: Path) -> None:
    with AnnotatedVideo(tmp_path / "out.mp4") as video:
        for at_s in (0.0, 0.1, 0.1, 0.2):
            video.write(still(at_s), read(still(at_s)))
    assert (video.frames_written, video.left_out) == (3, 1)


def test_frames_of_another_size_are_fitted_into_the_first_ones(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    with AnnotatedVideo(out, overlay=VideoOverlay(strip_s=0)) as video:
        for at_s, size in ((0.0, SIZE), (0.1, (100, 200)), (0.2, (641, 361))):
            video.write(still(at_s, size), read(still(at_s, size)))
    with open_source(out) as source:
        frames = [one.image_rgb for one in source]
    assert {one.shape for one in frames} == {(240, 320, 3)}
    # Twice as high as wide: black to the left and right.
    assert frames[1][:, :80].max() < 20 < frames[1][200, 160].min()


def test_fitting_keeps_proportions() -> None:
    white = np.full((50, 100, 3), 255, np.uint8)
    inside = (fitted(white, (60, 60)) > 0).all(axis=2)
    assert (inside.any(axis=1).sum(), inside.any(axis=0).sum()) == (30, 60)
    assert fitted(white, (100, 50)) is white


def test_a_file_that_is_there_is_replaced_only_when_asked(tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    out.write_bytes(b"mine")
    with pytest.raises(VideoWriteError, match="there already"):
        AnnotatedVideo(out)
    assert out.read_bytes() == b"mine"
    with AnnotatedVideo(out, overwrite=True) as video:
        video.write(still(0.0), read(still(0.0)))
    assert out.read_bytes() != b"mine"
