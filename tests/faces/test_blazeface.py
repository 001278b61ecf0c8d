"""BlazeFace's decoding by hand, and what it says where its weights are wrong."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import DetectorError
from mien.faces import blazeface, open_detector
from mien.faces.blazeface import anchor_centres, decode


def test_one_anchor_stands_in_the_middle_of_each_cell() -> None:
    anchors = anchor_centres()
    assert anchors.shape == (48 * 48, 2)
    assert anchors[0].tolist() == [2, 2]
    assert anchors[1].tolist() == [6, 2]
    assert anchors[48].tolist() == [2, 6]
    assert anchors[-1].tolist() == [190, 190]


def test_decoding_moves_each_row_by_its_anchor() -> None:
    regressors = np.zeros((3, 16), np.float32)
    regressors[1] = [1, -2, 20, 30, *range(12)]
    logits = np.array([-5.0, np.log(4.0), 0.0], np.float32)  # 0.007, 0.8, 0.5
    anchors = np.array([[0.0, 0], [100, 50], [0, 0]])
    rows, scores = decode(regressors, logits, anchors, threshold=0.6)
    assert scores == pytest.approx([0.8])
    centre_x, centre_y = 101, 48
    assert rows[0, :4].tolist() == [centre_x - 10, centre_y - 15, centre_x + 10, centre_y + 15]
    assert rows[0, 4::2].tolist() == [100 + x for x in range(0, 12, 2)]
    assert rows[0, 5::2].tolist() == [50 + y for y in range(1, 12, 2)]


@pytest.mark.parametrize("logit", [-1e30, 1e30, np.inf, -np.inf])
def test_the_largest_logits_stay_probabilities(logit: float) -> None:
    logits = np.array([logit], np.float32)
    _, scores = decode(np.zeros((1, 16), np.float32), logits, np.zeros((1, 2)), threshold=0.5)
    assert scores.tolist() == ([1.0] if logit > 0 else [])


def test_loading_leaves_standard_error_of_other_threads_alone(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A detector may be opened in a running server, whose log must not lose or mix a line."""
    opening = threading.Thread(target=lambda: [open_detector("blazeface") for _ in range(5)])
    opening.start()
    lines = 0
    while opening.is_alive() or lines < 200:
        os.write(2, b"log line %d\n" % lines)
        lines += 1
    opening.join()
    said = [line for line in capfd.readouterr().err.splitlines() if line.startswith("log")]
    assert said == [f"log line {number}" for number in range(lines)]


def test_missing_weights_say_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blazeface, "WEIGHTS_PATH", tmp_path / "none.tflite")
    with pytest.raises(DetectorError, match=r"make run.*mien models fetch yunet"):
        open_detector("blazeface")


def test_other_weights_than_the_published_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.tflite"
    path.write_bytes(b"something else")
    monkeypatch.setattr(blazeface, "WEIGHTS_PATH", path)
    with pytest.raises(DetectorError, match=r"sha256 should be 99bf9494"):
        open_detector("blazeface")
