"""A graph of 8 bits: what it holds, how far it strays, and what its bundle says of that."""

from __future__ import annotations

import json
import logging
from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from rich.console import Console
from safetensors.torch import load_file
from torch import Tensor, nn
from typer.testing import CliRunner

from mien.bundle.bundle import Bundle
from mien.bundle.card import render_card
from mien.bundle.config import GRAPH_INPUT, BundleConfig
from mien.bundle.load import load_bundle
from mien.bundle.quantisation import QuantisedHead
from mien.cli import export as command
from mien.cli.main import app
from mien.core.errors import BundleError, ConfigError, DatasetError
from mien.core.imaging import normalise
from mien.data import FaceDataset
from mien.evaluation.temperature import fit_temperature
from mien.models import build_model
from mien.training.export import OPSET, export_model, export_run
from mien.training.graph import export_graph, graph_weights, round_weights
from mien.training.predictor import RunPredictor
from mien.training.quantise import compare_answers, quantise_graph
from mien.training.recipe import parse_recipe
from mien.training.run import load_run_model
from mien.training.sample import SAMPLE_SEED, sample_training_faces
from mien.training.train import train
from training.conftest import make_faces
from training.test_export import make_config

SIZE = 24
# What 8 bits may do to this network: of the faces it learned to tell apart, all but a few are
# answered alike.
LEAST_AGREEMENT = 0.95
LARGEST_DIFFERENCE = 0.25


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run over faces that can be learned."""
    values = {
        "name": "tiny",
        "seed": 3,
        "model": {
            "name": "residual",
            "options": {"widths": [16, 32], "blocks": [1, 1], "standardise": True},
        },
        "input": {"size": SIZE},
        "heads": {"fer2013": {"target": "labels"}, "ferplus": {"target": "soft"}},
        "optimiser": {"name": "sgd", "learning_rate": 0.05, "schedule": "onecycle"},
        "loop": {"epochs": 6, "batch_size": 16, "ema_decay": 0.8, "precision": "fp32"},
    }
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(parse_recipe(values), make_faces(), folder, console=Console(file=StringIO()))
    return folder


@pytest.fixture(scope="module")
def pair(run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    """The same run as a float bundle and as one of 8 bits."""
    folder = tmp_path_factory.mktemp("pair")
    data = make_faces()
    return (
        load_bundle(export_run(run, folder / "float", calibrate_on=data)),
        load_bundle(export_run(run, folder / "int8", calibrate_on=data, int8=True)),
    )


def first_weighted(graph: onnx.GraphProto) -> onnx.NodeProto:
    return next(node for node in graph.node if node.op_type in ("Conv", "Gemm", "MatMul"))


def test_the_graph_has_8_bit_weights_after_its_first_layer(pair: tuple[Bundle, Bundle]) -> None:
    graph = onnx.load(pair[1].path / "model.onnx")
    onnx.checker.check_model(graph, full_check=True)
    assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", OPSET)]
    sizes = {
        kind: sum(
            int(np.prod(each.dims))
            for each in graph.graph.initializer
            if each.data_type == kind and len(each.dims) > 1
        )
        for kind in (onnx.TensorProto.INT8, onnx.TensorProto.FLOAT)
    }
    first = first_weighted(graph.graph).input[1]
    (kept,) = (each for each in graph.graph.initializer if each.name == first)
    assert kept.data_type == onnx.TensorProto.FLOAT
    assert sizes[onnx.TensorProto.INT8] > 10 * sizes[onnx.TensorProto.FLOAT]
    # Seven bits: pairs of products do not saturate where there is no 8-bit dot product.
    for each in graph.graph.initializer:
        if each.data_type == onnx.TensorProto.INT8 and len(each.dims) > 1:
            assert np.abs(onnx.numpy_helper.to_array(each).astype(int)).max() <= 64


def test_nothing_goes_to_float_and_back_between_two_layers(pair: tuple[Bundle, Bundle]) -> None:
    graph = onnx.load(pair[1].path / "model.onnx").graph
    made_by = {name: node for node in graph.node for name in node.output}
    pools = [node for node in graph.node if node.op_type == "GlobalAveragePool"]
    assert pools, "a network with squeeze-and-excitation pools"
    kinds = {node.op_type for node in graph.node}
    assert "AveragePool" not in kinds, "shortcuts average in their convolution"
    sums = [
        node for node in graph.node if node.op_type == "Add" and set(node.input) <= set(made_by)
    ]
    assert sums, "a residual network adds"
    for node in [*pools, *sums]:
        assert {made_by[name].op_type for name in node.input} == {"DequantizeLinear"}
    for output in graph.output:
        assert made_by[output.name].op_type == "Gemm"
        weights = made_by[output.name].input[1]
        (kept,) = (each for each in graph.initializer if each.name == weights)
        assert kept.data_type == onnx.TensorProto.FLOAT


def test_relu6_costs_no_step_in_float() -> None:
    torch.manual_seed(2)
    network = build_model("efficientnet-lite", {"ferplus": 8}).eval()
    config = make_config("ferplus", size=32)
    faces = np.random.default_rng(2).integers(0, 256, (64, 32, 32)).astype(np.uint8)
    made = quantise_graph(export_graph(network, config), faces, config.input)
    kinds = Counter(node.op_type for node in onnx.load_from_string(made).graph.node)
    # The first layer's alone, which stays in float; the others' are the ends of 8-bit ranges.
    assert kinds["Clip"] == 1
    assert kinds["Conv"] == 49


@pytest.mark.parametrize("mirror", [False, True])
def test_a_stem_that_pools_goes_to_8_bits_behind_its_pool(mirror: bool) -> None:
    torch.manual_seed(2)
    options = {"widths": [16, 32], "blocks": [1, 1], "stem_stride": 1, "stem_pool": True}
    network = build_model("residual", {"ferplus": 8}, {**options, "mirror": mirror}).eval()
    config = make_config("ferplus", size=32)
    faces = np.random.default_rng(2).integers(0, 256, (64, 32, 32)).astype(np.uint8)
    graph = export_graph(network, config)
    quantised = quantise_graph(graph, faces, config.input)
    nodes = onnx.load_from_string(quantised).graph.node
    (pool,) = (node for node in nodes if node.op_type == "MaxPool")
    assert {node.op_type for node in nodes if pool.output[0] in node.input} == {"QuantizeLinear"}
    shown = normalise(faces, mean=config.input.mean, std=config.input.std)
    before, now = (
        np.asarray(
            ort.InferenceSession(each, providers=["CPUExecutionProvider"]).run(
                None, {GRAPH_INPUT: shown}
            )[0]
        )
        for each in (graph, quantised)
    )
    assert np.abs(now - before).max() < 0.2 * np.abs(before).max()


def test_it_is_smaller_and_holds_nothing_of_the_machine(pair: tuple[Bundle, Bundle]) -> None:
    # Of matrices and kernels; in a network this small the rest of a graph weighs more.
    before, now = (
        sum(
            onnx.numpy_helper.to_array(each).nbytes
            for each in onnx.load(bundle.path / "model.onnx").graph.initializer
            if len(each.dims) > 1
        )
        for bundle in pair
    )
    assert now < 0.7 * before, "half of 16 bits, a first layer of 32, shortcuts that average"
    data = (pair[1].path / "model.onnx").read_bytes()
    assert str(Path.cwd()).encode() not in data and b"/tmp" not in data and b".py" not in data


def test_answers_agree_within_the_bound(pair: tuple[Bundle, Bundle], faces: FaceDataset) -> None:
    crops = np.ascontiguousarray(faces.select_split("validation").images_gray)
    made = pair[1].config.quantisation
    assert made is not None and made.validation_faces == len(crops)
    now, before = pair[1].predict_logits(crops), pair[0].predict_logits(crops)
    for head in pair[1].config.heads:
        name, said = head.label_set, made.heads[head.label_set]
        agreement = (now[name].argmax(1) == before[name].argmax(1)).mean()
        both = [torch.softmax(torch.tensor(x[name]) / head.temperature, 1) for x in (now, before)]
        difference = float((both[0] - both[1]).abs().max())
        assert said.agreement == pytest.approx(agreement)
        assert said.max_probability_difference == pytest.approx(difference, abs=1e-5)
        assert agreement >= LEAST_AGREEMENT and 0 < difference <= LARGEST_DIFFERENCE


def test_accuracies_are_those_of_the_validation_faces(
    pair: tuple[Bundle, Bundle], faces: FaceDataset
) -> None:
    judged = faces.select_split("validation")
    crops = np.ascontiguousarray(judged.images_gray)
    made = pair[1].config.quantisation
    assert made is not None
    said = made.heads["fer2013"]
    now, before = (
        float((bundle.predict_logits(crops)["fer2013"].argmax(1) == judged.class_ids).mean())
        for bundle in (pair[1], pair[0])
    )
    assert (said.accuracy, said.float_accuracy) == (pytest.approx(now), pytest.approx(before))
    assert before > 0.5, "the comparison means nothing if nothing was learned"
    assert said.labelled == len(judged)
    assert 0 < made.heads["ferplus"].labelled < len(judged), "some faces have no majority"


def test_temperatures_are_fitted_on_what_the_8_bit_graph_says(
    pair: tuple[Bundle, Bundle], faces: FaceDataset
) -> None:
    judged = faces.select_split("validation")
    logits = pair[1].predict_logits(np.ascontiguousarray(judged.images_gray))["fer2013"]
    fitted = pair[1].config.head("fer2013").temperature
    assert fitted == pytest.approx(fit_temperature(logits, judged.class_ids), rel=1e-6)
    assert fitted != pair[0].config.head("fer2013").temperature


def test_the_weights_stay_float_and_the_graph_comes_out_the_same_again(
    run: Path, pair: tuple[Bundle, Bundle], faces: FaceDataset, tmp_path: Path
) -> None:
    assert not (pair[0].path / "model.safetensors").exists(), "its graph has them"
    in_graph = graph_weights((pair[0].path / "model.onnx").read_bytes())
    beside = load_file(pair[1].path / "model.safetensors")
    assert {name for name, weight in beside.items() if weight.is_floating_point()} == set(in_graph)
    for name, weight in in_graph.items():
        assert torch.equal(beside[name].float(), weight), name
    again = load_bundle(export_run(run, tmp_path / "again", calibrate_on=faces, int8=True))
    assert again.config.files["model.onnx"] == pair[1].config.files["model.onnx"]
    assert again.config.heads == pair[1].config.heads


def test_the_config_keeps_how_it_was_made(pair: tuple[Bundle, Bundle], faces: FaceDataset) -> None:
    written = json.loads((pair[1].path / "config.json").read_text())
    config = pair[1].config
    assert (pair[0].config.precision, config.precision) == ("fp32", "int8")
    assert pair[0].config.quantisation is None
    assert BundleConfig.from_dict(json.loads(config.to_json())) == config
    made = written["quantisation"]
    assert made["training_faces"] == len(faces.select_split("train"))
    assert made["seed"] == SAMPLE_SEED
    assert made["float_graph_bytes"] == pair[0].config.files["model.onnx"].bytes
    assert made["ms_per_face"] > 0 and made["speed_runs"] >= 100
    card = (pair[1].path / "MODEL_CARD.md").read_text()
    assert "| precision of the graph | int8 |" in card
    assert f"Ranges were calibrated on {made['training_faces']} training faces of bars" in card


def test_a_float_bundle_of_before_still_loads(pair: tuple[Bundle, Bundle]) -> None:
    written = json.loads((pair[0].path / "config.json").read_text())
    assert "quantisation" not in written
    del written["precision"]
    assert BundleConfig.from_dict(written) == pair[0].config


def test_a_precision_that_does_not_fit_is_refused(pair: tuple[Bundle, Bundle]) -> None:
    def refused(bundle: Bundle, **changes: Any) -> str:
        written = json.loads((bundle.path / "config.json").read_text())
        with pytest.raises(BundleError) as caught:
            BundleConfig.from_dict({**written, **changes})
        return str(caught.value)

    assert "precision: expected fp32 or int8, got 'int4'" in refused(pair[1], precision="int4")
    assert "got fp32 with it" in refused(pair[1], precision="fp32")
    assert "got int8 without it" in refused(pair[0], precision="int8")
    made = json.loads((pair[1].path / "config.json").read_text())["quantisation"]
    made["heads"]["fer2013"]["agreement"] = 1.5
    assert "fer2013.agreement: expected 0 to 1, got 1.5" in refused(pair[1], quantisation=made)
    del made["heads"]["fer2013"]
    assert "quantisation.heads: expected" in refused(pair[1], quantisation=made)


class TestTheSample:
    def test_it_is_of_training_faces_alone_and_the_same_again(self, faces: FaceDataset) -> None:
        train_faces = {face.tobytes() for face in faces.select_split("train").images_gray}
        drawn = sample_training_faces(faces, size=SIZE, count=20, seed=1)
        assert drawn.shape == (20, SIZE, SIZE)
        assert len({face.tobytes() for face in drawn} & train_faces) == 20
        np.testing.assert_array_equal(
            drawn, sample_training_faces(faces, size=SIZE, count=20, seed=1)
        )
        other = sample_training_faces(faces, size=SIZE, count=20, seed=2)
        assert not np.array_equal(drawn, other)

    def test_it_is_all_of_them_where_there_are_fewer_at_the_models_size(
        self, faces: FaceDataset
    ) -> None:
        assert sample_training_faces(faces, size=12).shape == (80, 12, 12)


class TestTheComparison:
    def test_it_counts_what_changed(self) -> None:
        before = np.array([[2, 0], [2, 0], [0, 2], [0, 2]], np.float32)
        now = np.array([[2, 0], [0, 2], [0, 2], [0, 2]], np.float32)
        head = compare_answers(now, before, np.array([0, 0, 1, -1]), temperature=2.0)
        assert (head.agreement, head.labelled) == (0.75, 3)
        assert head.accuracy == pytest.approx(2 / 3) and head.float_accuracy == 1.0
        # softmax((2, 0) / 2) is (e, 1) / (e + 1); the other way round beside it:
        assert head.max_probability_difference == pytest.approx((np.e - 1) / (np.e + 1))
        assert head.loss == pytest.approx(1 / 3) and head.too_lossy

    def test_without_labels_there_is_no_accuracy(self) -> None:
        logits = np.zeros((2, 3), np.float32)
        head = compare_answers(logits, logits, np.array([-1, -1]), temperature=1.0)
        assert head == QuantisedHead(1.0, 0.0, 0) and head.loss is None and not head.too_lossy

    def test_what_is_no_number_is_refused(self) -> None:
        logits = np.full((1, 2), np.nan, np.float32)
        with pytest.raises(BundleError, match="what is no number"):
            compare_answers(logits, np.zeros((1, 2), np.float32), np.array([0]), temperature=1.0)

    @pytest.mark.parametrize(("accuracy", "warned"), [(0.697, False), (0.6969, True), (0.8, False)])
    def test_more_than_three_tenths_of_a_point_is_too_much(
        self, accuracy: float, warned: bool
    ) -> None:
        assert QuantisedHead(0.9, 0.1, 10_000, accuracy, 0.7).too_lossy is warned


def test_data_that_cannot_be_used_is_refused_before_any_work(
    faces: FaceDataset, tmp_path: Path
) -> None:
    nowhere = tmp_path / "no-run"
    with pytest.raises(ConfigError, match="say which with --calibrate DATA"):
        export_run(nowhere, tmp_path / "out", int8=True)
    with pytest.raises(DatasetError, match="dataset bars has no train faces"):
        validation = faces.select_split("validation")
        export_run(nowhere, tmp_path / "out", calibrate_on=validation, int8=True)


class OneLayer(nn.Module):
    """A network that is all first layer."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIZE * SIZE, 7)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"fer2013": self.linear(images.flatten(1))}


def test_a_network_of_one_layer_is_refused(
    pair: tuple[Bundle, Bundle], faces: FaceDataset, tmp_path: Path
) -> None:
    config = replace(
        pair[0].config,
        heads=(pair[0].config.head("fer2013"),),
        default_label_set="fer2013",
        storage="fp32",
    )
    graph = (export_model(OneLayer(), config, tmp_path / "one") / "model.onnx").read_bytes()
    with pytest.raises(BundleError, match="no layer after its first"):
        quantise_graph(graph, faces.images_gray[:64], config.input)


def test_it_is_done_without_a_word_from_the_quantiser(
    run: Path,
    faces: FaceDataset,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with caplog.at_level(logging.WARNING):
        export_run(run, tmp_path / "out", calibrate_on=faces, int8=True)
    assert [record.getMessage() for record in caplog.records] == []
    assert capfd.readouterr() == ("", "")


class TestTheCommand:
    def test_it_prints_what_8_bits_gave_and_took(
        self, run: Path, faces: FaceDataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(command, "open_with_progress", lambda path, votes, largest: faces)
        arguments = ["export", str(run), "--out", str(tmp_path / "out"), "--calibrate", "any"]
        done = CliRunner().invoke(app, [*arguments, "--int8"])
        assert done.exit_code == 0, done.output
        config = load_bundle(tmp_path / "out").config
        made = config.quantisation
        assert made is not None
        words = " ".join(done.stdout.split())
        sizes = (config.files["model.onnx"].bytes, made.float_graph_bytes)
        assert f"Graph: {sizes[0]:,} bytes, float {sizes[1]:,}." in words
        assert f"{made.ms_per_face:.2f} ms, float {made.float_ms_per_face:.2f} ms" in words
        assert f"medians of {made.speed_runs} runs each" in words
        for head in made.heads.values():
            assert f"{head.agreement:.2%}" in words and f"{head.accuracy:.2%}" in words
        assert ("warning" in done.stderr) is bool(made.lossy_heads)

    def test_without_data_it_says_what_to_do(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(app, ["export", "run", "--out", str(tmp_path / "o"), "--int8"])
        assert isinstance(done.exception, ConfigError)
        assert "say which with --calibrate DATA" in str(done.exception)


def test_a_large_loss_is_a_warning_on_the_card_and_on_stderr(
    pair: tuple[Bundle, Bundle], capsys: pytest.CaptureFixture[str]
) -> None:
    config = pair[1].config
    assert config.quantisation is not None
    heads = {
        "fer2013": QuantisedHead(0.98, 0.1, 1000, 0.69, 0.7),
        "ferplus": QuantisedHead(0.98, 0.1, 0),
    }
    made = replace(config.quantisation, heads=heads)
    told = "fer2013 loses 1.00 points of accuracy by 8 bits, more than 0.3"
    card = render_card(replace(config, quantisation=made))
    assert f"**Warning: {told}" in card and "ferplus loses" not in card
    command._show_quantisation(made, 1000, Console(soft_wrap=True))
    captured = capsys.readouterr()
    assert f"warning: {told}" in captured.err and "warning" not in captured.out


def test_what_a_run_says_is_what_its_float_bundle_says(
    run: Path, pair: tuple[Bundle, Bundle], faces: FaceDataset
) -> None:
    crops = np.ascontiguousarray(faces.images_gray[:9])
    network, info = load_run_model(run)
    in_torch = RunPredictor(round_weights(network), info).predict_logits(crops)
    for head, logits in pair[0].predict_logits(crops).items():
        np.testing.assert_allclose(logits, in_torch[head], atol=1e-4)
