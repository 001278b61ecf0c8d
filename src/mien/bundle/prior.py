"""The class prior: how common each expression is taken to be, and answers under another one.

A network learns how common an expression is together with how it looks: 35 % of FER+'s faces
are neutral, so in doubt it says neutral. Its answers hold for faces with those shares; here
they are turned into answers for other shares. A loss that weighs labels teaches other shares
than the data's: under `class_weights = "balanced"` what is natural is about balanced already.

Sources:
    Saerens et al., "Adjusting the Outputs of a Classifier to New a Priori Probabilities" (2002).
    Menon et al., "Long-Tail Learning via Logit Adjustment" (2021), for the strength.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, LabelError
from mien.core.labels import LabelSet, canonical_label, label_set

PriorName = Literal["natural", "balanced", "given"]
# What one may ask for: `default`, `natural`, `balanced`, or a share for each expression, as a
# mapping or as the text `neutral=0.4,happiness=0.3,...` that command line and query have.
PriorLike = str | Mapping[str, float]

DEFAULT_PRIOR = "default"
# Shares that are rounded to whole percents still pass, a forgotten expression does not.
SUM_TOLERANCE = 0.02

_NO_STRENGTHS: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Prior:
    """How common the expressions of one label set are taken to be. Made by `resolve_prior`.

    Attributes:
        name: `natural`, as in training; `balanced`, all equally; `given`, as somebody said.
        strength: How far from the training shares to the target shares, 0..1; 0 for `natural`
            and for nothing else.
        training_shares: How common training taught each label to be, in label order: its share
            in the training set, or where the loss weighs labels, that times the weight.
        target_shares: Of each label, where the strength is 1.
    """

    name: PriorName
    strength: float
    training_shares: tuple[float, ...]
    target_shares: tuple[float, ...]

    @cached_property
    def offsets(self) -> NDArray[np.float64]:
        """What is added to calibrated logits, (labels,) float64; all 0 for `natural`."""
        if self.strength == 0:
            return np.zeros(len(self.training_shares))
        # By Bayes' rule p(y|x) goes as p(x|y) p(y), so a new p(y) multiplies it by new / old.
        # That holds for the true posterior under the old shares: logits come here after their
        # temperature, which makes their softmax the best estimate of it. Dividing by the
        # temperature afterwards would raise the ratio to a power that no prior stands for.
        # A strength s answers as under shares that go as training^(1 - s) * target^s.
        return self.strength * (np.log(self.target_shares) - np.log(self.training_shares))

    def to_dict(self) -> dict[str, Any]:
        """Return name and strength."""
        return {"name": self.name, "strength": self.strength}

    def __str__(self) -> str:
        return self.name if self.strength in (0, 1) else f"{self.name} {self.strength:g}"


def resolve_prior(
    prior: PriorLike,
    strength: float | None,
    labels: LabelSet,
    training_shares: Sequence[float],
    *,
    default_strength: float = 0.0,
) -> Prior:
    """Return the prior that somebody asks for, checked.

    Args:
        prior: `default`, balanced at the model's own strength; `natural`, which changes
            nothing; `balanced`; or a share above 0 for each of the labels, which sum to 1
            within 0.02 and are scaled to sum to it exactly.
        strength: 0..1; None is the model's own for `default`, else 1.
        labels: The label set that answers.
        training_shares: Of each label, in its order.
        default_strength: The model's own; 0 leaves its answers as they are.

    Raises:
        ConfigError: If the prior is unknown or its shares or strength cannot be used.
    """
    shares = _check_shares(_read_shares(prior), labels) if is_shares(prior) else None
    own_strengths = {DEFAULT_PRIOR: default_strength, "natural": 0.0, "balanced": 1.0}
    if shares is None and prior not in own_strengths:
        raise ConfigError(
            "expected prior default (the model's own), natural, balanced, or a share for each of "
            f"{', '.join(labels.labels)}, as neutral=0.4,happiness=0.3,..., got {prior!r}"
        )
    if strength is not None and not 0 <= strength <= 1:
        raise ConfigError(f"expected a prior strength of 0 to 1, got {strength:g}")
    if prior == "natural" and strength:
        raise ConfigError(
            f"prior natural changes nothing and has no strength, got {strength:g}; strengths go "
            "with balanced and with shares"
        )
    own = 1.0 if shares is not None else own_strengths[str(prior)]
    chosen = own if strength is None else float(strength)
    training = tuple(float(share) for share in training_shares)
    if chosen == 0:
        return Prior("natural", 0.0, training, training)
    unseen = [name for name, share in zip(labels.labels, training, strict=True) if share <= 0]
    if unseen:
        raise ConfigError(
            f"no training face shows {', '.join(unseen)}, so answers cannot be made for another "
            "prior; use natural"
        )
    if shares is not None:
        return Prior("given", chosen, training, shares)
    return Prior("balanced", chosen, training, (1 / len(labels),) * len(labels))


def resolve_priors(
    prior: PriorLike,
    strength: float | None,
    training_shares: Mapping[str, Sequence[float]],
    *,
    default_strengths: Mapping[str, float] = _NO_STRENGTHS,
) -> dict[str, Prior]:
    """Return the prior of each head of a model.

    Shares name the expressions of one label set; the other heads keep their default.

    Args:
        prior: As for `resolve_prior`.
        strength: As for `resolve_prior`.
        training_shares: Label set name to the share of each label.
        default_strengths: Label set name to the model's own strength; 0 where it is not there.

    Raises:
        ConfigError: As `resolve_prior`, and if shares fit none of the label sets.
    """
    fitting = set(training_shares)
    if is_shares(prior):
        named = {name for name, _ in _read_shares(prior)}
        fitting = {name for name in training_shares if set(label_set(name).labels) == named}
        if not fitting:
            sets = " or ".join(f"{n} ({', '.join(label_set(n).labels)})" for n in training_shares)
            raise ConfigError(
                f"expected a share for each expression of {sets}, got {', '.join(sorted(named))}"
            )
    return {
        name: resolve_prior(
            prior if name in fitting else DEFAULT_PRIOR,
            strength if name in fitting else None,
            label_set(name),
            shares,
            default_strength=default_strengths.get(name, 0.0),
        )
        for name, shares in training_shares.items()
    }


def is_shares(prior: PriorLike) -> bool:
    """Tell whether a prior is a share for each expression, not a name."""
    return isinstance(prior, Mapping) or (isinstance(prior, str) and "=" in prior)


def _read_shares(prior: PriorLike) -> list[tuple[str, float]]:
    """Return expressions, by mien's names where it has one, and their shares as they came."""
    pairs = (
        [part.partition("=")[::2] for part in prior.split(",")]
        if isinstance(prior, str)
        else list(prior.items())
    )
    shares = []
    for name, share in pairs:
        try:
            shares.append((_canonical(name), float(share)))
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"expected a number as the share of {name.strip()}, got {share!r}"
            ) from error
    return shares


def _check_shares(given: Sequence[tuple[str, float]], labels: LabelSet) -> tuple[float, ...]:
    """Return the shares in label order, summing to 1."""
    names = [name for name, _ in given]
    wrong = {
        "missing": [name for name in labels.labels if name not in names],
        "unknown": [name for name in names if name not in labels.labels],
        "given twice": sorted({name for name in names if names.count(name) > 1}),
    }
    problems = [f"{what} {', '.join(which)}" for what, which in wrong.items() if which]
    if problems:
        raise ConfigError(
            f"expected one share for each expression of {labels.name} "
            f"({', '.join(labels.labels)}): {'; '.join(problems)}"
        )
    shares = dict(given)
    values = [shares[name] for name in labels.labels]
    total = math.fsum(values)
    if not (all(value > 0 for value in values) and abs(total - 1) <= SUM_TOLERANCE):
        listed = ", ".join(f"{name} {share:g}" for name, share in given)
        raise ConfigError(
            f"expected shares above 0 that sum to 1, got {listed}, which sum to {total:g}"
        )
    return tuple(value / total for value in values)


def _canonical(name: str) -> str:
    try:
        return canonical_label(name)
    except LabelError:
        return name.strip()
