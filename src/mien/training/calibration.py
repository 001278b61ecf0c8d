"""What an exported bundle is told of its heads on validation faces: temperature, prior strength."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from mien.core.errors import ConfigError
from mien.data import FaceDataset
from mien.evaluation.predictors import BundlePredictor
from mien.evaluation.temperature import answer_validation, fit_temperature
from mien.evaluation.trade_off import TradeOff, sweep_strengths
from mien.training.predictor import RunPredictor

# A number for every head, or the choice of each on validation faces.
StrengthChoice = float | Literal["auto"]


@dataclass(frozen=True)
class HeadCalibration:
    """How a head's logits become probabilities.

    Attributes:
        temperature: Logits are divided by it; 1 where none was fitted.
        prior_strength: How far answers go from the training shares to equal ones, 0..1.
        trade_off: What the strength was chosen from, or None where it was not.
    """

    temperature: float = 1.0
    prior_strength: float = 0.0
    trade_off: TradeOff | None = None


def check_strength(strength: StrengthChoice, dataset: FaceDataset | None) -> None:
    """Refuse a strength that cannot be used; worth asking before long work.

    Raises:
        ConfigError: If it is neither `auto` nor 0..1, or `auto` without a dataset.
    """
    if strength == "auto":
        if dataset is None:
            raise ConfigError(
                "a prior strength of auto is chosen on validation faces; say which with "
                "--calibrate, or give a number"
            )
    elif not 0 <= strength <= 1:
        raise ConfigError(f"expected a prior strength of 0 to 1 or auto, got {strength:g}")


def calibrate_heads(
    predictor: RunPredictor | BundlePredictor,
    dataset: FaceDataset | None,
    *,
    prior_strength: StrengthChoice,
    max_accuracy_loss: float,
) -> dict[str, HeadCalibration]:
    """Fit each head of a model on the validation split of a dataset.

    Args:
        predictor: The network, or a bundle of its graph at temperatures of 1 under the natural
            prior.
        dataset: With the labels of at least one head; None fits nothing. A head that it has no
            labels for keeps a temperature of 1, and under `auto` stays natural.
        prior_strength: For every head, or `auto`: `TradeOff.chosen` of each.
        max_accuracy_loss: Share of accuracy that `auto` may lose, 0..1.

    Raises:
        ConfigError: If the strength or the loss cannot be used.
        DatasetError: If no head has labels in the data.
        ShapeError: If the validation split is empty.
    """
    check_strength(prior_strength, dataset)
    strength = 0.0 if prior_strength == "auto" else float(prior_strength)
    heads = dict.fromkeys(predictor.label_sets, HeadCalibration(prior_strength=strength))
    if dataset is None:
        return heads
    for name, answers in answer_validation(predictor, dataset).items():
        temperature, trade_off = fit_temperature(answers.logits, answers.class_ids), None
        if prior_strength == "auto":
            trade_off = sweep_strengths(
                answers.logits.astype(np.float64) / temperature,
                answers.class_ids,
                answers.label_set,
                predictor.priors[name].training_shares,
                max_loss=max_accuracy_loss,
            )
            strength = trade_off.chosen.strength
        heads[name] = HeadCalibration(temperature, strength, trade_off)
    return heads


def describe_choice(heads: Mapping[str, HeadCalibration]) -> dict[str, Any]:
    """Return by which rule prior strengths were chosen and what they give; empty if none was."""
    swept = {name: head.trade_off for name, head in heads.items() if head.trade_off is not None}
    if not swept:
        return {}
    points = 100 * next(iter(swept.values())).max_loss
    return {
        "prior_strength_rule": "largest balanced accuracy on the validation split among strengths "
        f"that lose at most {points:g} points of accuracy",
        "prior_strength": {
            name: {
                "n": trade_off.n,
                "natural": asdict(trade_off.points[0]),
                "chosen": asdict(trade_off.chosen),
            }
            for name, trade_off in swept.items()
        },
    }
