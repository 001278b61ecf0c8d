"""What a video comes to while it is read: a summary, and a page if one is wanted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mien.cli.video.choices import VideoChoices
from mien.cli.video.reader import VideoReader

if TYPE_CHECKING:
    from mien.core.types import FrameResult
    from mien.media import Frame
    from mien.recognition.summary.summary import RunningSummary
    from mien.recognition.video import VideoReading
    from mien.reports.digest import VideoDigest


class VideoFigures:
    """Takes the frames of one video in order; memory does not grow with its length."""

    def __init__(self, choices: VideoChoices, *, for_page: bool) -> None:
        """Begin.

        Args:
            choices: How the video is read.
            for_page: Whether a page is to be written at the end, which needs more.
        """
        self._choices = choices
        self._digest: VideoDigest | None = None
        self._running: RunningSummary | None = None
        if for_page:
            from mien.reports.digest import VideoDigest

            self._digest = VideoDigest(max_gap_s=choices.max_gap_s)
        else:
            from mien.recognition.summary.summary import RunningSummary

            self._running = RunningSummary(max_gap_s=choices.max_gap_s)

    def add(self, result: FrameResult, frame: Frame | None = None) -> None:
        """Take the next frame, with its picture where faces are to be shown."""
        if self._running is not None:
            self._running.add(result)
        elif self._digest is not None:
            self._digest.add(result, None if frame is None else frame.image_rgb)

    def summary(self) -> dict[str, Any]:
        """Return the figures so far, as `mien.summary` gives them, JSON-ready."""
        figures = self._running or self._digest
        return {} if figures is None else figures.summary().to_dict()

    def write_page(
        self,
        path: Path,
        reader: VideoReader,
        *,
        reading: VideoReading | None = None,
        dropped: int = 0,
    ) -> None:
        """Write the page.

        Args:
            path: The HTML file.
            reader: What read the faces.
            reading: How it was read, if it was read just now.
            dropped: Frames of a live source that were dropped.

        Raises:
            MienError: If it cannot be written.
        """
        from mien.reports.origin import VideoOrigin, model_facts
        from mien.reports.video_page import write_video_page

        if self._digest is None:
            return
        origin = VideoOrigin(
            info=None if reading is None else reading.info,
            report=None if reading is None else reading.report,
            dropped=dropped,
            model=model_facts(reader.recognizer),
            settings=_told(self._choices),
            command=reader.command,
        )
        write_video_page(path, self._digest, origin=origin)


def _told(choices: VideoChoices) -> Mapping[str, Any]:
    """Return the choices as a page shows them."""
    every = f"every {choices.every_n} frames" if (choices.every_n or 1) > 1 else None
    if choices.every_s is not None:
        every = f"one in {choices.every_s:.4g} s"
    detect = choices.detect_every
    return {
        "frames": every or "all",
        "from": choices.start_s and f"{choices.start_s:g} s",
        "to": choices.end_s and f"{choices.end_s:g} s",
        "faces looked for": None if detect == 1 else f"in every {detect} frames",
        "smoothed over": f"{choices.time_constant_s:g} s",
    }
