"""A video with what was read drawn into it, written frame by frame beside whatever else is."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.types import FrameResult
from mien.recognition.drawing.overlay import VideoOverlay

if TYPE_CHECKING:
    from mien.media import Frame, SourceInfo

UInt8Array = NDArray[np.uint8]


class AnnotatedVideo:
    """Writes an MP4 of frames and their results, with the frames' own times; a context manager.

    Frames may be any part of the source: what was read with gaps is shown with the same gaps. What
    was written is kept when an error comes, as `VideoWriter` says.

    Attributes:
        path: The file.
        left_out: Frames that came no later than the one before, which a video has no place for.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        source: SourceInfo | None = None,
        start_s: float = 0.0,
        overlay: VideoOverlay | None = None,
        overwrite: bool = False,
        threads: int = 0,
    ) -> None:
        """Prepare a file.

        Args:
            path: A name that ends in .mp4.
            source: Where the frames are from: if it is a file with sound, the sound is kept.
            start_s: The time of the source that is 0 in the new file; no frame is before it.
            overlay: How frames are drawn; None for `VideoOverlay()`.
            overwrite: Whether a file that is there may be replaced.
            threads: Of the encoder; 0 for as many as there are cores.

        Raises:
            VideoWriteError: If it cannot be written there, or the sound cannot be opened.
        """
        from mien.media import VideoWriter

        audio_from = None
        if source is not None and source.kind == "file" and source.has_audio:
            audio_from = source.name
        self._writer = VideoWriter(
            path, audio_from=audio_from, start_s=start_s, overwrite=overwrite, threads=threads
        )
        self._overlay = overlay or VideoOverlay()
        self._size: tuple[int, int] | None = None
        self._last_s: float | None = None
        self.path = self._writer.path
        self.left_out = 0

    @property
    def frames_written(self) -> int:
        """How many frames are in it."""
        return self._writer.frames_written

    @property
    def sound(self) -> str | None:
        """What became of the sound, in words; None where there is none."""
        return self._writer.sound

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Draw a frame and add it.

        A frame of another size than the first one, as streams and pictures in a row may have, is
        fitted into the first one's size with black beside it.

        Args:
            frame: The frame; its picture is not changed.
            result: What was read in it.

        Raises:
            ShapeError: If the frame is not the one that the result is of.
            VideoWriteError: If it cannot be written; what was written is kept.
        """
        if self._last_s is not None and frame.timestamp_s <= self._last_s:
            self.left_out += 1
            return
        drawn_rgb = self._overlay.draw(frame.image_rgb, result)
        size = drawn_rgb.shape[1], drawn_rgb.shape[0]
        self._size = self._size or size
        self._writer.write(fitted(drawn_rgb, self._size), frame.timestamp_s)
        self._last_s = frame.timestamp_s

    def close(self) -> None:
        """Finish the file; may be called again.

        Raises:
            VideoWriteError: If its end cannot be written.
        """
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.__exit__(kind, error, trace)


def fitted(image_rgb: UInt8Array, size: tuple[int, int]) -> UInt8Array:
    """Return a picture scaled into (width, height) pixels with its own proportions, on black."""
    height, width = image_rgb.shape[:2]
    if (width, height) == size:
        return image_rgb
    scale = min(size[0] / width, size[1] / height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    left, top = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        image_rgb, inner, interpolation=method
    )
    return canvas
