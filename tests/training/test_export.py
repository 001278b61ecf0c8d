"""From a network to a bundle: ONNX Runtime answers as PyTorch does, or nothing is kept."""

from __future__ import annotations

import json
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
from onnx import TensorProto
from rich.console import Console
from torch import Tensor, nn

from bundles import write_tiny_bundle
from mien.bundle.config import Architecture, BundleConfig, Head, InputSpec
from mien.bundle.load import load_bundle
from mien.core.errors import BundleError, ConfigError, DatasetError
from mien.core.imaging import CropFrame, normalise
from mien.core.labels import LABEL_SETS
from mien.data import FaceDataset
from mien.evaluation.temperature import fit_temperature
from mien.evaluation.trade_off import sweep_strengths
from mien.models import build_model, count_parameters
from mien.training.export import (
    OPSET,
    PARITY_TOLERANCE,
    check_parity,
    export_model,
    export_run,
)
from mien.training.graph import graph_weights, round_weights
from mien.training.predictor import load_run_predictor
from mien.training.recipe import parse_recipe
from mien.training.rounding import check_rounding, random_faces
from mien.training.run import load_run_model
from mien.training.train import train
from training.conftest import make_faces

SIZE = 24


def make_config(*heads: str, name: str = "tiny", size: int = SIZE) -> BundleConfig:
    return BundleConfig(
        name=name,
        version="0",
        created="2026-01-01T00:00:00Z",
        architecture=Architecture("residual", {}, 1),
        input=InputSpec(size=size, mean=0.5, std=0.25),
        heads=tuple(
            Head(
                label_set=head,
                labels=LABEL_SETS[head].labels,
                output=f"{head}_logits",
                training_priors=(1 / len(LABEL_SETS[head]),) * len(LABEL_SETS[head]),
            )
            for head in heads
        ),
        default_label_set=heads[0],
        crop_frames={"full": CropFrame(align=False)},
        files={},
        data={},
        licence="not stated",
        figures={},
        training={},
    )


def shaken(model: nn.Module) -> nn.Module:
    """Return a network whose batch norms have moved, so that folding them is put to a test."""
    generator = torch.Generator().manual_seed(5)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            shape = module.running_mean.shape
            module.running_mean.copy_(torch.randn(shape, generator=generator) / 2)
            module.running_var.copy_(torch.rand(shape, generator=generator) + 0.5)
            module.weight.data.copy_(torch.rand(shape, generator=generator) + 0.5)
            module.bias.data.copy_(torch.randn(shape, generator=generator) / 2)
    return model.eval()


def tiny_network(*heads: str) -> nn.Module:
    torch.manual_seed(0)
    options = {"widths": [8, 16], "blocks": [1, 1], "stem_kernel": 3}
    return shaken(build_model("residual", {h: len(LABEL_SETS[h]) for h in heads}, options))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    model = tiny_network("ferplus", "fer2013")
    out = tmp_path_factory.mktemp("export") / "tiny"
    return model, export_model(model, make_config("ferplus", "fer2013"), out)


@pytest.mark.parametrize("count", [1, 3, 300])
def test_onnx_answers_as_torch_does_for_any_number_of_faces(
    exported: tuple[nn.Module, Path], count: int
) -> None:
    model, folder = exported
    faces = np.random.default_rng(count).integers(0, 256, (count, SIZE, SIZE), np.uint8)
    with torch.inference_mode():
        expected = model(torch.from_numpy(normalise(faces, mean=0.5, std=0.25)))
    answered = load_bundle(folder).predict_logits(faces)
    assert list(answered) == ["ferplus", "fer2013"]
    for head, logits in answered.items():
        np.testing.assert_allclose(logits, expected[head].numpy(), atol=PARITY_TOLERANCE)
        assert np.ptp(logits) > 0.1, "the comparison means nothing if all logits are alike"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "options", "heads"),
    [
        ("cnn4", {}, ("fer2013",)),
        ("cnn6", {}, ("ferplus",)),
        ("efficientnet-lite", {"enlarge": 1.5}, ("ferplus", "fer2013")),
    ],
)
def test_the_other_networks_export(
    tmp_path: Path, architecture: str, options: dict[str, float], heads: tuple[str, ...]
) -> None:
    torch.manual_seed(0)
    model = shaken(build_model(architecture, {h: len(LABEL_SETS[h]) for h in heads}, options))
    export_model(model, make_config(*heads, size=48), tmp_path / "out")
    loaded = load_bundle(tmp_path / "out")
    assert loaded.config.architecture.parameters == count_parameters(model).total


@pytest.fixture(scope="module")
def halved(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """The same network rounded, and its bundle."""
    model = round_weights(tiny_network("ferplus", "fer2013"))
    config = replace(make_config("ferplus", "fer2013"), storage="fp16")
    return model, export_model(model, config, tmp_path_factory.mktemp("half") / "tiny")


def optimised(path: Path, folder: Path) -> onnx.GraphProto:
    """Return what ONNX Runtime makes of a graph before it runs it."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "optimised.onnx")
    ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return onnx.load(folder / "optimised.onnx").graph


def test_the_graph_is_valid_and_its_opset_is_the_stated_one(
    exported: tuple[nn.Module, Path], halved: tuple[nn.Module, Path]
) -> None:
    for _, folder in (exported, halved):
        graph = onnx.load(folder / "model.onnx")
        onnx.checker.check_model(graph, full_check=True)
        assert [(opset.domain, opset.version) for opset in graph.opset_import] == [("", OPSET)]


def test_what_runs_is_the_same_however_weights_are_stored(
    exported: tuple[nn.Module, Path], halved: tuple[nn.Module, Path], tmp_path: Path
) -> None:
    graphs = [optimised(folder / "model.onnx", tmp_path) for _, folder in (exported, halved)]
    kinds = [Counter(node.op_type for node in graph.node) for graph in graphs]
    assert kinds[0] == kinds[1]
    # Batch norm went into the convolutions, and weights were widened once, not at every run.
    assert not {"BatchNormalization", "Cast", "Identity"} & set(kinds[1])
    assert {each.data_type for each in graphs[1].initializer} <= {
        TensorProto.FLOAT,
        TensorProto.INT64,
    }


def test_a_graph_of_rounded_weights_answers_as_the_rounded_network(
    halved: tuple[nn.Module, Path],
) -> None:
    model, folder = halved
    check_parity(model, load_bundle(folder))
    with pytest.raises(BundleError, match="does not answer as the network does"):
        check_parity(tiny_network("ferplus", "fer2013"), load_bundle(folder))


def test_matrices_and_kernels_take_half_the_bytes_and_vectors_stay(
    exported: tuple[nn.Module, Path], halved: tuple[nn.Module, Path]
) -> None:
    model = halved[0]
    saved = sum(2 * weight.numel() for weight in model.parameters() if weight.ndim > 1)
    full, half = ((folder / "model.onnx").stat().st_size for _, folder in (exported, halved))
    casts = sum(weight.ndim > 1 for weight in model.parameters())
    assert full - half == pytest.approx(saved, abs=250 * casts)
    assert not (halved[1] / "model.safetensors").exists()
    kept = graph_weights((halved[1] / "model.onnx").read_bytes())
    for name, weight in tiny_network("ferplus", "fer2013").state_dict().items():
        if weight.is_floating_point() and weight.ndim < 2:
            assert torch.equal(kept[name], weight), name
        elif weight.is_floating_point():
            # Half of the distance between two numbers of 11 binary digits.
            torch.testing.assert_close(kept[name], weight, rtol=2**-11, atol=2**-25)


def test_weights_beyond_16_bits_are_refused(run: Path, tmp_path: Path) -> None:
    model = tiny_network("fer2013")
    model.heads.linear["fer2013"].weight.data[0, 0] = 1e5
    with pytest.raises(BundleError, match=r"heads\.linear\.fer2013\.weight.*storage fp32"):
        round_weights(model)
    with pytest.raises(ConfigError, match="expected storage fp32 or fp16, got 'fp8'"):
        export_run(run, tmp_path / "out", storage="fp8")


def test_rounding_that_changes_answers_is_refused(run: Path) -> None:
    trained = load_run_predictor(run)
    other = load_run_predictor(run)
    assert check_rounding(other, trained, None).max_probability_difference == 0
    with torch.no_grad():
        other._model.heads.linear["fer2013"].bias[0] += 0.5
    with pytest.raises(BundleError, match=r"tolerated are 0\.01; export with storage fp32"):
        check_rounding(other, trained, None)


def test_a_bundle_says_how_weights_are_stored_and_what_that_changed(
    run: Path, faces: FaceDataset, tmp_path: Path
) -> None:
    loaded = load_bundle(export_run(run, tmp_path / "half", calibrate_on=faces))
    crops = np.ascontiguousarray(faces.select_split("validation").images_gray)
    now, before = loaded.predict_logits(crops), load_run_predictor(run).predict_logits(crops)
    told = loaded.config.training["export"]["rounding_to_fp16"]
    assert (told["faces"], told["of"]) == (len(crops), "bars, validation")
    gap = max(
        float(
            (torch.tensor(now[head]).softmax(1) - torch.tensor(before[head]).softmax(1)).abs().max()
        )
        for head in now
    )
    assert told["max_probability_difference"] == pytest.approx(gap, abs=1e-4)
    assert gap > 0 and told["same_answer"] > 0.95
    assert loaded.config.storage == "fp16"
    card = (tmp_path / "half" / "MODEL_CARD.md").read_text()
    assert "| precision of the graph | fp32, weights stored as fp16 |" in card
    full = load_bundle(export_run(run, tmp_path / "full", storage="fp32"))
    assert full.config.described_precision == "fp32"
    assert "rounding_to_fp16" not in full.config.training["export"]


def test_the_graph_holds_nothing_of_the_machine_that_made_it(
    exported: tuple[nn.Module, Path],
) -> None:
    data = (exported[1] / "model.onnx").read_bytes()
    assert str(Path.cwd()).encode() not in data
    assert b"site-packages" not in data and b".py" not in data


def test_the_same_network_gives_the_same_graph_again(
    exported: tuple[nn.Module, Path], tmp_path: Path
) -> None:
    model, folder = exported
    again = export_model(model, make_config("ferplus", "fer2013"), tmp_path / "again")
    assert (again / "model.onnx").read_bytes() == (folder / "model.onnx").read_bytes()


def test_the_weights_give_the_network_back(exported: tuple[nn.Module, Path]) -> None:
    model, folder = exported
    fresh = tiny_network("ferplus", "fer2013")
    for parameter in fresh.parameters():
        nn.init.zeros_(parameter)
    missing = fresh.load_state_dict(
        graph_weights((folder / "model.onnx").read_bytes()), strict=False
    ).missing_keys
    assert all(name.endswith("num_batches_tracked") for name in missing)
    faces = torch.randn(2, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(fresh(faces), model(faces))


class Drifting(nn.Module):
    """A network that answers otherwise once it has been exported."""

    def __init__(self, drift: float = 0.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.linear = nn.Linear(SIZE * SIZE, 7)
        self.drift = drift

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        logits = self.linear(images.flatten(1))
        return {"fer2013": logits if torch.compiler.is_compiling() else logits + self.drift}


def test_a_graph_that_answers_otherwise_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="does not answer as the network does: logits of fer201"):
        export_model(Drifting(0.01), make_config("fer2013"), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_tolerance_is_the_stated_one(tmp_path: Path) -> None:
    loaded = load_bundle(export_model(Drifting(), make_config("fer2013"), tmp_path / "out"))
    check_parity(Drifting(), loaded)
    check_parity(Drifting(PARITY_TOLERANCE / 2), loaded)
    for drift in (2 * PARITY_TOLERANCE, -2 * PARITY_TOLERANCE, float("nan"), float("inf")):
        with pytest.raises(BundleError, match=f"tolerated are {PARITY_TOLERANCE:g}"):
            check_parity(Drifting(drift), loaded)


def test_a_head_that_the_network_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="the network has no head ferplus; it has: fer2013"):
        export_model(tiny_network("fer2013"), make_config("ferplus"), tmp_path / "out")


def test_the_made_up_faces_span_black_to_white() -> None:
    faces = random_faces(64, SIZE)
    assert faces.shape == (64, SIZE, SIZE) and faces.dtype == np.uint8
    assert {0, 255} <= {int(face.max()) for face in faces if face.min() == face.max()}
    assert len(np.unique(faces[:31].reshape(31, -1), axis=0)) == 31


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short run over faces that can be learned."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(_recipe(), make_faces(), folder, console=Console(file=StringIO()), command="mien train t")
    return folder


def _recipe() -> Any:
    return parse_recipe(
        {
            "name": "tiny",
            "seed": 3,
            "model": {"name": "residual", "options": {"widths": [8, 16], "blocks": [1, 1]}},
            "input": {"size": SIZE},
            "heads": {"fer2013": {"target": "labels"}, "ferplus": {"target": "soft"}},
            "optimiser": {"name": "sgd", "learning_rate": 0.05, "schedule": "onecycle"},
            "loop": {"epochs": 3, "batch_size": 16, "ema_decay": 0.8, "precision": "fp32"},
        }
    )


def test_a_run_becomes_a_bundle_that_says_how_it_was_made(
    run: Path, faces: FaceDataset, tmp_path: Path
) -> None:
    frames = {"yunet": CropFrame(scale=1.2, shift_y=-0.05)}
    out = export_run(
        run, tmp_path / "out", name="mine", crop_frames=frames, licence="MIT", storage="fp32"
    )
    loaded = load_bundle(out)
    config = loaded.config
    assert (config.name, config.licence) == ("mine", "MIT")
    assert config.default_label_set == "fer2013"
    assert dict(config.crop_frames) == {"full": CropFrame(align=False), **frames}
    assert config.architecture.name == "residual"
    assert config.architecture.parameters == count_parameters(load_run_model(run)[0]).total
    assert config.data["name"] == "bars"
    assert config.data["rules"] == {"fer2013": "labels", "ferplus": "soft"}
    assert config.training["seed"] == 3
    assert config.training["epochs"] == 3
    assert config.training["commands"][0] == "mien train t"
    assert config.training["recipe"]["optimiser"]["learning_rate"] == 0.05
    priors = json.loads((run / "run.json").read_text())["training_priors"]
    assert list(config.head("ferplus").training_priors) == priors["ferplus"]
    in_torch = load_run_predictor(run).predict_logits(faces.images_gray[:9])
    in_onnx = loaded.predict_logits(np.ascontiguousarray(faces.images_gray[:9]))
    for head, logits in in_onnx.items():
        np.testing.assert_allclose(logits, in_torch[head], atol=PARITY_TOLERANCE)


def test_temperatures_are_fitted_on_the_validation_split_alone(
    run: Path, faces: FaceDataset, tmp_path: Path
) -> None:
    out = export_run(
        run, tmp_path / "out", calibrate_on=faces, default_label_set="ferplus", storage="fp32"
    )
    config = load_bundle(out).config
    assert config.default_label_set == "ferplus"
    judged = faces.select_split("validation")
    logits = load_run_predictor(run).predict_logits(np.asarray(judged.images_gray))["fer2013"]
    expected = fit_temperature(logits, judged.class_ids)
    assert config.head("fer2013").temperature == pytest.approx(expected, rel=1e-5)
    assert config.head("ferplus").temperature != 1.0


def test_strengths_are_chosen_on_the_validation_split_by_the_stated_rule(
    run: Path, faces: FaceDataset, tmp_path: Path
) -> None:
    out = export_run(
        run,
        tmp_path / "out",
        calibrate_on=faces,
        prior_strength="auto",
        max_accuracy_loss=0.5,
        storage="fp32",
    )
    config = load_bundle(out).config
    judged = faces.select_split("validation")
    logits = load_run_predictor(run).predict_logits(np.asarray(judged.images_gray))["fer2013"]
    head = config.head("fer2013")
    expected = sweep_strengths(
        logits.astype(np.float64) / head.temperature,
        judged.class_ids,
        LABEL_SETS["fer2013"],
        head.training_priors,
        max_loss=0.5,
    ).chosen
    assert head.prior_strength == expected.strength
    made = config.training["export"]
    assert "at most 50 points of accuracy" in made["prior_strength_rule"]
    assert made["prior_strength"]["fer2013"]["n"] == len(judged.class_ids)
    chosen = made["prior_strength"]["fer2013"]["chosen"]
    assert chosen["balanced_accuracy"] == expected.balanced_accuracy
    # The network and its temperatures are the same as without a choice.
    plain = load_bundle(
        export_run(run, tmp_path / "plain", calibrate_on=faces, storage="fp32")
    ).config
    assert plain.head("fer2013").temperature == head.temperature
    assert plain.files["model.onnx"] == config.files["model.onnx"]
    assert plain.head("fer2013").prior_strength == 0.0
    assert "prior_strength" not in plain.training["export"]


def test_a_strength_that_is_given_is_that_of_every_head(run: Path, tmp_path: Path) -> None:
    config = load_bundle(export_run(run, tmp_path / "out", prior_strength=0.25)).config
    assert [head.prior_strength for head in config.heads] == [0.25, 0.25]


def test_strengths_that_cannot_be_used_are_refused_before_any_work(tmp_path: Path) -> None:
    nowhere = tmp_path / "no-run"
    with pytest.raises(ConfigError, match="say which with --calibrate"):
        export_run(nowhere, tmp_path / "out", prior_strength="auto")
    with pytest.raises(ConfigError, match=r"of 0 to 1 or auto, got 1\.5"):
        export_run(nowhere, tmp_path / "out", prior_strength=1.5)


def test_an_unknown_default_label_set_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no head 'rafdb'; it has: fer2013, ferplus"):
        export_run(run, tmp_path / "out", default_label_set="rafdb")


def test_a_run_without_a_checkpoint_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_bytes((run / "run.json").read_bytes())
    with pytest.raises(DatasetError, match=r"has no best\.ckpt"):
        export_run(tmp_path / "run", tmp_path / "out")
    with pytest.raises(ConfigError, match="is no run folder"):
        export_run(tmp_path, tmp_path / "out")


def test_a_bundle_in_the_way_is_refused_before_any_work(run: Path, tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path)
    before = (folder / "config.json").read_bytes()
    with pytest.raises(BundleError, match="is a bundle already"):
        export_run(run, folder)
    assert (folder / "config.json").read_bytes() == before
