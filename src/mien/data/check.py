"""What is wrong with a dataset, each finding with its rows or paths."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mien.data.dataset import SPLITS, BoolArray, FaceDataset, Problem
from mien.data.duplicates import DuplicateGroup, find_duplicates
from mien.data.overlap import TrainingOverlap, training_overlap


@dataclass(frozen=True, eq=False)
class CheckReport:
    """All findings about one dataset.

    Attributes:
        dataset: What was looked at.
        problems: Rows and files that were skipped on reading.
        constant: Indices of faces that are one gray value all over.
        duplicates: Groups of identical faces.
        overlaps: For validation and test, which faces are also in train; a split that has no
            such question is left out.
        across_splits: For each pair of splits, groups that have faces in both.
        no_face_votes: Faces that FER+'s annotators mostly called no face, or None without votes.
    """

    dataset: FaceDataset
    problems: tuple[Problem, ...]
    constant: tuple[int, ...]
    duplicates: tuple[DuplicateGroup, ...]
    overlaps: dict[str, TrainingOverlap]
    across_splits: dict[tuple[str, str], int]
    no_face_votes: int | None

    @property
    def duplicate_faces(self) -> int:
        """Faces that are in some group of duplicates."""
        return sum(len(group.indices) for group in self.duplicates)

    @property
    def disagreeing(self) -> tuple[DuplicateGroup, ...]:
        """Groups of identical faces whose labels differ."""
        return tuple(group for group in self.duplicates if group.labels_disagree)

    @property
    def also_in_training(self) -> dict[str, int]:
        """For validation and test, how many faces are also in train, to the last pixel."""
        return self._counts({name: one.same for name, one in self.overlaps.items()})

    @property
    def alike_in_training(self) -> dict[str, int]:
        """How many show the same picture as one in train, those that are in it among them."""
        return self._counts({name: one.alike for name, one in self.overlaps.items()})

    @staticmethod
    def _counts(marks: dict[str, BoolArray]) -> dict[str, int]:
        return {name: int(marks[name].sum()) if name in marks else 0 for name in SPLITS[1:]}

    @property
    def unlabelled(self) -> int:
        """Faces without a label."""
        return int((self.dataset.class_ids < 0).sum())

    def problem_counts(self) -> dict[str, int]:
        """Return how many rows or files were skipped, by kind."""
        return dict(sorted(Counter(problem.kind for problem in self.problems).items()))

    def to_dict(self) -> dict[str, Any]:
        """Return every count, and every finding with its row or path."""
        data = self.dataset
        return {
            "name": data.name,
            "faces": len(data),
            "skipped": self.problem_counts(),
            "unlabelled": self.unlabelled,
            "constant": len(self.constant),
            "duplicate_groups": len(self.duplicates),
            "duplicate_faces": self.duplicate_faces,
            "disagreeing_groups": len(self.disagreeing),
            "also_in_training": self.also_in_training,
            "alike_in_training": self.alike_in_training,
            "groups_across_splits": {f"{a}+{b}": n for (a, b), n in self.across_splits.items()},
            "no_face_votes": self.no_face_votes,
            "notes": list(data.notes),
            "findings": self.findings(),
        }

    def findings(self) -> list[dict[str, Any]]:
        """Return one flat row for each finding: kind, source, split, label, group, detail."""
        rows = [_finding(p.kind, p.source, detail=p.reason) for p in self.problems]
        rows += [self._face_finding("constant", index) for index in self.constant]
        for number, group in enumerate(self.duplicates):
            detail = "labels disagree" if group.labels_disagree else ""
            for index in group.indices.tolist():
                rows.append(self._face_finding("duplicate", index, group=number, detail=detail))
        for overlap in self.overlaps.values():
            # Those that are the same to the last pixel are in a group already.
            for index in np.flatnonzero(overlap.alike & ~overlap.same).tolist():
                twin = self.dataset.sources[overlap.twins[index]]
                rows.append(self._face_finding("alike in train", index, detail=f"like {twin}"))
        return rows

    def _face_finding(
        self, kind: str, index: int, *, group: int | None = None, detail: str = ""
    ) -> dict[str, Any]:
        data = self.dataset
        class_id = int(data.class_ids[index])
        return _finding(
            kind,
            data.sources[index],
            split=SPLITS[data.splits[index]],
            label=data.label_set.labels[class_id] if class_id >= 0 else None,
            group=group,
            detail=detail,
        )


def check_dataset(dataset: FaceDataset) -> CheckReport:
    """Look for constant and duplicate faces, and gather what was skipped on reading."""
    images = dataset.images_gray
    constant = np.flatnonzero((images == images[:, :1, :1]).all(axis=(1, 2))).tolist()
    groups = tuple(find_duplicates(dataset))
    no_face = None
    if dataset.votes is not None:
        votes = dataset.votes
        no_face = int((2 * votes[:, -1].astype(int) > votes.sum(axis=1, dtype=int)).sum())
    return CheckReport(
        dataset=dataset,
        problems=dataset.problems,
        constant=tuple(constant),
        duplicates=groups,
        overlaps={
            name: overlap
            for name in SPLITS[1:]
            if (overlap := training_overlap(dataset, name)) is not None
        },
        across_splits=_across_splits(dataset, groups),
        no_face_votes=no_face,
    )


def _across_splits(
    dataset: FaceDataset, groups: tuple[DuplicateGroup, ...]
) -> dict[tuple[str, str], int]:
    counts = dict.fromkeys(combinations(SPLITS, 2), 0)
    for group in groups:
        present = sorted(set(dataset.splits[group.indices].tolist()))
        for first, second in combinations(present, 2):
            counts[SPLITS[first], SPLITS[second]] += 1
    return counts


def _finding(
    kind: str,
    source: str | int,
    *,
    split: str | None = None,
    label: str | None = None,
    group: int | None = None,
    detail: str = "",
) -> dict[str, Any]:
    return {
        "kind": kind,
        "source": source,
        "split": split,
        "label": label,
        "group": group,
        "detail": detail,
    }
