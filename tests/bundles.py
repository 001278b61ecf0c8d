"""A tiny bundle for tests: a random linear layer on 48 px faces, with two heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.bundle.config import Architecture, BundleConfig, Head, InputSpec
from mien.bundle.write import write_bundle
from mien.core.imaging import CropFrame
from mien.core.labels import LABEL_SETS, LabelSet

SIZE = 48
MEAN, STD = 0.5, 0.25
CROP_FRAMES: Mapping[str, CropFrame] = {
    "blazeface": CropFrame(scale=1.1, shift_x=0.0, shift_y=-0.05),
    "yunet": CropFrame(scale=1.05, shift_x=0.0, shift_y=-0.02),
    "haar": CropFrame(scale=0.95, shift_x=0.0, shift_y=0.02, align=False),
    "full": CropFrame(scale=1.0, align=False),
}


def linear_weights(labels: LabelSet) -> np.ndarray:
    """Return the (SIZE * SIZE, labels) weights of a head; the same at every call."""
    generator = np.random.default_rng(len(labels))
    return generator.normal(0, 0.05, (SIZE * SIZE, len(labels))).astype(np.float32)


def even(labels: LabelSet) -> tuple[float, ...]:
    """Return the same share for every expression."""
    return (1 / len(labels),) * len(labels)


def write_tiny_bundle(
    folder: Path,
    *,
    name: str = "tiny",
    crop_frames: Mapping[str, CropFrame] = CROP_FRAMES,
    default_label_set: str = "ferplus",
    training_priors: Mapping[str, Sequence[float]] | None = None,
    prior_strength: float = 0.0,
    weights_of: Callable[[LabelSet], np.ndarray] = linear_weights,
) -> Path:
    """Write a bundle that loads and answers; logits are pixels times the weights of a head."""
    sets = list(LABEL_SETS.values())
    nodes = [helper.make_node("Flatten", ["images"], ["pixels"])]
    outputs, weights = [], []
    for labels in sets:
        output = f"{labels.name}_logits"
        nodes.append(helper.make_node("MatMul", ["pixels", f"{labels.name}_w"], [output]))
        weights.append(numpy_helper.from_array(weights_of(labels), f"{labels.name}_w"))
        outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", len(labels)]))
    images = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, SIZE, SIZE])
    graph = helper.make_graph(nodes, "tiny", [images], outputs, weights)
    opsets = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model)
    config = BundleConfig(
        name=name,
        version="0.0.0",
        created="2026-01-01T00:00:00Z",
        architecture=Architecture(
            "linear", {}, sum(weight.dims[0] * weight.dims[1] for weight in weights)
        ),
        input=InputSpec(size=SIZE, mean=MEAN, std=STD),
        heads=tuple(
            Head(
                label_set=labels.name,
                labels=labels.labels,
                output=f"{labels.name}_logits",
                training_priors=tuple((training_priors or {}).get(labels.name, even(labels))),
                prior_strength=prior_strength,
            )
            for labels in sets
        ),
        default_label_set=default_label_set,
        crop_frames=crop_frames,
        files={},
        data={},
        licence="Apache-2.0",
        figures={},
        training={},
    )
    return write_bundle(folder / name, config, graph=model.SerializeToString(), weights=b"tiny")
