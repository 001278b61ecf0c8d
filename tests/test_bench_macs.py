"""The arithmetic that `make bench` compares with is counted as by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from bench.detectors import camera_frame
from bench.recognition import count_macs
from mien.core.imaging import decode_image
from mien.core.labels import FER2013, FERPLUS
from tests.bundles import SIZE, write_tiny_bundle


def weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def test_convolutions_and_products_are_counted_by_hand(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Conv", ["images", "w1"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "w2"], ["c"], group=8, pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["c"], ["d"]),
        helper.make_node("Flatten", ["d"], ["e"]),
        helper.make_node("Gemm", ["e", "w3"], ["out"], transB=1),
    ]
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 48, 48])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, ["n", 7])
    weights = [weight("w1", 8, 1, 3, 3), weight("w2", 8, 1, 3, 3), weight("w3", 7, 8)]
    graph = helper.make_graph(nodes, "net", [images], [out], weights)
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), tmp_path / "m.onnx")
    first = 24 * 24 * 8 * (1 * 3 * 3)
    by_channel = 24 * 24 * 8 * (1 * 3 * 3)
    assert count_macs(tmp_path / "m.onnx") == first + by_channel + 8 * 7


def test_every_head_is_counted(tmp_path: Path) -> None:
    bundle = write_tiny_bundle(tmp_path)
    assert count_macs(bundle / "model.onnx") == SIZE * SIZE * (len(FER2013) + len(FERPLUS))


def test_a_product_of_unknown_shape_is_not_left_out(tmp_path: Path) -> None:
    node = helper.make_node("MatMul", ["images", "other"], ["out"])
    free = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("images", ["n", 4]), ("other", None))
    ]
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "net", free, [out])
    onnx.save(helper.make_model(graph), tmp_path / "m.onnx")
    with pytest.raises(ValueError, match="not known"):
        count_macs(tmp_path / "m.onnx")


def test_the_frame_is_a_cameras() -> None:
    assert decode_image(camera_frame()).shape == (480, 640, 3)
