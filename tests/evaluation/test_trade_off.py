"""Accuracy against balance: by hand, and the strength that the rule takes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from evaluations import SidePredictor, sample_dataset
from mien.bundle.prior import resolve_prior
from mien.core.errors import ConfigError, ShapeError
from mien.core.labels import FER2013, LabelSet
from mien.evaluation.predictors import PriorPredictor
from mien.evaluation.run import evaluate
from mien.evaluation.trade_off import STRENGTHS, TradeOff, TradeOffPoint, sweep_strengths

TWO = LabelSet("two", ("neutral", "fear"))
SHARES = (0.12, 0.03, 0.15, 0.25, 0.2, 0.1, 0.15)


def test_two_classes_by_hand() -> None:
    # ln(0.8 / 0.2) = ln 4 is what neutral gains on fear by the prior: at strength s the answer is
    # fear where ln(p_neutral / p_fear) < s ln 4.
    gaps = np.log(4) * np.array([-0.1, 0.22, 0.52, 0.52, 1.1])
    log_posteriors = np.stack([gaps, np.zeros(5)], axis=1)
    labels = np.array([1, 1, 1, 0, 0])
    found = sweep_strengths(log_posteriors, labels, TWO, (0.8, 0.2))
    points = {point.strength: point for point in found.points}
    assert tuple(points) == STRENGTHS == tuple(np.arange(21) / 20)
    # One fear, then two, then all three and one neutral with them.
    for strength, right_fear, right_neutral in ((0, 1, 2), (0.2, 1, 2), (0.25, 2, 2), (0.55, 3, 1)):
        point = points[strength]
        assert point.accuracy == pytest.approx((right_fear + right_neutral) / 5)
        assert point.balanced_accuracy == pytest.approx((right_fear / 3 + right_neutral / 2) / 2)
    # At 0.55: fear 3 of 4 answered, F1 6/7; neutral 1 of 1 answered, F1 2/3.
    assert points[0.55].macro_f1 == pytest.approx((6 / 7 + 2 / 3) / 2)


def test_figures_are_those_of_scikit_learn_on_the_adjusted_answers() -> None:
    generator = np.random.default_rng(5)
    logits = generator.normal(0, 1, (400, 7)) + np.log(SHARES)
    class_ids = generator.choice(7, 400, p=SHARES).astype(np.int64)
    logits[np.arange(400), class_ids] += 1.5
    for point in sweep_strengths(logits, class_ids, FER2013, SHARES).points[::5]:
        prior = resolve_prior("balanced", point.strength, FER2013, SHARES)
        answers = (logits + prior.offsets).argmax(axis=1)
        assert point.accuracy == pytest.approx(accuracy_score(class_ids, answers))
        assert point.balanced_accuracy == pytest.approx(balanced_accuracy_score(class_ids, answers))
        assert point.macro_f1 == pytest.approx(f1_score(class_ids, answers, average="macro"))


def a_trade_off(*pairs: tuple[float, float], max_loss: float = 0.003) -> TradeOff:
    """Strengths 0, 0.1, 0.2, ... with these accuracies and balanced accuracies."""
    points = [TradeOffPoint(i / 10, *pair, 0.5) for i, pair in enumerate(pairs)]
    return TradeOff(1000, max_loss, tuple(points))


@pytest.mark.parametrize(
    ("pairs", "max_loss", "strength"),
    [
        ([(0.866, 0.65), (0.865, 0.70), (0.863, 0.72), (0.862, 0.75)], 0.003, 0.2),
        ([(0.866, 0.65), (0.865, 0.70), (0.863, 0.72), (0.862, 0.75)], 0.0, 0.0),
        ([(0.866, 0.65), (0.865, 0.70), (0.863, 0.72), (0.862, 0.75)], 0.01, 0.3),
        # A dip on the way does not end it, and of equals the weakest is taken.
        ([(0.8, 0.6), (0.7, 0.9), (0.8, 0.7), (0.8, 0.7)], 0.003, 0.2),
        ([(0.8, 0.6), (0.9, 0.5)], 0.003, 0.0),
    ],
)
def test_the_rule_takes_the_best_balance_that_is_not_too_dear(
    pairs: list[tuple[float, float]], max_loss: float, strength: float
) -> None:
    assert a_trade_off(*pairs, max_loss=max_loss).chosen.strength == pytest.approx(strength)


def test_what_does_not_fit_is_refused() -> None:
    logits, labels = np.zeros((2, 2)), np.array([0, 1])
    with pytest.raises(ShapeError, match=r"answers of shape \(n, 2\)"):
        sweep_strengths(np.zeros((0, 2)), np.zeros(0, np.int64), TWO, (0.5, 0.5))
    with pytest.raises(ShapeError, match=r"\(2, 2\) and \(3,\)"):
        sweep_strengths(logits, np.zeros(3, np.int64), TWO, (0.5, 0.5))
    with pytest.raises(ConfigError, match=r"above 0 for each of neutral, fear, got \[1.0, 0.0\]"):
        sweep_strengths(logits, labels, TWO, [1.0, 0.0])
    with pytest.raises(ConfigError, match="0 to 1, got 30"):
        sweep_strengths(logits, labels, TWO, (0.5, 0.5), max_loss=30)


def with_prior(strength: float) -> PriorPredictor:
    prior = resolve_prior("balanced", strength, FER2013, SHARES)
    return PriorPredictor(SidePredictor("fer2013", sureness=1.0), {"fer2013": prior})


def test_an_evaluation_says_its_prior_and_sweeps_from_natural_whatever_it_is() -> None:
    """The curve is of the model, not of the prior that it happened to be evaluated with."""
    dataset = sample_dataset()
    natural, half = (
        evaluate(with_prior(strength), dataset, split="validation", rules=["fer2013"]).rules[0]
        for strength in (0.0, 0.5)
    )
    assert natural.trade_off is not None and half.trade_off is not None
    assert natural.trade_off == half.trade_off
    assert (str(natural.prior), str(half.prior)) == ("natural", "balanced 0.5")
    curve = {point.strength: point.accuracy for point in half.trade_off.points}
    assert curve[0.0] == natural.headline.accuracy.value
    assert curve[0.5] == half.headline.accuracy.value
    assert curve[0.0] != curve[0.5], "or the comparison means nothing"
    told = json.loads(json.dumps(half.to_dict(), allow_nan=False))
    assert told["prior"] == {"name": "balanced", "strength": 0.5}
    assert len(told["trade_off"]["points"]) == 21
    assert told["trade_off"]["chosen"] in told["trade_off"]["points"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_nothing_can_be_chosen_on_other_splits(split: str) -> None:
    (rule,) = evaluate(with_prior(0.5), sample_dataset(), split=split, rules=["fer2013"]).rules
    assert rule.trade_off is None
    assert rule.prior is not None


def test_a_model_that_knows_no_priors_has_none() -> None:
    (rule,) = evaluate(SidePredictor("fer2013"), sample_dataset(), split="validation").rules
    assert (rule.prior, rule.trade_off) == (None, None)
    told = rule.to_dict()
    assert (told["prior"], told["trade_off"]) == (None, None)
