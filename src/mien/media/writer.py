"""Writing a video: H.264 in MP4, with the timestamps and the sound of what it was made from."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import cv2
import numpy as np

from mien.core.errors import ShapeError, VideoWriteError
from mien.media.audio import Soundtrack
from mien.media.decoding import describe
from mien.media.frames import UInt8Array
from mien.media.mp4 import TIME_BASE, Mp4File

_log = logging.getLogger(__name__)


class VideoWriter:
    """Writes frames with their own timestamps, for one thread; a context manager.

    Frames may come at any rate: what was read with gaps is written with the same gaps. What was
    written stays playable, but for about the last second, if the disk runs full, an exception comes
    or the process is killed. Nothing is written before the first frame.

    Attributes:
        path: The file.
        frames_written: How many frames were taken.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        audio_from: Path | str | None = None,
        start_s: float = 0.0,
        quality: int = 20,
        preset: str = "veryfast",
        threads: int = 0,
        overwrite: bool = False,
    ) -> None:
        """Prepare a file.

        Args:
            path: A name that ends in .mp4.
            audio_from: A video whose sound is laid under the frames: copied where MP4 can hold it,
                else encoded to AAC. It lasts as long as the frames do.
            start_s: The time of the source that is 0 in the new file.
            quality: x264's rate factor, 0 (best) to 51 (worst); 18 to 24 look good.
            preset: x264's, from `ultrafast` to `veryslow`: the slower, the smaller the file.
            threads: Of the encoder; 0 for as many as there are cores.
            overwrite: Whether a file that is there may be replaced.

        Raises:
            VideoWriteError: If there is no such folder, the file is there already or the source
                of the sound itself, or the sound cannot be opened.
        """
        self.path = Path(path)
        self.frames_written = 0
        self._check_path(None if audio_from is None else Path(audio_from), overwrite)
        if not 0 <= quality <= 51:
            raise VideoWriteError(f"quality must be 0 (best) to 51 (worst), got {quality}")
        self._codec_options = {"preset": preset, "crf": str(quality)}
        self._threads = threads
        self._start_s = start_s
        self._file: Mp4File | None = None
        self._shape: tuple[int, ...] | None = None
        self._last_pts = -1
        self._is_closed = False
        self._soundtrack = None if audio_from is None else Soundtrack(Path(audio_from), start_s)

    @property
    def sound(self) -> str | None:
        """What became of the sound, in words; None where there is none."""
        return None if self._soundtrack is None else self._soundtrack.account

    def write(self, image_rgb: UInt8Array, timestamp_s: float) -> None:
        """Add a frame.

        Args:
            image_rgb: (h, w, 3) uint8 RGB, of one size throughout. An odd size grows by a pixel
                that repeats the edge, since H.264 players want even ones.
            timestamp_s: When it is shown, in the source's time; later than the one before.

        Raises:
            ShapeError: If it is no picture, or not of the first one's size.
            VideoWriteError: If time goes back, or the file cannot be written; what was written
                is kept.
        """
        if self._is_closed:
            raise VideoWriteError(f"{self.path} is closed; nothing can be added to it")
        pts = self._pts(timestamp_s)
        even_rgb = self._even(image_rgb)
        try:
            if self._file is None:
                self._file = self._open(even_rgb)
            self._file.add(even_rgb, pts)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._last_pts = pts
        self.frames_written += 1

    def close(self) -> None:
        """Finish the file; may be called again.

        Raises:
            VideoWriteError: If its end cannot be written.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            if self._file is not None:
                self._file.finish()
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from error
        finally:
            if self._soundtrack is not None:
                self._soundtrack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except VideoWriteError as problem:
            if error is None:
                raise
            # The error that is on its way says more.
            _log.warning("%s", problem)

    def _check_path(self, audio_from: Path | None, overwrite: bool) -> None:
        if self.path.suffix.lower() != ".mp4":
            raise VideoWriteError(f"expected a name that ends in .mp4, got {self.path}")
        if not self.path.parent.is_dir():
            raise VideoWriteError(f"there is no folder {self.path.parent}; make it first")
        if not self.path.exists():
            return
        if audio_from is not None and audio_from.exists() and self.path.samefile(audio_from):
            raise VideoWriteError(f"{self.path} is what the sound is from; give another name")
        if not overwrite:
            raise VideoWriteError(
                f"{self.path} is there already; give another name, or overwrite=True"
            )

    def _pts(self, timestamp_s: float) -> int:
        pts = round((timestamp_s - self._start_s) / TIME_BASE)
        if pts < 0:
            raise VideoWriteError(
                f"{self.path} begins at {self._start_s} s, so it has no place for a frame at "
                f"{timestamp_s} s; give the first frame's time as start_s"
            )
        if pts <= self._last_pts:
            before_s = float(self._last_pts * TIME_BASE) + self._start_s
            raise VideoWriteError(
                f"expected a frame later than the last one, at {before_s:.6f} s, got one at "
                f"{timestamp_s:.6f} s"
            )
        return pts

    def _even(self, image_rgb: UInt8Array) -> UInt8Array:
        shape = image_rgb.shape
        if len(shape) != 3 or shape[2] != 3 or image_rgb.dtype != np.uint8 or not image_rgb.size:
            raise ShapeError(f"expected (h, w, 3) uint8 RGB, got {image_rgb.dtype} of {shape}")
        if self._shape is not None and shape != self._shape:
            raise ShapeError(
                f"expected a frame of {self._shape[1]} x {self._shape[0]} like the first one, got "
                f"{shape[1]} x {shape[0]}; resize it"
            )
        self._shape = shape
        height, width = shape[:2]
        if height % 2 or width % 2:
            edges = (0, height % 2, 0, width % 2)
            grown = cv2.copyMakeBorder(image_rgb, *edges, cv2.BORDER_REPLICATE)
            return np.asarray(grown, np.uint8)
        return image_rgb

    def _open(self, image_rgb: UInt8Array) -> Mp4File:
        height, width = image_rgb.shape[:2]
        options = (self._codec_options, self._threads, self._soundtrack)
        return Mp4File(self.path, (width, height), *options)

    def _failed(self, error: Exception) -> VideoWriteError:
        """Let go of the file after an error; return what to tell."""
        self._is_closed = True
        if self._file is not None:
            self._file.abandon()
        if self._soundtrack is not None:
            self._soundtrack.close()
        kept = ""
        if self.frames_written:
            until_s = float(self._last_pts * TIME_BASE)
            kept = f"; about {until_s:.1f} s, {self.frames_written} frames, are kept in it"
        return VideoWriteError(f"cannot write {self.path}: {describe(error)}{kept}")
