"""The table of docs/video.md says what was measured, and nothing where nothing was."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType


def test_without_a_measurement_nothing_is_claimed(fill: ModuleType) -> None:
    assert fill.tracking_block() == "Not measured yet."


def test_every_scene_and_tracker_has_its_row(fill: ModuleType, tmp_path: Path) -> None:
    one = {"switches": 1234, "fragments": 5, "mota": 0.87654, "idf1": 0.5, "faces": 98765}
    measured = {
        "seeds": 20,
        "seconds_a_seed": 15.0,
        "drawn_seeds": 6,
        "drawn_seconds_a_seed": 8.0,
        "frame_of_10_faces_ms": 0.514,
        "scenes": {"a crowd": {"greedy": one, "FaceTracker": one}, "a panel": {"greedy": one}},
    }
    (tmp_path / "tracking.json").write_text(json.dumps(measured))
    block = fill.tracking_block()
    assert "| a crowd | greedy | 98,765 | 1,234 | 5 | 0.877 | 0.500 |" in block
    assert "|  | FaceTracker | 98,765 |" in block
    assert "| a panel | greedy |" in block
    assert "20 seeds of 15 s each, of the drawn scene 6 of 8 s." in block
    assert "0.51 ms" in block
