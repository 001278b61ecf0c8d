"""The tables of how fast videos are read say what was measured, and nothing where nothing was."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

MACHINE = {"cpu": "Some CPU", "cores": 2, "python": "3.11.7"}
PREDICTED = {"predicted_share": 0.667, "iou_with_search": 0.9512, "same_dominant": 0.981}


def way(times: float, **more: Any) -> dict[str, Any]:
    return {
        "times_real_time": times,
        "low": 0.9 * times,
        "high": 1.1 * times,
        "runs": 3,
        "predicted_share": 0.0,
        **more,
    }


def test_without_a_measurement_nothing_is_claimed(fill: ModuleType) -> None:
    assert fill.BLOCKS["video"]() == "Not measured yet."


def test_every_way_stands_beside_its_goal_and_one_frame_after_the_other(
    fill: ModuleType, tmp_path: Path
) -> None:
    measured = {
        "machine": MACHINE,
        "cores": 2,
        "clip": {"seconds": 10.0, "rate_hz": 30.0, "mbit_per_s": 4.25},
        "every_frame_goal": 2.0,
        "sampled_goal": 10.0,
        "detectors": {
            "blazeface": {
                "ways": {
                    "every frame": way(4.0),
                    "every frame, faces looked for in every third": way(6.0, **PREDICTED),
                    "every frame, one after the other by analyze": way(2.0),
                    "5 frames a second": way(16.0),
                    "5 frames a second, one after the other by analyze": way(5.0),
                },
                "stages_cpu_ms": {"decode": 3.456, "detect": 8.0},
            }
        },
        "memory": {
            "minute": {"frames": 120, "peak_mb": 210.4},
            "hour": {"frames": 7200, "peak_mb": 214.6},
            "width": 320,
            "height": 180,
            "rate_hz": 2.0,
        },
    }
    (tmp_path / "video.json").write_text(json.dumps(measured))
    block = fill.BLOCKS["video"]()
    assert "| every frame | blazeface | 4.0 (3.6 to 4.4) | 2 | 2.0 |" in block
    assert "| 5 frames a second | blazeface | 16.0 (14.4 to 17.6) | 10 | 3.2 |" in block
    assert "in every third | blazeface | 6.0 (5.4 to 6.6) |  | 3.0 |" in block
    assert "with blazeface: decode 3.5, detect 8.0." in block
    assert "67% of boxes are predicted; they overlap those of a search by 0.95" in block
    assert "98% of their faces" in block
    assert "210 MB for a film of one minute, 215 MB for one of an hour (320 x 180, 2" in block
    assert "120 and 7,200 frames" in block
    assert block.endswith("Measured on Some CPU, 2 cores, Python 3.11.7.")
