"""Changes to an ONNX graph that keep what it computes and suit what is done with it next.

Each changes the graph in place.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper


def name_pools(graph: onnx.GraphProto) -> None:
    """Call means over height and width what they are: of a mean, ONNX Runtime has no 8-bit form."""
    constants = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    for node in graph.node:
        if node.op_type != "ReduceMean" or len(node.input) != 2 or node.input[1] not in constants:
            continue
        keeps = all(each.i == 1 for each in node.attribute if each.name == "keepdims")
        if keeps and sorted(constants[node.input[1]].ravel() % 4) == [2, 3]:
            node.op_type = "GlobalAveragePool"
            del node.input[1:], node.attribute[:]


def fold_pools(graph: onnx.GraphProto) -> None:
    """Let a 1x1 convolution that follows an average over squares take that average itself.

    It computes the same with one rounding less, and 8-bit convolutions are so much quicker than
    8-bit pools that it takes less time with several times the arithmetic.
    """
    kernels = {each.name: each for each in graph.initializer}
    readers = Counter(name for node in graph.node for name in node.input)
    readers.update(output.name for output in graph.output)
    pools = {node.output[0]: node for node in graph.node if node.op_type == "AveragePool"}
    for conv in list(graph.node):
        if conv.op_type != "Conv":
            continue
        pool, kernel = pools.get(conv.input[0]), kernels.get(conv.input[1])
        if pool is None or kernel is None:
            continue
        if max(readers[pool.output[0]], readers[kernel.name]) > 1:
            continue
        squares, points = _attributes(pool), _attributes(conv)
        once = {*kernel.dims[2:], *points.get("strides", ())} == {1}
        if not (once and _is_plain(squares) and _is_plain(points)):
            continue
        sides = squares["kernel_shape"]
        spread = np.tile(numpy_helper.to_array(kernel) / math.prod(sides), (1, 1, *sides))
        kernel.CopyFrom(numpy_helper.from_array(spread.astype(np.float32), kernel.name))
        conv.input[0] = pool.input[0]
        del conv.attribute[:]
        conv.attribute.extend(
            each for each in pool.attribute if each.name in ("kernel_shape", "strides")
        )
        graph.node.remove(pool)


def _is_plain(attributes: Mapping[str, Any]) -> bool:
    """Whether nothing is padded, cut off, skipped or grouped."""
    plain = {"auto_pad": b"NOTSET", "ceil_mode": 0, "group": 1}
    lists = {"pads": {0}, "dilations": {1}}
    return all(attributes.get(name, value) == value for name, value in plain.items()) and all(
        set(attributes.get(name, value)) == value for name, value in lists.items()
    )


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def drop_unused_operator_sets(graph: onnx.ModelProto) -> None:
    """Drop the imports of operator sets that ONNX Runtime's optimiser names and nobody uses."""
    used = {node.domain for node in graph.graph.node}
    kept = [each for each in graph.opset_import if each.domain in used]
    del graph.opset_import[:]
    graph.opset_import.extend(kept)
