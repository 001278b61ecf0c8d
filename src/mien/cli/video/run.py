"""One video read to its rows: begun, gone on with, stopped and finished."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from mien.cli.video.choices import VideoOutputs
from mien.cli.video.figures import VideoFigures
from mien.cli.video.reader import VideoReader
from mien.cli.video.record import (
    FINISHED,
    Outcome,
    RunRecord,
    Status,
    fingerprint,
    record_path,
)
from mien.cli.video.videos import VideoInput
from mien.core.errors import ConfigError, MienError, TableWriteError, VideoSourceError
from mien.recognition.seam import Seam, SeamStart

if TYPE_CHECKING:
    from mien.cli.keeping import SessionKeeper
    from mien.core.types import FrameResult
    from mien.media import Frame
    from mien.recognition.video import VideoReading


class Watch(Protocol):
    """Who is told how it goes."""

    def begin(self, outcome: Outcome, begin_s: float, end_s: float | None) -> None:
        """A video begins, or goes on, at a time, and will end at one, if that is known."""

    def advance(self, outcome: Outcome, now_s: float) -> None:
        """It has come to a time."""

    def end(self, outcome: Outcome) -> None:
        """It has ended, whether well or not."""


class VideoRun:
    """The reading of one video, once.

    Attributes:
        outcome: How far it has come.
        kept: The session that it is kept as, or None.
    """

    def __init__(
        self, reader: VideoReader, video: VideoInput, outputs: VideoOutputs, watch: Watch
    ) -> None:
        """Prepare to read; nothing is opened yet."""
        self._reader, self._video, self._outputs, self._watch = reader, video, outputs, watch
        self.outcome = Outcome(
            video.name,
            out=str(outputs.rows.path) if outputs.rows else None,
            annotated=str(outputs.annotated) if outputs.annotated else None,
            report=str(outputs.report) if outputs.report else None,
        )
        self.kept: SessionKeeper | None = None
        self._record: RunRecord | None = None
        self._figures = VideoFigures(reader.choices, for_page=outputs.report is not None)
        self._seam = Seam(reader.choices)
        self._begin_s: float | None = None
        self._started = time.perf_counter()
        # What was lost, and how long it took, before this run.
        self._before = Outcome(video.name)

    def read(self) -> None:
        """Read it; an error that a user can understand is in the outcome and not raised.

        Raises:
            ConfigError: If the choices do not fit each other.
            KeyboardInterrupt: If the user stopped it; what was read is kept, and `outcome` has it.
        """
        self._started = time.perf_counter()
        try:
            self._read_unless_done()
        except KeyboardInterrupt:
            self._finish("stopped")
            raise
        except ConfigError:
            raise
        except MienError as error:
            self.fail(str(error))

    def fail(self, error: str) -> None:
        """Note why it ended."""
        self.outcome.error = error
        if not self.outcome.frames:
            self.outcome.out = self.outcome.annotated = None
        self._finish("failed")

    def _read_unless_done(self) -> None:
        if self._video.missing is not None:
            raise VideoSourceError(f"{self._video.name}: {self._video.missing}")
        earlier = self._prepare()
        if earlier is not None and earlier.outcome.status in FINISHED:
            self._skip(earlier)
            return
        if earlier is not None and self._outputs.annotated is not None:
            raise MienError(
                f"{self._outputs.annotated} cannot be gone on with, for a video that is closed "
                "takes no more frames; read it again with --overwrite, or go on without --annotate"
            )
        with ExitStack() as stack:
            reading = self._read(stack, earlier)
        if self._outputs.report is not None:
            self._write_page(reading)
        has_losses = self.outcome.left_out or self.outcome.breaks
        self._finish("damaged" if has_losses else "done")

    def _prepare(self) -> RunRecord | None:
        """Make this run's record, and return that of an earlier one to go on from.

        Raises:
            MienError: If there are rows that must be left alone.
        """
        rows, choices = self._outputs.rows, self._reader.choices
        self._record = RunRecord(self._fingerprint(), self._reader.settings, self.outcome)
        if rows is None or choices.if_there != "go-on" or not rows.exists:
            return None
        earlier = RunRecord.load(record_path(rows.path))
        different = earlier.differences(self._record)
        if different:
            raise MienError(
                f"{rows.path} was begun otherwise, so nothing can go on there: "
                f"{'; '.join(different)}. Choose as then, or read it again with --overwrite"
            )
        self._record.begun = earlier.begun
        self._before = earlier.outcome
        return earlier

    def _fingerprint(self) -> dict[str, Any]:
        path = self._video.path
        if path is None:
            return {}
        if self._reader.choices.picture_times is not None:
            from mien.media.images import find_pictures

            return fingerprint(find_pictures(path))
        # What is not there says so when it is opened.
        return fingerprint([path]) if path.is_file() else {}

    def _skip(self, earlier: RunRecord) -> None:
        """Leave a video that was read to its end as it is, but make the page if it lacks."""
        self.outcome = replace(earlier.outcome, file=self._video.name, skipped=True)
        report = self._outputs.report
        if report is not None and not report.exists():
            for result in self._results_on_disk(earlier):
                self._figures.add(result)
            self._write_page(None)
            self.outcome.report = str(report)

    def _read(self, stack: ExitStack, earlier: RunRecord | None) -> VideoReading:
        """Read from the begin, or from where an earlier run left off, to the end."""
        writer, start = None, None
        if earlier is not None:
            # The file is whole only once it is open for writing.
            writer = stack.enter_context(self._reader.open_rows(self._outputs, "go-on"))
            start = self._recall(earlier)
        reading = stack.enter_context(self._reader.open_video(self._video, start))
        info = reading.info
        self.outcome.width, self.outcome.height = info.width, info.height
        # A source that cannot be opened leaves nothing behind.
        writer = writer or stack.enter_context(self._reader.open_rows(self._outputs))
        annotated = self._reader.open_annotated(self._outputs, info)
        if annotated is not None:
            stack.enter_context(annotated)
        self.kept = self._reader.open_session(self._video)
        if self.kept is not None:
            stack.enter_context(self.kept)
        self._save("running")
        begin_s = start.first.timestamp_s if start else self._reader.choices.start_s or 0.0
        self._watch.begin(self.outcome, begin_s, self._end_s(info.duration_s))
        for frame, result in self._frames(reading, start):
            if annotated is not None and frame is not None:
                annotated.write(frame, result)
            self._figures.add(result, frame)
            self._count(result)
            if self.kept is not None:
                self.kept.add(result)
            if writer.write(result):
                self._note_losses(reading)
                self._save("running")
            self._watch.advance(self.outcome, result.timestamp_s)
        self._note_losses(reading)
        return reading

    def _recall(self, earlier: RunRecord) -> SeamStart | None:
        """Take in what is on disk, and return where to go on."""
        for result in self._results_on_disk(earlier):
            self._figures.add(result)
            self._count(result)
            self._seam.add(result)
        return self._seam.start

    def _results_on_disk(self, earlier: RunRecord) -> Iterator[FrameResult]:
        recognizer, rows = self._reader.recognizer, self._outputs.rows
        size = (earlier.outcome.width, earlier.outcome.height)
        below = recognizer.uncertain_below
        for bare in rows.results(size=size, uncertain_below=below) if rows else ():
            yield replace(
                bare,
                source=self._video.name,
                detector_sha256=recognizer.detector.weights_sha256,
                prior=recognizer.prior.name,
                prior_strength=recognizer.prior.strength,
            )

    def _frames(
        self, reading: VideoReading, start: SeamStart | None
    ) -> Iterator[tuple[Frame | None, FrameResult]]:
        """Give each frame that is not on disk yet, with its picture if that is of use."""
        wants_pictures = self._outputs.annotated is not None or self._outputs.report is not None
        pairs: Iterator[tuple[Frame | None, FrameResult]] = (
            iter(reading.frames()) if wants_pictures else ((None, result) for result in reading)
        )
        is_first = start is not None
        for frame, result in pairs:
            index = result.index
            if start is not None:
                if is_first:
                    start.check(result)
                    is_first = False
                index = start.index_of(result)
            if index > self._seam.last_index:
                yield frame, replace(result, index=index, source=self._video.name)

    def _count(self, result: FrameResult) -> None:
        outcome = self.outcome
        if self._begin_s is None:
            given_s = self._reader.choices.start_s
            self._begin_s = result.timestamp_s if given_s is None else given_s
        outcome.frames += 1
        outcome.faces += len(result.faces)
        # Ids are given in turn, from 1 on.
        outcome.people = max([outcome.people, *(face.track_id or 0 for face in result.faces)])
        outcome.seconds = result.timestamp_s - self._begin_s

    def _note_losses(self, reading: VideoReading) -> None:
        report = reading.report
        self.outcome.left_out = self._before.left_out + report.damaged
        self.outcome.dropped = self._before.dropped + reading.dropped
        self.outcome.breaks = [*self._before.breaks, *map(str, report.breaks)]

    def _end_s(self, duration_s: float | None) -> float | None:
        ends = [end for end in (duration_s, self._reader.choices.end_s) if end is not None]
        return min(ends, default=None)

    def _write_page(self, reading: VideoReading | None) -> None:
        if self._outputs.report is not None:
            self._figures.write_page(
                self._outputs.report, self._reader, reading=reading, dropped=self.outcome.dropped
            )

    def _save(self, status: Status) -> None:
        self.outcome.status = status
        self.outcome.wall_s = self._before.wall_s + time.perf_counter() - self._started
        if self._outputs.rows is not None and self._record is not None:
            self._record.outcome = self.outcome
            self._record.save(record_path(self._outputs.rows.path))

    def _finish(self, status: Status) -> None:
        outcome = self.outcome
        if status not in FINISHED:
            outcome.report = None
        if outcome.frames:
            outcome.summary = self._figures.summary()
        if status in FINISHED or outcome.frames:
            # A full disk has no room to say so; the run then looks like one that was killed.
            with suppress(TableWriteError) if status == "failed" else nullcontext():
                self._save(status)
        outcome.status = status
        self._watch.end(outcome)
