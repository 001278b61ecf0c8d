"""Changes to a graph: what they leave out, what they leave alone, and that answers stay."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from mien.training.graph_passes import fold_pools, name_pools


def _pool_and_convolution(
    *, side: int = 8, kernel: int = 1, also_out: bool = False, **pool: Any
) -> onnx.ModelProto:
    random = np.random.default_rng(3)
    weights = random.normal(size=(5, 3, kernel, kernel)).astype(np.float32)
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]} | pool
    nodes = [
        helper.make_node("AveragePool", ["faces"], ["small"], **pool),
        helper.make_node("Conv", ["small", "weights", "bias"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, (2, 3, side, side))],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, (None,) * 4)
            for name in (["out", "small"] if also_out else ["out"])
        ],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(random.normal(size=5).astype(np.float32), "bias"),
        ],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def _answer(model: onnx.ModelProto, side: int = 8) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    faces = np.random.default_rng(4).normal(size=(2, 3, side, side)).astype(np.float32)
    return np.asarray(
        ort.InferenceSession(model.SerializeToString()).run(None, {"faces": faces})[0]
    )


@pytest.mark.parametrize(
    ("side", "pool"),
    [(8, {}), (9, {}), (9, {"kernel_shape": [3, 2], "strides": [2, 3]}), (8, {"strides": [1, 1]})],
)
def test_a_convolution_takes_the_average_before_it_itself(side: int, pool: dict[str, Any]) -> None:
    model = _pool_and_convolution(side=side, **pool)
    before = _answer(model, side)
    fold_pools(model.graph)
    assert [node.op_type for node in model.graph.node] == ["Conv"]
    np.testing.assert_allclose(_answer(model, side), before, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"side": 9, "ceil_mode": 1},
        {"pads": [1, 1, 1, 1]},
        {"auto_pad": "SAME_UPPER"},
        {"kernel": 3},
        {"also_out": True},
    ],
)
def test_what_is_no_plain_average_before_single_points_stays(options: dict[str, Any]) -> None:
    model = _pool_and_convolution(**options)
    before = model.SerializeToString()
    fold_pools(model.graph)
    assert model.SerializeToString() == before


@pytest.mark.parametrize(("axes", "named"), [([2, 3], True), ([-1, -2], True), ([1, 2], False)])
def test_a_mean_over_height_and_width_is_called_a_pool(axes: list[int], named: bool) -> None:
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["faces", "axes"], ["out"], keepdims=1)],
        "tiny",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, (2, 3, 8, 8))],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, (None,) * 4)],
        [numpy_helper.from_array(np.array(axes, np.int64), "axes")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    before = _answer(model)
    name_pools(model.graph)
    assert (model.graph.node[0].op_type == "GlobalAveragePool") == named
    np.testing.assert_allclose(_answer(model), before, atol=1e-6)
