"""Cascades load, agree with OpenCV's own call, and bad ones are refused."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import DetectorError
from mien.faces import cascade, open_detector

HAAR = Path(cv2.data.haarcascades)


def test_this_opencv_still_has_cascades() -> None:
    assert not cv2.CascadeClassifier(str(HAAR / cascade.HAAR_FILE)).empty()


def test_haar_finds_what_the_tutorials_call_finds(astronaut_bgr: NDArray[np.uint8]) -> None:
    gray = cv2.cvtColor(astronaut_bgr, cv2.COLOR_BGR2GRAY)
    plain = cv2.CascadeClassifier(str(HAAR / cascade.HAAR_FILE))
    expected = plain.detectMultiScale(gray, 1.1, 5, minSize=(24, 24))
    found = [face.box for face in open_detector("haar").detect(astronaut_bgr)]
    boxes = [[box.x1, box.y1, box.width, box.height] for box in found]
    assert boxes == np.asarray(expected).tolist()


def test_a_large_picture_is_scaled_down_first(astronaut_bgr: NDArray[np.uint8]) -> None:
    large = np.asarray(cv2.resize(astronaut_bgr, (1536, 1536)), np.uint8)
    (plain,) = open_detector("haar").detect(astronaut_bgr)
    (face,) = open_detector("haar", side=512).detect(large)
    assert face.box.centre == pytest.approx([3 * c for c in plain.box.centre], abs=12)


def test_any_cascade_file_can_be_used(astronaut_bgr: NDArray[np.uint8]) -> None:
    detector = open_detector(f"cascade:{HAAR / 'haarcascade_frontalface_alt2.xml'}")
    assert detector.name == "cascade:haarcascade_frontalface_alt2.xml"
    assert any(
        face.box.x1 < 225 < face.box.x2 and face.box.y1 < 120 < face.box.y2
        for face in detector.detect(astronaut_bgr)
    )


def test_what_is_no_cascade_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.xml").write_text(
        "<?xml version='1.0'?><opencv_storage><a>1</a></opencv_storage>"
    )
    (tmp_path / "text.xml").write_text("not XML")
    for name in ("other.xml", "text.xml"):
        with pytest.raises(DetectorError, match="no cascade"):
            open_detector(f"cascade:{tmp_path / name}")
    with pytest.raises(DetectorError, match="cannot read"):
        open_detector(f"cascade:{tmp_path / 'none.xml'}")


def test_an_opencv_without_cascades_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(DetectorError, match=r"opencv-python-headless>=4\.10,<5"):
        open_detector("haar")
