"""What `mien webcam` keeps: recordings of rows and annotated video, and snapshots."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from mien.core.errors import MienError

if TYPE_CHECKING:
    from mien.core.types import FrameResult
    from mien.media import Frame, SourceInfo
    from mien.recognition.drawing.annotated_video import AnnotatedVideo
    from mien.recognition.rows.files import RowFile
    from mien.recognition.rows.writer import IfThere, RowWriter


class Recorder:
    """Records frames while it is on; a context manager that ends the recording at hand.

    The time code in the video and `timestamp_s` of the rows are both the source's time. Nothing is
    mirrored, whatever the window shows.

    Attributes:
        files: What was recorded so far, in order.
    """

    def __init__(
        self,
        labels: Sequence[str],
        source: SourceInfo,
        folder: Path,
        *,
        blur_faces: bool = False,
        overwrite: bool = False,
        now: Callable[[], datetime] = datetime.now,
    ) -> None:
        """Prepare to record.

        Args:
            labels: The expressions that faces are read in.
            source: Where frames are from.
            folder: For files that get a name by the time.
            blur_faces: Whether faces are made unrecognisable in pictures and videos.
            overwrite: Whether files that are there may be replaced.
            now: Tells the time, for names.
        """
        self.files: list[Path] = []
        self._labels, self._source, self._folder = labels, source, folder
        self._blur_faces, self._overwrite, self._now = blur_faces, overwrite, now
        self._open = ExitStack()
        self._rows: RowWriter | None = None
        self._video: AnnotatedVideo | None = None
        self._paths: list[Path] = []
        self._start_s = 0.0

    @property
    def is_on(self) -> bool:
        """Whether frames are recorded."""
        return self._rows is not None or self._video is not None

    @property
    def start_s(self) -> float:
        """The time of the source at which the recording began."""
        return self._start_s

    def start(self, rows: RowFile | None, video: Path | None, start_s: float) -> None:
        """Begin to record.

        Args:
            rows: The table, if one is wanted.
            video: The annotated MP4, if one is wanted.
            start_s: The source's time now.

        Raises:
            MienError: If they cannot be written there, or are there already.
        """
        self.stop()
        self._start_s = start_s
        if rows is not None:
            if_there: IfThere = "replace" if self._overwrite else "refuse"
            self._rows = self._open.enter_context(rows.open(self._labels, if_there=if_there))
            self._paths.append(rows.path)
        if video is not None:
            from mien.recognition.drawing.annotated_video import AnnotatedVideo
            from mien.recognition.drawing.overlay import VideoOverlay

            self._video = self._open.enter_context(
                AnnotatedVideo(
                    video,
                    source=self._source,
                    start_s=start_s,
                    overlay=VideoOverlay(blur_faces=self._blur_faces),
                    overwrite=self._overwrite,
                )
            )
            self._paths.append(video)

    def start_new(self, start_s: float) -> None:
        """Begin to record rows and video in files named by the time.

        Raises:
            MienError: If they cannot be written.
        """
        from mien.recognition.rows.files import RowFile

        name = self._name(".parquet", ".mp4")
        rows = RowFile.named(self._folder / f"{name}.parquet")
        self.start(rows, self._folder / f"{name}.mp4", start_s)

    def write(self, frame: Frame, result: FrameResult) -> None:
        """Record a frame, if recording is on.

        Raises:
            MienError: If it cannot be written; what was before is kept.
        """
        if self._rows is not None:
            self._rows.write(result)
        if self._video is not None:
            self._video.write(frame, result)

    def stop(self) -> list[Path]:
        """End the recording, if it is on, and return its finished files.

        Raises:
            MienError: If their ends cannot be written.
        """
        before = len(self.files)
        self.__exit__(None, None, None)
        return self.files[before:]

    def snapshot(self, frame: Frame, result: FrameResult) -> Path:
        """Save a frame with what was read drawn in it as PNG, and the result as JSON beside it.

        Returns:
            The picture.

        Raises:
            MienError: If they cannot be written.
        """
        from mien.cli.outputs import write_picture
        from mien.recognition.drawing.overlay import VideoOverlay

        overlay = VideoOverlay(strip_s=0, blur_faces=self._blur_faces)
        drawn_rgb = overlay.draw(frame.image_rgb, result)
        path = self._folder / f"{self._name('.png', '.json')}.png"
        write_picture(path, drawn_rgb[:, :, ::-1])
        try:
            path.with_suffix(".json").write_text(
                json.dumps(result.to_dict(), indent=2) + "\n", encoding="utf-8"
            )
        except OSError as error:
            raise MienError(f"cannot write beside {path}: {error.strerror or error}") from error
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        paths, self._paths = self._paths, []
        self._rows = self._video = None
        ending, self._open = self._open, ExitStack()
        try:
            ending.__exit__(kind, error, trace)
        finally:
            # A video of which no frame came is not there.
            self.files += [path for path in paths if path.exists()]

    def _name(self, *suffixes: str) -> str:
        """Return a name by the time that no file here has, with any of the suffixes."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MienError(f"cannot make the folder {self._folder}: {error.strerror}") from error
        base = name = f"mien-{self._now():%Y%m%d-%H%M%S}"
        number = 1
        while any((self._folder / f"{name}{suffix}").exists() for suffix in suffixes):
            number += 1
            name = f"{base}-{number}"
        return name
