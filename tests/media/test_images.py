"""Pictures in a row and animations: order, turning, times, damage."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from films import BLUE, GREEN, GREY, RED, corners, number_in, picture
from mien.core.errors import ConfigError, VideoSourceError
from mien.media import open_source


def save_pictures(folder: Path, numbers: list[int]) -> Path:
    for number in numbers:
        Image.fromarray(picture(number)).save(folder / f"shot {number}.png")
    return folder


def test_pictures_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    save_pictures(tmp_path, [10, 2, 1, 9, 100])
    (tmp_path / "notes.txt").write_text("no picture", encoding="utf-8")
    with open_source(tmp_path, picture_times=12.5) as source:
        frames = list(source)
        assert source.info.kind == "pictures"
        assert (source.info.frames, source.info.frame_rate) == (5, 12.5)
        assert source.info.duration_s == pytest.approx(0.4)
    assert [number_in(frame.image_rgb) for frame in frames] == [1, 2, 9, 10, 100]
    assert [f.timestamp_s for f in frames] == pytest.approx([0, 0.08, 0.16, 0.24, 0.32])


def test_a_pattern_picks_pictures(tmp_path: Path) -> None:
    save_pictures(tmp_path, [1, 2, 10, 11])
    with open_source(str(tmp_path / "shot 1?.png"), picture_times=1, start_s=1) as source:
        assert [(number_in(f.image_rgb), f.timestamp_s) for f in source] == [(11, 1.0)]


def test_times_of_the_files_are_times_of_the_frames(tmp_path: Path) -> None:
    save_pictures(tmp_path, [1, 2, 3])
    for number, written_s in ((1, 1000.0), (2, 1000.25), (3, 1002.0)):
        os.utime(tmp_path / f"shot {number}.png", (written_s, written_s))
    with open_source(tmp_path, picture_times="file-times") as source:
        assert [f.timestamp_s for f in source] == pytest.approx([0.0, 0.25, 2.0])
    os.utime(tmp_path / "shot 2.png", (5, 5))
    with pytest.raises(ConfigError, match=r"shot 2\.png was not written later"):
        open_source(tmp_path, picture_times="file-times")


def test_several_pictures_without_times_are_refused(tmp_path: Path) -> None:
    save_pictures(tmp_path, [1, 2])
    with pytest.raises(ConfigError, match="2 pictures have no clock"):
        open_source(tmp_path)
    with pytest.raises(ConfigError, match="above 0"):
        open_source(tmp_path, picture_times=0.0)


def test_one_picture_is_one_frame_turned_by_exif(tmp_path: Path) -> None:
    path = tmp_path / "phone.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by 90 degrees
    Image.fromarray(picture(3)).save(path, exif=exif, quality=95, subsampling=0)
    with open_source(path) as source:
        (frame,) = source
        assert (source.info.width, source.info.height) == (48, 64)
    assert frame.image_rgb.shape == (64, 48, 3)
    assert np.abs(corners(frame.image_rgb) - np.array([GREY, RED, GREEN, BLUE])).max() <= 8


def test_a_picture_that_is_damaged_is_counted_and_left_out(tmp_path: Path) -> None:
    save_pictures(tmp_path, [1, 2, 3])
    broken = tmp_path / "shot 2.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with open_source(tmp_path, picture_times=10) as source:
        frames = list(source)
        assert source.report.damaged == 1
    assert [(f.index, number_in(f.image_rgb)) for f in frames] == [(0, 1), (2, 3)]


def test_a_folder_with_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoSourceError, match="no pictures in"):
        open_source(tmp_path, picture_times=1)
    (tmp_path / "x.png").write_bytes(b"no picture")
    with pytest.raises(VideoSourceError, match="none of the pictures"):
        open_source(tmp_path, picture_times=1)
    with pytest.raises(VideoSourceError, match="no pictures in"):
        open_source(str(tmp_path / "*.jpg"), picture_times=1)


@pytest.mark.parametrize(
    ("suffix", "options"), [("gif", {}), ("webp", {"lossless": True}), ("png", {})]
)
def test_frames_of_an_animation_last_as_long_as_they_say(
    tmp_path: Path, suffix: str, options: dict[str, bool]
) -> None:
    pictures = [Image.fromarray(picture(number)) for number in range(5)]
    path = tmp_path / f"moving.{suffix}"
    delays_ms = [100, 250, 40, 500, 80]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delays_ms, **options)
    with open_source(path) as source:
        frames = list(source)
        assert source.info.kind == "animation"
        assert source.info.codec == suffix
        assert source.report.complete
    assert [number_in(frame.image_rgb) for frame in frames] == [0, 1, 2, 3, 4]
    assert [f.timestamp_s for f in frames] == pytest.approx([0, 0.1, 0.35, 0.39, 0.89])
    assert np.abs(corners(frames[2].image_rgb) - np.array([RED, GREEN, BLUE, GREY])).max() <= 12


def test_a_hasty_gif_lasts_as_in_browsers(tmp_path: Path) -> None:
    pictures = [Image.fromarray(picture(number)) for number in range(3)]
    path = tmp_path / "hasty.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=0)
    with open_source(path) as source:
        assert [frame.timestamp_s for frame in source] == pytest.approx([0, 0.1, 0.2])


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_what_is_left_of_an_animation_is_kept(tmp_path: Path, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (6, 64, 64, 3), np.uint8)
    pictures = [Image.fromarray(image) for image in noise]
    whole = tmp_path / "whole.gif"
    pictures[0].save(whole, save_all=True, append_images=pictures[1:], duration=100)
    path = tmp_path / "cut.gif"
    content = whole.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with open_source(path) as source:
        frames = list(source)
        (found,) = source.report.breaks
    assert 1 < len(frames) < 6
    assert found.timestamp_s == pytest.approx(0.1 * (len(frames) - 1))


def test_an_animation_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "no.gif"
    path.write_bytes(b"GIF89a but no more")
    with pytest.raises(VideoSourceError, match=r"no\.gif"):
        open_source(path)
