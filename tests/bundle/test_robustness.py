"""Robustness in a bundle: taken from the report of this very model, kept, and on its card."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bundles import write_tiny_bundle
from mien.bundle.card import render_card
from mien.bundle.config import BundleConfig
from mien.bundle.load import load_bundle
from mien.bundle.robustness import summarise_robustness
from mien.core.errors import BundleError
from mien.core.labels import FER2013
from mien.data import FaceDataset
from mien.evaluation.predictors import BundlePredictor
from mien.evaluation.report import Provenance
from mien.evaluation.robustness import measure_robustness
from mien.evaluation.robustness_conditions import CONDITIONS
from mien.evaluation.robustness_report import report_dict

COMMAND = "mien robustness tiny --data faces --split test"
NAMES = ("crop scale 0.8", "roll 20\N{DEGREE SIGN}", "gamma 2")


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> BundleConfig:
    return load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle"))).config


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `mien robustness` writes of the tiny bundle under three conditions."""
    predictor = BundlePredictor(load_bundle(write_tiny_bundle(tmp_path_factory.mktemp("bundle"))))
    generator = np.random.default_rng(1)
    faces = FaceDataset(
        name="noise",
        images_gray=generator.integers(0, 256, (60, 48, 48), np.uint8),
        splits=(np.arange(60) % 3).astype(np.int8),
        class_ids=generator.integers(0, 7, 60).astype(np.int64),
        label_set=FER2013,
        votes=None,
        sources=tuple(range(60)),
    )
    conditions = [each for each in CONDITIONS if each.name in NAMES]
    measured = measure_robustness(predictor, faces, split="test", conditions=conditions)
    provenance = Provenance(COMMAND, "now", predictor.describe(), "faces", 1.0, 1.0, {})
    written: dict[str, Any] = json.loads(json.dumps(report_dict(measured, provenance)))
    return written


@pytest.fixture
def with_losses(config: BundleConfig, report: dict[str, Any]) -> BundleConfig:
    return replace(config, robustness=summarise_robustness(report))


def test_a_summary_has_the_reports_own_figures(report: dict[str, Any]) -> None:
    (summary,) = summarise_robustness(report)
    (rule,) = report["rules"]
    assert (summary.label_set, summary.rule, summary.n) == ("fer2013", "fer2013", 20)
    assert (summary.dataset, summary.split, summary.command) == ("noise", "test", COMMAND)
    assert summary.accuracy == rule["accuracy"]["value"]
    assert tuple(each.name for each in summary.conditions) == NAMES
    for condition, row in zip(summary.conditions, rule["rows"], strict=True):
        assert condition.accuracy == row["accuracy"]["value"]
        assert condition.loss == row["loss"]["value"]
        assert (condition.loss_low, condition.loss_high) == (
            row["loss"]["low"],
            row["loss"]["high"],
        )


def test_a_config_keeps_it(with_losses: BundleConfig, config: BundleConfig) -> None:
    again = BundleConfig.from_dict(json.loads(with_losses.to_json()))
    assert again == with_losses and again.robustness
    assert "robustness" not in json.loads(config.to_json())


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("graph_sha256", "0" * 64, "robustness[0].graph_sha256: figures of another graph, 000"),
        ("temperature", 2.0, "robustness[0].temperature: figures were measured at 2, the head"),
        ("prior_strength", 0.5, "robustness[0].prior_strength: figures were measured at 0.5"),
        ("label_set", "rafdb", "robustness[0].label_set: no head is called 'rafdb'"),
        ("conditions", [], "robustness[0].conditions: expected at least 1"),
        ("n", 0, "robustness[0].n: expected at least 1, got 0"),
        ("seed", 1, "robustness[0].seed: unknown field"),
    ],
)
def test_figures_that_are_not_this_models_are_refused(
    with_losses: BundleConfig, field: str, value: object, told: str
) -> None:
    content = json.loads(with_losses.to_json())
    content["robustness"][0][field] = value
    with pytest.raises(BundleError) as caught:
        BundleConfig.from_dict(content)
    assert f"\n  {told}" in str(caught.value)


def test_a_report_of_a_run_or_of_something_else_is_refused(report: dict[str, Any]) -> None:
    of_a_run = copy.deepcopy(report)
    del of_a_run["provenance"]["model"]["sha256"]
    with pytest.raises(BundleError, match=r"made of a bundle: provenance\.model\.sha256: missing"):
        summarise_robustness(of_a_run)
    with pytest.raises(BundleError, match="the file: expected an object"):
        summarise_robustness([report])


def test_the_card_names_the_worst_and_has_every_condition(
    with_losses: BundleConfig, config: BundleConfig
) -> None:
    (summary,) = with_losses.robustness
    losses = [
        replace(each, loss=loss)
        for each, loss in zip(summary.conditions, (0.012, -0.1, 0.2), strict=True)
    ]
    losses[0] = replace(losses[0], loss_low=-0.0001, loss_high=0.03)
    summary = replace(summary, conditions=tuple(losses))
    card = render_card(replace(with_losses, robustness=(summary,)))
    part = card.split("## Where it fails")[1].split("## Limits")[0]
    assert "n 20: gamma 2 (20.0 points), crop scale 0.8 (1.2 points).\n" in part
    assert COMMAND in part
    assert f"| unchanged | {summary.accuracy:.1%} |  |" in part
    for each in summary.conditions:
        loss = f"{100 * each.loss:.1f}".replace("-", "\N{MINUS SIGN}")
        assert f"| {each.name} | {each.accuracy:.1%} | {loss} (" in part
    assert "| 1.2 (0.0 to 3.0) |" in part, "what rounds to nothing has no sign"
    assert "was not measured" in render_card(config)
    gained = replace(summary, conditions=tuple(losses[1:2]))
    assert "no condition costs anything" in render_card(replace(config, robustness=(gained,)))


def test_two_rules_share_one_table(with_losses: BundleConfig) -> None:
    (first,) = with_losses.robustness
    second = replace(first, label_set="ferplus", rule="majority", conditions=first.conditions[1:])
    card = render_card(replace(with_losses, robustness=(first, second)))
    assert (
        "| condition | fer2013, `fer2013`: accuracy | points lost (95 % interval) | ferplus" in card
    )
    (row,) = [line for line in card.splitlines() if line.startswith("| crop scale 0.8")]
    assert row.endswith("|  |  |"), "what one rule was not measured under stays empty"
