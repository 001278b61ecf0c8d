"""YuNet's decoding by hand, by a made-up graph, and beside OpenCV's own."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.core.errors import DetectorError
from mien.faces import open_detector
from mien.faces.yunet import decode

SIDE = 64


def make_outputs() -> dict[str, NDArray[np.float32]]:
    """The outputs of a 64 x 64 input with one face: the cell (1, 2) of stride 16."""
    outputs = {}
    for stride in (8, 16, 32):
        cells = (SIDE // stride) ** 2
        for part, width in (("cls", 1), ("obj", 1), ("bbox", 4), ("kps", 10)):
            outputs[f"{part}_{stride}"] = np.zeros((1, cells, width), np.float32)
    cell = 2 * 4 + 1
    outputs["cls_16"][0, cell], outputs["obj_16"][0, cell] = 0.9, 0.8
    outputs["bbox_16"][0, cell] = [0.5, 0.25, np.log(2), np.log(1.5)]
    outputs["kps_16"][0, cell] = np.arange(10) / 10
    return outputs


# By hand: centre (1.5, 2.25) * 16, size (2, 1.5) * 16.
BOX = [24 - 16, 36 - 12, 24 + 16, 36 + 12]
SCORE = (0.9 * 0.8) ** 0.5


def write_graph(path: Path, outputs: dict[str, NDArray[np.float32]], *, free: bool = False) -> Path:
    """A graph of YuNet's form that answers the same whatever it sees."""
    nodes = [
        helper.make_node("Constant", [], [name], value=numpy_helper.from_array(value, name))
        for name, value in outputs.items()
    ]
    shape = [1, 3, "height", "width"] if free else [1, 3, SIDE, SIDE]
    image = helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)
    infos = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, value.shape)
        for name, value in outputs.items()
    ]
    graph = helper.make_graph(nodes, "stand-in", [image], infos)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)
    return path


def test_decoding_reads_a_cell_as_its_corner_and_stride() -> None:
    rows, scores = decode(make_outputs(), input_width=SIDE, threshold=0.7)
    assert scores == pytest.approx([SCORE])
    np.testing.assert_allclose(rows[0, :4], BOX, rtol=1e-6)
    expected = [16 * (i / 10 + (1 if i % 2 == 0 else 2)) for i in range(10)]
    np.testing.assert_allclose(rows[0, 4:], expected, rtol=1e-6)


def test_a_score_below_the_threshold_is_no_face() -> None:
    rows, scores = decode(make_outputs(), input_width=SIDE, threshold=SCORE + 0.01)
    assert rows.shape == (0, 14)
    assert scores.shape == (0,)


def test_boxes_come_back_in_the_pictures_own_pixels(tmp_path: Path) -> None:
    detector = open_detector(f"yunet:{write_graph(tmp_path / 'y.onnx', make_outputs())}")
    (face,) = detector.detect(np.zeros((128, 256, 3), np.uint8))
    # 256 x 128 goes into 64 x 64 at a quarter of its size.
    assert [face.box.x1, face.box.y1, face.box.x2, face.box.y2] == pytest.approx(
        [4 * edge for edge in BOX], rel=1e-6
    )
    assert face.landmarks is not None
    assert face.landmarks[0] == pytest.approx((64, 4 * 16 * 2.1), rel=1e-6)
    assert detector.name == "yunet"
    assert detector.threshold == 0.7
    assert detector.weights_sha256 is not None and len(detector.weights_sha256) == 64


def test_a_graph_that_lacks_an_output_is_no_yunet(tmp_path: Path) -> None:
    outputs = make_outputs()
    del outputs["kps_32"]
    path = write_graph(tmp_path / "y.onnx", outputs)
    with pytest.raises(DetectorError, match=r"lacks the outputs kps_32.*models fetch yunet"):
        open_detector(f"yunet:{path}")


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "y.onnx"
    path.write_text("<html>not found</html>")
    with pytest.raises(DetectorError, match="no YuNet"):
        open_detector(f"yunet:{path}")
    with pytest.raises(DetectorError, match="cannot read"):
        open_detector(f"yunet:{tmp_path / 'none.onnx'}")


def test_yunet_that_was_never_fetched_says_how() -> None:
    with pytest.raises(DetectorError, match="mien models fetch yunet"):
        open_detector("yunet")


def test_damaged_fetched_weights_are_refused(nothing_fetched: Path) -> None:
    folder = nothing_fetched / "detectors"
    folder.mkdir(parents=True)
    (folder / "face_detection_yunet_2026may.onnx").write_bytes(b"half a file")
    with pytest.raises(DetectorError, match=r"damaged.*ebafce4e"):
        open_detector("yunet")


def as_opencv_sees(image_bgr: NDArray[np.uint8], weights: Path) -> NDArray[np.float32]:
    height, width = image_bgr.shape[:2]
    opencv = cv2.FaceDetectorYN.create(str(weights), "", (width, height), 0.7, 0.3)
    return np.asarray(opencv.detect(image_bgr)[1], np.float32)


@pytest.mark.dataset
@pytest.mark.parametrize("crop", [(512, 512), (320, 416), (300, 301)])
def test_boxes_and_landmarks_are_those_of_opencv(
    crop: tuple[int, int], astronaut_bgr: NDArray[np.uint8], yunet_file: Path
) -> None:
    image = np.ascontiguousarray(astronaut_bgr[: crop[0], : crop[1]])
    (expected,) = as_opencv_sees(image, yunet_file)
    (face,) = open_detector(f"yunet:{yunet_file}").detect(image)
    box = face.box
    np.testing.assert_allclose(
        [box.x1, box.y1, box.width, box.height, *np.ravel(face.landmarks)],
        expected[:14],
        atol=0.01,
    )
    assert face.confidence == pytest.approx(float(expected[14]), abs=1e-5)


@pytest.mark.dataset
@pytest.mark.parametrize("side", [320, 640])
def test_a_large_picture_is_read_at_the_side_asked_for(
    side: int, astronaut_bgr: NDArray[np.uint8], yunet_file: Path
) -> None:
    large = cv2.resize(astronaut_bgr, (2048, 2048), interpolation=cv2.INTER_CUBIC)
    (face,) = open_detector(f"yunet:{yunet_file}", side=side).detect(np.asarray(large, np.uint8))
    (plain,) = open_detector(f"yunet:{yunet_file}").detect(astronaut_bgr)
    assert face.box.centre == pytest.approx([4 * c for c in plain.box.centre], abs=24)


@pytest.mark.dataset
@pytest.mark.parametrize("shape", [(1, 1), (1, 1000), (10, 4000), (31, 33)])
def test_odd_pictures_are_read(shape: tuple[int, int], yunet_file: Path) -> None:
    assert open_detector(f"yunet:{yunet_file}").detect(np.zeros((*shape, 3), np.uint8)) == []


@pytest.mark.dataset
def test_auto_takes_yunet_once_it_is_installed(nothing_fetched: Path, yunet_file: Path) -> None:
    folder = nothing_fetched / "detectors"
    folder.mkdir(parents=True)
    (folder / yunet_file.name).write_bytes(yunet_file.read_bytes())
    assert open_detector("auto").name == "yunet"
    assert open_detector("yunet").weights_sha256 == open_detector("auto").weights_sha256
