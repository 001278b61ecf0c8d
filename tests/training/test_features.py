"""Training behind a frozen trunk: its features are computed once, kept, and found again."""

from __future__ import annotations

import json
import logging
import os
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from mien.bundle.load import load_bundle
from mien.core.errors import ConfigError
from mien.core.imaging import resize_gray
from mien.data import FaceDataset
from mien.models.pretrained import PretrainedNet
from mien.training.export import export_run
from mien.training.feature_cache import FeatureCache
from mien.training.features import FeatureModule, choose_batches
from mien.training.module import FaceModule
from mien.training.predictor import load_run_predictor
from mien.training.recipe import InputRecipe, parse_recipe
from mien.training.run import load_run_model
from mien.training.train import train
from mien.training.trunk import build_new_network
from models.conftest import write_backbone
from training.conftest import make_faces

QUIET = Console(file=StringIO())
HEAD = [{"width": 24, "dropout": 0.1}, {"width": 12, "batch_norm": True}]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIEN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "features"


@pytest.fixture(scope="module")
def trunk_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of mien's own whose features are worth something."""
    folder = tmp_path_factory.mktemp("trunk") / "run"
    options = {"widths": [8, 16], "blocks": [1, 1], "stem_kernel": 3, "dropout": 0.1}
    recipe = {
        "name": "trunk",
        "seed": 2,
        "model": {"name": "residual", "options": options},
        "input": {"size": 24},
        "heads": {"fer2013": {"target": "labels"}},
        "optimiser": {"learning_rate": 0.05},
        "loop": {"epochs": 14, "batch_size": 8, "precision": "fp32"},
    }
    train(parse_recipe(recipe), make_faces(), folder, console=QUIET)
    return folder


def bottleneck(backbone: Path, **changes: Any) -> dict[str, Any]:
    return {
        "name": "bottleneck",
        "seed": 5,
        "model": {"name": "pretrained", "options": {"backbone": str(backbone), "head": HEAD}},
        "input": {"size": 24, "mean": 0.0, "std": 1.0},
        "heads": {"fer2013": {"target": "labels"}, "ferplus": {"target": "soft"}},
        "optimiser": {"name": "adam", "learning_rate": 5e-3, "weight_decay": 0.0},
        "loop": {"epochs": 4, "batch_size": 8, "precision": "fp32"},
        **changes,
    }


def weights(run: Path, checkpoint: str = "best") -> dict[str, torch.Tensor]:
    return load_run_model(run, checkpoint=checkpoint)[0].state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def accuracy(run: Path, faces: FaceDataset) -> float:
    answers = load_run_predictor(run).predict_logits(np.asarray(faces.images_gray))["fer2013"]
    return float((answers.argmax(1) == faces.class_ids).mean())


def test_figures_of_training_on_features_are_those_of_the_whole_network(
    faces: FaceDataset, trunk_run: Path, tmp_path: Path
) -> None:
    run, loop = tmp_path / "run", {"epochs": 15, "batch_size": 8, "precision": "fp32"}
    report = train(parse_recipe(bottleneck(trunk_run, loop=loop)), faces, run, console=QUIET)
    validation = accuracy(run, faces.select_split("validation"))
    assert report["best"]["val/fer2013/accuracy"] == pytest.approx(validation, abs=1e-6)
    assert validation > 0.4, "chance is 1 in 7, and a bar's place is easy"
    # 80 faces to learn from, as many as validation has: all of them are asked.
    learned = accuracy(run, faces.select_split("train"))
    assert report["training_faces"]["n"] == 80
    assert report["training_faces"]["accuracy"]["fer2013"] == pytest.approx(learned, abs=1e-6)
    assert json.loads((run / "report.json").read_text()) == report


def test_the_trunk_stays_what_it_was(faces: FaceDataset, trunk_run: Path, tmp_path: Path) -> None:
    train(parse_recipe(bottleneck(trunk_run)), faces, tmp_path / "run", console=QUIET)
    kept, before = weights(tmp_path / "run"), weights(trunk_run)
    trunk = {k.removeprefix("trunk.network."): v for k, v in kept.items() if k.startswith("trunk.")}
    assert same(trunk, {k: v for k, v in before.items() if not k.startswith("heads.")})


def test_the_second_run_reads_what_the_first_computed(
    faces: FaceDataset,
    trunk_run: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recipe, shown = parse_recipe(bottleneck(trunk_run)), StringIO()
    console = Console(file=shown, width=300)
    train(recipe, faces, tmp_path / "first", console=console)
    assert "features of 80 train faces: computed in" in shown.getvalue()
    files = sorted(cache.iterdir())
    assert [path.suffix for path in files] == [".npy", ".npy"]
    assert str(files[0]) in shown.getvalue() and str(files[1]) in shown.getvalue()
    # Now the trunk must not be asked any more.
    monkeypatch.setattr(FeatureCache, "_compute", None)
    train(recipe, faces, tmp_path / "second", console=console)
    assert "features of 80 train faces: read from" in shown.getvalue()
    assert same(weights(tmp_path / "first"), weights(tmp_path / "second"))


def test_features_are_known_again_only_for_the_same_faces_trunk_and_input(
    faces: FaceDataset, cache: Path
) -> None:
    images, spec = np.asarray(faces.images_gray), InputRecipe(size=24, mean=0.0, std=1.0)
    torch.manual_seed(0)
    trunk = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(24 * 24, 3)).eval()

    def ask(record: str = "a", spec: InputRecipe = spec, images: Any = images) -> np.ndarray:
        kept = FeatureCache(trunk, width=3, record={"options": record}, input=spec)
        found = kept.features(images)
        assert found.computed, "these were not asked for before"
        return np.asarray(found.values)

    with torch.inference_mode():
        wanted = trunk(torch.from_numpy(images[:, None] / np.float32(255))).numpy()
    np.testing.assert_allclose(ask(), wanted, atol=1e-5)
    ask(record="b")
    ask(spec=InputRecipe(size=24, mean=0.5, std=1.0))
    ask(images=images[1:])
    trunk[1].bias.data += 1
    np.testing.assert_allclose(ask(), wanted + 1, atol=1e-5)
    assert len(list(cache.iterdir())) == 5


def test_a_damaged_file_is_computed_again_and_leftovers_are_removed(
    faces: FaceDataset, cache: Path
) -> None:
    images = np.asarray(faces.images_gray)
    trunk = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(24 * 24, 3)).eval()
    kept = FeatureCache(trunk, width=3, record={}, input=InputRecipe(size=24))
    first = kept.features(images)
    assert first.path is not None
    values = np.array(first.values)
    first.path.write_bytes(first.path.read_bytes()[:200])
    left = cache / ".part-killed.npy"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    again = kept.features(images)
    assert again.computed and np.array_equal(again.values, values)
    assert not left.exists()
    assert not kept.features(images).computed


def test_without_a_cache_features_stay_in_memory_and_it_is_said(
    faces: FaceDataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    trunk = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(24 * 24, 3)).eval()
    kept = FeatureCache(
        trunk, width=3, record={}, input=InputRecipe(size=24), folder=tmp_path / "file"
    )
    with caplog.at_level(logging.WARNING):
        found = kept.features(np.asarray(faces.images_gray))
    assert found.path is None and found.values.shape == (240, 3)
    assert "features are kept in memory" in caplog.text


def test_a_resumed_run_ends_as_the_unbroken_one(
    faces: FaceDataset, trunk_run: Path, tmp_path: Path
) -> None:
    recipe = parse_recipe(bottleneck(trunk_run))
    train(recipe, faces, tmp_path / "whole", console=QUIET)
    train(recipe, faces, tmp_path / "broken", console=QUIET, max_epochs_now=2)
    # As if on another machine: neither features nor the trunk's run are there any more.
    shutil.rmtree(tmp_path / "cache")
    moved = trunk_run.with_name("moved")
    trunk_run.rename(moved)
    try:
        train(recipe, faces, tmp_path / "broken", console=QUIET, resume=True)
    finally:
        moved.rename(trunk_run)
    assert same(weights(tmp_path / "whole", "last"), weights(tmp_path / "broken", "last"))


def test_faces_that_change_are_shown_to_the_trunk_at_every_epoch(
    faces: FaceDataset, trunk_run: Path
) -> None:
    parts = {name: faces.select_split(name) for name in ("train", "validation")}

    def module_of(**changes: Any) -> type[FaceModule]:
        recipe = parse_recipe(bottleneck(trunk_run, **changes))
        network, _ = build_new_network(recipe)
        return choose_batches(network, recipe, parts, QUIET)[1]

    assert module_of() is FeatureModule
    assert module_of(augment={"flip": 0.5}) is FaceModule
    sizes = {"epochs": 2, "batch_size": 8, "sizes": [[0.0, 16], [0.5, 24]]}
    assert module_of(loop=sizes) is FaceModule
    learning = {"backbone": str(trunk_run), "trainable": 1}
    assert module_of(model={"name": "pretrained", "options": learning}) is FaceModule


def test_a_trunk_of_a_run_wants_its_own_input(trunk_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"expected mean 0 and std 1 .* got 0\.5 and 0\.25"):
        build_new_network(parse_recipe(bottleneck(trunk_run, input={"size": 24})))
    larger = {"size": 32, "mean": 0.0, "std": 1.0}
    with pytest.raises(ConfigError, match=r"faces of 24 px, got 32; --set input\.size=24"):
        build_new_network(parse_recipe(bottleneck(trunk_run, input=larger)))


def test_a_trunks_trunk_is_kept_too(faces: FaceDataset, trunk_run: Path, tmp_path: Path) -> None:
    short = {"epochs": 1, "batch_size": 8, "precision": "fp32"}
    first, second = tmp_path / "first", tmp_path / "second"
    train(parse_recipe(bottleneck(trunk_run, loop=short)), faces, first, console=QUIET)
    train(parse_recipe(bottleneck(first, loop=short)), faces, second, console=QUIET)
    shutil.rmtree(first)
    network, info = load_run_model(second)
    assert isinstance(network, PretrainedNet)
    assert info.trunk["trunk"]["from"] == str(trunk_run)
    assert network.trunk.width == HEAD[-1]["width"]


def test_trunk_and_layers_become_one_bundle(
    faces: FaceDataset, trunk_run: Path, tmp_path: Path
) -> None:
    train(parse_recipe(bottleneck(trunk_run)), faces, tmp_path / "run", console=QUIET)
    bundle = load_bundle(export_run(tmp_path / "run", tmp_path / "bundle"))
    images = np.asarray(faces.select_split("validation").images_gray)
    wanted = load_run_predictor(tmp_path / "run").predict_logits(images)
    for head, logits in bundle.predict_logits(images).items():
        # Weights may be kept in fewer bits.
        np.testing.assert_allclose(logits, wanted[head], atol=5e-3)
        assert np.ptp(logits) > 0.1, "the comparison means nothing if all logits are alike"


def test_a_published_backbone_is_fine_tuned_kept_and_exported_without_it(
    faces: FaceDataset, tmp_path: Path
) -> None:
    backbone = write_backbone(tmp_path / "hub", size=32)
    options = {"backbone": str(backbone), "trainable": 1, "head": [16]}
    recipe = bottleneck(backbone, model={"name": "pretrained", "options": options})
    recipe["input"]["size"] = 32
    recipe["loop"]["epochs"] = 1
    run = tmp_path / "run"
    report = train(parse_recipe(recipe), faces, run, console=QUIET)
    assert np.isfinite(report["last"]["train/loss"])
    shutil.rmtree(backbone)
    info = json.loads((run / "run.json").read_text())
    assert info["trunk"]["config"]["model_type"] == "mobilenet_v2"
    assert len(info["trunk"]["sha256"]) == 64
    bundle = load_bundle(export_run(run, tmp_path / "bundle"))
    images = np.asarray(faces.select_split("validation").images_gray)[:9]
    wanted = load_run_predictor(run).predict_logits(images)
    images = np.stack([resize_gray(face, 32) for face in images])
    for head, logits in bundle.predict_logits(images).items():
        np.testing.assert_allclose(logits, wanted[head], atol=5e-3)
