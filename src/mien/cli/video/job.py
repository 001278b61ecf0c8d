"""Several videos as one job: what goes wrong with one does not end the others."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from mien.cli.video.choices import VideoOutputs
from mien.cli.video.progress import Progressing, progress_on
from mien.cli.video.reader import VideoReader
from mien.cli.video.record import Outcome
from mien.cli.video.run import VideoRun
from mien.cli.video.tables import (
    ending,
    job_files,
    job_table,
    losses,
    people_table,
    write_job,
)
from mien.cli.video.videos import VideoInput
from mien.core.errors import ConfigError, MienError
from mien.recognition.rows.writer import refusal

_log = logging.getLogger(__name__)

STOPPED_BY_USER = 130


class VideoJob:
    """Reads videos one after the other.

    Attributes:
        outcomes: How far each came that was begun.
    """

    def __init__(
        self,
        reader: VideoReader,
        console: Console,
        folder: Path | None,
        *,
        shows: bool,
        is_quiet: bool,
    ) -> None:
        """Prepare.

        Args:
            reader: What reads them.
            console: Where progress and errors go.
            folder: For `summary.csv` and `summary.json`; None for a single video.
            shows: Whether to print tables at the end.
            is_quiet: Whether to say nothing but what went wrong.
        """
        self.outcomes: list[Outcome] = []
        self._reader, self._console, self._folder = reader, console, folder
        self._shows, self._is_quiet = shows, is_quiet
        self._was_stopped = False

    @property
    def exit_code(self) -> int:
        """How the command ends: 0 if all went well, 1 if a video failed, 130 after Ctrl-C."""
        if self._was_stopped:
            return STOPPED_BY_USER
        return int(any(one.status == "failed" for one in self.outcomes))

    def read(self, planned: Sequence[tuple[VideoInput, VideoOutputs]]) -> None:
        """Read all of them, or until the user stops it.

        Raises:
            ConfigError: If the choices do not fit each other.
            TableWriteError: If a summary is there already and must not be written over.
        """
        self._refuse_old_summary()
        with progress_on(self._console, len(planned), is_quiet=self._is_quiet) as progress:
            for video, outputs in planned:
                progress.next()
                self._read_one(video, outputs, progress)
                self._write_summary()
                if self._was_stopped:
                    break
        if self._shows:
            self._print_tables()
        if self._was_stopped:
            left = len(planned) - len(self.outcomes)
            waiting = f"; {left:,} videos were not begun" if left else ""
            self._console.print(
                f"stopped; all that was read is kept{waiting}. To go on: {_resuming()}",
                markup=False,
            )

    def _read_one(self, video: VideoInput, outputs: VideoOutputs, progress: Progressing) -> None:
        run = VideoRun(self._reader, video, outputs, progress)
        try:
            run.read()
        except KeyboardInterrupt:
            self._was_stopped = True
        except ConfigError:
            raise
        # A bug that one video brings out must not cost the others their night.
        except Exception as error:
            if self._folder is None:
                raise
            _log.exception("%s: unexpected", video.name)
            run.fail(f"unexpected: {type(error).__name__}: {error}")
        self.outcomes.append(run.outcome)
        if not self._is_quiet and run.outcome.status != "failed":
            self._console.print(ending(run.outcome), markup=False)
        if not self._is_quiet and run.kept is not None:
            self._console.print(run.kept.words(), markup=False)
        for problem in _problems(run.outcome):
            self._console.print(problem)

    def _refuse_old_summary(self) -> None:
        if self._folder is not None and self._reader.choices.if_there == "refuse":
            for path in job_files(self._folder):
                if path.exists():
                    raise refusal(str(path))

    def _write_summary(self) -> None:
        if self._folder is None:
            return
        try:
            write_job(self._folder, self.outcomes)
        except MienError as error:
            # The next video may still be read, and its rows may lie elsewhere.
            self._console.print(f"error: {error}", markup=False)

    def _print_tables(self) -> None:
        console = Console(highlight=False)
        for outcome in self.outcomes:
            table = None if outcome.skipped else people_table(outcome)
            if table is not None:
                console.print(table)
        if self._folder is not None:
            console.print(job_table(self.outcomes))


def _problems(outcome: Outcome) -> Iterator[str]:
    """Give what went wrong with a video, in rich's markup."""
    if outcome.error is not None:
        yield f"[bold red]error:[/] {escape(outcome.error)}"
    if not outcome.skipped:
        for lost in losses(outcome):
            yield f"[yellow]{escape(outcome.file)}:[/] {escape(lost)}"


def _resuming() -> str:
    words = [word for word in sys.argv[1:] if word not in ("--overwrite", "--resume")]
    return shlex.join(["mien", *words, "--resume"])
