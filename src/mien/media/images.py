"""Pictures as video: the files of a folder in order, and animated GIF, WebP and PNG."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from mien.core.errors import ConfigError, ImageError, VideoSourceError
from mien.core.imaging import pil_to_bgr, read_image
from mien.media.frames import (
    MAX_FRAME_PIXELS,
    DecodedFrame,
    SourceBreak,
    SourceInfo,
    UInt8Array,
    VideoSource,
)
from mien.media.sampling import Sampling

PictureTimes = float | Literal["file-times"]
PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}
)
ANIMATED_SUFFIXES = frozenset({".gif", ".webp", ".png", ".apng"})
# Browsers show a frame that asks for 10 ms or less for this long, and so GIFs are made for that.
_USUAL_DELAY_MS = 100.0
_HASTY_DELAY_MS = 10.0
# EXIF orientations in which width and height change places.
_LYING = (5, 6, 7, 8)
_GIF_TRAILER = b";"
_DIGITS = re.compile(r"(\d+)")


class PictureSource(VideoSource):
    """Picture files as the frames of a video, turned by EXIF, in natural order of their names.

    A picture that cannot be read is counted and left out.
    """

    def __init__(self, where: str | Path, sampling: Sampling, times: PictureTimes | None) -> None:
        """Find the pictures.

        Args:
            where: A folder, or a pattern such as `shots/*.png`, or one picture.
            sampling: Which of them are wanted.
            times: Pictures a second, or `file-times` for when each file was last written, from
                the first one on. One picture alone needs none.

        Raises:
            ConfigError: If there are several pictures and no times for them, or unusable ones.
            VideoSourceError: If there is no picture, or none that can be read.
        """
        super().__init__(sampling)
        self._paths = find_pictures(where)
        self._times_s = _times_s(self._paths, times)
        width, height, codec, mode = _first_size(self._paths, str(where))
        several = len(self._paths) > 1
        self.info = SourceInfo(
            name=str(where),
            kind="pictures",
            width=width,
            height=height,
            frame_rate=times if isinstance(times, (int, float)) and several else None,
            duration_s=self._times_s[-1] + _last_length_s(self._times_s),
            frames=len(self._paths),
            codec=codec,
            pixel_format=mode,
        )

    def _decoded(self) -> Iterator[DecodedFrame]:
        for path, timestamp_s in zip(self._paths, self._times_s, strict=True):
            yield DecodedFrame(timestamp_s, partial(_read_rgb, path))

    def _release(self) -> None:
        pass


class AnimationSource(VideoSource):
    """An animated GIF, WebP or PNG; each frame lasts as long as it says.

    A frame that asks for 10 ms or less lasts 100 ms, as in browsers. Transparency is laid on white.
    """

    def __init__(self, path: Path, sampling: Sampling) -> None:
        """Open an animation.

        Raises:
            VideoSourceError: If it is missing, no picture, or its frames are too large.
        """
        super().__init__(sampling)
        self._path = path
        try:
            image = Image.open(path)
        except (OSError, UnidentifiedImageError, SyntaxError, ValueError) as error:
            raise VideoSourceError(f"cannot open {path}: {error}") from error
        except Image.DecompressionBombError as error:
            raise VideoSourceError(f"{path} is too large to open safely: {error}") from error
        self._image = image
        if image.width * image.height > MAX_FRAME_PIXELS:
            image.close()
            raise VideoSourceError(
                f"{path}: frames of {image.width} x {image.height} pixels; at most "
                f"{MAX_FRAME_PIXELS / 1e6:.0f} megapixels are read; scale it down first"
            )
        self.info = SourceInfo(
            name=str(path),
            kind="animation",
            width=image.width,
            height=image.height,
            codec=(image.format or "").lower() or None,
            pixel_format=image.mode,
        )

    def _decoded(self) -> Iterator[DecodedFrame]:
        timestamp_s, last_s, number = 0.0, None, 0
        while True:
            try:
                self._image.seek(number)
                image_rgb = _rgb(pil_to_bgr(self._image))
            except EOFError:
                if not self._has_end():
                    self._note_break(last_s, "its end is missing; the file is cut off")
                return
            except (OSError, SyntaxError, ValueError, ImageError) as error:
                self._note_break(last_s, f"the rest cannot be read: {error}")
                return
            yield DecodedFrame(timestamp_s, partial(_given, image_rgb))
            last_s, number = timestamp_s, number + 1
            timestamp_s += _delay_ms(self._image) / 1000

    def _release(self) -> None:
        self._image.close()

    def _note_break(self, last_s: float | None, reason: str) -> None:
        self._tally.note_break(self.info.name, SourceBreak(last_s, reason))

    def _has_end(self) -> bool:
        """Tell whether a GIF has its trailer; Pillow takes a cut for an end."""
        if self._image.format != "GIF":
            return True
        with self._path.open("rb") as file:
            file.seek(-1, 2)
            return file.read(1) == _GIF_TRAILER


def find_pictures(where: str | Path) -> list[Path]:
    """Return the pictures of a folder, pattern or single name in natural order (2 before 10).

    Raises:
        VideoSourceError: If there are none.
    """
    path = Path(where)
    if path.is_dir():
        found = list(path.iterdir())
    elif path.exists():
        found = [path]
    else:
        found = [Path(name) for name in glob.glob(str(where), recursive=True)]  # noqa: PTH207
    pictures = [one for one in found if one.suffix.lower() in PICTURE_SUFFIXES and one.is_file()]
    if not pictures:
        kinds = " ".join(sorted(suffix.lstrip(".") for suffix in PICTURE_SUFFIXES))
        raise VideoSourceError(f"no pictures in {where}; expected files of the kinds {kinds}")
    return sorted(pictures, key=_natural)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    parts = _DIGITS.split(str(path).casefold())
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts]


def _times_s(paths: list[Path], times: PictureTimes | None) -> list[float]:
    if times == "file-times":
        return _file_times_s(paths)
    if times is None:
        if len(paths) == 1:
            return [0.0]
        raise ConfigError(
            f"{len(paths)} pictures have no clock of their own: give picture_times, pictures a "
            "second such as 25, or 'file-times' for when each was written"
        )
    if isinstance(times, str) or not 0 < times < float("inf"):
        raise ConfigError(
            f"picture_times must be pictures a second, above 0, or 'file-times'; got {times!r}"
        )
    return [number / times for number in range(len(paths))]


def _file_times_s(paths: list[Path]) -> list[float]:
    written_ns = [path.stat().st_mtime_ns for path in paths]
    for before, after, path in zip(written_ns, written_ns[1:], paths[1:], strict=False):
        if after <= before:
            raise ConfigError(
                f"{path} was not written later than the picture before it, so the files' times "
                "do not give their order; give pictures a second instead"
            )
    return [(one - written_ns[0]) / 1e9 for one in written_ns]


def _last_length_s(times_s: list[float]) -> float:
    return times_s[-1] - times_s[-2] if len(times_s) > 1 else 0.0


def _first_size(paths: list[Path], where: str) -> tuple[int, int, str | None, str]:
    """Return width, height, format and mode of the first picture that has any."""
    problem = ""
    for path in paths:
        try:
            with Image.open(path) as image:
                lies = image.getexif().get(ExifTags.Base.Orientation) in _LYING
                width, height = image.size[::-1] if lies else image.size
                return width, height, (image.format or "").lower() or None, image.mode
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            problem = problem or str(error)
    raise VideoSourceError(f"none of the pictures in {where} can be read: {problem}")


def _read_rgb(path: Path) -> UInt8Array | None:
    try:
        return _rgb(read_image(path, max_pixels=MAX_FRAME_PIXELS))
    except ImageError:
        return None


def _rgb(image_bgr: UInt8Array) -> UInt8Array:
    return np.ascontiguousarray(image_bgr[:, :, ::-1])


def _given(image_rgb: UInt8Array) -> UInt8Array:
    return image_rgb


def _delay_ms(image: Image.Image) -> float:
    asked_ms = float(image.info.get("duration") or 0.0)
    return asked_ms if asked_ms > _HASTY_DELAY_MS else _USUAL_DELAY_MS
