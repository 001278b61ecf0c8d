"""What is wrong with a dataset, each finding with its rows or paths."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from mien.data.dataset import SPLITS, FaceDataset, Problem
from mien.data.duplicates import DuplicateGroup, also_in_training, find_duplicates


@dataclass(frozen=True, eq=False)
class CheckReport:
    """All findings about one dataset.

    Attributes:
        dataset: What was looked at.
        problems: Rows and files that were skipped on reading.
        constant: Indices of faces that are one gray value all over.
        duplicates: Groups of identical faces.
        also_in_training: For validation and test, how many faces are also in train.
        across_splits: For each pair of splits, groups that have faces in both.
        no_face_votes: Faces that FER+'s annotators mostly called no face, or None without votes.
    """

    dataset: FaceDataset
    problems: tuple[Problem, ...]
    constant: tuple[int, ...]
    duplicates: tuple[DuplicateGroup, ...]
    also_in_training: dict[str, int]
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
    leaked = also_in_training(dataset)
    no_face = None
    if dataset.votes is not None:
        votes = dataset.votes
        no_face = int((2 * votes[:, -1].astype(int) > votes.sum(axis=1, dtype=int)).sum())
    return CheckReport(
        dataset=dataset,
        problems=dataset.problems,
        constant=tuple(constant),
        duplicates=groups,
        also_in_training={
            name: int(leaked[dataset.splits == SPLITS.index(name)].sum()) for name in SPLITS[1:]
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
