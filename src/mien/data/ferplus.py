"""FER+ votes: read them, and turn them into targets by one of the rules in use.

FER+ (Barsoum et al., "Training Deep Networks for Facial Expression Recognition with
Crowd-Sourced Label Distribution", 2016) has ten annotators' votes for every row of
FER2013. There are three "FER+ test sets" in the literature, one for each way of dropping
rows, so a figure without its rule and its n says nothing:

`majority`
    Microsoft's own: votes of 1 count as noise and are set to 0; the top one of all ten
    columns must hold more than half of what is left, and be no `unknown` or `NF`.
`argmax10`
    The top one of all ten columns must be no `unknown` or `NF`.
`argmax8`
    Any row with at least one vote for an expression; the top one of the eight.
`soft`
    For training: votes of 1 are dropped, and so are rows whose top vote is `unknown` or
    `NF` or that have no vote left for an expression.

Ties go to the column that comes first, as NumPy's argmax does it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import DatasetError
from mien.core.labels import FERPLUS, FERPLUS_VOTE_COLUMNS
from mien.data.dataset import (
    SPLITS,
    BoolArray,
    FaceDataset,
    Int64Array,
    UInt8Array,
    canonical_split,
)

FERPLUS_RULES: tuple[str, ...] = ("majority", "argmax10", "argmax8", "soft")
FERPLUS_FILE = "fer2013new.csv"

_EXPRESSIONS = len(FERPLUS)


@dataclass(frozen=True, eq=False)
class FerPlusTargets:
    """What a rule makes of the votes; rows that it drops are there, under `keep` False.

    Attributes:
        keep: (n,) bool, whether the rule uses the row.
        class_ids: (n,) int64 in the order of `FERPLUS`, -1 where dropped.
        distributions: (n, 8) float32 in the order of `FERPLUS`, rows sum to 1; 0 where
            dropped. `majority` and `soft` leave single votes out, the others keep all.
    """

    keep: BoolArray
    class_ids: Int64Array
    distributions: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class FerPlusVotes:
    """The file, row by row.

    Attributes:
        votes: (n, 10) uint8 in the order of `FERPLUS_VOTE_COLUMNS`.
        splits: (n,) int8, an index into `SPLITS`.
        image_names: `fer0000012.png` for row 12; made up so where the file has none, as
            Microsoft's has not for the faces that most annotators called no face.
    """

    votes: UInt8Array
    splits: NDArray[np.int8]
    image_names: tuple[str, ...]


def ferplus_targets(votes: UInt8Array, rule: str) -> FerPlusTargets:
    """Apply one of `FERPLUS_RULES` to the votes.

    Args:
        votes: (n, 10) counts in the order of `FERPLUS_VOTE_COLUMNS`.
        rule: See the module's text.

    Raises:
        DatasetError: If the rule is unknown or the votes have another shape.
    """
    if rule not in FERPLUS_RULES:
        raise DatasetError(f"unknown FER+ rule {rule!r}; available: {', '.join(FERPLUS_RULES)}")
    if votes.ndim != 2 or votes.shape[1] != len(FERPLUS_VOTE_COLUMNS):
        raise DatasetError(f"expected (n, 10) votes, got an array of shape {votes.shape}")
    counts = votes.astype(np.int64)
    if rule in ("majority", "soft"):
        counts[counts == 1] = 0
    expressions = counts[:, :_EXPRESSIONS]
    keep = expressions.sum(axis=1) > 0
    if rule != "argmax8":
        keep &= counts.argmax(axis=1) < _EXPRESSIONS
    if rule == "majority":
        keep &= 2 * counts.max(axis=1) > counts.sum(axis=1)
    totals = np.maximum(expressions.sum(axis=1, keepdims=True), 1)
    distributions = np.where(keep[:, None], expressions / totals, 0.0).astype(np.float32)
    class_ids = np.where(keep, expressions.argmax(axis=1), -1).astype(np.int64)
    return FerPlusTargets(keep, class_ids, distributions)


def label_by_votes(dataset: FaceDataset, rule: str) -> FaceDataset:
    """Return the faces that a rule keeps, labelled by it in the order of `FERPLUS`.

    Raises:
        DatasetError: If the dataset has no votes or the rule is unknown.
    """
    if dataset.votes is None:
        raise DatasetError(
            f"rule {rule!r} needs FER+ votes and {dataset.name} has none: "
            f"put {FERPLUS_FILE} beside the data, or name it"
        )
    targets = ferplus_targets(dataset.votes, rule)
    kept = dataset.subset(targets.keep)
    return replace(kept, label_set=FERPLUS, class_ids=targets.class_ids[targets.keep])


def read_ferplus_votes(path: Path | str) -> FerPlusVotes:
    """Read `fer2013new.csv`, or any CSV with its ten vote columns and `Usage`.

    Raises:
        DatasetError: If the file or a column is missing, or a row has other than small whole
            numbers. One bad row is an error: votes are joined by row number, so a skipped
            one would shift all that follow.
    """
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            return _parse_votes(csv.reader(file), path)
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} is not a CSV file: {error}") from error


def votes_by_name(path: Path | str, stems: Sequence[str]) -> UInt8Array:
    """Return the votes on pictures by their file names, whatever their order.

    Args:
        path: The votes file.
        stems: File names without suffix, `fer0000012` for row 12.

    Returns:
        (n, 10) uint8; a picture that is not in the file has no votes, which every rule drops.

    Raises:
        DatasetError: If the file cannot be read, or not one picture is in it.
    """
    ferplus = read_ferplus_votes(path)
    rows = {Path(name).stem: row for row, name in enumerate(ferplus.image_names)}
    found = np.array([rows.get(stem, -1) for stem in stems], np.int64)
    if not (found >= 0).any():
        raise DatasetError(
            f"{path} has no votes on these pictures: they are joined by name, such as "
            f"{face_file_name(12)} for row 12; got {stems[0] if stems else 'none'}"
        )
    votes = ferplus.votes[found]
    votes[found < 0] = 0
    return votes


def face_file_name(row: int) -> str:
    """Return the name that FER+ gives the picture in a row of FER2013."""
    return f"fer{row:07d}.png"


def _parse_votes(rows: Iterator[list[str]], path: Path | str) -> FerPlusVotes:
    header = [name.strip() for name in next(rows, [])]
    missing = [name for name in ("Usage", *FERPLUS_VOTE_COLUMNS) if name not in header]
    if missing:
        raise DatasetError(
            f"{path} is no FER+ votes file: missing column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}; expected Microsoft's {FERPLUS_FILE}"
        )
    columns = [header.index(name) for name in FERPLUS_VOTE_COLUMNS]
    usage = header.index("Usage")
    naming = header.index("Image name") if "Image name" in header else None
    names: list[str] = []
    votes: list[list[int]] = []
    splits: list[int] = []
    for row in rows:
        if not row:
            continue
        try:
            counts = [int(row[column]) for column in columns]
            splits.append(SPLITS.index(canonical_split(row[usage])))
        except (ValueError, IndexError, DatasetError) as error:
            raise DatasetError(
                f"{path}: row {len(votes)} must have a Usage and ten whole numbers: {error}"
            ) from error
        if min(counts) < 0 or max(counts) > 255:
            raise DatasetError(f"{path}: row {len(votes)}: votes must lie in 0..255, got {counts}")
        given = row[naming].strip() if naming is not None else ""
        names.append(given or face_file_name(len(votes)))
        votes.append(counts)
    shape = (len(votes), len(FERPLUS_VOTE_COLUMNS))
    counted = np.array(votes, np.uint8).reshape(shape)
    return FerPlusVotes(counted, np.array(splits, np.int8), tuple(names))
