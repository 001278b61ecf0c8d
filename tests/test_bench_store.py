"""What is measured of the store is what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import store as bench_store
from mien.store import open_store


def test_frames_are_those_of_a_camera_and_never_end() -> None:
    frames = bench_store.make_frames()
    given = bench_store.endlessly(frames)
    first = [next(given) for _ in range(bench_store.FRAMES + 1)]
    assert [frame.index for frame in first] == list(range(bench_store.FRAMES + 1))
    assert first[-1].timestamp_s == pytest.approx(bench_store.FRAMES / 15)
    assert first[-1].faces == frames[0].faces and len(frames[0]) == bench_store.PEOPLE


def test_all_rows_that_are_counted_are_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench_store, "SECONDS", 0.2)
    with open_store(tmp_path / "bench.db") as store:
        number, figures = bench_store.write(store)
        kept = sum(len(frame) for frame in store.frames(number))
    assert kept == figures["rows"] > 0
    assert figures["rows_per_s"] > 0 and figures["rows_per_s_limit"] == 10_000
