"""Comparing answers: hand-made tables, independent formulas, and cases whose spread is known."""

from __future__ import annotations

import json
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binomtest

from mien.core.errors import ShapeError
from mien.core.labels import FER2013, LabelSet
from mien.evaluation import compare_draws
from mien.evaluation.compare import (
    compare_answers,
    holm_correction,
    mcnemar_p_value,
)
from mien.evaluation.compare_draws import draw_faces, figures_of_draws
from mien.evaluation.figures import compute_figures

THREE = LabelSet("three", ("a", "b", "c"))
WHOLE = ("accuracy", "macro_f1", "balanced_accuracy", "log_loss", "expected_calibration_error")


def sure(answers: list[int], classes: int = 3, *, p: float = 0.8) -> NDArray[np.float64]:
    """Probabilities whose top answers are given; the rest is spread evenly."""
    probabilities = np.full((len(answers), classes), (1 - p) / (classes - 1))
    probabilities[np.arange(len(answers)), answers] = p
    return probabilities


def random_answers(
    seed: int, n: int, classes: int, *, skill: float = 1.0
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    class_ids = rng.integers(0, classes, n)
    logits = rng.normal(size=(n, classes))
    logits[np.arange(n), class_ids] += skill
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True), class_ids


def test_mcnemar_of_tables_worked_out_by_hand() -> None:
    assert mcnemar_p_value(0, 0) == 1.0
    assert mcnemar_p_value(4, 4) == 1.0
    assert mcnemar_p_value(0, 5) == 2 / 32
    assert mcnemar_p_value(10, 3) == 2 * (1 + 13 + 78 + 286) / 8192
    assert mcnemar_p_value(3, 10) == mcnemar_p_value(10, 3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_mcnemar_is_the_two_sided_binomial_test(first: int, second: int) -> None:
    n = first + second
    tail = sum(math.comb(n, k) for k in range(min(first, second) + 1))
    exact = min(Fraction(1), Fraction(2 * tail, 2**n))
    assert mcnemar_p_value(first, second) == float(exact)
    if n:
        assert mcnemar_p_value(first, second) == pytest.approx(binomtest(first, n, 0.5).pvalue)


def test_mcnemar_holds_for_counts_beyond_floating_point() -> None:
    # 2 ** 12,000 is no float; the p-value of so near a tie is an ordinary number.
    assert mcnemar_p_value(6050, 5950) == pytest.approx(binomtest(6050, 12000).pvalue)
    assert mcnemar_p_value(20000, 0) == 0.0
    with pytest.raises(ShapeError, match="at least 0"):
        mcnemar_p_value(-1, 3)


def test_holm_steps_down_and_keeps_the_order() -> None:
    # 4 x 0.005, 3 x 0.01, 2 x 0.03, and 0.04 which may not fall below the one before.
    assert holm_correction([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm_correction([0.6, 0.7]) == (1.0, 1.0)
    assert holm_correction([0.03]) == (0.03,)
    assert holm_correction([]) == ()


def test_table_counts_who_is_right_about_which_face() -> None:
    class_ids = np.array([0, 0, 1, 1, 2, 2, 2, 0])
    reference = sure([0, 0, 1, 1, 2, 0, 0, 0])  # wrong about faces 5 and 6
    model = sure([0, 0, 1, 2, 1, 2, 0, 0])  # wrong about faces 3, 4 and 6
    (difference,) = compare_answers([reference, model], class_ids, THREE)
    test = difference.test
    assert (test.both_right, test.only_reference, test.only_model, test.both_wrong) == (4, 2, 1, 1)
    assert test.p_value == test.p_holm == 1.0
    assert difference.accuracy.value == pytest.approx(5 / 8 - 6 / 8)
    a, b, c = difference.per_class
    assert a.recall is not None and a.recall.value == 0
    assert b.recall is not None and b.recall.value == pytest.approx(1 / 2 - 1)
    # c: reference 1 of 3 with 1 answered, model 1 of 3 with 2 answered.
    assert c.recall is not None and c.recall.value == 0
    assert c.f1 is not None and c.f1.value == pytest.approx(2 / 5 - 2 / 4)


def test_several_models_are_corrected_for_together_and_else_stand_alone() -> None:
    answers, class_ids = random_answers(1, 300, 3)
    better, _ = random_answers(1, 300, 3, skill=2.5)
    other, _ = random_answers(1, 300, 3, skill=1.2)
    alone = compare_answers([answers, better], class_ids, THREE)[0]
    together = compare_answers([answers, better, other], class_ids, THREE)
    for name in (*WHOLE, "per_class"):
        assert getattr(together[0], name) == getattr(alone, name)
    p_values = [one.test.p_value for one in together]
    assert p_values[0] == alone.test.p_value < p_values[1]
    assert together[0].test.p_holm == pytest.approx(2 * p_values[0])
    assert together[1].test.p_holm == pytest.approx(max(2 * p_values[0], p_values[1]))


def test_draws_are_n_faces_each_and_repeat_with_their_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compare_draws, "_DRAWN_AT_ONCE", 70)
    blocks = list(draw_faces(10, 25, seed=3))
    assert [len(block) for block in blocks] == [7, 7, 7, 4]
    counts = np.concatenate(blocks)
    assert (counts.sum(axis=1) == 10).all()
    assert counts.min() == 0 and counts.max() > 1
    assert np.array_equal(counts, np.concatenate(list(draw_faces(10, 25, seed=3))))
    assert not np.array_equal(counts, np.concatenate(list(draw_faces(10, 25, seed=4))))


def test_draws_count_every_face_equally_often() -> None:
    counts = np.concatenate(list(draw_faces(40, 4000, seed=0)))
    # The mean of a binomial(40, 1/40) is 1, its variance 39/40.
    assert counts.mean(axis=0) == pytest.approx(np.ones(40), abs=5 / np.sqrt(4000))
    assert counts.var() == pytest.approx(39 / 40, rel=0.03)


@pytest.mark.parametrize("seed", range(4))
def test_figures_of_a_draw_are_those_of_the_faces_drawn(seed: int) -> None:
    first, class_ids = random_answers(seed, 30, 7)
    second, _ = random_answers(seed, 30, 7, skill=3.0)
    draws = np.concatenate(list(draw_faces(30, 20, seed=seed)))
    found = figures_of_draws([first, second], class_ids, [draws])
    for resampled, answers in zip(found, (first, second), strict=True):
        for row, counts in enumerate(draws):
            faces = np.repeat(np.arange(30), counts.astype(int))
            figures = compute_figures(answers[faces], class_ids[faces], FER2013)
            assert resampled.accuracy[row] == pytest.approx(figures.accuracy.value)
            assert resampled.macro_f1[row] == pytest.approx(figures.macro_f1)
            assert resampled.balanced_accuracy[row] == pytest.approx(figures.balanced_accuracy)
            assert resampled.log_loss[row] == pytest.approx(figures.log_loss)
            assert resampled.expected_calibration_error[row] == pytest.approx(
                figures.reliability.expected_calibration_error
            )
            for name in ("recall", "f1"):
                told = [getattr(entry, name) for entry in figures.per_class]
                ours = getattr(resampled, name)[row]
                expected = [np.nan if value is None else value for value in told]
                assert ours == pytest.approx(expected, nan_ok=True)


def test_differences_are_those_of_the_figures() -> None:
    first, class_ids = random_answers(5, 200, 7)
    second, _ = random_answers(6, 200, 7)
    (difference,) = compare_answers([first, second], class_ids, FER2013)
    before, after = (compute_figures(each, class_ids, FER2013) for each in (first, second))
    assert difference.macro_f1.value == pytest.approx(after.macro_f1 - before.macro_f1)
    assert difference.log_loss.value == pytest.approx(after.log_loss - before.log_loss)
    assert difference.expected_calibration_error.value == pytest.approx(
        after.reliability.expected_calibration_error - before.reliability.expected_calibration_error
    )
    for name in WHOLE:
        one = getattr(difference, name)
        assert one.low < one.value < one.high


def test_a_model_beside_itself_differs_in_nothing() -> None:
    answers, class_ids = random_answers(2, 80, 7)
    (difference,) = compare_answers([answers, answers.copy()], class_ids, FER2013)
    for name in WHOLE:
        one = getattr(difference, name)
        assert (one.value, one.low, one.high) == (0, 0, 0)
        assert not one.excludes_zero
    assert difference.test.p_value == 1.0


def test_interval_of_accuracy_is_as_wide_as_the_pairs_say() -> None:
    # 60 faces that only the reference gets right, 100 that only the model does, of 2,000.
    n, only_reference, only_model = 2000, 60, 100
    class_ids = np.zeros(n, np.int64)
    wrong_model, wrong_reference = np.zeros(n, int), np.zeros(n, int)
    wrong_model[:only_reference] = 1
    wrong_reference[only_reference : only_reference + only_model] = 1
    wrong_model[-300:] = wrong_reference[-300:] = 2  # hard for both: no matter to the difference
    pair = [sure(wrong_reference.tolist()), sure(wrong_model.tolist())]
    (difference,) = compare_answers(pair, class_ids, THREE)
    gap = (only_model - only_reference) / n
    error = math.sqrt((only_model + only_reference) / n - gap**2) / math.sqrt(n)
    assert difference.accuracy.value == pytest.approx(gap)
    assert difference.accuracy.low == pytest.approx(gap - 1.96 * error, abs=0.1 * error)
    assert difference.accuracy.high == pytest.approx(gap + 1.96 * error, abs=0.1 * error)
    assert difference.accuracy.excludes_zero
    assert difference.test.p_value == pytest.approx(binomtest(60, 160).pvalue)


def test_interval_of_log_loss_is_that_of_a_mean_of_paired_gaps() -> None:
    first, class_ids = random_answers(7, 1500, 7)
    noise = np.random.default_rng(8).normal(0, 0.3, first.shape)
    second = first * np.exp(noise)
    second /= second.sum(axis=1, keepdims=True)
    (difference,) = compare_answers([first, second], class_ids, FER2013)
    faces = np.arange(len(class_ids))
    gaps = np.log(first[faces, class_ids]) - np.log(second[faces, class_ids])
    error = gaps.std() / math.sqrt(len(gaps))
    assert difference.log_loss.value == pytest.approx(gaps.mean())
    assert difference.log_loss.low == pytest.approx(gaps.mean() - 1.96 * error, abs=0.1 * error)
    assert difference.log_loss.high == pytest.approx(gaps.mean() + 1.96 * error, abs=0.1 * error)
    # Unpaired, the spread of hard and easy faces would drown it.
    spreads = [np.log(each[faces, class_ids]).var() for each in (first, second)]
    assert error < 0.25 * math.sqrt(sum(spreads) / len(gaps))


def test_classes_that_cannot_be_judged_have_no_difference() -> None:
    class_ids = np.array([0, 0, 1, 1])
    # Nobody has c; only the model answers it.
    (difference,) = compare_answers([sure([0, 0, 1, 1]), sure([0, 2, 1, 1])], class_ids, THREE)
    c = difference.per_class[2]
    assert (c.recall, c.f1) == (None, None)
    # Both answer it: an F1 of 0 each, in the draws that have both answers.
    (difference,) = compare_answers([sure([2, 0, 1, 1]), sure([0, 2, 1, 1])], class_ids, THREE)
    c = difference.per_class[2]
    assert c.recall is None
    assert c.f1 is not None and (c.f1.value, c.f1.low, c.f1.high) == (0, 0, 0)


def test_comparison_is_ready_for_json() -> None:
    (difference,) = compare_answers([sure([0]), sure([1])], np.array([0]), THREE, resamples=5)
    told = json.loads(json.dumps(difference.to_dict(), allow_nan=False))
    assert told["accuracy"] == {"value": -1.0, "low": -1.0, "high": -1.0}
    assert told["test"]["only_reference"] == 1
    assert [entry["label"] for entry in told["per_class"]] == ["a", "b", "c"]


def test_answers_that_do_not_fit_each_other_are_refused() -> None:
    answers, class_ids = random_answers(1, 10, 3)
    with pytest.raises(ShapeError, match="at least two models, got 1"):
        compare_answers([answers], class_ids, THREE)
    with pytest.raises(ShapeError, match=r"shape \(10, 3\)"):
        compare_answers([answers, answers[:9]], class_ids, THREE)
