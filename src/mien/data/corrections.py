"""Corrections of training labels: the file that `mien data audit` writes and training takes.

It is a CSV file with a row for each face and at least the columns of `CORRECTION_COLUMNS`; all
others are for people. `face` is what ties a row to its face: a fingerprint of the pixels, so a
file made from other data, or from rows in another order, is found out row by row.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from mien.core.errors import DatasetError, LabelError
from mien.core.labels import LabelSet
from mien.data.dataset import SPLITS, FaceDataset
from mien.data.duplicates import face_fingerprints

SUGGESTIONS: tuple[str, ...] = ("keep", "relabel", "drop")
# source: row number or path. given, likely: expressions. suggestion: one of SUGGESTIONS.
CORRECTION_COLUMNS: tuple[str, ...] = ("source", "split", "face", "given", "likely", "suggestion")

_EXAMPLES = 3


@dataclass(frozen=True)
class Correction:
    """One row: what is to be done with the label of one face.

    Attributes:
        source: The face's row number or path, as text.
        split: One of `SPLITS`.
        face: The face's fingerprint, as `face_fingerprints` makes it.
        given: The label it has.
        likely: The label that `relabel` gives it.
        suggestion: `keep`, `relabel` or `drop`.
    """

    source: str
    split: str
    face: str
    given: str
    likely: str
    suggestion: str


@dataclass(frozen=True)
class Corrections:
    """A file of them.

    Attributes:
        file: Its path.
        sha256: Of its bytes, in hexadecimal.
        rows: All of its rows.
    """

    file: str
    sha256: str
    rows: tuple[Correction, ...]


@dataclass(frozen=True)
class Corrected:
    """What corrections did, for the record of a run.

    Attributes:
        file: Where they came from.
        sha256: Of that file.
        dropped: Faces that were taken out.
        relabelled: Faces that got another label.
    """

    file: str
    sha256: str
    dropped: int
    relabelled: int

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values."""
        return asdict(self)

    def __str__(self) -> str:
        return (
            f"corrections of {self.file}: {self.dropped:,} training faces dropped, "
            f"{self.relabelled:,} relabelled"
        )


def read_corrections(path: Path | str) -> Corrections:
    """Read a file of corrections.

    Raises:
        DatasetError: If it cannot be read, lacks a column, or has values that mean nothing.
    """
    try:
        data = Path(path).read_bytes()
        table = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        missing = [name for name in CORRECTION_COLUMNS if name not in (table.fieldnames or ())]
        if missing:
            raise DatasetError(
                f"{path} is no file of corrections: missing column"
                f"{'s' if len(missing) > 1 else ''} {', '.join(missing)}; `mien data audit` "
                "writes one"
            )
        rows = tuple(_parse(row, table.line_num, path) for row in table)
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{path} is no CSV file: {error}") from error
    twice = [source for source, n in Counter(row.source for row in rows).items() if n > 1]
    if twice:
        raise DatasetError(f"{path} has more than one row for {_named(twice)}; leave one of each")
    return Corrections(str(path), hashlib.sha256(data).hexdigest(), rows)


def correct_labels(
    training: FaceDataset, corrections: Corrections
) -> tuple[FaceDataset, Corrected]:
    """Drop or relabel faces of the training split.

    A dropped face is gone for everything that is learned, its votes too; a relabelled one keeps
    its votes.

    Args:
        training: The faces of `train`, and of nothing else.
        corrections: Rows with `keep`, and those of other splits that keep, change nothing; but
            every row of `train` must fit its face.

    Raises:
        DatasetError: If a face of another split is to be changed, a row does not fit the data, or
            no face is left.
    """
    elsewhere = [r.source for r in corrections.rows if r.split != "train" and _changes(r)]
    if elsewhere:
        raise DatasetError(
            f"{corrections.file} changes faces of {' and '.join(SPLITS[1:])} "
            f"({_named(elsewhere)}); only faces of train may be corrected, for a split that "
            "measures must stay as it is. Audit the split train, or set these rows to keep"
        )
    rows = [row for row in corrections.rows if row.split == "train"]
    places = _fit(training, rows, corrections.file)
    class_ids, kept = training.class_ids.copy(), np.ones(len(training), np.bool_)
    for row, place in zip(rows, places, strict=True):
        if row.suggestion == "drop":
            kept[place] = False
        elif row.suggestion == "relabel":
            class_ids[place] = _class_id(training.label_set, row, corrections.file)
    if not kept.any():
        raise DatasetError(f"{corrections.file} drops every face of train; nothing is left")
    relabelled = int((class_ids != training.class_ids)[kept].sum())
    done = Corrected(corrections.file, corrections.sha256, int((~kept).sum()), relabelled)
    corrected = replace(training, class_ids=class_ids)
    return (corrected if kept.all() else corrected.subset(kept)), done


def _parse(row: Mapping[str, str | None], line: int, path: Path | str) -> Correction:
    cells = {name: (row[name] or "").strip() for name in CORRECTION_COLUMNS}
    for name, known in (("suggestion", SUGGESTIONS), ("split", SPLITS)):
        if cells[name] not in known:
            raise DatasetError(
                f"{path}, line {line}: expected a {name} of {', '.join(known)}, got {cells[name]!r}"
            )
    correction = Correction(**cells)
    if correction.suggestion == "relabel" and correction.likely == correction.given:
        raise DatasetError(
            f"{path}, line {line}: relabel to {correction.given}, which is the label already; "
            "put the right one under likely, or keep"
        )
    return correction


def _fit(training: FaceDataset, rows: Sequence[Correction], file: str) -> list[int]:
    """Return the place of each row's face.

    Raises:
        DatasetError: If faces are not there, have other pixels, or another label.
    """
    places = {str(source): place for place, source in enumerate(training.sources)}
    fingerprints = face_fingerprints(training)
    labels = (*training.label_set.labels, "")
    found, strange = [], []
    for row in rows:
        place = places.get(row.source)
        if place is None or (row.face, row.given) != (
            fingerprints[place],
            labels[training.class_ids[place]],
        ):
            strange.append(row.source)
        else:
            found.append(place)
    if strange:
        raise DatasetError(
            f"{file} does not fit {training.name}: {len(strange):,} of its {len(rows):,} rows of "
            f"train name a face that is not there, or has other pixels or another label "
            f"({_named(strange)}). It was made from other data; audit this"
        )
    return found


def _class_id(labels: LabelSet, row: Correction, file: str) -> int:
    try:
        return labels.index(row.likely)
    except LabelError as error:
        raise DatasetError(f"{file}, source {row.source}: {error}") from error


def _changes(row: Correction) -> bool:
    return row.suggestion != "keep"


def _named(sources: Sequence[str]) -> str:
    more = ", ..." if len(sources) > _EXAMPLES else ""
    return f"source {', '.join(sources[:_EXAMPLES])}{more}"
