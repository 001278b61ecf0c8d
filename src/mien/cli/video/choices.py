"""How `mien video` reads: the choices that all videos of a job have in common."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from mien.core.errors import ConfigError

if TYPE_CHECKING:
    from mien.media.images import PictureTimes
    from mien.recognition.recognizer import Recognizer
    from mien.recognition.rows.files import RowFile
    from mien.recognition.rows.writer import IfThere

# Of a session, in characters; see `mien.store.texts`.
_LONGEST_TITLE = 200
# Above it a summary counts time between frames for nothing, however they are sampled.
_LEAST_GAP_S = 2.0


@dataclass(frozen=True)
class VideoChoices:
    """Which frames are read, and how; the names are those of `Recognizer.video`.

    Attributes:
        every_n: Every n-th frame.
        every_s: One frame in every slot of so many seconds.
        start_s: Where to begin.
        end_s: Where to end.
        picture_times: Of pictures: how many a second, or `file-times`.
        detect_every: Look for faces in every n-th frame that is read.
        time_constant_s: Of the smoothing.
        threads: Of the CPU, None for all.
        if_there: What to do with tables that are there.
    """

    every_n: int | None = None
    every_s: float | None = None
    start_s: float | None = None
    end_s: float | None = None
    picture_times: PictureTimes | None = None
    detect_every: int | Literal["auto"] = 1
    time_constant_s: float = 0.35
    threads: int | None = None
    if_there: IfThere = "refuse"

    @property
    def max_gap_s(self) -> float:
        """What a summary takes for a gap: longer than the step from frame to frame."""
        return max(_LEAST_GAP_S, 2.5 * (self.every_s or 0.0))

    def settings(self, recognizer: Recognizer, min_face_px: float) -> dict[str, Any]:
        """Return all that rows depend on beside the video, JSON-ready."""
        config, detector, prior = recognizer.bundle.config, recognizer.detector, recognizer.prior
        chosen = asdict(self)
        # What they are read with, not what they say.
        del chosen["threads"], chosen["if_there"]
        graph = config.files.get("model.onnx")
        known = {
            **chosen,
            "bundle": config.name,
            "bundle_version": config.version,
            "model_sha256": graph and graph.sha256,
            "label_set": recognizer.label_set,
            "prior": prior.name,
            "prior_strength": prior.strength,
            "prior_shares": [round(share, 6) for share in prior.target_shares],
            "uncertain_below": recognizer.uncertain_below,
            "detector": detector.name,
            "detector_threshold": detector.threshold,
            "detector_sha256": detector.weights_sha256,
            "min_face_px": min_face_px,
        }
        return dict(json.loads(json.dumps(known)))


@dataclass(frozen=True)
class VideoOutputs:
    """Where what is made of one video goes.

    Attributes:
        rows: The table; None to print it.
        annotated: The video with what was read drawn in, or None.
        report: The page, or None.
        printed: The format of what is printed.
    """

    rows: RowFile | None
    annotated: Path | None = None
    report: Path | None = None
    printed: Literal["csv", "jsonl"] = "jsonl"


@dataclass(frozen=True)
class KeptSession:
    """That what is read is kept as sessions, and how.

    Attributes:
        title: What to call it.
        consent: What those in view agreed to; None where nobody was asked.
        keep_days: How long; None for until it is deleted.
        is_job: Whether there may be several, which then have the video's name in theirs.
    """

    title: str
    consent: str | None
    keep_days: int | None
    is_job: bool

    def title_of(self, video: str) -> str:
        """Return the title of the session of a video."""
        if not self.is_job:
            return self.title
        # A name that is too long must not cost the others their night.
        return f"{self.title}: {Path(video).name}"[:_LONGEST_TITLE]


def sampling_step(every_n: int | None, fps: float | None, every_s: float | None) -> float | None:
    """Return the seconds of a step for `--fps` or `--every-s`.

    Raises:
        ConfigError: If more than one way of sampling is given.
    """
    if sum(choice is not None for choice in (every_n, fps, every_s)) > 1:
        raise ConfigError("--every-n, --fps and --every-s exclude each other; choose one")
    return 1 / fps if fps else every_s


def if_there(*, resume: bool, overwrite: bool) -> IfThere:
    """Return what is done with tables that are there.

    Raises:
        ConfigError: If both are asked for.
    """
    if resume and overwrite:
        raise ConfigError("--resume goes on with a table and --overwrite replaces it; choose one")
    return "go-on" if resume else "replace" if overwrite else "refuse"
