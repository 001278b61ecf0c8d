"""What reads all videos of a job, and opens what one of them needs."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mien.cli.video.choices import KeptSession, VideoChoices, VideoOutputs
from mien.cli.video.videos import VideoInput
from mien.core.errors import MienError
from mien.recognition.seam import SeamStart

if TYPE_CHECKING:
    from mien.cli.keeping import SessionKeeper
    from mien.media import SourceInfo
    from mien.recognition.drawing.annotated_video import AnnotatedVideo
    from mien.recognition.recognizer import Recognizer
    from mien.recognition.rows.writer import IfThere, RowWriter
    from mien.recognition.video import VideoReading

# What can be sought in, and so be gone on with.
_SEEKABLE = frozenset({"file", "pictures", "animation"})


@dataclass(frozen=True)
class VideoReader:
    """What reads all videos of a job.

    Attributes:
        recognizer: Detector and model.
        choices: Which frames are read, and how.
        settings: All that rows depend on, as `VideoChoices.settings` has it.
        command: The command line.
        kept: How what is read is kept as sessions, or None.
    """

    recognizer: Recognizer
    choices: VideoChoices
    settings: Mapping[str, Any]
    command: str = ""
    kept: KeptSession | None = None

    def open_video(self, video: VideoInput, start: SeamStart | None) -> VideoReading:
        """Open a video, to go on where `start` says or else from the begin of the range.

        Raises:
            ConfigError: If the choices do not fit each other.
            MienError: If it cannot be gone on with.
            VideoSourceError: If it cannot be opened.
        """
        choices = self.choices
        reading = self.recognizer.video(
            video.source,
            every_n=choices.every_n,
            every_s=choices.every_s,
            start_s=choices.start_s if start is None else start.start_s,
            end_s=choices.end_s,
            picture_times=choices.picture_times,
            detect_every=choices.detect_every,
            time_constant_s=choices.time_constant_s,
            threads=choices.threads,
        )
        if start is not None:
            if reading.info.kind not in _SEEKABLE:
                reading.close()
                raise MienError(
                    f"{video.name} passes by only once, so nothing can go on there; give its rows "
                    "another name, or --overwrite"
                )
            reading.recall(start.before, last_id=start.last_id)
        return reading

    def open_rows(self, outputs: VideoOutputs, if_there: IfThere | None = None) -> RowWriter:
        """Open the table, or what prints it.

        Args:
            outputs: Where it goes.
            if_there: What to do with one that is there; None for what was chosen.

        Raises:
            TableWriteError: If it cannot be written there.
        """
        from mien.recognition.rows.files import TEXT_FORMS
        from mien.recognition.rows.text import StreamRowWriter

        labels = self.recognizer.bundle.label_sets[self.recognizer.label_set].labels
        if outputs.rows is not None:
            return outputs.rows.open(labels, if_there=if_there or self.choices.if_there)
        return StreamRowWriter(sys.stdout, TEXT_FORMS[outputs.printed], labels)

    def open_annotated(self, outputs: VideoOutputs, info: SourceInfo) -> AnnotatedVideo | None:
        """Open the video that is drawn into, if one is wanted.

        Raises:
            VideoWriteError: If it cannot be written there.
        """
        if outputs.annotated is None:
            return None
        from mien.recognition.drawing.annotated_video import AnnotatedVideo

        return AnnotatedVideo(
            outputs.annotated,
            source=info,
            start_s=self.choices.start_s or 0.0,
            overwrite=self.choices.if_there == "replace",
        )

    def open_session(self, video: VideoInput) -> SessionKeeper | None:
        """Begin the session that a video is kept as, if that is wanted.

        Raises:
            ConfigError: If its title is missing or too long.
            StoreError: If sessions cannot be kept.
        """
        if self.kept is None:
            return None
        from mien.cli.keeping import SessionKeeper

        return SessionKeeper(
            self.kept.title_of(video.name),
            self.recognizer,
            source=video.name,
            origin="video",
            consent=self.kept.consent,
            keep_days=self.kept.keep_days,
            settings=self.settings,
        )
