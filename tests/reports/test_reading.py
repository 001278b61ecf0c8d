"""Results come back the same from memory, tables and files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import mien
from mien.core.errors import ConfigError, ShapeError
from mien.core.types import FrameResult
from mien.recognition.rows.files import RowFile
from mien.recognition.summary.summary import summary
from mien.reports.reading import results_in
from tests.reports.clips import any_clip, expression, face, frame


def told(clip: object) -> object:
    return summary(results_in(clip)).to_dict()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def clip() -> list[FrameResult]:
    # Nobody is in the last frames, which a table of faces alone cannot know.
    return [*any_clip(150, 3), *(frame(100 + n / 10, index=200 + n) for n in range(4))]


@pytest.mark.parametrize("name", ["rows.parquet", "rows.csv", "rows.jsonl"])
def test_a_file_of_rows_has_every_frame(clip: list[FrameResult], name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with RowFile.named(path).open(list(clip[0][0].expression)) as writer:
        for one in clip:
            writer.write(one)
    again = list(results_in(path))
    assert [one.timestamp_s for one in again] == pytest.approx([one.timestamp_s for one in clip])
    assert [len(one) for one in again] == [len(one) for one in clip]
    assert again[0][0].smoothed is not None
    by_pandas = {".parquet": pd.read_parquet, ".csv": pd.read_csv}.get(path.suffix)
    if by_pandas is not None:
        table = by_pandas(path)
        assert told(table) == told(path)


def test_a_table_of_faces_gives_the_frames_with_faces(clip: list[FrameResult]) -> None:
    seen = [one for one in clip if len(one)]
    again = list(results_in(mien.to_dataframe(clip)))
    assert [one.index for one in again] == [one.index for one in seen]
    for before, after in zip(seen, again, strict=True):
        assert [face.track_id for face in after] == [face.track_id for face in before]
        for one, other in zip(before, after, strict=True):
            assert dict(other.expression.probabilities) == pytest.approx(
                dict(one.expression.probabilities), abs=1e-4
            )
            assert (other.smoothed is None) == (one.smoothed is None)


def test_results_are_taken_as_they_are(clip: list[FrameResult]) -> None:
    assert list(results_in(iter(clip))) == clip
    assert list(results_in(clip[0])) == [clip[0]]


def test_a_table_of_two_label_sets_gives_each_face_its_own() -> None:
    two = [
        frame(0.0, face(1, expression("fear", 0.9))),
        frame(0.1, face(1, expression("fear", 0.9, labels=("fear", "joy"))), index=1),
    ]
    again = list(results_in(mien.to_dataframe(two)))
    assert [list(one[0].expression) for one in again] == [list(one[0].expression) for one in two]


def test_several_clips_and_tables_of_something_else_are_refused(tmp_path: Path) -> None:
    shown = face(1, expression("fear", 0.9))
    two = [frame(0.0, shown, source="a.mp4"), frame(0.5, shown, source="b.mp4")]
    for together in (two, mien.to_dataframe(two)):
        with pytest.raises(ShapeError, match=r"a\.mp4 and of b\.mp4"):
            list(results_in(together))
    with pytest.raises(ShapeError, match="without frame_index"):
        list(results_in(pd.DataFrame({"x": [1]})))
    with pytest.raises(ConfigError, match="what kind of table"):
        list(results_in(tmp_path / "rows.txt"))
