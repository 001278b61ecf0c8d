"""A name opens the detector that it names, or says what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import DetectorError
from mien.faces import open_detector
from mien.faces.registry import DETECTORS, resolve_name


@pytest.mark.parametrize("name", ["blazeface", "haar", "full"])
def test_a_detector_is_called_by_its_own_name(name: str) -> None:
    assert open_detector(name).name == name


def test_auto_is_blazeface_where_yunet_was_not_fetched() -> None:
    assert resolve_name("auto") == "blazeface"
    assert open_detector("auto").name == "blazeface"


def test_auto_never_replaces_a_detector_asked_for(nothing_fetched: Path) -> None:
    (nothing_fetched / "detectors").mkdir(parents=True)
    (nothing_fetched / "detectors" / "face_detection_yunet_2026may.onnx").write_bytes(b"damaged")
    with pytest.raises(DetectorError, match="damaged"):
        open_detector("auto")


@pytest.mark.parametrize("name", ["", "mtcnn", "haar:file.xml", "full:x", "auto:x", "BLAZEFACE"])
def test_an_unknown_name_lists_the_known(name: str) -> None:
    with pytest.raises(DetectorError) as caught:
        open_detector(name)
    assert all(known in str(caught.value) for known in DETECTORS)


@pytest.mark.parametrize("name", ["cascade", "cascade:", "yunet:"])
def test_a_missing_file_name_is_told(name: str) -> None:
    with pytest.raises(DetectorError, match="FILE"):
        open_detector(name)


@pytest.mark.parametrize("threshold", [-0.1, 0.0, 1.0, 70, float("nan")])
@pytest.mark.parametrize("name", ["blazeface", "haar"])
def test_a_threshold_outside_0_to_1_is_refused(name: str, threshold: float) -> None:
    with pytest.raises(DetectorError, match="between 0 and 1"):
        open_detector(name, threshold=threshold)


@pytest.mark.parametrize("side", [0, -640, 31])
def test_a_side_too_small_to_see_a_face_is_refused(side: int) -> None:
    with pytest.raises(DetectorError, match="32 pixels"):
        open_detector("haar", side=side)


def test_every_result_can_be_traced_to_weights() -> None:
    for name in ("blazeface", "haar"):
        checksum = open_detector(name).weights_sha256
        assert checksum is not None and len(checksum) == 64
    assert open_detector("full").weights_sha256 is None


@pytest.mark.parametrize(("name", "usual"), [("blazeface", 0.6), ("haar", 0.5)])
def test_doubtful_faces_come_beside_the_same_sure_ones(
    name: str, usual: float, astronaut_bgr: NDArray[np.uint8]
) -> None:
    both, sure = open_detector(name, doubtful=True), open_detector(name)
    assert (both.threshold, sure.threshold) == (usual / 2, usual)
    found, expected = both.detect(astronaut_bgr), sure.detect(astronaut_bgr)
    assert [face for face in found if face.confidence >= usual] == expected != []
    assert all(face.confidence >= usual / 2 for face in found)
    assert open_detector(name, threshold=0.8, doubtful=True).threshold == 0.4
