"""Several models on the same faces: who shares what, and whose figures are whose."""

from __future__ import annotations

import json

import numpy as np
import pytest

from evaluations import SidePredictor, face_that_looks, make_dataset, sample_dataset
from mien.core.errors import ConfigError, DatasetError
from mien.evaluation.compare_run import compare
from mien.evaluation.run import evaluate

TEST = 2


class OtherSide(SidePredictor):
    """Answers what `SidePredictor` would answer of the mirrored face."""

    def predict_logits(self, images_gray: np.ndarray) -> dict[str, np.ndarray]:
        return super().predict_logits(images_gray[:, :, ::-1])


def test_figures_are_those_that_evaluate_gives_for_each_model() -> None:
    models = {"left": SidePredictor(), "right": OtherSide()}
    comparison = compare(models, sample_dataset(), split="test")
    assert comparison.models == ("left", "right")
    assert [rule.faces.rule for rule in comparison.rules] == ["fer2013", "majority"]
    for place, model in enumerate(models.values()):
        alone = evaluate(model, sample_dataset(), split="test")
        assert comparison.split_sha256 == alone.split_sha256
        for rule, evaluation in zip(comparison.rules, alone.rules, strict=True):
            assert rule.evaluations[place].results == evaluation.results


def test_every_way_has_the_differences_of_its_own_faces() -> None:
    comparison = compare(
        {"left": SidePredictor(), "right": OtherSide()}, sample_dataset(), split="test"
    )
    for rule in comparison.rules:
        assert [(way.crops, way.images) for way in rule.ways] == [
            (result.crops, result.images) for result in rule.faces.results
        ]
        for place, way in enumerate(rule.ways):
            (difference,) = way.models
            before, after = (one.results[place].figures for one in rule.evaluations)
            test = difference.test
            n = test.both_right + test.only_reference + test.only_model + test.both_wrong
            assert n == before.n == after.n
            gap = after.accuracy.value - before.accuracy.value
            assert difference.accuracy.value == pytest.approx(gap)
            assert test.only_model - test.only_reference == round(gap * n)
        # The mean over a face and its mirror is the same for both of them.
        flip = rule.ways[1].models[0]
        assert (flip.accuracy.value, flip.log_loss.value) == (0, pytest.approx(0, abs=1e-12))


def test_only_what_all_models_can_answer_is_compared() -> None:
    models = {"both": SidePredictor(), "votes": SidePredictor("ferplus")}
    (rule,) = compare(models, sample_dataset(), split="test").rules
    assert rule.faces.rule == "majority"
    with pytest.raises(ConfigError, match=r"fer2013 head.*: votes \(it has ferplus\)"):
        compare(models, sample_dataset(), split="test", rules=["majority", "fer2013"])


def test_models_without_a_common_label_set_are_refused_with_what_they_have() -> None:
    models = {"a": SidePredictor("fer2013"), "b": SidePredictor("ferplus")}
    with pytest.raises(ConfigError, match=r"no label set in common.*a: fer2013; b: ferplus"):
        compare(models, sample_dataset())
    with pytest.raises(ConfigError, match="at least two models to compare, got 1"):
        compare({"a": SidePredictor()}, sample_dataset())


def test_faces_are_looked_at_before_the_exam_only_when_asked() -> None:
    comparison = compare({"a": SidePredictor(), "b": OtherSide()}, sample_dataset())
    assert comparison.split == "validation"
    with pytest.raises(DatasetError, match="no face in split validation"):
        compare(
            {"a": SidePredictor(), "b": OtherSide()},
            make_dataset([TEST], [0], [face_that_looks(0, 0)]),
        )


def test_progress_runs_once_through_all_models() -> None:
    told: list[tuple[int, int]] = []
    compare(
        {"a": SidePredictor(), "b": OtherSide(), "c": SidePredictor(sureness=1.0)},
        sample_dataset(),
        batch_size=7,
        on_progress=lambda done, total: told.append((done, total)),
    )
    done = [each for each, _ in told]
    assert done == sorted(set(done))
    assert told[-1] == (120, 120)
    assert {total for _, total in told} == {120}


def test_json_names_every_figure_and_difference_by_its_model() -> None:
    models = {"a": SidePredictor(), "b": OtherSide(), "c": SidePredictor(sureness=1.0)}
    comparison = compare(models, sample_dataset(), split="test")
    told = json.loads(json.dumps(comparison.to_dict(), allow_nan=False))
    assert told["models"] == ["a", "b", "c"]
    for rule, source in zip(told["rules"], comparison.rules, strict=True):
        assert (rule["rule"], rule["n"]) == (source.faces.rule, 20)
        assert rule["n_also_in_training"] == 5
        for way in rule["ways"]:
            assert list(way["figures"]) == ["a", "b", "c"]
            assert list(way["minus_reference"]) == ["b", "c"]
        # c answers as a does, less surely.
        same = rule["ways"][0]["minus_reference"]["c"]
        assert same["accuracy"] == {"value": 0, "low": 0, "high": 0}
        assert same["test"]["p_value"] == 1.0
        assert same["log_loss"]["value"] != 0
