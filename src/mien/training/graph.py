"""A trained network as an ONNX graph.

The graph comes from PyTorch's exporter (`torch.export`), which folds batch norm into the
convolutions before it; its opset is stated, and the number of faces stays free.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence

import onnx
import torch
from torch import Tensor, nn

from mien import __version__
from mien.bundle.config import GRAPH_INPUT, BundleConfig
from mien.core.errors import BundleError

OPSET = 18


def export_graph(model: nn.Module, config: BundleConfig) -> bytes:
    """Return the network as an ONNX graph, one output for each head of the config.

    Raises:
        BundleError: If the network lacks a head.
    """
    spec = config.input
    # Two faces: a first dimension of 1 would be taken for a constant.
    example = torch.zeros(2, spec.channels, spec.size, spec.size)
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
            verbose=False,
        )
    if program is None:
        raise BundleError("PyTorch's exporter gave no graph")
    return bytes(clean_graph(program.model_proto).SerializeToString(deterministic=True))


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
