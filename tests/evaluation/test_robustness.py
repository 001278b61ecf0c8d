"""Rows of the robustness table, with predictors whose answers can be worked out by hand."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from evaluations import SidePredictor, face_that_looks, make_dataset, sample_dataset
from mien.core.errors import DatasetError, ShapeError
from mien.data import FaceDataset
from mien.evaluation.figures import wilson_interval
from mien.evaluation.robustness import mean_recall, measure_robustness, paired_loss
from mien.evaluation.robustness_conditions import CONDITIONS, Condition
from mien.evaluation.run import evaluate


def same(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return faces


def mirrored(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(faces[:, :, ::-1])


SAME = Condition("nothing", 0, "at all", {"nothing": same})
MIRROR = Condition("mirror", 1, "full", {"mirror": mirrored}, limit=0.1)
EITHER = Condition("either", 2, "side", {"as it is": same, "mirrored": mirrored})


@pytest.fixture
def four_faces() -> FaceDataset:
    """Right as they are: 1 1 1 0; in the mirror: 1 0 1 1."""
    looks = [(0, 0), (1, 2), (2, 2), (0, 3)]
    faces = [face_that_looks(left, right, serial=i) for i, (left, right) in enumerate(looks)]
    return make_dataset([1] * 4, [0, 1, 2, 3], faces)


def test_rows_are_what_the_answers_say(four_faces: FaceDataset) -> None:
    measured = measure_robustness(
        SidePredictor("fer2013"), four_faces, conditions=(SAME, MIRROR, EITHER)
    )
    (rule,) = measured.rules
    assert (measured.n_split, measured.n_looked_at, measured.seed) == (4, 4, None)
    assert (rule.rule, rule.n, rule.accuracy.value) == ("fer2013", 4, 0.75)
    unchanged, mirror, either = rule.rows
    assert [row.name for row in rule.rows] == ["nothing at all", "mirror full", "either side"]
    assert (unchanged.accuracy, unchanged.loss.value) == (rule.accuracy, 0)
    assert mirror.accuracy == wilson_interval(3, 4)
    assert mirror.loss.value == 0
    # Each face counts with the share of directions it is right in: 1, 1/2, 1, 1/2.
    assert either.accuracy == wilson_interval(3.0, 4)
    assert {way.name: way.accuracy for way in either.ways} == {"as it is": 0.75, "mirrored": 0.75}
    # Losses 0, 1, 0, -1 and 0, 1/2, 0, -1/2: with half a face a cell, 6 faces and no mean.
    half = 1.959964 * math.sqrt((2 + 1) / 6 / 6)
    assert (mirror.loss.low, mirror.loss.high) == pytest.approx((-half, half))
    half = 1.959964 * math.sqrt((0.5 + 1) / 6 / 6)
    assert (either.loss.low, either.loss.high) == pytest.approx((-half, half))


def test_every_rule_is_answered_by_its_head() -> None:
    dataset = sample_dataset()
    measured = measure_robustness(
        SidePredictor(), dataset, split="test", conditions=(MIRROR,), batch_size=7
    )
    reported = evaluate(SidePredictor(), dataset, split="test")
    assert measured.split_sha256 == reported.split_sha256
    assert len(measured.rules) == len(reported.rules) == 2
    for rule, known in zip(measured.rules, reported.rules, strict=True):
        assert (rule.rule, rule.label_set, rule.n) == (known.rule, known.label_set, known.n)
        assert rule.accuracy == known.headline.accuracy
        assert rule.balanced_accuracy == pytest.approx(known.headline.balanced_accuracy)
        (row,) = rule.rows
        assert row.loss.value == pytest.approx(rule.accuracy.value - row.accuracy.value)
        lost = rule.balanced_accuracy - row.balanced_accuracy
        assert row.balanced_loss == pytest.approx(lost)
        assert row.keeps_limit == (row.loss.value <= 0.1)


class EyeReader:
    """Answers anger where one pixel in the eyes is darker than 120, else disgust."""

    name = "eyes"
    label_sets = ("fer2013",)

    def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        logits = np.zeros((len(images_gray), 7), np.float32)
        dark = images_gray[:, 17, 24] < 120
        logits[np.arange(len(images_gray)), np.where(dark, 0, 1)] = 1
        return {"fer2013": logits}


def test_only_what_reaches_the_pixel_costs_anything() -> None:
    faces = [np.full((48, 48), 100, np.uint8) for _ in range(3)]
    measured = measure_robustness(EyeReader(), make_dataset([1] * 3, [0] * 3, faces))
    losses = {row.name: row.loss.value for row in measured.rules[0].rows}
    assert len(losses) == len(CONDITIONS)
    # A gray of 100 becomes 128 under the bar and 255 * sqrt(100 / 255) = 160 by gamma.
    assert {name for name, loss in losses.items() if loss} == {"covered eyes", "gamma 0.5"}
    assert losses["covered eyes"] == losses["gamma 0.5"] == 1


def test_conditions_are_those_that_are_asked_of_a_model() -> None:
    by_family: dict[str, list[float]] = {}
    for condition in CONDITIONS:
        by_family.setdefault(condition.family, []).append(condition.strength)
    assert by_family["crop scale"] == [0.8, 0.85, 0.9, 1.1, 1.2, 1.25]
    assert by_family["shift"] == [0.05, 0.1]
    assert by_family["roll"] == [5, 10, 15, 20]
    assert by_family["size"] == [24, 16]
    assert (by_family["JPEG"], by_family["contrast"]) == ([30], [0.5, 1.5])
    assert by_family["gamma"] == [0.5, 2]
    assert max(Counter(condition.name for condition in CONDITIONS).values()) == 1
    assert [c.name for c in CONDITIONS if c.limit] == [
        *(f"crop scale {scale}" for scale in (0.85, 0.9, 1.1, 1.2)),
        "roll 5°",
        "roll 10°",
    ]


def test_progress_counts_every_look(four_faces: FaceDataset) -> None:
    told: list[tuple[int, int]] = []
    predictor = SidePredictor("fer2013")
    measure_robustness(
        predictor,
        four_faces,
        conditions=(MIRROR, EITHER),
        batch_size=3,
        on_progress=lambda done, total: told.append((done, total)),
    )
    assert told == [(3, 16), (6, 16), (9, 16), (12, 16), (13, 16), (14, 16), (15, 16), (16, 16)]
    assert sum(predictor.batches) == 16


def test_sample_is_drawn_by_its_seed_alone() -> None:
    n = 200
    rng = np.random.default_rng(0)
    looks, labels = rng.integers(0, 7, n), rng.integers(0, 7, n)
    faces = [face_that_looks(int(look), 0, serial=i) for i, look in enumerate(looks)]
    dataset = make_dataset([1] * n, labels.tolist(), faces)

    def answers(sample: int | None, seed: int) -> tuple[int, int | None, float]:
        measured = measure_robustness(
            SidePredictor("fer2013"), dataset, conditions=(), sample=sample, seed=seed
        )
        assert measured.n_looked_at == measured.rules[0].n
        return measured.n_looked_at, measured.seed, measured.rules[0].accuracy.value

    assert answers(50, 3)[:2] == (50, 3)
    assert answers(50, 3) == answers(50, 3)
    assert len({answers(50, seed)[2] for seed in range(6)}) > 1
    whole = (n, None, pytest.approx((looks == labels).mean()))
    assert answers(n, 3) == answers(None, 3) == whole


@pytest.mark.parametrize(
    ("lost", "gained", "n"), [(0, 0, 5), (3, 1, 40), (10, 10, 25), (120, 40, 3000), (5, 0, 5)]
)
def test_interval_is_agresti_and_mins(lost: int, gained: int, n: int) -> None:
    losses = np.zeros(n)
    losses[:lost] = 1
    losses[n - gained : n if gained else 0] = -1
    loss = paired_loss(losses)
    # The paper's form, in counts: half a face in each of the four cells.
    b, c, whole = lost + 0.5, gained + 0.5, n + 2
    centre = (b - c) / whole
    half = 1.959964 * math.sqrt(b + c - (b - c) ** 2 / whole) / whole
    assert loss.value == pytest.approx((lost - gained) / n)
    expected = (max(-1, centre - half), min(1, centre + half))
    assert (loss.low, loss.high) == pytest.approx(expected, rel=1e-5)
    assert loss.low <= loss.value <= loss.high


def test_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    draws = rng.choice([1.0, 0.0, -1.0], p=[0.08, 0.89, 0.03], size=(2000, 150))
    held = [loss.low <= 0.05 <= loss.high for loss in map(paired_loss, draws)]
    assert 0.93 <= np.mean(held) <= 0.98


def test_balanced_accuracy_counts_classes_alike_and_leaves_out_absent_ones() -> None:
    class_ids = np.array([0, 0, 0, 5])
    assert mean_recall(np.array([1.0, 0.5, 0.0, 1.0]), class_ids) == pytest.approx((0.5 + 1) / 2)


def test_nothing_to_measure_is_said() -> None:
    with pytest.raises(ShapeError, match="at least one face"):
        paired_loss(np.empty(0))
    faces = [face_that_looks(0, 0, serial=i) for i in range(2)]
    dataset = make_dataset([0, 1], [0, 0], faces)
    with pytest.raises(DatasetError, match="no face in split test"):
        measure_robustness(SidePredictor("fer2013"), dataset, split="test")
    unclear = sample_dataset()
    assert unclear.votes is not None
    unclear.votes[unclear.splits == 1] = [0] * 9 + [10]
    with pytest.raises(DatasetError, match="rule majority keeps no face of split validation"):
        measure_robustness(SidePredictor(), unclear)
