"""Writing: timestamps, colours and sound stay; what was written survives trouble."""

from __future__ import annotations

import resource
import shutil
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from films import (
    BLUE,
    GREEN,
    GREY,
    RED,
    UNEVEN_MS,
    Film,
    corners,
    heard_at,
    make,
    number_in,
    picture,
)
from mien.core.errors import ShapeError, VideoWriteError
from mien.media import Frame, VideoWriter, open_source

TIMES_S = [0.5 + ms / 1000 for ms in UNEVEN_MS]


def read(path: Path) -> list[Frame]:
    with open_source(path) as source:
        return list(source)


def noise(number: int, size: int = 64) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """A picture that takes room in a file."""
    return np.random.default_rng(number).integers(0, 256, (size, size, 3), np.uint8)


def test_uneven_timestamps_colours_and_order_come_back(tmp_path: Path) -> None:
    path = tmp_path / "uneven 🎬.mp4"
    with VideoWriter(path) as writer:
        for number, at_s in enumerate(TIMES_S):
            writer.write(picture(number), at_s)
        assert writer.sound is None
    frames = read(path)
    # 1/90,000 s is the tick; half of it is the worst rounding.
    assert [f.timestamp_s for f in frames] == pytest.approx(TIMES_S, abs=0.5 / 90_000 + 1e-9)
    assert [number_in(f.image_rgb) for f in frames] == list(range(len(TIMES_S)))
    assert np.abs(corners(frames[3].image_rgb) - np.array([RED, GREEN, BLUE, GREY])).max() <= 8
    with open_source(path) as source:
        assert (source.info.codec, source.info.pixel_format) == ("h264", "yuv420p")
        assert source.info.frames == len(TIMES_S)


@pytest.mark.parametrize("every_n", [1, 2, 3])
def test_the_last_frame_is_there_wherever_the_last_fragment_begins(
    tmp_path: Path, every_n: int
) -> None:
    film = make(tmp_path / "film.mp4", Film(sound="aac"))
    for count in range(1, len(TIMES_S[::every_n]) + 1):
        times_s = TIMES_S[::every_n][:count]
        path = tmp_path / f"{count}.mp4"
        with VideoWriter(path, audio_from=film) as writer:
            for number, at_s in enumerate(times_s):
                writer.write(picture(number), at_s)
        assert [f.timestamp_s for f in read(path)] == pytest.approx(times_s, abs=1e-5)


def test_a_range_can_begin_at_zero(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "part.mp4", start_s=TIMES_S[0]) as writer:
        for number, at_s in enumerate(TIMES_S):
            writer.write(picture(number), at_s)
    times_s = [f.timestamp_s for f in read(tmp_path / "part.mp4")]
    assert times_s == pytest.approx([at_s - 0.5 for at_s in TIMES_S], abs=1e-5)


def test_odd_sizes_grow_by_a_pixel(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "odd.mp4") as writer:
        for number in range(3):
            writer.write(picture(number, 65, 49), number / 10)
    (first, *_) = read(tmp_path / "odd.mp4")
    assert first.image_rgb.shape == (50, 66, 3)


@pytest.mark.parametrize(
    ("name", "codec", "sound"),
    [
        ("in.mp4", "aac", "aac, copied"),
        ("in.mkv", "libopus", "opus, copied"),
        ("in.ts", "aac", "aac, encoded to aac"),
        ("in.avi", "pcm_s16le", "pcm_s16le, encoded to aac"),
    ],
)
@pytest.mark.parametrize("start_s", [0.0, 0.5])
def test_sound_stays_with_the_pictures(
    tmp_path: Path, name: str, codec: str, sound: str, start_s: float
) -> None:
    video = "mpeg4" if name.endswith("avi") else "libx264"
    time_base = Fraction(1, 25) if video == "mpeg4" else Fraction(1, 1000)
    film = Film(video, times_ms=range(0, 2400, 40), sound=codec, time_base=time_base)
    source_path = make(tmp_path / name, film)
    path = tmp_path / "out.mp4"
    with (
        open_source(source_path, start_s=start_s, end_s=2.0) as source,
        VideoWriter(path, audio_from=source_path, start_s=start_s) as writer,
    ):
        for frame in source:
            writer.write(frame.image_rgb, frame.timestamp_s)
    assert writer.sound == sound
    clock_s = source.info.clock_start_s
    before = [at_s - clock_s - start_s for at_s in heard_at(source_path)]
    # Those near the edges may be cut.
    within = [at_s for at_s in before if 0.05 < at_s < 1.9 - start_s]
    assert len(within) >= 5
    after = [at_s for at_s in heard_at(path) if 0.05 < at_s < 1.9 - start_s]
    assert after == pytest.approx(within, abs=0.003)
    with av.open(str(path)) as container:
        heard = container.streams.audio[0]
        assert heard.duration is not None
        assert heard.time_base is not None
        # The sound ends with the pictures.
        assert float(heard.duration * heard.time_base) == pytest.approx(2.0 - start_s, abs=0.08)


def test_a_source_without_sound_gives_a_video_without(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Film())
    with VideoWriter(tmp_path / "out.mp4", audio_from=source) as writer:
        writer.write(picture(0), 0)
        assert writer.sound is None
    assert len(read(tmp_path / "out.mp4")) == 1


def test_a_file_that_is_not_finished_can_be_played_so_far(tmp_path: Path) -> None:
    path, killed = tmp_path / "whole.mp4", tmp_path / "killed.mp4"
    with VideoWriter(path, threads=1) as writer:
        for number in range(150):
            writer.write(noise(number), number / 30)
            if number == 120:
                # What is on the disk is what would be left if the process were killed now.
                shutil.copy(path, killed)
    left = read(killed)
    assert 40 <= len(left) < 121
    assert [f.timestamp_s for f in left] == pytest.approx(
        [n / 30 for n in range(len(left))], abs=1e-5
    )
    assert len(read(path)) == 150


def test_an_exception_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    with pytest.raises(ZeroDivisionError), VideoWriter(path) as writer:
        for number in range(20):
            writer.write(picture(number), number / 10)
        raise ZeroDivisionError
    assert len(read(path)) == 20


def test_a_full_disk_is_told_and_leaves_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "full.mp4"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The kernel then refuses to let any file grow beyond this, as a full disk does.
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, before[1]))
    try:
        with (
            pytest.raises(VideoWriteError, match=r"cannot write .*full\.mp4: .* are kept in it"),
            VideoWriter(path, threads=1) as writer,
        ):
            for number in range(600):
                writer.write(noise(number), number / 30)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert writer.frames_written < 600
    left = read(path)
    assert len(left) > 30
    assert [f.timestamp_s for f in left] == pytest.approx(
        [n / 30 for n in range(len(left))], abs=1e-5
    )
    with pytest.raises(VideoWriteError, match="closed"):
        writer.write(noise(0), 100)
    writer.close()


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    source = make(tmp_path / "in.mp4", Film())
    for path, options, text in (
        (tmp_path / "out.avi", {}, r"ends in \.mp4"),
        (tmp_path / "none" / "out.mp4", {}, "no folder"),
        (source, {"audio_from": source, "overwrite": True}, "is what the sound is from"),
        (source, {}, "is there already"),
        (tmp_path / "out.mp4", {"audio_from": tmp_path / "no.mp4"}, "cannot take the sound"),
        (tmp_path / "out.mp4", {"quality": 99}, "quality must be"),
    ):
        with pytest.raises(VideoWriteError, match=text):
            VideoWriter(path, **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out.mp4").exists()


def test_frames_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4", start_s=1.0) as writer:
        with pytest.raises(VideoWriteError, match="has no place for a frame"):
            writer.write(picture(0), 0.5)
        writer.write(picture(0), 1.0)
        with pytest.raises(VideoWriteError, match="later than the last one"):
            writer.write(picture(1), 1.0)
        with pytest.raises(ShapeError, match="like the first one"):
            writer.write(picture(1, 32, 32), 2.0)
        with pytest.raises(ShapeError, match="uint8 RGB"):
            writer.write(np.zeros((4, 4), np.uint8), 2.0)
        writer.write(picture(1), 2.0)
    assert [f.timestamp_s for f in read(tmp_path / "out.mp4")] == pytest.approx([0, 1])


def test_nothing_written_is_no_file(tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "out.mp4"):
        pass
    assert not (tmp_path / "out.mp4").exists()
