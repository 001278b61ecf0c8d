"""A pandas table of results: one row a face, columns of one type whatever is in them."""

from __future__ import annotations

import io
from dataclasses import replace

import pandas as pd

from mien.core.types import Box, Expression, Face, FrameResult, Observation
from mien.recognition.rows.table import to_dataframe

HAPPY = Expression({"happiness": 0.75, "sadness": 0.25}, "two")


def frame(index: int, *faces: Face, source: str | None = "clip.mp4") -> FrameResult:
    return FrameResult(index, index / 4, (640, 480), faces, "yunet", {}, source=source)


def face(**changes: object) -> Face:
    plain = Face(Box(10, 20, 50, 60), 0.9, HAPPY)
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_a_row_for_each_face_in_the_documented_columns() -> None:
    points = tuple((float(n), 2.0 * n) for n in range(5))
    tracked = face(track_id=3, smoothed=HAPPY, sharpness=12.5, landmarks=points)
    table = to_dataframe([frame(0, face()), frame(1), frame(2, tracked, face())])
    assert list(table.columns) == Observation.columns(["happiness", "sadness"])
    assert table["frame_index"].tolist() == [0, 2, 2]
    assert table["timestamp_s"].tolist() == [0, 0.5, 0.5]
    row = table.iloc[1]
    assert (row["source"], row["track_id"], row["dominant"]) == ("clip.mp4", 3, "happiness")
    assert (row["p_happiness"], row["s_sadness"], row["sharpness"]) == (0.75, 0.25, 12.5)
    assert (row["nose_x"], row["nose_y"], row["size_px"]) == (2, 4, 40)


def test_what_is_not_known_is_missing_and_types_stay() -> None:
    plain, tracked = to_dataframe(frame(0, face())), to_dataframe(frame(0, face(track_id=1)))
    unknown = ["track_id", "right_eye_x", "sharpness", "smoothed_dominant", "s_happiness"]
    assert plain[unknown].isna().all(axis=None)
    assert list(plain.dtypes) == list(tracked.dtypes)
    assert plain["uncertain"].tolist() == [False]


def test_no_face_is_a_table_without_rows() -> None:
    for results in ([], [frame(0)], frame(0)):
        table = to_dataframe(results)
        assert len(table) == 0
        assert "timestamp_s" in table and "track_id" in table
        assert pd.api.types.is_float_dtype(table["x1"])
        assert not [name for name in table if name.startswith(("p_", "s_"))]


def test_label_sets_stand_side_by_side() -> None:
    other = Expression({"fear": 1.0}, "one")
    table = to_dataframe(iter([frame(0, face()), frame(1, face(expression=other))]))
    assert table["p_happiness"].isna().tolist() == [False, True]
    assert table["p_fear"].isna().tolist() == [True, False]


def test_a_table_survives_parquet() -> None:
    table = to_dataframe([frame(0, face(track_id=1)), frame(1, face(smoothed=HAPPY))])
    stored = io.BytesIO()
    table.to_parquet(stored)
    pd.testing.assert_frame_equal(pd.read_parquet(stored), table)
