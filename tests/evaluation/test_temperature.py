"""Temperature: the one that scikit-learn's log-loss cannot be bettered at."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import log_loss

from mien.core.errors import ShapeError
from mien.core.labels import FER2013
from mien.data import FaceDataset
from mien.evaluation.temperature import HIGHEST, LOWEST, answer_validation, fit_temperature
from mien.evaluation.views import softmax


def sampled(temperature: float, n: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn from their softmax at a temperature."""
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (n, 7)).astype(np.float32)
    chances = softmax(logits / temperature)
    draws = (chances.cumsum(axis=1) < generator.random((n, 1))).sum(axis=1)
    return logits, np.minimum(draws, 6)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.3])
def test_the_temperature_that_labels_were_drawn_at_is_found(temperature: float) -> None:
    logits, class_ids = sampled(temperature)
    assert fit_temperature(logits, class_ids) == pytest.approx(temperature, rel=0.03)


def test_no_temperature_nearby_has_a_lower_log_loss() -> None:
    logits, class_ids = sampled(1.7, n=2_000)
    best = fit_temperature(logits, class_ids)

    def loss(temperature: float) -> float:
        return float(log_loss(class_ids, softmax(logits / temperature), labels=range(7)))

    for factor in (0.8, 0.95, 0.999, 1.001, 1.05, 1.25):
        assert loss(best) <= loss(best * factor) + 1e-12


def test_where_the_optimum_is_at_infinity_the_bound_is_returned() -> None:
    logits = np.eye(7, dtype=np.float32)
    assert fit_temperature(logits, np.arange(7)) == pytest.approx(LOWEST, rel=1e-6)
    assert fit_temperature(logits, np.arange(7)[::-1].copy() * 0 + 6) <= HIGHEST
    wrong = np.roll(np.arange(7), 1)
    assert fit_temperature(logits, wrong) == pytest.approx(HIGHEST, rel=1e-6)


@pytest.mark.parametrize(
    ("logits", "class_ids"),
    [(np.zeros((0, 7)), np.zeros(0)), (np.zeros((3, 7)), np.zeros(2)), (np.zeros(7), np.zeros(7))],
)
def test_arrays_that_do_not_fit_are_refused(logits: np.ndarray, class_ids: np.ndarray) -> None:
    with pytest.raises(ShapeError, match=r"expected logits \(n, classes\)"):
        fit_temperature(logits.astype(np.float32), class_ids.astype(np.int64))


class Echo:
    """A model whose logits are the first seven pixels of a face."""

    name = "echo"
    label_sets = ("fer2013",)

    def predict_logits(self, images_gray: np.ndarray) -> dict[str, np.ndarray]:
        return {"fer2013": images_gray[:, 0, :7].astype(np.float32) / 40}


def test_only_labelled_faces_of_the_validation_split_are_used() -> None:
    generator = np.random.default_rng(2)
    images = generator.integers(0, 256, (900, 8, 8), np.uint8)
    class_ids = images[:, 0, :7].argmax(axis=1).astype(np.int64)
    # Right answers only, but for the validation split, where a third is wrong or unlabelled.
    splits = (np.arange(900) % 3).astype(np.int8)
    validation = np.flatnonzero(splits == 1)
    class_ids[validation[:100]] = (class_ids[validation[:100]] + 1) % 7
    class_ids[validation[100:120]] = -1
    dataset = FaceDataset(
        name="echo",
        images_gray=images,
        splits=splits,
        class_ids=class_ids,
        label_set=FER2013,
        votes=None,
        sources=tuple(range(900)),
    )
    kept = [i for i in validation if class_ids[i] >= 0]
    logits = Echo().predict_logits(images[kept])["fer2013"]
    (answers,) = answer_validation(Echo(), dataset).values()
    assert answers.label_set == FER2013
    np.testing.assert_array_equal(answers.logits, logits)
    np.testing.assert_array_equal(answers.class_ids, class_ids[kept])
