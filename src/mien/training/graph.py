"""A trained network as an ONNX graph, and its weights out of that graph again.

The graph comes from PyTorch's exporter (`torch.export`); its opset is stated, and the number
of faces stays free. It keeps the network's own weights under their own names: batch norm is
folded into the convolutions before it by ONNX Runtime when it loads the graph, not here, so
that one file is both what runs and what one can go on training from.
"""

from __future__ import annotations

import copy
import logging
import warnings
from collections.abc import Sequence

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxscript import optimizer
from torch import Tensor, nn

from mien import __version__
from mien.bundle.config import GRAPH_INPUT, BundleConfig
from mien.core.errors import BundleError

OPSET = 18
# The exporter names weights after the attribute that holds the network, see `_InOrder`.
_PREFIX = "model."


def export_graph(model: nn.Module, config: BundleConfig) -> bytes:
    """Return the network as an ONNX graph, one output for each head of the config.

    The network is put into eval mode and otherwise left as it is.

    Raises:
        BundleError: If the network lacks a head.
    """
    spec = config.input
    # Two faces: a first dimension of 1 would be taken for a constant.
    example = torch.zeros(2, spec.channels, spec.size, spec.size)
    # Before anything is shown to it: batch norms would count the example in.
    model.eval()
    with torch.inference_mode():
        answered = model(example)
    missing = [head.label_set for head in config.heads if head.label_set not in answered]
    if missing:
        raise BundleError(
            f"the network has no head {', '.join(missing)}; it has: {', '.join(answered)}"
        )
    # It would warn of torchvision, which no network here uses.
    logging.getLogger("torch.onnx._internal.exporter._registration").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        # The exporter's own use of what PyTorch is about to rename.
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        program = torch.onnx.export(
            _InOrder(model, [head.label_set for head in config.heads]).eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[GRAPH_INPUT],
            output_names=[head.output for head in config.heads],
            dynamic_shapes={"images": {0: torch.export.Dim("n")}},
            # It would fold batch norm into the weights, from where they cannot be had again.
            optimize=False,
            verbose=False,
        )
    if program is None:
        raise BundleError("PyTorch's exporter gave no graph")
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    return bytes(clean_graph(program.model_proto).SerializeToString(deterministic=True))


def round_weights(model: nn.Module) -> nn.Module:
    """Return a copy of a network whose matrices and kernels are rounded to 16-bit floats.

    Vectors stay as they are: they are next to nothing in size, and the variances among them
    may be too small or too large for 16 bits. Whatever is fitted to or measured of the copy
    holds for the graph that `store_as_fp16` makes of it.

    Raises:
        BundleError: If a weight is too large for 16 bits, or no number.
    """
    rounded = copy.deepcopy(model)
    for name, weight in rounded.state_dict().items():
        if weight.ndim > 1 and weight.is_floating_point():
            weight.copy_(weight.half())
            if not torch.isfinite(weight).all():
                raise BundleError(
                    f"{name} has weights beyond what 16-bit floats can hold; export with storage "
                    "fp32, or look whether training diverged"
                )
    return rounded


def store_as_fp16(graph: bytes) -> bytes:
    """Return a graph of rounded weights that keeps them as 16-bit floats.

    Each is cast to 32 bits by a node of the graph. ONNX Runtime does that once, when it loads
    the graph, and computes as it does with weights of 32 bits.
    """
    model = onnx.load_from_string(graph)
    inner = model.graph
    casts = {}
    for weight in inner.initializer:
        if weight.data_type == TensorProto.FLOAT and len(weight.dims) > 1:
            name, values = weight.name, numpy_helper.to_array(weight).astype(np.float16)
            weight.CopyFrom(numpy_helper.from_array(values, name))
            casts[name] = helper.make_node(
                "Cast", [name], [f"{name}.fp32"], name=f"cast_{name}", to=TensorProto.FLOAT
            )
    for node in inner.node:
        for place, name in enumerate(node.input):
            if name in casts:
                node.input[place] = casts[name].output[0]
    for cast in reversed(casts.values()):
        inner.node.insert(0, cast)
    return bytes(model.SerializeToString(deterministic=True))


def graph_weights(graph: bytes) -> dict[str, Tensor]:
    """Return a graph's weights, float32, by the names that they have in the network."""
    return {
        each.name.removeprefix(_PREFIX): torch.tensor(numpy_helper.to_array(each)).float()
        for each in onnx.load_from_string(graph).graph.initializer
        if each.name.startswith(_PREFIX)
    }


def clean_graph(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Drop what the exporter notes for debugging: stack traces with paths of this machine."""
    inner = graph.graph
    del inner.value_info[:]
    for part in (*inner.node, *inner.input, *inner.output, *inner.initializer, inner, graph):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    graph.producer_name, graph.producer_version = "mien", __version__
    return graph


class _InOrder(nn.Module):
    """The network with its heads as a tuple: outputs of a graph have an order, not keys."""

    def __init__(self, model: nn.Module, heads: Sequence[str]) -> None:
        super().__init__()
        self.model, self.heads = model, list(heads)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the logits of each head, in order."""
        logits = self.model(images)
        return tuple(logits[head] for head in self.heads)
