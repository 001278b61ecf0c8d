"""A video, camera or stream while it is read: results in order, with who is who over time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

from mien.core.errors import ConfigError, ImageError, ShapeError, VideoSourceError
from mien.core.types import FrameResult
from mien.recognition.tracking import FaceTracker

if TYPE_CHECKING:
    from mien.media import Frame, SourceInfo, SourceReport, VideoSource
    from mien.recognition.recognizer import Recognizer

DetectEvery = int | Literal["auto"]


@dataclass(frozen=True)
class ReadingSettings:
    """How a video is read; see `Recognizer.video`."""

    detect_every: DetectEvery = 1
    track: bool = True
    time_constant_s: float = 0.35
    max_gap_s: float = 1.5
    threads: int | None = None
    live: bool | None = None

    def __post_init__(self) -> None:
        every = self.detect_every
        if every != "auto" and not (isinstance(every, int) and every >= 1):
            raise ConfigError(f"detect_every must be 1 or more frames, or 'auto', got {every!r}")
        if self.threads is not None and self.threads < 1:
            raise ConfigError(f"threads must be 1 or more, or None for all, got {self.threads}")

    @property
    def decoder_threads(self) -> int:
        """CPU threads for decoding."""
        return self.threads or os.cpu_count() or 1


class VideoReading:
    """The results of a video, one for each frame and in order: iterate over it, once.

    Leaving the iteration by any way (its end, `break`, an exception, Ctrl-C) frees everything, and
    so do `close` and the end of a `with` block.
    """

    def __init__(
        self, recognizer: Recognizer, source: VideoSource, settings: ReadingSettings
    ) -> None:
        """Take over an open source; see `Recognizer.video`."""
        self._recognizer = recognizer
        self._source = source
        self._settings = settings
        self._was_begun = False
        self._tracker = FaceTracker(
            time_constant_s=settings.time_constant_s, max_gap_s=settings.max_gap_s
        )

    @property
    def info(self) -> SourceInfo:
        """What is known of the source."""
        return self._source.info

    @property
    def report(self) -> SourceReport:
        """How reading the source has gone so far; final once the iteration has ended."""
        return self._source.report

    @property
    def dropped(self) -> int:
        """How many frames a live source has dropped to keep up."""
        return 0

    def __iter__(self) -> Iterator[FrameResult]:
        return (result for _, result in self.frames())

    def frames(self) -> Iterator[tuple[Frame, FrameResult]]:
        """Give each frame with its picture beside the result, for drawing.

        Raises:
            VideoSourceError: If it was read before, or is closed.
        """
        if self._was_begun:
            raise VideoSourceError(f"{self.info.name} is read or closed; open it again")
        self._was_begun = True
        return self._read()

    def close(self) -> None:
        """Let go of the source; may be called again."""
        self._was_begun = True
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self) -> Iterator[tuple[Frame, FrameResult]]:
        try:
            for frame in self._source:
                result = self._result(frame)
                yield frame, self._tracker.update(result) if self._settings.track else result
        finally:
            self.close()

    def _result(self, frame: Frame) -> FrameResult:
        size = (frame.image_rgb.shape[1], frame.image_rgb.shape[0])
        try:
            return self._recognizer.analyze(
                frame.image_rgb,
                colour_order="rgb",
                source=self.info.name,
                index=frame.index,
                timestamp_s=frame.timestamp_s,
            )
        except (ImageError, ShapeError) as error:
            empty = FrameResult(
                frame.index, frame.timestamp_s, size, (), self._recognizer.detector.name, {}
            )
            return replace(empty, source=self.info.name, error=str(error))
