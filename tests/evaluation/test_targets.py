"""Which rules data and heads allow, and what labels they give."""

from __future__ import annotations

import numpy as np
import pytest

from evaluations import face_that_looks, make_dataset, sample_dataset, ten_votes_for
from mien.core.errors import ConfigError, DatasetError
from mien.core.labels import FERPLUS
from mien.data import FERPLUS_RULES, FaceDataset
from mien.evaluation.targets import RULES, choose_rules, rule_targets, usable_rules


def dataset_with(**changes: object) -> FaceDataset:
    images = [face_that_looks(0, 0, serial=i) for i in range(3)]
    return make_dataset([2, 2, 2], [0, 1, -1], images, **changes)  # type: ignore[arg-type]


def test_both_kinds_of_labels_are_evaluated_where_nothing_is_asked_for() -> None:
    assert choose_rules(sample_dataset(), ["fer2013", "ferplus"]) == ("fer2013", "majority")


@pytest.mark.parametrize(
    ("heads", "rules"), [(["fer2013"], ("fer2013",)), (["ferplus"], ("majority",))]
)
def test_a_model_of_one_head_is_evaluated_by_its_own_rule(
    heads: list[str], rules: tuple[str, ...]
) -> None:
    assert choose_rules(sample_dataset(), heads) == rules


def test_a_folder_without_votes_has_its_own_labels_only() -> None:
    assert usable_rules(dataset_with(), ["fer2013", "ferplus"]) == ("fer2013",)
    assert usable_rules(dataset_with(label_set=FERPLUS), ["fer2013", "ferplus"]) == ("ferplus",)


def test_rules_are_taken_once_in_the_order_asked_for() -> None:
    wanted = ["argmax8", "fer2013", "argmax8"]
    chosen = choose_rules(sample_dataset(), ["fer2013", "ferplus"], wanted)
    assert chosen == ("argmax8", "fer2013")


@pytest.mark.parametrize(
    ("heads", "wanted", "reason"),
    [
        (["ferplus"], ["fer2013"], "needs a model with a fer2013 head, this one has ferplus"),
        (["fer2013", "ferplus"], ["majority"], "needs FER\\+ votes.*--votes"),
        (["fer2013", "ferplus"], ["ferplus"], "needs labels in ferplus, sides's are in fer2013"),
        (["ferplus"], [], "give --votes"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_with_what_would(
    heads: list[str], wanted: list[str], reason: str
) -> None:
    with pytest.raises(DatasetError, match=reason):
        choose_rules(dataset_with(), heads, wanted)


def test_unknown_rule_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="unknown rule best; available: fer2013, majority"):
        choose_rules(sample_dataset(), ["fer2013"], ["best"])
    with pytest.raises(ConfigError, match="unknown rule best"):
        rule_targets(sample_dataset(), "best")


def test_own_labels_are_the_datasets_with_unlabelled_ones_left_out() -> None:
    assert rule_targets(dataset_with(), "fer2013").class_ids.tolist() == [0, 1, -1]


def test_votes_rules_differ_where_the_votes_are_split() -> None:
    votes = np.stack(
        [
            ten_votes_for("anger", rest="NF", n=9),  # all rules: anger
            ten_votes_for("fear", rest="sadness", n=5),  # no majority; argmax: first column
            ten_votes_for("unknown", rest="neutral", n=6),  # argmax8 alone: neutral
        ]
    )
    dataset = dataset_with(votes=votes)
    anger, sadness, neutral = (FERPLUS.index(name) for name in ("anger", "sadness", "neutral"))
    labels = {
        name: rule_targets(dataset, name).class_ids.tolist()
        for name in RULES
        if RULES[name].from_votes
    }
    assert labels == {
        "majority": [anger, -1, -1],
        "argmax10": [anger, sadness, -1],
        "argmax8": [anger, sadness, neutral],
    }


def test_every_rule_of_the_votes_that_gives_hard_labels_is_there() -> None:
    assert {name for name in RULES if RULES[name].from_votes} == set(FERPLUS_RULES) - {"soft"}
