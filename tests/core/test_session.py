"""The ONNX session runs what numpy would compute, and refuses what it cannot run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from mien.core.errors import BundleError
from mien.core.session import OnnxSession

onnx = pytest.importorskip("onnx", reason="needs the train extra to build a graph")


@pytest.fixture(scope="module")
def affine_graph() -> bytes:
    """A graph of two outputs, 2x + 1 and -x, of any number of rows of three."""
    from onnx import TensorProto, helper, numpy_helper

    constants = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("two", 2.0), ("one", 1.0))
    ]
    nodes = [
        helper.make_node("Mul", ["images", "two"], ["doubled"]),
        helper.make_node("Add", ["doubled", "one"], ["affine"]),
        helper.make_node("Neg", ["images"], ["negative"]),
    ]
    rows = ["n", 3]
    graph = helper.make_graph(
        nodes,
        "affine",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, rows)],
        [
            helper.make_tensor_value_info("affine", TensorProto.FLOAT, rows),
            helper.make_tensor_value_info("negative", TensorProto.FLOAT, rows),
        ],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    return bytes(model.SerializeToString())


def test_run_returns_every_output_by_name(affine_graph: bytes) -> None:
    session = OnnxSession(affine_graph)
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    outputs = session.run(rows)
    assert list(outputs) == ["affine", "negative"] == list(session.output_names)
    np.testing.assert_allclose(outputs["affine"], 2 * rows + 1, rtol=1e-6)
    np.testing.assert_array_equal(outputs["negative"], -rows)
    assert (session.input_name, session.input_shape) == ("images", ("n", 3))
    assert session.provider == "CPUExecutionProvider"


def test_no_rows_give_no_rows(affine_graph: bytes) -> None:
    outputs = OnnxSession(affine_graph).run(np.empty((0, 3), np.float32))
    assert outputs["affine"].shape == (0, 3)


def test_file_and_bytes_are_the_same_graph(affine_graph: bytes, tmp_path: Path) -> None:
    path = tmp_path / "affine.onnx"
    path.write_bytes(affine_graph)
    rows = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(
        OnnxSession(path).run(rows)["affine"], OnnxSession(affine_graph).run(rows)["affine"]
    )


def test_one_session_serves_many_threads(affine_graph: bytes) -> None:
    session = OnnxSession(affine_graph, threads=1)
    batches = [np.full((4, 3), value, np.float32) for value in range(40)]
    with ThreadPoolExecutor(8) as pool:
        for batch, outputs in zip(batches, pool.map(session.run, batches), strict=True):
            np.testing.assert_array_equal(outputs["affine"], 2 * batch + 1)


def test_unavailable_provider_is_refused_with_what_is_there(affine_graph: bytes) -> None:
    with pytest.raises(BundleError, match=r"'MadeUpProvider'.*available: .*CPUExecutionProvider"):
        OnnxSession(affine_graph, provider="MadeUpProvider")


def test_damaged_or_missing_graph_is_a_bundle_error(affine_graph: bytes, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be loaded"):
        OnnxSession(affine_graph[: len(affine_graph) // 2])
    with pytest.raises(BundleError, match=r"missing\.onnx"):
        OnnxSession(tmp_path / "missing.onnx")
