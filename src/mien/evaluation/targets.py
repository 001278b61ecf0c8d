"""Which faces a figure is about, and what their labels are: the rule.

A figure of this field means nothing without its rule: there are three "FER+ test sets" in
the literature, made from one file of votes. Each rule names one label set, hence the head
of a model that it evaluates.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, DatasetError
from mien.core.labels import FER2013, FERPLUS, LabelSet
from mien.data import FaceDataset, ferplus_targets


@dataclass(frozen=True)
class Rule:
    """How faces get their labels.

    Attributes:
        name: As on the command line.
        label_set: Which head it evaluates.
        from_votes: Whether labels are made from FER+ votes; else they are the dataset's own.
        text: What it does, in a line.
    """

    name: str
    label_set: LabelSet
    from_votes: bool
    text: str


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        rule.name: rule
        for rule in (
            Rule("fer2013", FER2013, False, "the dataset's own labels, FER2013's 7 expressions"),
            Rule(
                "majority",
                FERPLUS,
                True,
                "FER+ votes without single ones; more than half of what is left agree, "
                "and not on unknown or NF (Microsoft's rule)",
            ),
            Rule("argmax10", FERPLUS, True, "top one of all ten FER+ votes, not unknown or NF"),
            Rule("argmax8", FERPLUS, True, "top one of the eight expressions in the FER+ votes"),
            Rule("ferplus", FERPLUS, False, "the dataset's own labels, FER+'s 8 expressions"),
        )
    }
)
# What is evaluated where no rule is asked for: one rule for each kind of labels.
DEFAULT_RULES = ("fer2013", "majority", "ferplus")


@dataclass(frozen=True, eq=False)
class RuleTargets:
    """A rule applied to a dataset.

    Attributes:
        rule: The rule.
        class_ids: (n,) int64 in the order of `rule.label_set`; -1 where the rule drops the
            face or it has no label.
    """

    rule: Rule
    class_ids: NDArray[np.int64]


def usable_rules(dataset: FaceDataset, heads: Collection[str]) -> tuple[str, ...]:
    """Return the rules that the data and a model's heads allow, in the order of `RULES`.

    Args:
        dataset: With or without votes.
        heads: Names of the model's label sets.
    """
    return tuple(name for name in RULES if _obstacle(RULES[name], dataset, heads) is None)


def choose_rules(
    dataset: FaceDataset, heads: Collection[str], wanted: Collection[str] = ()
) -> tuple[str, ...]:
    """Return the rules to evaluate: those asked for, or the usable ones of `DEFAULT_RULES`.

    Raises:
        ConfigError: If a rule is unknown.
        DatasetError: If the data or the heads do not allow a rule that was asked for, or no
            rule at all; the text says which would do.
    """
    unknown = [name for name in wanted if name not in RULES]
    if unknown:
        raise ConfigError(f"unknown rule {', '.join(unknown)}; available: {', '.join(RULES)}")
    usable = usable_rules(dataset, heads)
    for name in wanted:
        obstacle = _obstacle(RULES[name], dataset, heads)
        if obstacle:
            raise DatasetError(
                f"rule {name} {obstacle}; usable here: {', '.join(usable) or 'none'}"
            )
    chosen = tuple(dict.fromkeys(wanted)) or tuple(r for r in DEFAULT_RULES if r in usable)
    if not chosen:
        raise DatasetError(
            f"the model answers in {', '.join(heads)}, but {dataset.name} has labels in "
            f"{dataset.label_set.name} and {'no' if dataset.votes is None else 'its'} FER+ "
            "votes; give --votes with fer2013new.csv, or a model with a fitting head"
        )
    return chosen


def rule_targets(dataset: FaceDataset, name: str) -> RuleTargets:
    """Apply a rule to every face of a dataset.

    Raises:
        ConfigError: If the rule is unknown.
        DatasetError: If the dataset has not what the rule needs.
    """
    if name not in RULES:
        raise ConfigError(f"unknown rule {name}; available: {', '.join(RULES)}")
    rule = RULES[name]
    obstacle = _obstacle(rule, dataset, [rule.label_set.name])
    if obstacle:
        raise DatasetError(f"rule {name} {obstacle}")
    if rule.from_votes and dataset.votes is not None:
        return RuleTargets(rule, ferplus_targets(dataset.votes, name).class_ids)
    return RuleTargets(rule, dataset.class_ids)


def _obstacle(rule: Rule, dataset: FaceDataset, heads: Collection[str]) -> str | None:
    """Say why a rule cannot be applied, or None if it can."""
    if rule.label_set.name not in heads:
        return f"needs a model with a {rule.label_set.name} head, this one has {', '.join(heads)}"
    if rule.from_votes and dataset.votes is None:
        return f"needs FER+ votes, {dataset.name} has none (give --votes with fer2013new.csv)"
    if not rule.from_votes and dataset.label_set != rule.label_set:
        return (
            f"needs labels in {rule.label_set.name}, {dataset.name}'s are in "
            f"{dataset.label_set.name}"
        )
    return None
