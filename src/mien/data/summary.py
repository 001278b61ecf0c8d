"""A dataset in numbers: faces by class and split, FER+ rows by rule, gray levels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mien.core.labels import FERPLUS
from mien.data.dataset import SPLITS, FaceDataset, Int64Array
from mien.data.ferplus import FERPLUS_RULES, ferplus_targets

_FACES_PER_BLOCK = 4096


@dataclass(frozen=True, eq=False)
class DatasetSummary:
    """What `describe` shows.

    Attributes:
        dataset: What was counted.
        counts: (classes, splits) int64, rows in the order of the label set, columns of `SPLITS`.
        unlabelled: (splits,) int64.
        ferplus: For each rule (8, splits) int64 in the order of `FERPLUS`; empty without votes.
        mean: Mean gray level of the train faces (of all, where there are none), 0..1.
        std: Its standard deviation over all pixels.
    """

    dataset: FaceDataset
    counts: Int64Array
    unlabelled: Int64Array
    ferplus: dict[str, Int64Array]
    mean: float
    std: float

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers as JSON-ready values."""
        data = self.dataset
        return {
            "name": data.name,
            "faces": len(data),
            "width": data.image_size[1],
            "height": data.image_size[0],
            "label_set": data.label_set.name,
            "splits": _by_split(self.counts.sum(axis=0) + self.unlabelled),
            "classes": _by_class(data.label_set.labels, self.counts),
            "unlabelled": _by_split(self.unlabelled),
            "ferplus": {
                rule: {
                    "n": _by_split(counts.sum(axis=0)),
                    "classes": _by_class(FERPLUS.labels, counts),
                }
                for rule, counts in self.ferplus.items()
            },
            "mean": round(self.mean, 5),
            "std": round(self.std, 5),
            "skipped": len(data.problems),
            "notes": list(data.notes),
        }

    def rows(self) -> list[dict[str, Any]]:
        """Return one flat row for each labelling, class and split: labels, label, split, faces."""
        tables = [(self.dataset.label_set.name, self.dataset.label_set.labels, self.counts)]
        tables += [(f"ferplus {rule}", FERPLUS.labels, c) for rule, c in self.ferplus.items()]
        rows = [
            {"labels": name, "label": label, "split": split, "faces": int(counts[i, j])}
            for name, labels, counts in tables
            for i, label in enumerate(labels)
            for j, split in enumerate(SPLITS)
        ]
        if self.unlabelled.any():
            unlabelled = _by_split(self.unlabelled)
            rows += [
                {"labels": tables[0][0], "label": "", "split": split, "faces": faces}
                for split, faces in unlabelled.items()
            ]
        return rows


def summarise(dataset: FaceDataset) -> DatasetSummary:
    """Count a dataset."""
    counts = _count(dataset.class_ids, dataset.splits, len(dataset.label_set))
    unlabelled = np.bincount(dataset.splits[dataset.class_ids < 0], minlength=len(SPLITS))
    ferplus: dict[str, Int64Array] = {}
    if dataset.votes is not None:
        for rule in FERPLUS_RULES:
            targets = ferplus_targets(dataset.votes, rule)
            ferplus[rule] = _count(targets.class_ids, dataset.splits, len(FERPLUS))
    train = dataset.select_split("train")
    mean, std = _gray_levels(train if len(train) else dataset)
    return DatasetSummary(dataset, counts, unlabelled.astype(np.int64), ferplus, mean, std)


def _count(class_ids: Int64Array, splits: np.ndarray[Any, Any], classes: int) -> Int64Array:
    labelled = class_ids >= 0
    cells = class_ids[labelled] * len(SPLITS) + splits[labelled]
    counts = np.bincount(cells, minlength=classes * len(SPLITS))
    return np.asarray(counts.reshape(classes, len(SPLITS)), np.int64)


def _gray_levels(dataset: FaceDataset) -> tuple[float, float]:
    """Return mean and standard deviation, 0..1, from one exact histogram of the pixels."""
    histogram = np.zeros(256, np.int64)
    for start in range(0, len(dataset), _FACES_PER_BLOCK):
        block = dataset.images_gray[start : start + _FACES_PER_BLOCK]
        histogram += np.bincount(block.ravel(), minlength=256)
    total = int(histogram.sum())
    if not total:
        return 0.0, 0.0
    levels = np.arange(256) / 255.0
    mean = float(histogram @ levels) / total
    return mean, float(np.sqrt(histogram @ (levels - mean) ** 2 / total))


def _by_split(counts: Int64Array) -> dict[str, int]:
    return dict(zip(SPLITS, counts.tolist(), strict=True))


def _by_class(labels: tuple[str, ...], counts: Int64Array) -> dict[str, dict[str, int]]:
    return {label: _by_split(row) for label, row in zip(labels, counts, strict=True)}
