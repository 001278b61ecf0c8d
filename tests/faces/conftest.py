"""Detectors for tests: those that come with mien, and a stand-in that sees what it is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.faces import DetectedFace


@dataclass
class StandIn:
    """Answers with what `see` returns."""

    see: Callable[[NDArray[np.uint8]], list[DetectedFace]]
    name: str = "stand-in"
    frame_key: str = "stand-in"
    threshold: float = 0.5
    weights_sha256: str | None = None
    seen: list[tuple[int, ...]] = field(default_factory=list)

    def detect(self, image_bgr: NDArray[np.uint8]) -> list[DetectedFace]:
        self.seen.append(image_bgr.shape)
        return self.see(image_bgr)


@pytest.fixture
def stand_in() -> type[StandIn]:
    return StandIn


@pytest.fixture(scope="session")
def yunet_file(shared_data: Path) -> Path:
    """The published YuNet weights, which lie beside the data folder."""
    path = shared_data.parent / "models" / "face_detection_yunet_2026may.onnx"
    if not path.is_file():
        pytest.skip(f"no YuNet weights at {path}")
    return path


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home of mien's, so that what this machine has fetched decides no test."""
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
