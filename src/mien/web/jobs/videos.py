"""Reading a video into a session, from its start or from where the session ends."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mien.core.errors import VideoSourceError
from mien.core.types import FrameResult
from mien.recognition.seam import Seam, SeamStart
from mien.store import Recording, Store
from mien.store.records import SILENT_AFTER_S
from mien.web.jobs.folder import JobFolder
from mien.web.jobs.halt import Halt
from mien.web.jobs.job import Progress, Upload
from mien.web.jobs.work import Pace, Work, choice_of
from mien.web.settings import Settings

if TYPE_CHECKING:
    from mien.media.files import FileSource
    from mien.recognition.recognizer import Recognizer
    from mien.recognition.video import VideoReading

# What errors and the log call it: the name that its owner gave is nobody's business there.
_NAME = "the video"


@dataclass(frozen=True)
class _Sampling:
    """How a video is read, as `Seam` needs to know it: every sampled frame is searched."""

    every_s: float | None
    start_s: float | None = None
    detect_every: int = 1


def open_video(
    folder: JobFolder, upload: Upload, settings: Settings, every_s: float, start_s: float | None
) -> FileSource:
    """Open a job's video, as one that a stranger sent.

    Raises:
        VideoSourceError: If it cannot be read, or its frames are too large.
    """
    # Not on top: PyAV takes its time to load.
    from mien.media.files import FileSource
    from mien.media.sampling import Sampling

    sampling = Sampling(every_s=every_s, start_s=start_s, end_s=settings.max_video_s)
    source = FileSource(folder.upload(0), sampling, threads=1, name=_NAME, demuxer=upload.demuxer)
    info = source.info
    problem = None
    if info.width * info.height > settings.max_pixels:
        problem = (
            f"frames of {info.width} x {info.height} pixels; at most "
            f"{settings.max_pixels / 1e6:g} megapixels are read here"
        )
    elif info.duration_s is not None and info.duration_s > settings.max_video_s:
        problem = (
            f"{info.duration_s / 3600:.1f} h long; at most {settings.max_video_s / 3600:g} h are "
            "read here; send it in parts"
        )
    if problem is not None:
        source.close()
        raise VideoSourceError(f"{_NAME}: {problem}")
    return source


def read_video(work: Work) -> None:
    """Read a video into its session, from the start or from where the session ends.

    Raises:
        MienError: If it cannot be read, or not be kept; what was read before is kept.
    """
    order, store = work.job.order, work.store()
    recognizer = work.engine.recognizer(choice_of(order, work.engine))
    seam = Seam(_Sampling(order.every_s))
    faces = 0
    if work.job.session_id is not None:
        _wait_until_silent(store, work.job.session_id, work.halt)
        for result in store.frames(work.job.session_id, as_recorded=True):
            seam.add(result)
            faces += len(result)
    start = seam.start
    if work.halt.wish is not None:
        return
    with _reading(work, recognizer, start) as reading:
        advance = _Advance(work, reading, seam.frames, faces)
        with _recording(work, store, recognizer) as recording:
            began_s = time.monotonic()
            for result in _new_results(reading, seam, start):
                if work.halt.wish is not None:
                    return
                recording.add(result)
                advance.add(result)
                work.give_way(began_s)
                began_s = time.monotonic()
            if work.halt.wish is not None:
                return
        advance.finish()
    if order.keep_video:
        _keep_video(work, store, recording.session_id)


class _Advance:
    """Tells how far a video is."""

    def __init__(self, work: Work, reading: VideoReading, frames: int, faces: int) -> None:
        self._work, self._reading = work, reading
        self._frames, self._faces = frames, faces
        self._total_s = reading.info.duration_s
        self._done_s = work.job.progress.done if frames else 0.0
        self._pace = Pace(self._done_s)
        self._tell()

    def add(self, result: FrameResult) -> None:
        """Count a frame."""
        self._frames += 1
        self._faces += len(result)
        self._done_s = result.timestamp_s
        self._tell()

    def finish(self) -> None:
        """Count the rest, in which no more frames were wanted, and note what was left out."""
        self._done_s = self._done_s if self._total_s is None else self._total_s
        self._tell()
        report, notes = self._reading.report, list(self._work.job.notes)
        if report.damaged:
            notes.append(f"{report.damaged} damaged frames were left out")
        notes += [f"the video {one}" for one in report.breaks]
        self._work.tell(notes=tuple(notes), at_once=True)

    def _tell(self) -> None:
        total_s = self._total_s
        done_s = self._done_s if total_s is None else min(self._done_s, total_s)
        self._work.tell(
            progress=Progress(
                done=done_s,
                total=total_s,
                left_s=self._pace.left_s(done_s, total_s),
                frames=self._frames,
                faces=self._faces,
            )
        )


def _wait_until_silent(store: Store, session_id: int, halt: Halt) -> None:
    """Wait for a session whose server was killed to count as interrupted."""
    until_s = time.monotonic() + SILENT_AFTER_S + 1.0
    while store.session(session_id).state == "recording" and time.monotonic() < until_s:
        if halt.rest(0.25):
            return


def _reading(work: Work, recognizer: Recognizer, start: SeamStart | None) -> VideoReading:
    start_s = None if start is None else start.start_s
    order = work.job.order
    source = open_video(work.folder, work.job.uploads[0], work.settings, order.every_s, start_s)
    work.halt.on_ask(source.interrupt)
    # One frame at a time is looked at, beside the one that is decoded.
    reading = recognizer.video(source, threads=1)
    if start is not None:
        reading.recall(start.before, last_id=start.last_id)
    return reading


def _recording(
    work: Work, store: Store, recognizer: Recognizer
) -> AbstractContextManager[Recording]:
    job, order = work.job, work.job.order
    if job.session_id is not None:
        return store.resume(job.session_id)
    settings: dict[str, Any] = {
        "job": job.id,
        "every_s": order.every_s,
        "detector": order.detector,
        "label_set": order.label_set,
    }
    recording = store.record(
        title=order.title,
        source=job.uploads[0].name,
        consent=order.consent,
        consent_at=order.consent_at,
        bundle=recognizer.bundle.name,
        settings=settings,
        keep_days=order.keep_days,
    )
    work.tell(session_id=recording.session_id, at_once=True)
    return recording


def _new_results(
    reading: VideoReading, seam: Seam, start: SeamStart | None
) -> Iterator[FrameResult]:
    """Give the results that the session has not; the last that it has is read once more."""
    is_first = start is not None
    for result in reading:
        if start is None:
            yield result
            continue
        if is_first:
            start.check(result)
            is_first = False
        index = start.index_of(result)
        if index > seam.last_index:
            yield replace(result, index=index)


def _keep_video(work: Work, store: Store, session_id: int) -> None:
    upload = work.job.uploads[0]
    store.media.add(
        session_id, work.folder.upload(0), kind="video", suffix=upload.suffix, take=True
    )
