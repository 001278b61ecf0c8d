"""Several models on the very same faces: everyone's figures, and how they differ.

The first model is the reference that the others are held against. Faces, labels and the
ways of counting are those of `mien.evaluation.run`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError
from mien.core.labels import label_set
from mien.data import SPLITS, FaceDataset, TrainingOverlap, training_overlap
from mien.evaluation.compare import RESAMPLES, SEED, ModelDifference, compare_answers
from mien.evaluation.predictors import Predictor
from mien.evaluation.run import (
    Images,
    RuleEvaluation,
    choose_faces,
    count_ways,
    evaluate_rule,
    fingerprint_faces,
)
from mien.evaluation.targets import RULES, RuleTargets
from mien.evaluation.views import Crops, Progress, predict_views

# What is the same for every model, of all that a `RuleEvaluation` holds.
_OF_THE_RULE = (
    *("rule", "rule_text", "label_set", "n", "n_dropped"),
    *("n_also_in_training", "n_alike_in_training"),
)


@dataclass(frozen=True)
class WayDifferences:
    """How the models differ, counted one of the ways.

    Attributes:
        crops: As in `Result`.
        images: As in `Result`.
        models: One entry for each model but the first, in their order.
    """

    crops: Crops
    images: Images
    models: tuple[ModelDifference, ...]


@dataclass(frozen=True)
class RuleComparison:
    """What one rule gives.

    Attributes:
        evaluations: Each model's figures, in the order of the models; all are about the
            same faces.
        ways: The differences, in the order of the evaluations' results.
    """

    evaluations: tuple[RuleEvaluation, ...]
    ways: tuple[WayDifferences, ...]

    @property
    def faces(self) -> RuleEvaluation:
        """The reference's evaluation, for what all of them share: rule, n, what is left out."""
        return self.evaluations[0]

    @property
    def headline(self) -> tuple[ModelDifference, ...]:
        """The differences for one look at each face, the split as published."""
        return self.ways[0].models


@dataclass(frozen=True)
class Comparison:
    """All that was found out about some models on a split.

    Attributes:
        models: Their names, the reference first.
        dataset: The dataset's name.
        split: `train`, `validation` or `test`.
        split_sha256: Of the split's images, labels and votes.
        n_split: Faces in the split, before any rule.
        resamples: Draws of the bootstrap.
        seed: Of the draws.
        rules: One entry for each rule that every model can answer.
    """

    models: tuple[str, ...]
    dataset: str
    split: str
    split_sha256: str
    n_split: int
    resamples: int
    seed: int
    rules: tuple[RuleComparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as JSON-ready values; figures and differences by model."""
        return {**vars(self), "rules": [self._rule_dict(rule) for rule in self.rules]}

    def _rule_dict(self, rule: RuleComparison) -> dict[str, Any]:
        return {
            **{name: getattr(rule.faces, name) for name in _OF_THE_RULE},
            "ways": [
                {
                    "crops": way.crops,
                    "images": way.images,
                    "figures": {
                        model: evaluation.results[place].figures.to_dict()
                        for model, evaluation in zip(self.models, rule.evaluations, strict=True)
                    },
                    "minus_reference": {
                        model: difference.to_dict()
                        for model, difference in zip(self.models[1:], way.models, strict=True)
                    },
                }
                for place, way in enumerate(rule.ways)
            ],
        }


def compare(
    predictors: Mapping[str, Predictor],
    dataset: FaceDataset,
    *,
    split: str = "validation",
    rules: Collection[str] = (),
    batch_size: int = 256,
    on_progress: Progress | None = None,
) -> Comparison:
    """Compare models on one split of a dataset.

    Args:
        predictors: Name to model, the reference first; two at least.
        dataset: The whole dataset, as for `evaluate`.
        split: In any of the usual spellings.
        rules: Names of rules; empty for all the usual ones that data and all models allow.
        batch_size: Faces at once.
        on_progress: Told how far it is; each model counts every face twice, as in `evaluate`.

    Raises:
        ConfigError: If there are fewer than two models, they share no label set, one lacks
            the head of a rule that was asked for, or a rule is unknown.
        DatasetError: If the split is empty, or a rule keeps no face or does not fit.
        ShapeError: If a model answers in another shape than its label sets say.
    """
    shared = shared_label_sets(predictors)
    _check_heads(predictors, rules)
    split, targets, indices = choose_faces(dataset, shared, split, rules)
    heads = {target.rule.label_set.name for target in targets}
    answers = [
        predict_views(
            predictor,
            dataset,
            indices,
            heads,
            batch_size=batch_size,
            on_progress=on_progress and _as_part(on_progress, place, len(predictors)),
        )
        for place, predictor in enumerate(predictors.values())
    ]
    overlap = training_overlap(dataset, split)
    in_split = dataset.splits == SPLITS.index(split)
    return Comparison(
        models=tuple(predictors),
        dataset=dataset.name,
        split=split,
        split_sha256=fingerprint_faces(dataset, in_split),
        n_split=int(in_split.sum()),
        resamples=RESAMPLES,
        seed=SEED,
        rules=tuple(
            _compare_by_rule(target, answers, dataset, indices, split, overlap)
            for target in targets
        ),
    )


def shared_label_sets(predictors: Mapping[str, Predictor]) -> tuple[str, ...]:
    """Return the label sets that every model answers in, in the order of the first.

    Raises:
        ConfigError: If there are fewer than two models or no such label set; the text says
            which model has which.
    """
    if len(predictors) < 2:
        raise ConfigError(f"expected at least two models to compare, got {len(predictors)}")
    first, *others = predictors.values()
    shared = tuple(
        name for name in first.label_sets if all(name in other.label_sets for other in others)
    )
    if not shared:
        sets = "; ".join(f"{name}: {', '.join(one.label_sets)}" for name, one in predictors.items())
        raise ConfigError(
            f"these models have no label set in common, so there is nothing to compare ({sets}); "
            "compare those that answer in the same one"
        )
    return shared


def _check_heads(predictors: Mapping[str, Predictor], rules: Collection[str]) -> None:
    """Refuse a rule that was asked for and that not every model can answer."""
    for rule in (RULES[name] for name in rules if name in RULES):
        lacking = [
            f"{name} (it has {', '.join(predictor.label_sets)})"
            for name, predictor in predictors.items()
            if rule.label_set.name not in predictor.label_sets
        ]
        if lacking:
            raise ConfigError(
                f"rule {rule.name} needs a {rule.label_set.name} head, which these models have "
                f"not: {'; '.join(lacking)}; leave the rule or the models out"
            )


def _as_part(on_progress: Progress, place: int, parts: int) -> Progress:
    """Return what tells of one of several equal parts of the work as of the whole."""
    return lambda done, total: on_progress(place * total + done, parts * total)


def _compare_by_rule(
    target: RuleTargets,
    answers: list[dict[str, NDArray[np.float64]]],
    dataset: FaceDataset,
    indices: NDArray[np.int64],
    split: str,
    overlap: TrainingOverlap | None,
) -> RuleComparison:
    head = target.rule.label_set.name
    evaluations = tuple(
        evaluate_rule(target, each[head], dataset, indices, split, overlap) for each in answers
    )
    class_ids = target.class_ids[indices]
    here = None if overlap is None else overlap.at(indices)
    ways = []
    for counted in zip(*(count_ways(each[head], class_ids, here) for each in answers), strict=True):
        crops, images, _, labels = counted[0]
        probabilities = [way[2] for way in counted]
        differences = compare_answers(probabilities, labels, label_set(head))
        ways.append(WayDifferences(crops, images, differences))
    return RuleComparison(evaluations, tuple(ways))
