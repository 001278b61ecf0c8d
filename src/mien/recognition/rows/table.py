"""Results as a pandas table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from mien.core.types import FrameResult, Observation

if TYPE_CHECKING:
    import pandas as pd

# Types that can hold nothing, for what is not known of a face.
DTYPES = {"whole": "Int64", "decimal": "float64", "text": "string", "flag": "boolean"}


def to_dataframe(results: FrameResult | Iterable[FrameResult]) -> pd.DataFrame:
    """Return a table with a row for each face, in the columns of `Observation.to_dict`.

    Args:
        results: One picture or frame, or any number of them. Those without a face have no row.

    Returns:
        Columns in the order of docs/python.md, each of one type however many rows there are;
        what is not known is missing. Faces of different label sets have all columns of both.
    """
    import pandas as pd

    frames = [results] if isinstance(results, FrameResult) else results
    rows: list[dict[str, Any]] = [
        observation.to_dict() for frame in frames for observation in frame.observations()
    ]
    columns = list(dict.fromkeys(name for row in rows for name in row)) or _known_columns()
    table = pd.DataFrame.from_records(rows, columns=columns)
    return table.astype({name: DTYPES[Observation.kind(name)] for name in columns})


def _known_columns() -> list[str]:
    """Return the columns that there are in any label set."""
    return [name for name in Observation.columns([""]) if name not in ("p_", "s_")]
