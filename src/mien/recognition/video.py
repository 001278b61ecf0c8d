"""A video, camera or stream while it is read: results in order, with who is who over time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, VideoSourceError
from mien.core.machine import available_cores
from mien.core.types import FrameResult
from mien.faces import DetectedFace, Detector
from mien.recognition.batches import Classify, read_batch
from mien.recognition.pipeline import Finished, Load, Pipeline, Stages, is_endless
from mien.recognition.results import ResultMaker
from mien.recognition.tracking.following import DetectEvery, Follower
from mien.recognition.tracking.tracker import FaceTracker

if TYPE_CHECKING:
    from mien.media import Frame, SourceInfo, SourceReport, VideoSource

# Over so many results is `frames_per_s` told.
_RATE_OVER = 30
MOST_DECODER_THREADS = 8


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
    def cores(self) -> int:
        """How many CPU cores to use."""
        return self.threads or available_cores()

    @property
    def decoder_threads(self) -> int:
        """How many frames to decode at a time; each holds some in memory."""
        return min(self.cores, MOST_DECODER_THREADS)

    def tracker(self, start_confidence: float) -> FaceTracker:
        """Return a new tracker.

        Args:
            start_confidence: As `FaceTracker` takes it.

        Raises:
            ConfigError: If a setting is out of its range.
        """
        return FaceTracker(
            time_constant_s=self.time_constant_s,
            max_gap_s=self.max_gap_s,
            start_confidence=start_confidence,
        )


@dataclass(frozen=True)
class Reader:
    """What a recognizer reads a video with.

    Attributes:
        detector: Finds faces.
        start_confidence: Those below it are doubtful: they only continue tracks.
        crop: As `Recognizer.crop` of RGB pictures.
        classify: As `Recognizer.classify`.
        results: Makes the results.
    """

    detector: Detector
    start_confidence: float
    crop: Callable[[NDArray[np.uint8], Sequence[DetectedFace]], NDArray[np.uint8]]
    classify: Classify
    results: ResultMaker

    def stages(self, follower: Follower) -> Stages:
        """Return what is done with each frame."""
        read = partial(read_batch, classify=self.classify, results=self.results)
        return Stages(self.detector, follower, self.crop, read)


class VideoReading:
    """The results of a video, one for each frame and in order: iterate over it, once.

    However the iteration ends (at the source's end, by `break`, an exception or Ctrl-C), source and
    threads are let go; `close` and the end of a `with` block do the same.
    """

    def __init__(
        self,
        source: VideoSource,
        reader: Reader,
        tracker: FaceTracker,
        settings: ReadingSettings,
    ) -> None:
        """Take over an open source; see `Recognizer.video`."""
        self._reader = reader
        self._source = source
        self._settings = settings
        self._tracker = tracker
        self._is_live = is_endless(source.info) if settings.live is None else settings.live
        self._pipeline: Pipeline | None = None
        self._was_begun = False
        self._given_at_s: deque[float] = deque(maxlen=_RATE_OVER)

    @property
    def info(self) -> SourceInfo:
        """What is known of the source."""
        return self._source.info

    @property
    def report(self) -> SourceReport:
        """How reading the source has gone so far; final once the iteration has ended."""
        return self._source.report

    @property
    def is_live(self) -> bool:
        """Whether frames are dropped rather than read late."""
        return self._is_live

    @property
    def dropped(self) -> int:
        """How many frames a live source has dropped to keep up."""
        return 0 if self._pipeline is None else self._pipeline.dropped

    @property
    def frames_per_s(self) -> float | None:
        """How many results a second there were lately; None before the second one."""
        times = self._given_at_s
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else None

    def recall(self, frames: Iterable[FrameResult], *, last_id: int = 0) -> None:
        """Go on with the tracks of a reading that was stopped; before the first frame only.

        Args:
            frames: Its results of the last seconds, in order.
            last_id: The highest `track_id` that it ever gave.

        Raises:
            VideoSourceError: If this reading has begun already.
        """
        if self._was_begun:
            raise VideoSourceError(f"{self.info.name} is being read; recall comes before that")
        self._tracker.recall(frames, last_id=last_id)

    def __iter__(self) -> Iterator[FrameResult]:
        """Give the result of each frame.

        Raises:
            VideoSourceError: If it was read before, or is closed.
        """
        return self._results(self._begin(keeps_pictures=False))

    def frames(self) -> Iterator[tuple[Frame, FrameResult]]:
        """Give each frame with its picture beside the result, for drawing.

        Raises:
            VideoSourceError: If it was read before, or is closed.
        """
        return self._pairs(self._begin(keeps_pictures=True))

    def close(self) -> None:
        """Stop, and let go of source and threads; may be called again."""
        self._was_begun = True
        if self._pipeline is None:
            self._source.close()
        else:
            self._pipeline.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _begin(self, *, keeps_pictures: bool) -> Load:
        if self._was_begun:
            raise VideoSourceError(f"{self.info.name} is read or closed; open it again")
        self._was_begun = True
        return Load(self._settings.cores, self._is_live, keeps_pictures)

    def _results(self, load: Load) -> Iterator[FrameResult]:
        for one in self._finished(load):
            yield self._told(one)

    def _pairs(self, load: Load) -> Iterator[tuple[Frame, FrameResult]]:
        for one in self._finished(load):
            if one.frame is not None:
                yield one.frame, self._told(one)

    def _finished(self, load: Load) -> Iterator[Finished]:
        follower = Follower(self._tracker.boxes, self._settings.detect_every)
        try:
            self._pipeline = Pipeline(self._source, self._reader.stages(follower), load)
            yield from self._pipeline
        finally:
            self.close()

    def _told(self, one: Finished) -> FrameResult:
        """Add what only time tells."""
        self._given_at_s.append(time.monotonic())
        if not self._settings.track:
            return one.result
        return self._tracker.smoother.update(one.result, one.people)
