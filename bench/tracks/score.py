"""How well ids match the truth, by motmetrics: CLEAR MOT (2008) and IDF1 (arXiv:1609.01775)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import motmetrics
import numpy as np

from bench.tracks.truth import LEAST_VISIBLE, TrueFrame
from mien.core.types import FrameResult

# A face lies on a true one where their boxes overlap at least so far.
LEAST_IOU = 0.5
COUNTS = ("num_switches", "num_fragmentations", "num_misses", "num_false_positives", "num_objects")
ID_COUNTS = ("idtp", "idfp", "idfn")


@dataclass
class Score:
    """Counts of one tracker over any number of sequences; the shares are of all together.

    Attributes:
        switches: How often a person's id changed.
        fragments: How often a person's track broke off and was found again.
        misses: True faces without an id, or with none on them.
        false: Ids on nothing.
        faces: True faces.
        idtp: Faces whose id is that person's own, in the best pairing of ids with people.
        idfp: Faces with any other id.
        idfn: True faces without their own id.
    """

    switches: int = 0
    fragments: int = 0
    misses: int = 0
    false: int = 0
    faces: int = 0
    idtp: int = 0
    idfp: int = 0
    idfn: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(**{name: value + vars(other)[name] for name, value in vars(self).items()})

    @property
    def mota(self) -> float:
        """Multiple object tracking accuracy, at most 1."""
        return 1 - (self.misses + self.false + self.switches) / self.faces

    @property
    def idf1(self) -> float:
        """F1 of faces with the right id, 0..1."""
        return 2 * self.idtp / (2 * self.idtp + self.idfp + self.idfn)


def score(truth: Sequence[TrueFrame], tracked: Iterable[FrameResult]) -> Score:
    """Count one sequence. Faces that are hidden too far are not asked for, nor are they wrong."""
    seen = motmetrics.MOTAccumulator(auto_id=True)
    for true, result in zip(truth, tracked, strict=True):
        hidden = [face.box for face in true.faces if face.visible < LEAST_VISIBLE]
        shown = [face for face in true.faces if face.visible >= LEAST_VISIBLE]
        overlaps = {
            number: [face.box.iou(found.box) for face in shown]
            for number, found in enumerate(result.faces)
            if found.track_id is not None
        }
        kept = [
            number
            for number, row in overlaps.items()
            if max(row, default=0.0) >= LEAST_IOU
            or all(result.faces[number].box.iou(box) < LEAST_IOU for box in hidden)
        ]
        distances = 1 - np.array([overlaps[number] for number in kept]).reshape(
            len(kept), len(shown)
        )
        distances[distances > 1 - LEAST_IOU] = np.nan
        seen.update(
            [face.visit for face in shown],
            [result.faces[number].track_id for number in kept],
            distances.T,
        )
    row = motmetrics.metrics.create().compute(seen, metrics=[*COUNTS, *ID_COUNTS]).iloc[0]
    return Score(*(int(row[name]) for name in (*COUNTS, *ID_COUNTS)))
