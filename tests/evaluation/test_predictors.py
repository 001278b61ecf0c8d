"""A bundle answers in evaluation as it does in use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bundles import write_tiny_bundle
from mien.bundle.load import load_bundle
from mien.bundle.write import write_bundle
from mien.core.imaging import resize_gray
from mien.evaluation.predictors import BundlePredictor
from mien.evaluation.views import softmax


def faces(n: int, size: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, size, size), dtype=np.uint8)


def test_probabilities_are_those_of_the_bundle_over_its_temperature(tmp_path: Path) -> None:
    bundle = load_bundle(write_tiny_bundle(tmp_path))
    heads = (replace(bundle.config.heads[0], temperature=2.5), bundle.config.heads[1])
    graph = (bundle.path / "model.onnx").read_bytes()
    config = replace(bundle.config, heads=heads)
    bundle = load_bundle(write_bundle(tmp_path / "warm", config, graph=graph, weights=b"tiny"))
    predictor = BundlePredictor(bundle)
    images = faces(5, 48)
    for name, logits in predictor.predict_logits(images).items():
        expected = bundle.predict_probabilities(images, name)
        assert softmax(logits) == pytest.approx(expected, abs=1e-6)
    assert predictor.label_sets == ("fer2013", "ferplus")
    assert predictor.describe()["temperature"] == {"fer2013": 2.5, "ferplus": 1.0}


@pytest.mark.parametrize("size", [24, 64, 100])
def test_faces_of_another_size_are_resized_as_everywhere(tmp_path: Path, size: int) -> None:
    predictor = BundlePredictor(load_bundle(write_tiny_bundle(tmp_path)))
    images = faces(3, size)
    resized = np.stack([resize_gray(face, 48) for face in images])
    for name, logits in predictor.predict_logits(images).items():
        assert np.array_equal(logits, predictor.predict_logits(resized)[name])
