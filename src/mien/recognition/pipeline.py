"""Reading a video in stages that overlap: decode, find, read, each in a thread of its own.

    source -> [decode] -> frames -> [find: detect in the pool, follow, crop] -> located
           -> [read: batches of faces in the pool] -> results -> the caller

What is slow (FFmpeg, OpenCV, LiteRT, ONNX Runtime) runs without Python's lock, so the stages keep
all cores busy. Between them are bounded channels: a stage that is ahead waits, so that memory does
not grow with the length of a video. A live source is the exception at one place: there the newest
frame takes the place of one that still waits for the detector.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import MienError
from mien.core.imaging import swap_red_and_blue
from mien.core.types import FrameResult
from mien.faces import DetectedFace, Detector
from mien.recognition.channel import CalledOffError, Channel, ahead
from mien.recognition.results import Located
from mien.recognition.tracking.association import Person
from mien.recognition.tracking.following import FollowedFace, Follower

if TYPE_CHECKING:
    from mien.media import Frame, SourceInfo, VideoSource

_log = logging.getLogger(__name__)

UInt8Array = NDArray[np.uint8]

# Pictures that wait in one place may take this much memory, but one may always wait.
PICTURE_BYTES = 32 * 2**20
MOST_FRAMES_WAITING = 8
# The model's cost for a face hardly falls beyond 16 faces, and most frames have one or two.
BATCH_FRAMES = 16
# A batch waits for no more frames than come in this time.
BATCH_PATIENCE_S = 0.3
# Threads end with the frame at hand; a camera or pipe that hangs is left to itself after this.
LONGEST_FAREWELL_S = 10.0


@dataclass(frozen=True)
class Stages:
    """What is done with each frame.

    Attributes:
        detector: Finds faces; called from several threads at once.
        follower: Says where to use it, and who is who.
        crop: Cuts faces out of an HW3 uint8 RGB picture, as `Recognizer.crop` does.
        read: Reads a batch; called from several threads at once.
    """

    detector: Detector
    follower: Follower
    crop: Callable[[UInt8Array, Sequence[DetectedFace]], UInt8Array]
    read: Callable[[Sequence[Located]], list[FrameResult]]


@dataclass(frozen=True)
class Load:
    """How much may be under way at once.

    Attributes:
        threads: Jobs of detector and model at a time.
        is_live: Whether a frame goes where a newer one comes, and none waits for a batch.
        keeps_pictures: Whether the caller wants each picture beside its result.
    """

    threads: int
    is_live: bool
    keeps_pictures: bool


@dataclass(frozen=True)
class _Shot:
    """A frame as it was decoded, and the milliseconds that it took."""

    frame: Frame
    decode_ms: float


@dataclass(frozen=True)
class _Found:
    """What the detector said of a frame: faces, the milliseconds that it took, what went wrong."""

    faces: list[DetectedFace]
    milliseconds: float
    error: str | None


@dataclass(frozen=True)
class InWork:
    """A frame on its way to the model.

    Attributes:
        located: Its faces.
        followed: Whose each of them is, and whether it is predicted.
        frame: With the picture, if it is wanted.
    """

    located: Located
    followed: list[FollowedFace]
    frame: Frame | None


@dataclass(frozen=True)
class Finished:
    """A frame that was read.

    Attributes:
        result: Without what only time tells.
        people: Whose each of its faces is.
        frame: With the picture, if it is wanted.
    """

    result: FrameResult
    people: list[Person]
    frame: Frame | None


class Pipeline:
    """Reads one source to its end, or until it is called off."""

    def __init__(self, source: VideoSource, stages: Stages, load: Load) -> None:
        """Start the threads.

        Args:
            source: Open; the pipeline closes it.
            stages: What to do.
            load: How much at once.
        """
        self._source = source
        self._stages = stages
        self._load = load
        info = source.info
        room = max(1, PICTURE_BYTES // (3 * info.width * info.height))
        waiting = 1 if load.is_live else min(room, MOST_FRAMES_WAITING)
        # A frame whose picture is not kept takes some kilobytes once its faces are cut out.
        batch = min(room, BATCH_FRAMES) if load.keeps_pictures else BATCH_FRAMES
        self._batch = 1 if load.is_live else batch
        ahead_at_most = 0 if load.is_live else stages.follower.knows_ahead(load.threads)
        self._searched_ahead = min(room, ahead_at_most)
        self._frames: Channel[_Shot] = Channel(waiting, keeps_newest=load.is_live)
        self._located: Channel[InWork] = Channel(self._batch)
        self._results: Channel[Finished] = Channel(self._batch)
        self._is_over = threading.Event()
        self._pool = ThreadPoolExecutor(load.threads, "mien-video-work")
        self._threads = [
            threading.Thread(
                target=stage, name=f"mien-video-{stage.__name__.strip('_')}", daemon=True
            )
            for stage in (self._decode, self._find, self._read)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def dropped(self) -> int:
        """How many frames were dropped because newer ones came."""
        return self._frames.dropped

    def __iter__(self) -> Iterator[Finished]:
        """Give the frames in order; raises what any stage failed with, after those before it."""
        try:
            yield from self._results
        except CalledOffError:
            return

    def close(self) -> None:
        """Stop all threads and close the source; may be called again."""
        self._is_over.set()
        self._source.interrupt()
        for channel in (self._frames, self._located, self._results):
            channel.call_off()
        self._pool.shutdown(wait=True, cancel_futures=True)
        deadline = time.monotonic() + LONGEST_FAREWELL_S
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            _log.warning("%s hangs and is left to itself", self._source.info.name)

    def _decode(self) -> None:
        # The source is this thread's own from here on: closing it in another would crash.
        with self._frames.feeding(), self._source as source:
            first_s, began = None, time.monotonic()
            is_paced = self._load.is_live and not is_endless(source.info)
            started = began
            for frame in source:
                decode_ms = 1000 * (time.monotonic() - started)
                if is_paced:
                    first_s = frame.timestamp_s if first_s is None else first_s
                    self._is_over.wait(began + frame.timestamp_s - first_s - time.monotonic())
                self._frames.put(_Shot(frame, decode_ms))
                started = time.monotonic()

    def _find(self) -> None:
        with self._located.feeding():
            for shot, search in ahead(self._searches(), self._searched_ahead):
                self._located.put(self._locate(shot, search))

    def _searches(self) -> Iterator[tuple[_Shot, Future[_Found] | None]]:
        """Give each frame with the search for faces in it, if there is to be one."""
        before: UInt8Array | None = None
        search: Future[_Found] | None = None
        for shot in self._frames:
            image_rgb = shot.frame.image_rgb
            if not self._stages.follower.asks(shot.frame.timestamp_s):
                yield shot, None
                continue
            # A still picture, or a frame that was only repeated, has the same faces.
            if search is None or before is None or not _is_same(before, image_rgb):
                search = self._pool.submit(self._search, image_rgb)
            before = image_rgb
            yield shot, search

    def _search(self, image_rgb: UInt8Array) -> _Found:
        started = time.monotonic()
        try:
            faces = self._stages.detector.detect(swap_red_and_blue(image_rgb))
        except (MienError, cv2.error) as error:
            return _Found([], 0.0, str(error))
        return _Found(faces, 1000 * (time.monotonic() - started), None)

    def _locate(self, shot: _Shot, search: Future[_Found] | None) -> InWork:
        frame, follower = shot.frame, self._stages.follower
        size = (frame.image_rgb.shape[1], frame.image_rgb.shape[0])
        if search is None:
            found = _Found([], 0.0, None)
            followed = follower.predict(frame.timestamp_s, size)
        else:
            found = search.result()
            followed = follower.see(found.faces, frame.timestamp_s)
        started, error = time.monotonic(), found.error
        try:
            crops_gray = self._stages.crop(frame.image_rgb, [one.face for one in followed])
        except (MienError, cv2.error) as problem:
            error, followed = str(problem), []
            crops_gray = self._stages.crop(frame.image_rgb, [])
        located = Located(
            size=size,
            faces=[one.face for one in followed],
            crops_gray=crops_gray,
            milliseconds={
                "decode": shot.decode_ms,
                "detect": found.milliseconds,
                "crop": 1000 * (time.monotonic() - started),
            },
            source=self._source.info.name,
            error=error,
            index=frame.index,
            timestamp_s=frame.timestamp_s,
        )
        return InWork(located, followed, frame if self._load.keeps_pictures else None)

    def _read(self) -> None:
        with self._results.feeding():
            for batch, job in ahead(self._batches(), 0 if self._load.is_live else 1):
                for one, result in zip(batch, job.result(), strict=True):
                    self._results.put(_finished(one, result))

    def _batches(self) -> Iterator[tuple[list[InWork], Future[list[FrameResult]]]]:
        patience_s = 0.0 if self._load.is_live else BATCH_PATIENCE_S
        while batch := self._located.take(self._batch, patience_s):
            yield batch, self._pool.submit(self._stages.read, [one.located for one in batch])


def is_endless(info: SourceInfo) -> bool:
    """Tell whether a source shows what happens now, so that who is slow misses something."""
    return info.kind == "camera" or (info.kind == "stream" and info.duration_s is None)


def _is_same(one: UInt8Array, other: UInt8Array) -> bool:
    # Some lines of it tell nearly all pictures apart, at no cost.
    return (
        one.shape == other.shape
        and np.array_equal(one[::32], other[::32])
        and np.array_equal(one, other)
    )


def _finished(one: InWork, result: FrameResult) -> Finished:
    faces = tuple(
        replace(face, predicted=followed.predicted)
        for face, followed in zip(result.faces, one.followed, strict=True)
    )
    people = [followed.person for followed in one.followed]
    return Finished(replace(result, faces=faces), people, one.frame)
