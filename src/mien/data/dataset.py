"""What every reader returns: faces, labels, splits and votes as arrays side by side.

Nothing here reads a file. A reader fills a `FaceDataset`; training, evaluation and the
`mien data` commands take it from there without asking where it came from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DatasetError
from mien.core.labels import FERPLUS_VOTE_COLUMNS, LabelSet

UInt8Array = NDArray[np.uint8]
Int64Array = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

SPLITS: tuple[str, ...] = ("train", "validation", "test")

# FER2013's own names, the folder names in use, and ours.
_SPLIT_ALIASES = MappingProxyType(
    {
        "train": "train",
        "training": "train",
        "validation": "validation",
        "valid": "validation",
        "val": "validation",
        "publictest": "validation",
        "test": "test",
        "testing": "test",
        "privatetest": "test",
    }
)


@lru_cache(maxsize=64)
def canonical_split(name: str) -> str:
    """Return the name in `SPLITS` of a split given in any usual spelling.

    Case, blanks, dashes and underscores do not matter; FER2013's `Training`, `PublicTest`
    and `PrivateTest` are known as train, validation and test.

    Raises:
        DatasetError: If the name is no split that mien knows.
    """
    key = name.strip().lower().replace("_", "").replace("-", "").replace(" ", "")
    if key not in _SPLIT_ALIASES:
        raise DatasetError(
            f"unknown split {name!r}; known: {', '.join(SPLITS)}, "
            "and FER2013's Training, PublicTest, PrivateTest"
        )
    return _SPLIT_ALIASES[key]


@dataclass(frozen=True)
class Problem:
    """A row or file that could not be used, or that looks wrong.

    Attributes:
        source: The row number (from 0, after the header) or the path.
        kind: `columns`, `pixel_count`, `pixel_value`, `label`, `split` or `unreadable`.
        reason: What was expected and what came.
    """

    source: str | int
    kind: str
    reason: str

    def __str__(self) -> str:
        where = f"row {self.source}" if isinstance(self.source, int) else self.source
        return f"{where}: {self.reason}"

    def to_dict(self) -> dict[str, Any]:
        """Return source, kind and reason."""
        return {"source": self.source, "kind": self.kind, "reason": self.reason}


@dataclass(frozen=True, eq=False)
class FaceDataset:
    """Faces of one size with what is known about each; all arrays have the same length n.

    Attributes:
        name: How the dataset is called in reports, e.g. `fer2013`.
        images_gray: (n, h, w) uint8, 0..255; a read-only memory map where large.
        splits: (n,) int8, an index into `SPLITS`.
        class_ids: (n,) int64 in the order of `label_set`, -1 where unlabelled.
        label_set: Names and order of the classes.
        votes: (n, 10) uint8 in the order of `FERPLUS_VOTE_COLUMNS`, or None.
        sources: For each face its row number (from 0, after the header) or its path.
        problems: Rows and files that were skipped, each with the reason.
        notes: What a user should know about the dataset as a whole.
    """

    name: str
    images_gray: UInt8Array
    splits: NDArray[np.int8]
    class_ids: Int64Array
    label_set: LabelSet
    votes: UInt8Array | None
    sources: Sequence[str | int]
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.images_gray)
        _expect("images_gray", self.images_gray, np.uint8, (n, *self.images_gray.shape[1:3]))
        if self.images_gray.ndim != 3:
            raise DatasetError(f"images_gray must be (n, h, w), got {self.images_gray.shape}")
        _expect("splits", self.splits, np.int8, (n,))
        _expect("class_ids", self.class_ids, np.int64, (n,))
        if self.votes is not None:
            _expect("votes", self.votes, np.uint8, (n, len(FERPLUS_VOTE_COLUMNS)))
        if len(self.sources) != n:
            raise DatasetError(f"expected {n} sources, one for each face, got {len(self.sources)}")
        if n and not (int(self.splits.min()) >= 0 and int(self.splits.max()) < len(SPLITS)):
            raise DatasetError(f"splits must index {SPLITS}, got {np.unique(self.splits).tolist()}")
        classes = len(self.label_set)
        if n and not (int(self.class_ids.min()) >= -1 and int(self.class_ids.max()) < classes):
            raise DatasetError(
                f"class_ids must lie in -1..{classes - 1} for label set {self.label_set.name}, "
                f"got {int(self.class_ids.min())}..{int(self.class_ids.max())}"
            )

    def __len__(self) -> int:
        return len(self.images_gray)

    def __repr__(self) -> str:
        counts = Counter(SPLITS[i] for i in self.splits)
        parts = ", ".join(f"{counts[name]} {name}" for name in SPLITS if counts[name])
        votes = "" if self.votes is None else ", FER+ votes"
        height, width = self.image_size
        return (
            f"FaceDataset({self.name}: {len(self)} faces of {width}x{height} px"
            f"{': ' + parts if parts else ''}{votes})"
        )

    @property
    def image_size(self) -> tuple[int, int]:
        """(height, width) of every image in pixels."""
        return self.images_gray.shape[1], self.images_gray.shape[2]

    def subset(
        self, mask_or_indices: BoolArray | Int64Array | Sequence[int] | slice
    ) -> FaceDataset:
        """Return the faces under a boolean mask, at the given indices, or in a slice.

        A run of neighbouring faces stays a view, so a memory-mapped split costs no memory.
        Problems and notes belong to the whole and are not handed down.

        Raises:
            DatasetError: If a mask has another length than the dataset.
        """
        indices = self._indices(mask_or_indices)
        keep: slice | Int64Array = indices
        if len(indices) and (np.diff(indices) == 1).all():
            keep = slice(int(indices[0]), int(indices[-1]) + 1)
        return replace(
            self,
            images_gray=self.images_gray[keep],
            splits=self.splits[keep],
            class_ids=self.class_ids[keep],
            votes=None if self.votes is None else self.votes[keep],
            sources=tuple(self.sources[i] for i in indices),
            problems=(),
            notes=(),
        )

    def select_split(self, name: str) -> FaceDataset:
        """Return the faces of one split; FER2013's own names are taken as well.

        Raises:
            DatasetError: If there is no such split.
        """
        wanted = SPLITS.index(canonical_split(name))
        return self.subset(self.splits == wanted)

    def _indices(self, wanted: BoolArray | Int64Array | Sequence[int] | slice) -> Int64Array:
        n = len(self)
        if isinstance(wanted, slice):
            return np.arange(n, dtype=np.int64)[wanted]
        chosen = np.asarray(wanted)
        if chosen.dtype == np.bool_:
            if chosen.shape != (n,):
                raise DatasetError(f"expected a mask of shape ({n},), got {chosen.shape}")
            return np.flatnonzero(chosen).astype(np.int64)
        indices = chosen.astype(np.int64).reshape(-1)
        if len(indices) and not (-n <= int(indices.min()) and int(indices.max()) < n):
            raise DatasetError(
                f"indices must lie in 0..{n - 1}, got {indices.min()}..{indices.max()}"
            )
        return np.asarray(indices % n if n else indices, np.int64)


def _expect(
    name: str, array: NDArray[Any], dtype: type[np.generic], shape: tuple[int, ...]
) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise DatasetError(
            f"{name} must be {np.dtype(dtype).name} of shape {shape}, "
            f"got {array.dtype} of shape {array.shape}"
        )
