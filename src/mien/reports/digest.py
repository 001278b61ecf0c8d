"""A video in what its report needs: gathered while it is read, in memory that does not grow.

`VideoDigest` is fed every frame once, with or without its picture, and joins the figures of
`mien.recognition.summary.summary`, the course of `mien.reports.bins` and the faces of
`mien.reports.thumbnails`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.core.types import FrameResult
from mien.recognition.summary.summary import RunningSummary, Summary
from mien.reports.bins import MOST_BINS, TimeBins
from mien.reports.reading import results_in
from mien.reports.thumbnails import FacePictures, PeakCollector

if TYPE_CHECKING:
    from mien.reports.reading import ClipData

# More holes than this are counted and not listed.
_MOST_GAPS = 50


@dataclass(frozen=True)
class Gap:
    """A stretch of time with no frame, which is counted as nobody's.

    Attributes:
        begin_s: The time of the frame before it.
        end_s: The time of the frame after it.
    """

    begin_s: float
    end_s: float


@dataclass(frozen=True)
class MarkedMoment:
    """A moment that somebody marked with a word.

    Attributes:
        timestamp_s: When, on the clock of the frames.
        word: What it was marked as, plain.
    """

    timestamp_s: float
    word: str


@dataclass(frozen=True)
class Reader:
    """What read a video, as its results name it.

    Attributes:
        detector: The detector that ran.
        threshold: Its lowest confidence, 0..1, or None.
        detector_sha256: Of its weights, or None.
        prior: How common each expression was taken to be.
        prior_strength: How far answers go towards that, 0..1.
        label_set: The expressions' label set; empty where no face was seen.
    """

    detector: str
    threshold: float | None
    detector_sha256: str | None
    prior: str
    prior_strength: float
    label_set: str


class VideoDigest:
    """Takes the frames of one video, in order of time, and keeps what its report shows.

    Attributes:
        bins: Expressions over time.
        collector: Faces at the peaks; None where none are to be kept.
        pictures: Faces to show: those, or what else there is of them.
        names: Names that somebody gave to people, by track id.
        markers: Moments that somebody marked, in order of time.
        smoothed: Whether it goes by smoothed expressions, where faces have them.
        max_gap_s: Time between frames further apart counts for nothing.
        frames_failed: Frames that could not be read (`FrameResult.error`).
        gaps: Stretches without a frame, the first ones.
        gaps_counted: How many there are.
        size: (width, height) in pixels of the first frame that has a size, or None.
        reader: What read it, by the first frame; None before.
    """

    def __init__(
        self,
        *,
        thumbnails: bool = True,
        most_bins: int = MOST_BINS,
        max_gap_s: float = 2.0,
        smoothed: bool = True,
        peaks: int = 3,
        peak_distance_s: float = 1.0,
    ) -> None:
        """Set what to keep.

        Args:
            thumbnails: Whether to keep small pictures of faces, where frames come with a picture.
            most_bins: How finely time is cut at most, an even number.
            max_gap_s: Time between frames that are further apart is not counted. Above the step
                at which the clip was sampled: for a frame every 5 s something like 12.
            smoothed: Whether to go by the smoothed expressions, where faces have them.
            peaks: How many moments to name for each person and expression, at most.
            peak_distance_s: Least time between two such moments of one person.

        Raises:
            ConfigError: If an option is out of its range.
        """
        self._summary = RunningSummary(
            max_gap_s=max_gap_s, smoothed=smoothed, peaks=peaks, peak_distance_s=peak_distance_s
        )
        self.bins = TimeBins(most=most_bins, max_gap_s=max_gap_s, smoothed=smoothed)
        self.collector = PeakCollector(smoothed=smoothed) if thumbnails else None
        self.pictures: FacePictures | None = self.collector
        self.names: dict[int, str] = {}
        self.markers: list[MarkedMoment] = []
        self.smoothed, self.max_gap_s = smoothed, max_gap_s
        self.frames_failed = self.gaps_counted = 0
        self.gaps: list[Gap] = []
        self.size: tuple[int, int] | None = None
        self.reader: Reader | None = None
        self._last_s: float | None = None

    @classmethod
    def of(cls, clip: ClipData, *, max_gap_s: float = 2.0, smoothed: bool = True) -> VideoDigest:
        """Return the digest of results that are there, without pictures of faces.

        Args:
            clip: As `mien.reports.reading.results_in` takes it.
            max_gap_s: As for a new digest.
            smoothed: As for a new digest.
        """
        digest = cls(thumbnails=False, max_gap_s=max_gap_s, smoothed=smoothed)
        for result in results_in(clip):
            digest.add(result)
        return digest

    def add(self, result: FrameResult, image_rgb: NDArray[np.uint8] | None = None) -> None:
        """Take the next frame.

        Args:
            result: What was read in it.
            image_rgb: The picture that was read, (h, w, 3) uint8 RGB, upright; None where it is
                not at hand. It is not kept.

        Raises:
            LabelError: If a face was read in another label set than those before it.
            ShapeError: If the frame is older than the one before, or the picture not of this kind.
        """
        self._summary.add(result)
        self.bins.add(result)
        if result.error is not None:
            self.frames_failed += 1
            return
        now_s, last_s = result.timestamp_s, self._last_s
        if last_s is not None and now_s - last_s > self.max_gap_s:
            self.gaps_counted += 1
            if len(self.gaps) < _MOST_GAPS:
                self.gaps.append(Gap(last_s, now_s))
        self._last_s = now_s
        if self.size is None and min(result.size) > 0:
            self.size = result.size
        self._note_reader(result)
        if self.collector is not None and image_rgb is not None:
            self.collector.add(image_rgb, result)

    def name_of(self, track_id: int | None) -> str:
        """Return what to call a person, plain: the name that was given, or the number."""
        if track_id is None:
            return "Everybody"
        return self.names.get(track_id) or f"Person {track_id}"

    def summary(self) -> Summary:
        """Return the figures so far, as `mien.summary` gives them."""
        return self._summary.summary()

    def _note_reader(self, result: FrameResult) -> None:
        known = self.reader
        if known is not None and (known.label_set or not result.faces):
            return
        self.reader = Reader(
            detector=result.detector,
            threshold=result.detector_threshold,
            detector_sha256=result.detector_sha256,
            prior=result.prior,
            prior_strength=result.prior_strength,
            label_set=result.faces[0].expression.label_set if result.faces else "",
        )
