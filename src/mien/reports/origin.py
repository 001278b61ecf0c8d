"""What is known of how a video was read, for whoever reads its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mien import __version__
from mien.reports.words import clock, length

if TYPE_CHECKING:
    from mien.media.frames import SourceInfo, SourceReport
    from mien.recognition.recognizer import Recognizer
    from mien.reports.digest import VideoDigest


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class VideoOrigin:
    """Where the figures of a report come from; what is not known is left out of it.

    Attributes:
        info: What is known of the source.
        report: How reading it went.
        dropped: Frames of a live source that were left out to keep up.
        model: What read the faces, as `model_facts` names it.
        settings: Options that it was read with, name to value.
        command: The command line, or empty.
        created: When the report was made, ISO 8601 in UTC.
        recorded: When the clip was recorded, in words; empty if that is not known.
    """

    info: SourceInfo | None = None
    report: SourceReport | None = None
    dropped: int = 0
    model: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    created: str = field(default_factory=_now)
    recorded: str = ""

    def facts(self, digest: VideoDigest) -> dict[str, Any]:
        """Return everything as names and values, in the order in which a page shows it."""
        known = {
            **self._source_facts(digest),
            **self.model,
            **_reader_facts(digest),
            **self.settings,
            "recorded": self.recorded,
            "made": self.created,
            "by": f"mien {__version__}",
        }
        return {name: value for name, value in known.items() if value not in (None, "")}

    def what_was_lost(self, digest: VideoDigest) -> list[str]:
        """Return a sentence for each thing that was not read, nothing if there is none."""
        told = []
        if self.report is not None:
            told += _source_losses(self.report)
        if self.dropped:
            told.append(f"{_frames(self.dropped)} of the live source left out to keep up with it.")
        if digest.frames_failed:
            told.append(f"{_frames(digest.frames_failed)} not read because of an error.")
        told += [
            f"No frame between {clock(gap.begin_s, digits=1)} and {clock(gap.end_s, digits=1)}; "
            "that time is counted as nobody's."
            for gap in digest.gaps
        ]
        more = digest.gaps_counted - len(digest.gaps)
        return [*told, f"{more:,} more such stretches without a frame."] if more else told

    def _source_facts(self, digest: VideoDigest) -> dict[str, Any]:
        told = digest.summary()
        facts: dict[str, Any] = {"source": told.source}
        size = digest.size
        if (info := self.info) is not None:
            size = (info.width, info.height)
            rate = f"{info.frame_rate:.4g} frames a second" if info.frame_rate else None
            facts |= {
                "source": info.name,
                "kind": info.kind,
                "length": info.duration_s and length(info.duration_s),
                "stored as": ", ".join(filter(None, (info.codec, info.pixel_format, rate))),
                "turned": f"{info.rotation_degrees}° clockwise" if info.rotation_degrees else None,
            }
        facts["picture"] = size and f"{size[0]} × {size[1]} pixels"
        facts["frames read"] = f"{told.frames:,} over {length(told.duration_s)}"
        return facts


def model_facts(recognizer: Recognizer) -> dict[str, Any]:
    """Return what a report says of the model that reads the faces."""
    config = recognizer.bundle.config
    graph = config.files.get("model.onnx")
    return {
        "model": f"{config.name} ({config.architecture.name}), licence {config.licence}",
        "model sha256": graph and graph.sha256,
        "uncertain below": recognizer.uncertain_below or None,
    }


def _reader_facts(digest: VideoDigest) -> dict[str, Any]:
    reader = digest.reader
    if reader is None:
        return {}
    strength = f", strength {reader.prior_strength:g}" if reader.prior_strength else ""
    return {
        "label set": reader.label_set,
        "detector": reader.detector,
        "detector threshold": reader.threshold,
        "detector sha256": reader.detector_sha256,
        "prior": f"{reader.prior}{strength}",
        "expressions": "smoothed over time" if digest.smoothed else "of each frame alone",
        "longest gap counted": f"{digest.max_gap_s:g} s between frames",
    }


def _source_losses(report: SourceReport) -> list[str]:
    told = []
    if report.damaged:
        told.append(f"{_frames(report.damaged)} damaged and left out.")
    if report.guessed_times:
        told.append(
            f"{_frames(report.guessed_times)} without a usable time; it was told from the "
            "frame before."
        )
    if report.reconnects:
        told.append(f"The stream was opened anew {report.reconnects:,} times.")
    told += [f"The source {one}." for one in report.breaks]
    return told


def _frames(n: int) -> str:
    return f"{n:,} {'frame was' if n == 1 else 'frames were'}"
