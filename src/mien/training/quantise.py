"""An 8-bit graph made of a float one: smaller, quicker, and compared before it is kept.

ONNX Runtime's static quantisation: weights are rounded once, a scale for each channel, and the
ranges of activations are those that training faces give rise to. Processors that lack 8-bit dot
products saturate when they add pairs of 8-bit products, so weights get 7 of the 8 bits (see
https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto
from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from mien.bundle.bundle import Bundle
from mien.bundle.config import GRAPH_INPUT, BundleConfig, InputSpec
from mien.bundle.quantisation import Quantisation, QuantisedHead
from mien.core.errors import BundleError, ConfigError, DatasetError
from mien.core.imaging import normalise
from mien.core.machine import cpu_name
from mien.core.session import OnnxSession
from mien.data import SPLITS, FaceDataset
from mien.evaluation.compare_cost import measure_ms_per_face
from mien.evaluation.predictors import BundlePredictor
from mien.evaluation.targets import choose_rules, rule_targets
from mien.evaluation.views import softmax
from mien.training.graph import clean_graph
from mien.training.graph_passes import drop_unused_operator_sets, fold_pools, name_pools
from mien.training.sample import SAMPLE_SEED, sample_training_faces

METHOD = (
    "8-bit activations and 7-bit weights with a scale for each channel, all up to and with the "
    "first layer and the last one of each head in float"
)
_BATCH = 64
# A range is the mean over batches, each newer one weighing this much: one odd face does not
# stretch it, as the extremes over all faces would.
_NEWER_BATCH = 0.1
_WEIGHTED = ("Conv", "Gemm", "MatMul")
# Whatever stands between two layers with weights, so that nothing goes to float and back there.
_BETWEEN = ("Add", "Relu", "Clip", "Mul", "Sigmoid", "AveragePool", "GlobalAveragePool")


@dataclass(frozen=True, eq=False)
class QuantisedBundle:
    """An 8-bit graph and the float one that it was made of, both ready to answer.

    Attributes:
        graph: The 8-bit ONNX graph.
        bundle: Answers with it; temperatures and priors are those of `original`.
        original: Answers with the float graph.
        original_bytes: Size of the float graph.
        training_faces: How many faces it was calibrated on.
    """

    graph: bytes
    bundle: Bundle
    original: Bundle
    original_bytes: int
    training_faces: int


def check_quantisable(dataset: FaceDataset | None) -> FaceDataset:
    """Return data that an 8-bit graph can be made with; worth asking before long work.

    Raises:
        ConfigError: If there is no dataset.
        DatasetError: If it has no training or no validation faces.
    """
    if dataset is None:
        raise ConfigError(
            "an int8 graph is calibrated on training faces and compared with the float graph on "
            "validation faces; say which with --calibrate DATA"
        )
    for split in ("train", "validation"):
        if not (dataset.splits == SPLITS.index(split)).any():
            raise DatasetError(
                f"dataset {dataset.name} has no {split} faces, which an int8 graph needs: train to "
                "calibrate it, validation to compare it; give a dataset with both, or export "
                "without int8"
            )
    return dataset


def quantise_bundle(original: Bundle, graph: bytes, dataset: FaceDataset) -> QuantisedBundle:
    """Make the 8-bit graph of a bundle.

    Args:
        original: The float bundle.
        graph: Its graph.
        dataset: With training faces.

    Raises:
        BundleError: If the network has nothing that could be quantised.
    """
    config = original.config
    faces = sample_training_faces(dataset, size=config.input.size)
    made = quantise_graph(graph, faces, config.input)
    bundle = Bundle(config=config, path=original.path, session=OnnxSession(made))
    return QuantisedBundle(made, bundle, original, len(graph), len(faces))


def quantise_graph(graph: bytes, faces_gray: NDArray[np.uint8], spec: InputSpec) -> bytes:
    """Return a float graph with 8-bit weights and activations.

    The first layer and what leads to it stay in float: it sees the picture with all its shades,
    costs next to nothing, and what it loses is lost for all that follow. So do the heads' last
    layers, which nothing comes after to even out.

    Args:
        graph: A float ONNX graph, batch norm folded.
        faces_gray: (n, size, size) uint8 training faces that ranges are taken from.
        spec: What the graph's input is made of.

    Raises:
        BundleError: If the network has nothing but its first layer that could be quantised.
    """
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        original, prepared, made = (folder / f"{name}.onnx" for name in ("fp32", "ready", "int8"))
        original.write_bytes(graph)
        # The network has no loops and no shapes that depend on values: symbolic shapes, which
        # would need another library, add nothing to ONNX's own.
        quant_pre_process(original, prepared, skip_symbolic_shape=True)
        network = onnx.load(prepared)
        name_pools(network.graph)
        fold_pools(network.graph)
        onnx.save(network, prepared)
        quantize_static(
            prepared,
            made,
            _CalibrationBatches(faces_gray, spec),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=[*_WEIGHTED, *_BETWEEN],
            nodes_to_exclude=[
                *_through_first_layers(network.graph),
                *_from_last_layers(network.graph),
            ],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={
                "CalibMovingAverage": True,
                "CalibMovingAverageConstant": _NEWER_BATCH,
            },
        )
        quantised = onnx.load(made)
    if not any(each.data_type == TensorProto.INT8 for each in quantised.graph.initializer):
        raise BundleError(
            "the network has no layer after its first that could be quantised; export it without "
            "int8"
        )
    drop_unused_operator_sets(quantised)
    return bytes(clean_graph(quantised).SerializeToString(deterministic=True))


def compare_graphs(
    made: QuantisedBundle, dataset: FaceDataset, config: BundleConfig
) -> Quantisation:
    """Measure what 8 bits did to a graph: answers on the validation split, size and speed.

    Args:
        made: Both graphs.
        dataset: With validation faces, and the labels of at least one head.
        config: With the temperatures at which probabilities are compared.

    Raises:
        BundleError: If an answer of the 8-bit graph is no number.
        DatasetError: If no head has labels in the data.
    """
    faces = np.flatnonzero(dataset.splits == SPLITS.index("validation"))
    now, before = (
        _predict_faces(BundlePredictor(bundle, prior="natural"), dataset.images_gray, faces)
        for bundle in (made.bundle, made.original)
    )
    labels: dict[str, NDArray[np.int64]] = {}
    for rule in choose_rules(dataset, tuple(now)):
        targets = rule_targets(dataset, rule)
        labels.setdefault(targets.rule.label_set.name, targets.class_ids[faces])
    unlabelled = np.full(len(faces), -1, np.int64)
    speeds = measure_ms_per_face({"int8": made.bundle, "float": made.original})
    return Quantisation(
        method=METHOD,
        data=dataset.name,
        training_faces=made.training_faces,
        seed=SAMPLE_SEED,
        validation_faces=len(faces),
        heads={
            head.label_set: compare_answers(
                now[head.label_set],
                before[head.label_set],
                labels.get(head.label_set, unlabelled),
                temperature=head.temperature,
            )
            for head in config.heads
        },
        float_graph_bytes=made.original_bytes,
        ms_per_face=speeds["int8"].ms_per_face,
        float_ms_per_face=speeds["float"].ms_per_face,
        speed_runs=speeds["int8"].runs,
        processor=cpu_name(),
    )


def compare_answers(
    logits: NDArray[np.float32],
    float_logits: NDArray[np.float32],
    class_ids: NDArray[np.int64],
    *,
    temperature: float,
) -> QuantisedHead:
    """Compare one head of both graphs on the same faces.

    Args:
        logits: (n, classes) of the 8-bit graph.
        float_logits: The same of the float graph.
        class_ids: (n,) the labels, -1 where there is none.
        temperature: At which probabilities are compared.

    Raises:
        BundleError: If a logit of the 8-bit graph is no number.
    """
    if not np.isfinite(logits).all():
        raise BundleError(
            "the 8-bit graph answers with what is no number; the weights may have diverged"
        )
    answers, float_answers = logits.argmax(axis=1), float_logits.argmax(axis=1)
    gap = np.abs(softmax(logits / temperature) - softmax(float_logits / temperature)).max()
    known = class_ids >= 0
    right, float_right = (
        float((each == class_ids)[known].mean()) if known.any() else None
        for each in (answers, float_answers)
    )
    return QuantisedHead(
        agreement=float((answers == float_answers).mean()),
        max_probability_difference=float(gap),
        labelled=int(known.sum()),
        accuracy=right,
        float_accuracy=float_right,
    )


def _predict_faces(
    predictor: BundlePredictor, images_gray: NDArray[np.uint8], faces: NDArray[np.int64]
) -> dict[str, NDArray[np.float32]]:
    """Return the logits (n, classes) of some faces by label set, few faces in memory at once."""
    parts = [
        predictor.predict_logits(np.ascontiguousarray(images_gray[faces[start : start + _BATCH]]))
        for start in range(0, len(faces), _BATCH)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in predictor.label_sets}


def _through_first_layers(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the first layers with weights, one for each network in the graph.

    With them come all nodes that depend on no layer with weights.
    """
    names: list[str] = []
    later: set[str] = set()
    for node in graph.node:
        first = later.isdisjoint(node.input)
        if first:
            names.append(node.name)
        if not first or node.op_type in _WEIGHTED:
            later.update(node.output)
    return names


def _from_last_layers(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the layers with weights that outputs come from, and of all after."""
    made_by = {name: node for node in graph.node for name in node.output}
    waiting = [output.name for output in graph.output]
    names: list[str] = []
    while waiting:
        node = made_by.get(waiting.pop())
        if node is None or node.name in names:
            continue
        names.append(node.name)
        if node.op_type not in _WEIGHTED:
            waiting.extend(node.input)
    return names


class _CalibrationBatches:
    """Hands faces to ONNX Runtime's calibration, batch by batch, as its data reader does."""

    def __init__(self, faces_gray: NDArray[np.uint8], spec: InputSpec) -> None:
        self._batches = iter(
            normalise(faces_gray[start : start + _BATCH], mean=spec.mean, std=spec.std)
            for start in range(0, len(faces_gray), _BATCH)
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next batch by the name of the graph's input, None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {GRAPH_INPUT: batch}
