"""What this machine can do at best: the rate at which it multiplies large matrices.

Of float32 the best of the libraries at hand, as none is the fastest everywhere; of int8 that of
ONNX Runtime, which is what runs our 8-bit graphs. One multiplication with its addition is a MAC.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from threadpoolctl import threadpool_limits

from bench.timing import best_seconds
from mien.core.machine import available_cores

SIDE = 1024
RUNS = 15


def thread_counts() -> tuple[int, ...]:
    """Return the thread counts to measure: one, and two where there are two cores."""
    return (1, 2) if available_cores() > 1 else (1,)


def fp32_macs_per_s(threads: int, *, side: int = SIDE, runs: int = RUNS) -> float:
    """Return the best rate of a large float32 product over NumPy, PyTorch and ONNX Runtime."""
    generator = np.random.default_rng(0)
    a, b = generator.standard_normal((2, side, side), dtype=np.float32)
    with threadpool_limits(threads):
        out = np.empty_like(a)
        seconds = [best_seconds(lambda: np.matmul(a, b, out=out), runs)]
    seconds.append(best_seconds(_torch_product(a, b, threads), runs))
    seconds.append(best_seconds(_onnx_product("MatMul", a, b, threads), runs))
    return side**3 / min(seconds)


def int8_macs_per_s(threads: int, *, side: int = SIDE, runs: int = RUNS) -> float:
    """Return the best rate of a large product of uint8 by int8 in ONNX Runtime."""
    generator = np.random.default_rng(0)
    a = generator.integers(0, 128, (side, side), dtype=np.uint8)
    # As our graphs have them: weights of 7 bits, so that no pair of products saturates.
    b = generator.integers(-64, 64, (side, side), dtype=np.int8)
    return side**3 / best_seconds(_onnx_product("MatMulInteger", a, b, threads), runs)


def _torch_product(
    a: NDArray[np.float32], b: NDArray[np.float32], threads: int
) -> Callable[[], object]:
    import torch

    torch.set_num_threads(threads)
    left, right, out = torch.from_numpy(a), torch.from_numpy(b), torch.empty(a.shape)
    return lambda: torch.mm(left, right, out=out)


def _onnx_product(
    operator: str, a: NDArray[np.generic], b: NDArray[np.generic], threads: int
) -> Callable[[], object]:
    """Return a product with a constant right side, as a layer's weights are."""
    kind = helper.np_dtype_to_tensor_dtype(a.dtype)
    out = TensorProto.INT32 if operator == "MatMulInteger" else kind
    graph = helper.make_graph(
        [helper.make_node(operator, ["a", "b"], ["out"])],
        "product",
        [helper.make_tensor_value_info("a", kind, a.shape)],
        [helper.make_tensor_value_info("out", out, a.shape)],
        [numpy_helper.from_array(b, "b")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"a": a})
