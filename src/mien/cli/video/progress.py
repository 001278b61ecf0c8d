"""Telling how the reading of videos goes: bars in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from mien.cli.video.record import Outcome
from mien.reports.words import clock

# Often enough for the eye, and for a log of a night.
_BAR_STEP_S = 0.1
_LINE_STEP_S = 30.0
# So that all of a line fits into 80 characters.
_BAR_CHARACTERS = 16
_NAME_CHARACTERS = 22


class Progressing:
    """Says nothing; what the others have in common. A context manager.

    Speed and time left are those of this run, of the video's time against the wall's.
    """

    def __init__(self, videos: int, step_s: float = float("inf")) -> None:
        """Begin.

        Args:
            videos: How many there are.
            step_s: Least seconds between two words.
        """
        self._videos, self._step_s = videos, step_s
        self._number = 0
        self._begin_s = 0.0
        self._end_s: float | None = None
        self._started = self._told_at = time.monotonic()

    def begin(self, outcome: Outcome, begin_s: float, end_s: float | None) -> None:
        """A video begins, or goes on, at a time, and will end at one, if that is known."""
        self._begin_s, self._end_s = begin_s, end_s
        self._started = self._told_at = time.monotonic()

    def advance(self, outcome: Outcome, now_s: float) -> None:
        """It has come to a time."""
        now = time.monotonic()
        if now - self._told_at >= self._step_s:
            self._told_at = now
            self._tell(outcome, now_s)

    def end(self, outcome: Outcome) -> None:
        """It has ended, whether well or not."""

    def next(self) -> None:
        """Another video comes."""
        self._number += 1

    def _tell(self, outcome: Outcome, now_s: float) -> None:
        """Say how it goes."""

    def _speed(self, now_s: float) -> float:
        spent_s = time.monotonic() - self._started
        return (now_s - self._begin_s) / spent_s if spent_s > 0 else 0.0

    def _figures(self, outcome: Outcome, now_s: float) -> str:
        """Return speed against real time, faces, people and time left in words."""
        speed = self._speed(now_s)
        words = [f"{speed:.1f}x", *found(outcome)]
        if self._end_s is not None and speed > 0:
            words.append(f"{clock(max(self._end_s - now_s, 0.0) / speed)} left")
        return ", ".join(words)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass


class Lines(Progressing):
    """Prints a line now and then."""

    def __init__(self, console: Console, videos: int) -> None:
        """Begin."""
        super().__init__(videos, _LINE_STEP_S)
        self._console = console

    def _tell(self, outcome: Outcome, now_s: float) -> None:
        of = "" if self._end_s is None else f" of {clock(self._end_s)}"
        place = f"{self._number}/{self._videos} " if self._videos > 1 else ""
        self._console.print(
            f"{place}{outcome.file}: {clock(now_s)}{of}, "
            f"speed against real time {self._figures(outcome, now_s)}",
            markup=False,
        )


class Bars(Progressing):
    """Draws a bar for the video, and one for the job if there are several."""

    def __init__(self, console: Console, videos: int) -> None:
        """Begin."""
        super().__init__(videos, _BAR_STEP_S)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(_BAR_CHARACTERS),
            TextColumn("{task.fields[figures]}", markup=False),
            console=console,
            transient=True,
        )
        self._job: TaskID | None = None
        self._video: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        if self._videos > 1:
            self._job = self._progress.add_task("videos", total=self._videos, figures="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def begin(self, outcome: Outcome, begin_s: float, end_s: float | None) -> None:
        """Draw a bar that begins where the work was left."""
        super().begin(outcome, begin_s, end_s)
        total = None if end_s is None else outcome.seconds + max(end_s - begin_s, 0.0)
        name = Path(outcome.file).name
        if len(name) > _NAME_CHARACTERS:
            name = f"{name[: _NAME_CHARACTERS - 1]}…"
        self._video = self._progress.add_task(name, total=total, figures="")
        self._progress.update(self._video, completed=outcome.seconds)

    def end(self, outcome: Outcome) -> None:
        """Take the bar away."""
        if self._video is not None:
            self._progress.remove_task(self._video)
            self._video = None

    def next(self) -> None:
        """Move the job's bar on."""
        super().next()
        if self._job is not None:
            figures = f"{self._number} of {self._videos}"
            self._progress.update(self._job, completed=self._number - 1, figures=figures)

    def _tell(self, outcome: Outcome, now_s: float) -> None:
        if self._video is not None:
            self._progress.update(
                self._video, completed=outcome.seconds, figures=self._figures(outcome, now_s)
            )


def found(outcome: Outcome) -> list[str]:
    """Return in words how many faces and people there were."""
    people = "1 person" if outcome.people == 1 else f"{outcome.people:,} people"
    return [f"{outcome.faces:,} {'face' if outcome.faces == 1 else 'faces'}", people]


def progress_on(console: Console, videos: int, *, is_quiet: bool) -> Progressing:
    """Return what fits a console."""
    if is_quiet:
        return Progressing(videos)
    return Bars(console, videos) if console.is_terminal else Lines(console, videos)
