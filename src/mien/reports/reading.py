"""Results of one clip from whatever they are in: memory, a pandas table, or a file of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from mien.core.errors import ShapeError
from mien.core.types import FrameResult
from mien.recognition.rows.files import RowFile
from mien.recognition.rows.rows import columns, kind, results_of

if TYPE_CHECKING:
    import pandas as pd

    ClipData: TypeAlias = Iterable[FrameResult] | pd.DataFrame | Path | str

# Rows of a table that are taken apart at a time.
_BLOCK_ROWS = 4096
_NEEDED = ("frame_index", "timestamp_s", "x1", "y1", "x2", "y2")


def results_in(clip: ClipData) -> Iterator[FrameResult]:
    """Give the results of one clip, frame by frame in order of time.

    Args:
        clip: Results as they are; a table as `mien.to_dataframe` gives it or as pandas reads one
            back; or the path of a table that `mien video` wrote (Parquet, CSV, JSON Lines), which
            is read bit by bit. A table knows the frames without a face only if it has rows for
            them, as the files of `mien video` do; else such a frame is taken for no frame at all.

    Raises:
        ConfigError: If a file's kind cannot be told from its name.
        ShapeError: If there are several clips in it, or a table lacks columns.
    """
    source: str | None = None
    for result in _results(clip):
        if source is not None and result.source != source:
            raise ShapeError(
                f"expected the results of one clip, got some of {source} and of {result.source}; "
                "take the rows of one source at a time"
            )
        source = result.source
        yield result


def _results(clip: ClipData) -> Iterator[FrameResult]:
    if isinstance(clip, FrameResult):
        return iter((clip,))
    if isinstance(clip, (str, Path)):
        return RowFile.named(Path(clip)).results()
    if hasattr(clip, "columns"):
        # Told by its looks, so that results in memory do not wait for pandas.
        return results_of(_rows_of_table(cast("pd.DataFrame", clip)))
    return iter(clip)


def _rows_of_table(table: pd.DataFrame) -> Iterator[Mapping[str, Any]]:
    names = [str(name) for name in table.columns]
    labels = [name.removeprefix("p_") for name in names if name.startswith("p_")]
    lacking = [name for name in _NEEDED if name not in names]
    if lacking or (len(table) and not labels):
        raise ShapeError(
            "expected a table as mien.to_dataframe gives it, got one without "
            f"{', '.join(lacking) or 'any p_<label>'}"
        )
    empty = dict.fromkeys(columns(labels))
    wholes = [name for name in names if kind(name) == "whole"]
    for begin in range(0, len(table), _BLOCK_ROWS):
        block = table.iloc[begin : begin + _BLOCK_ROWS]
        # What is missing is NaN, NA or None, by the column's type; here it is None.
        block = block.astype(object).where(block.notna(), None)
        for row in block.to_dict("records"):
            known: dict[str, Any] = {**empty, **{str(name): row[name] for name in row}}
            # Where some of a column is missing, pandas reads whole numbers as decimals.
            known |= {name: int(row[name]) for name in wholes if row[name] is not None}
            if known["face_index"] is None and known["x1"] is not None:
                known["face_index"] = 0
            yield _of_its_labels(known, labels)


def _of_its_labels(row: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    """Leave out the labels that a face was not asked for, in a table of two label sets."""
    if row["face_index"] is None:
        return row
    other = {label for label in labels if row[f"p_{label}"] is None}
    return {name: value for name, value in row.items() if name[2:] not in other} if other else row
