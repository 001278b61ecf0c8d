"""FER2013's CSV file as a dataset, parsed once and memory-mapped ever after."""

from __future__ import annotations

import io
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from mien.core.errors import DatasetError
from mien.core.labels import FER2013
from mien.data.cache import RowCache, default_cache_folder
from mien.data.csv_rows import CsvColumns, Progress, parse_csv
from mien.data.dataset import FaceDataset, UInt8Array
from mien.data.ferplus import read_ferplus_votes

FER2013_SIZE = 48

_log = logging.getLogger(__name__)


def read_fer2013(
    path: Path | str,
    *,
    votes: Path | str | None = None,
    votes_must_fit: bool = True,
    strict: bool = False,
    cache_dir: Path | str | None = None,
    size: int = FER2013_SIZE,
    progress: Progress | None = None,
) -> FaceDataset:
    """Open an FER2013-like CSV file; see `mien.data.csv_rows` for the forms it may have.

    Args:
        path: The CSV file, plain or packed.
        votes: The FER+ votes to join row by row, or None.
        votes_must_fit: Whether votes on other rows are an error, or left out with a note.
        strict: Whether a bad row is an error instead of a problem that is skipped.
        cache_dir: Where parsed files are kept; None for `default_cache_folder()`.
        size: Width and height of the faces in pixels.
        progress: Is told how much of the file is parsed; not called where it is cached.

    Raises:
        DatasetError: If the file cannot be used, the votes are not of this file, or
            `strict` and there is a bad row.
    """
    source = Path(path)
    notes: list[str] = []
    images, columns = _read_rows(source, cache_dir, size, progress, notes)
    if columns.problems:
        first = columns.problems[0]
        if strict:
            raise DatasetError(f"{source}: {first}")
        notes.append(
            f"{source.name}: {len(columns.problems)} of {columns.row_count} rows skipped; "
            f"the first: {first}"
        )
    dataset = FaceDataset(
        name=source.name.split(".")[0],
        images_gray=images,
        splits=columns.splits,
        class_ids=columns.class_ids,
        label_set=FER2013,
        votes=None,
        sources=tuple(columns.rows.tolist()),
        problems=columns.problems,
    )
    if votes is not None:
        try:
            dataset = join_ferplus(dataset, votes, row_count=columns.row_count)
        except DatasetError as error:
            if votes_must_fit:
                raise
            notes.append(f"opened without FER+ votes: {error}")
    for note in notes:
        _log.warning("%s", note)
    return replace(dataset, notes=tuple(notes))


def join_ferplus(dataset: FaceDataset, votes: Path | str, *, row_count: int) -> FaceDataset:
    """Return the dataset with the FER+ votes of the same rows.

    Args:
        dataset: As `read_fer2013` gives it: `sources` are row numbers.
        votes: Path of `fer2013new.csv`.
        row_count: Rows of the CSV file, skipped ones too.

    Raises:
        DatasetError: If the two files do not have the same rows in the same splits.
    """
    ferplus = read_ferplus_votes(votes)
    if len(ferplus.votes) != row_count:
        raise DatasetError(
            f"FER+ votes are joined row by row: {dataset.name} has {row_count} rows, "
            f"{votes} has {len(ferplus.votes)}"
        )
    rows = np.array(dataset.sources, np.int64)
    differ = np.flatnonzero(ferplus.splits[rows] != dataset.splits)
    if len(differ):
        raise DatasetError(
            f"{votes} is not about this file: {len(differ)} rows are of another Usage, "
            f"the first is row {rows[differ[0]]}"
        )
    return replace(dataset, votes=np.ascontiguousarray(ferplus.votes[rows]))


def _read_rows(
    source: Path,
    cache_dir: Path | str | None,
    size: int,
    progress: Progress | None,
    notes: list[str],
) -> tuple[UInt8Array, CsvColumns]:
    folder = default_cache_folder() if cache_dir is None else Path(cache_dir)
    if not source.is_file():
        raise DatasetError(f"there is no file {source}")
    cache = RowCache(folder, source, size=size)
    cached = cache.load()
    if cached is not None:
        return cached
    try:
        return cache.store(lambda sink: parse_csv(source, sink, size=size, progress=progress))
    except OSError as error:
        notes.append(
            f"the cache {folder} cannot be written ({error.strerror or error}): "
            f"{source.name} is read into memory, and again at every open"
        )
    memory = io.BytesIO()
    columns = parse_csv(source, memory, size=size, progress=progress)
    pixels = np.frombuffer(memory.getbuffer(), np.uint8)
    return pixels.reshape(len(columns.rows), size, size), columns
