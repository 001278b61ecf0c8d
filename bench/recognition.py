"""How long the model takes for a face on one core, and how near that is to the arithmetic.

The limit is the time that the graph's multiplications would take at the rate at which this
core multiplies large matrices of the same kind of numbers, float32 or 8-bit, measured in the same
run. Nothing that computes the same graph by plain convolution can be faster; algorithms that need
fewer multiplications (Winograd) can.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench import NOT_HERE
from bench.peak import fp32_macs_per_s, int8_macs_per_s
from mien.bundle.bundle import Bundle
from mien.bundle.config import GRAPH_FILE
from mien.bundle.load import load_bundle
from mien.bundle.quantisation import INT8_PRECISION
from mien.core.errors import BundleError

RUNS = 300
BATCH = 32
FACE_LIMIT_MS = 1.5


def median_ms(work: Callable[[], object], runs: int) -> float:
    """Return the median milliseconds of one call, after a tenth as many to warm up."""
    for _ in range(max(1, runs // 10)):
        work()
    spent = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        spent.append(1000 * (time.perf_counter() - started))
    return statistics.median(spent)


def count_macs(path: Path) -> int:
    """Return the multiplications of convolutions and matrix products for one face.

    Raises:
        ValueError: If a product's shape cannot be inferred, so that nothing is left out.
    """
    import onnx

    model = onnx.load(path)
    free = model.graph.input[0].type.tensor_type.shape.dim[0]
    free.dim_value = 1
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    shapes |= {weight.name: list(weight.dims) for weight in graph.initializer}
    total = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        weight, out = shapes.get(node.input[1]), shapes.get(node.output[0])
        if not weight or not out:
            raise ValueError(f"the shapes of {node.op_type} {node.name} are not known")
        # A face is one, whatever the graph calls its first axis.
        outputs = int(np.prod([max(1, side) for side in out]))
        if node.op_type == "Conv":
            total += outputs * int(np.prod(weight[1:]))
        else:
            turned = any(a.name == "transB" and a.i for a in node.attribute)
            total += outputs * weight[1 if turned else 0]
    return total


def measure(bundle: Bundle) -> dict[str, Any]:
    """Return medians in milliseconds, and their ratio to the limit of arithmetic."""
    size = bundle.config.input.size
    faces = np.random.default_rng(0).integers(0, 256, (BATCH, size, size), dtype=np.uint8)
    one_ms = median_ms(lambda: bundle.predict_probabilities(faces[:1]), RUNS)
    batch_ms = median_ms(lambda: bundle.predict_probabilities(faces), RUNS // 10)
    peak = int8_macs_per_s if bundle.config.precision == INT8_PRECISION else fp32_macs_per_s
    rate = peak(1)
    macs = count_macs(bundle.path / GRAPH_FILE)
    limit_ms = 1000 * macs / rate
    return {
        "bundle": bundle.name,
        "parameters": bundle.config.architecture.parameters,
        "runs": RUNS,
        "one_face_ms": one_ms,
        "one_face_limit_ms": FACE_LIMIT_MS,
        f"face_in_batch_of_{BATCH}_ms": batch_ms / BATCH,
        "macs_per_face": macs,
        "precision": bundle.config.precision,
        "peak_gmacs_per_s": rate / 1e9,
        "arithmetic_limit_ms": limit_ms,
        "one_face_over_arithmetic_limit": one_ms / limit_ms,
        "batch_over_arithmetic_limit": batch_ms / BATCH / limit_ms,
    }


def main() -> int:
    """Measure and print JSON; return `NOT_HERE` where there is no bundle."""
    parser = argparse.ArgumentParser(prog="python -m bench.recognition", description=__doc__)
    parser.add_argument("--bundle", default="mien-s")
    wanted = parser.parse_args()
    try:
        bundle = load_bundle(wanted.bundle, threads=1)
    except BundleError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_HERE
    json.dump(measure(bundle), sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
