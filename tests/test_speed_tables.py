"""The tables of docs/speed.md say what was measured, on what, and nothing before that."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

MACHINE = {"cpu": "Some CPU", "cores": 2, "python": "3.11.7"}


def row(**median: float) -> dict[str, float]:
    (value,) = median.values()
    return {**median, "low": 0.9 * value, "high": 1.1 * value, "runs": 10, "share_of_peak": 0.625}


def write_bench(folder: Path, name: str, figures: dict[str, Any]) -> None:
    results = {name: {"status": "measured", "figures": figures}}
    (folder / "bench.json").write_text(json.dumps({"machine": MACHINE, "results": results}))


def test_inference_has_a_row_for_each_batch_and_number_of_cores(
    fill: ModuleType, tmp_path: Path
) -> None:
    times = {"fp32": 1.0, "int8": 1.6}
    rows = {
        f"{kind}, {cores}, batch {batch}": {**row(ms_per_face=2.0 / factor), "times_fp32": factor}
        for batch in (1, 16)
        for kind, factor in times.items()
        for cores in ("1 thread", "2 threads")
    }
    peaks = {"fp32, 1 thread": 50.88, "int8, 2 threads": 190.2}
    eight_bits = {name: dict(each) for name, each in rows.items() if name.startswith("int8")}
    for each in eight_bits.values():
        del each["times_fp32"]
    bundles = {"mien-s": {"rows": rows}, "small": {"rows": eight_bits}}
    figures = {"bundles": bundles, "peak_gmacs_per_s": peaks}
    write_bench(tmp_path, "inference", figures)
    lines = fill.BLOCKS["inference"]().splitlines()
    first = "2.00 ms (1.80 to 2.20) | 62% | 1.25 ms (1.12 to 1.38) | 62% | 1.60 |"
    assert lines[2] == f"| `mien-s` | one face, one core | {first}"
    names = [line.split(" | ")[1] for line in lines[2:6]]
    assert names[1:] == [
        "one face, two cores",
        "16 faces at once, one core",
        "16 faces at once, two cores",
    ]
    # A bundle that is in 8 bits has no float form to be held against.
    assert lines[6] == "| `small` | one face, one core |  |  | 1.25 ms (1.12 to 1.38) | 62% |  |"
    assert lines[-1].startswith("Measured on Some CPU, 2 cores, Python 3.11.7. Peaks in 10^9 MACs")
    assert "fp32, 1 thread: 50.9; int8, 2 threads: 190." in lines[-1]


def test_training_has_a_row_for_each_number_of_cores(fill: ModuleType, tmp_path: Path) -> None:
    rows = {"1 thread": row(images_per_s=150.0), "2 threads": row(images_per_s=280.0)}
    write_bench(tmp_path, "training", {"network": "cnn6", "batch": 64, "rows": rows})
    lines = fill.BLOCKS["training-speed"]().splitlines()
    assert lines[2:4] == [
        "| one core | 150 (135 to 165) | 62% |",
        "| two cores | 280 (252 to 308) | 62% |",
    ]
    assert lines[-1] == "Measured on Some CPU, 2 cores, Python 3.11.7."


def test_keras_table_names_versions_and_ratios(fill: ModuleType, tmp_path: Path) -> None:
    rows = {
        "2 threads": {
            "keras": {**row(images_per_s=100.0), "times_keras": 1.0},
            "mien": {**row(images_per_s=250.0), "times_keras": 2.5},
        }
    }
    measured = {
        "machine": MACHINE,
        "network": "cnn6",
        "batch": 64,
        "versions": {"keras": "3.1", "torch": "2.9"},
        "rows": rows,
    }
    (tmp_path / "keras_cnn6.json").write_text(json.dumps(measured))
    lines = fill.BLOCKS["keras"]().splitlines()
    assert lines[3] == "| mien, the same work | 2 | 250 (225 to 275) | 62% | 2.50 |"
    assert lines[-1].endswith("Python 3.11.7, keras 3.1, torch 2.9.")


def test_viewers_stand_beside_their_goal_and_where_the_time_goes(
    fill: ModuleType, tmp_path: Path
) -> None:
    few: dict[str, Any] = {
        "cameras": 1,
        "fps": 10.0,
        "sent": 110,
        "skipped": 0,
        "frames_per_s": 10.0,
        "round_trip_ms": {"p50": 11.2, "p95": 14.6, "p99": 20.0, "max": 25.0},
        "stages_ms": {"decode": 1.2, "detect": 5.5, "waited": 0.3, "rest": 0.9},
        "server_cpu_share": 0.05,
        "server_cpu_ms_a_frame": 9.94,
        "generator_cpu_share": 0.004,
    }
    many = {**few, "cameras": 15, "sent": 1000, "skipped": 125, "server_cpu_share": None}
    none = {k: v for k, v in few.items() if k not in ("round_trip_ms", "stages_ms")}
    figures = {
        "machine": MACHINE,
        "cores": 2,
        "width": 640,
        "height": 480,
        "bundle": "mien-s",
        "detector": "blazeface",
        "seconds": 10.0,
        "cameras_goal": 15,
        "p95_goal_ms": 150.0,
        "face_cpu_ms_by_batch": {"1": 1.5, "4": 1.2, "16": 1.1},
        "rows": [few, many, {**none, "cameras": 99}],
    }
    (tmp_path / "load.json").write_text(json.dumps(figures))
    lines = fill.BLOCKS["load"]().splitlines()
    assert lines[0].startswith("| cameras, 10 frames a second each | frames read a second |")
    assert lines[2:5] == [
        "| 1 | 10 | 0% | 11 ms | 15 ms | 20 ms | 5% |",
        "| 15 | 10 | 12% | 11 ms | 15 ms | 20 ms |  |",
        "| 99 | 10 | 0% |  |  |  | 5% |",
    ]
    assert "15 cameras with p95 under 150 ms" in lines[6]
    assert "decode 1.2, detect 5.5, waited 0.3, rest 0.9, 9.9 ms of CPU" in lines[8]
    assert "1.50 in a run of 1, 1.20 in a run of 4" in lines[10]
    assert "a run of 4 takes 80% of the time" in lines[10]
    assert lines[-1] == "Measured on Some CPU, 2 cores, Python 3.11.7."


@pytest.mark.parametrize("block", ["inference", "training-speed", "keras", "load"])
def test_nothing_is_claimed_that_was_not_measured(
    block: str, fill: ModuleType, tmp_path: Path
) -> None:
    assert fill.BLOCKS[block]() == "Not measured yet."
    write_bench(tmp_path, "start", {})
    assert fill.BLOCKS[block]() == "Not measured yet."


def test_tables_name_competitors_as_the_measurement_does(fill: ModuleType) -> None:
    import speed_tables

    from bench import keras_cnn6

    assert list(speed_tables.COMPETITORS) == list(keras_cnn6.COMPETITORS)
