"""Every figure against scikit-learn and SciPy, and against matrices worked out by hand."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn import metrics

from mien.core.errors import ShapeError
from mien.core.labels import FER2013, FERPLUS, LabelSet
from mien.evaluation.figures import compute_figures, wilson_interval

SIDES = LabelSet("three", ("a", "b", "c"))


@st.composite
def answers(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, LabelSet]:
    """Probabilities and labels, from spread out to certain, with classes that never occur."""
    labels = draw(st.sampled_from([FER2013, FERPLUS]))
    n = draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    present = draw(st.lists(st.integers(0, len(labels) - 1), min_size=1, unique=True))
    logits = rng.normal(0, draw(st.sampled_from([0.01, 1.0, 5.0, 60.0])), (n, len(labels)))
    if draw(st.booleans()):
        logits[:, rng.integers(0, len(labels))] -= 1e3  # a class that is never answered
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True), rng.choice(present, n), labels


@settings(max_examples=150, deadline=None)
@given(answers())
def test_every_figure_is_scikit_learns(case: tuple[np.ndarray, np.ndarray, LabelSet]) -> None:
    probabilities, class_ids, labels = case
    figures = compute_figures(probabilities, class_ids, labels)
    top, ids = probabilities.argmax(axis=1), list(range(len(labels)))

    assert figures.n == len(class_ids)
    assert figures.accuracy.value == pytest.approx(metrics.accuracy_score(class_ids, top))
    assert figures.log_loss == pytest.approx(
        metrics.log_loss(class_ids, probabilities, labels=ids), abs=1e-12
    )
    # Without `labels`, scikit-learn takes the classes of labels and answers: so do we.
    macro_f1 = metrics.f1_score(class_ids, top, average="macro", zero_division=0)
    assert figures.macro_f1 == pytest.approx(macro_f1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # answers that are no label are no matter
        balanced = metrics.balanced_accuracy_score(class_ids, top)
    assert figures.balanced_accuracy == pytest.approx(balanced)
    matrix = metrics.confusion_matrix(class_ids, top, labels=ids)
    assert np.array_equal(figures.confusion, matrix)
    shares = metrics.confusion_matrix(class_ids, top, labels=ids, normalize="true")
    ours = np.array(figures.confusion_normalised, np.float64)
    assert np.allclose(np.nan_to_num(ours), shares)
    assert np.array_equal(np.isnan(ours).all(axis=1), matrix.sum(axis=1) == 0)


@settings(max_examples=100, deadline=None)
@given(answers())
def test_every_class_is_scikit_learns(case: tuple[np.ndarray, np.ndarray, LabelSet]) -> None:
    probabilities, class_ids, labels = case
    figures = compute_figures(probabilities, class_ids, labels)
    expected = metrics.precision_recall_fscore_support(
        class_ids,
        probabilities.argmax(axis=1),
        labels=list(range(len(labels))),
        zero_division=np.nan,
    )
    for index, entry in enumerate(figures.per_class):
        ours = (entry.precision, entry.recall, entry.f1, entry.support)
        for mine, theirs in zip(ours, (column[index] for column in expected), strict=True):
            assert mine is None if np.isnan(theirs) else mine == pytest.approx(theirs)


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_is_scipys_wilson_interval(case: tuple[int, int]) -> None:
    successes, n = case
    share = wilson_interval(successes, n)
    expected = binomtest(successes, n).proportion_ci(0.95, method="wilson")
    assert (share.low, share.high) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= share.low <= share.value <= share.high <= 1


def test_interval_of_a_published_figure() -> None:
    # 2,541 of 3,589: z = 1.96, p = 0.708, the normal interval would be 0.708 +- 0.0149.
    share = wilson_interval(2541, 3589)
    assert share.low == pytest.approx(0.6929, abs=5e-5)
    assert share.high == pytest.approx(0.7226, abs=5e-5)


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_interval_of_nothing_is_refused(successes: int, n: int) -> None:
    with pytest.raises(ShapeError, match="expected 0 <= successes <= n"):
        wilson_interval(successes, n)


def test_figures_of_a_matrix_worked_out_by_hand() -> None:
    # label a: 2 right, 1 taken for b; label b: 1 right, 1 taken for a; c never occurs, once
    # answered for b.
    pairs = [(0, 0), (0, 0), (0, 1), (1, 1), (1, 0), (1, 2)]
    probabilities = np.full((6, 3), 0.2)
    for row, (_, answer) in enumerate(pairs):
        probabilities[row, answer] = 0.6
    figures = compute_figures(probabilities, np.array([label for label, _ in pairs]), SIDES)

    assert figures.confusion == ((2, 1, 0), (1, 1, 1), (0, 0, 0))
    assert figures.accuracy.value == pytest.approx(3 / 6)
    a, b, c = figures.per_class
    assert (a.precision, a.recall, a.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (b.precision, b.recall, b.f1) == pytest.approx((1 / 2, 1 / 3, 2 / 5))
    assert (c.support, c.answered) == (0, 1)
    assert (c.precision, c.recall, c.f1) == (0.0, None, 0.0)
    # c was answered, so its F1 of 0 counts; it has no face, so it has no recall to count.
    assert figures.macro_f1 == pytest.approx((2 / 3 + 2 / 5 + 0) / 3)
    assert figures.balanced_accuracy == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert figures.log_loss == pytest.approx(-(3 * math.log(0.6) + 3 * math.log(0.2)) / 6)
    assert figures.confusion_normalised[1] == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert figures.confusion_normalised[2] == (None, None, None)
    assert figures.most_taken_for(0) == ("b", 1)
    assert figures.most_taken_for(2) is None


def test_class_that_neither_occurs_nor_is_answered_does_not_count() -> None:
    figures = compute_figures(np.array([[1.0, 0, 0], [0, 1.0, 0]]), np.array([0, 1]), SIDES)
    assert figures.macro_f1 == figures.balanced_accuracy == 1.0
    assert figures.per_class[2].f1 is None


def test_certain_and_wrong_costs_epsilon_not_infinity() -> None:
    figures = compute_figures(np.array([[0.0, 1.0, 0.0]]), np.array([0]), SIDES)
    assert figures.log_loss == pytest.approx(-math.log(np.finfo(np.float64).eps))


def test_baseline_answers_the_most_frequent_training_label() -> None:
    probabilities = np.full((4, 3), 1 / 3)
    training = np.array([1, 1, 1, 0, 2])
    figures = compute_figures(
        probabilities, np.array([0, 1, 1, 2]), SIDES, training_class_ids=training
    )
    naive = figures.baseline
    assert naive is not None
    assert (naive.label, naive.n_training) == ("b", 5)
    # b of the training labels, not the test's own; recall 1 of b, 0 of a and c; precision 1/2.
    assert naive.accuracy == wilson_interval(2, 4)
    assert naive.balanced_accuracy == pytest.approx(1 / 3)
    assert naive.macro_f1 == pytest.approx((0 + 2 / 3 + 0) / 3)


@pytest.mark.parametrize("training", [None, np.array([], np.int64)])
def test_no_training_labels_give_no_baseline(training: np.ndarray | None) -> None:
    figures = compute_figures(
        np.array([[0.5, 0.3, 0.2]]), np.array([0]), SIDES, training_class_ids=training
    )
    assert figures.baseline is None


def test_figures_are_json_without_nan() -> None:
    figures = compute_figures(np.array([[0.5, 0.3, 0.2]]), np.array([1]), SIDES)
    values = json.loads(json.dumps(figures.to_dict(), allow_nan=False))
    assert values["per_class"][0]["recall"] is None
    assert values["confusion"] == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert values["confusion_normalised"][1] == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("probabilities", "class_ids", "reason"),
    [
        (np.zeros((0, 3)), [], "no face to evaluate"),
        (np.full((2, 4), 0.25), [0, 1], r"expected probabilities of shape \(2, 3\)"),
        (np.full((2, 3), 1 / 3), [0, -1], "leave unlabelled faces out"),
        (np.full((2, 3), 1 / 3), [0, 3], "leave unlabelled faces out"),
        (np.full((1, 3), 0.5), [0], "sum to 1"),
        (np.array([[1.5, -0.5, 0.0]]), [0], "at least 0"),
    ],
)
def test_arrays_that_give_no_figure_are_refused(
    probabilities: np.ndarray, class_ids: list[int], reason: str
) -> None:
    with pytest.raises(ShapeError, match=reason):
        compute_figures(probabilities, np.array(class_ids, np.int64), SIDES)
