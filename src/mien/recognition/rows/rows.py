"""Results as rows of a table and back: a row for each face, and one for a frame without any.

The one owner of what a table of results holds, whatever kind of file it is in; docs/python.md has
the columns.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from mien.core.types import (
    LANDMARKS,
    ROW_VERSION,
    Box,
    Expression,
    Face,
    FrameResult,
    Observation,
)

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
Kind = Literal["whole", "decimal", "text", "flag"]

_RAW, _SMOOTHED = "p_", "s_"


def columns(labels: Sequence[str]) -> list[str]:
    """Return the columns of every table of results: those of `Observation`, then `error`."""
    return [*Observation.columns(labels), "error"]


def kind(column: str) -> Kind:
    """Return what a column holds; any may be empty."""
    return "text" if column == "error" else Observation.kind(column)


def rows_of(result: FrameResult) -> list[Row]:
    """Return a row for each face; a frame without any still has one, most of it empty."""
    rows = [{**seen.to_dict(), "error": None} for seen in result.observations()]
    if rows:
        return rows
    return [
        {
            "version": ROW_VERSION,
            "source": result.source,
            "frame_index": result.index,
            "timestamp_s": round(result.timestamp_s, 6),
            "detector": result.detector,
            "error": result.error,
        }
    ]


def results_of(
    rows: Iterable[Mapping[str, Any]],
    *,
    size: tuple[int, int] = (0, 0),
    uncertain_below: float = 0.0,
) -> Iterator[FrameResult]:
    """Return the results that rows were made of, one at a time, as exactly as rows have them.

    Args:
        rows: In the order in which `rows_of` gave them.
        size: (width, height) of the frames in pixels, which rows do not have.
        uncertain_below: The confidence below which answers were flagged, which they neither have.
    """
    for _, group in itertools.groupby(rows, lambda row: (row["source"], row["frame_index"])):
        together = list(group)
        first = together[0]
        yield FrameResult(
            index=first["frame_index"],
            timestamp_s=first["timestamp_s"],
            size=size,
            faces=tuple(
                _face(row, uncertain_below) for row in together if row.get("face_index") is not None
            ),
            detector=first["detector"] or "",
            milliseconds={},
            source=first["source"],
            error=first.get("error"),
        )


def arrow_schema(labels: Sequence[str]) -> pa.Schema:
    """Return the columns as Arrow has them: int64, float64, string and bool, all nullable."""
    import pyarrow as pa

    types = {"whole": pa.int64(), "decimal": pa.float64(), "text": pa.string(), "flag": pa.bool_()}
    return pa.schema([(name, types[kind(name)]) for name in columns(labels)])


def _face(row: Mapping[str, Any], uncertain_below: float) -> Face:
    labels = [name.removeprefix(_RAW) for name in row if name.startswith(_RAW)]
    label_set = row["label_set"]
    smoothed = None
    if row["smoothed_dominant"] is not None:
        shares = {label: row[_SMOOTHED + label] for label in labels}
        smoothed = Expression(shares, label_set, uncertain_below)
    landmarks = tuple((row[f"{name}_x"], row[f"{name}_y"]) for name in LANDMARKS)
    return Face(
        box=Box(row["x1"], row["y1"], row["x2"], row["y2"]),
        confidence=row["detector_confidence"],
        expression=Expression(
            {label: row[_RAW + label] for label in labels}, label_set, uncertain_below
        ),
        landmarks=None if landmarks[0][0] is None else landmarks,
        track_id=row["track_id"],
        smoothed=smoothed,
        sharpness=row["sharpness"],
        predicted=bool(row["predicted"]),
    )
