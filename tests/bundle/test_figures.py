"""Figures in a bundle: taken from an evaluation's report, of this very model, and shown."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundles import write_tiny_bundle
from mien.bundle.card import render_card
from mien.bundle.config import BundleConfig
from mien.bundle.figures import figures_to_dict, read_figures, summarise_report
from mien.bundle.load import load_bundle
from mien.core.errors import BundleError
from mien.core.labels import FER2013
from mien.data import FaceDataset
from mien.evaluation.predictors import BundlePredictor
from mien.evaluation.report import Provenance, report_dict
from mien.evaluation.run import evaluate

COMMAND = "mien evaluate tiny --data faces --out report"


def some_faces(n: int = 90) -> FaceDataset:
    generator = np.random.default_rng(3)
    images = generator.integers(0, 256, (n, 48, 48), np.uint8)
    images[-1] = images[0]  # one test face that is a training face as well
    return FaceDataset(
        name="noise",
        images_gray=images,
        splits=(np.arange(n) % 3).astype(np.int8),
        class_ids=generator.integers(0, 6, n).astype(np.int64),  # no face is neutral
        label_set=FER2013,
        votes=None,
        sources=tuple(range(n)),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundle"))


@pytest.fixture(scope="module")
def report(folder: Path) -> dict[str, Any]:
    """What `mien evaluate` writes of the tiny bundle."""
    predictor = BundlePredictor(load_bundle(folder))
    provenance = Provenance(
        command=COMMAND,
        created="2026-01-01T00:00:00+00:00",
        model=predictor.describe(),
        data="faces",
        seconds=1.0,
        faces_per_s=180.0,
        versions={},
    )
    evaluation = evaluate(predictor, some_faces())
    read: dict[str, Any] = json.loads(json.dumps(report_dict(evaluation, provenance)))
    return read


@pytest.fixture
def config(folder: Path, report: dict[str, Any]) -> BundleConfig:
    plain = load_bundle(folder).config
    return replace(plain, figures=figures_to_dict(summarise_report(report)))


def test_a_report_is_summarised_to_the_figures_that_it_has(
    report: dict[str, Any], folder: Path
) -> None:
    (summary,) = summarise_report(report)
    assert (summary.dataset, summary.split, summary.rule) == ("noise", "test", "fer2013")
    assert summary.command == COMMAND
    assert summary.graph_sha256 == load_bundle(folder).config.files["model.onnx"].sha256
    ways = [(result.crops, result.images, result.n) for result in summary.results]
    assert sorted(ways) == [
        ("flip", "published", 30),
        ("flip", "unlike", 29),
        ("flip", "unseen", 29),
        ("single", "published", 30),
        ("single", "unlike", 29),
        ("single", "unseen", 29),
    ]
    full = report["rules"][0]["results"][0]["figures"]
    head = summary.headline
    assert (head.crops, head.images) == ("single", "published")
    assert head.accuracy == full["accuracy"]["value"]
    assert head.accuracy_low == full["accuracy"]["low"]
    assert head.macro_f1 == full["macro_f1"]
    assert head.expected_calibration_error == full["reliability"]["expected_calibration_error"]
    assert head.baseline_accuracy == full["baseline"]["accuracy"]["value"]
    assert head.recall["anger"] == full["per_class"][0]["recall"]
    assert "neutral" not in head.recall, "no face is neutral: its recall is undefined"


def test_figures_survive_the_config(config: BundleConfig) -> None:
    again = BundleConfig.from_dict(json.loads(config.to_json()))
    assert read_figures(again.figures) == read_figures(config.figures)


@pytest.mark.parametrize("broken", [{}, [], {"dataset": "x"}, "text"])
def test_what_is_no_report_is_refused(broken: Any) -> None:
    with pytest.raises(BundleError, match="not a report that `mien evaluate` made of a bundle"):
        summarise_report(broken)


def test_the_report_of_a_run_is_refused_for_lack_of_a_graph(report: dict[str, Any]) -> None:
    of_a_run = copy.deepcopy(report)
    del of_a_run["provenance"]["model"]["sha256"]
    with pytest.raises(BundleError, match=r"provenance\.model\.sha256: missing"):
        summarise_report(of_a_run)


def test_figures_of_another_graph_are_refused(config: BundleConfig) -> None:
    content = json.loads(config.to_json())
    content["figures"]["evaluations"][0]["graph_sha256"] = "0" * 64
    with pytest.raises(BundleError, match=r"figures of another graph, 0{64}; .*evaluate this"):
        BundleConfig.from_dict(content)


def test_figures_at_another_temperature_are_refused(config: BundleConfig) -> None:
    content = json.loads(config.to_json())
    content["heads"][0]["temperature"] = 2.0
    with pytest.raises(BundleError, match="measured at 1, the head has 2; evaluate this bundle"):
        BundleConfig.from_dict(content)


def test_figures_say_the_strength_that_they_were_measured_at(report: dict[str, Any]) -> None:
    of_balanced = copy.deepcopy(report)
    of_balanced["rules"][0]["prior"] = {"name": "balanced", "strength": 0.25}
    older = copy.deepcopy(report)
    del older["rules"][0]["prior"]
    strengths = [summarise_report(each)[0].prior_strength for each in (report, of_balanced, older)]
    assert strengths == [0.0, 0.25, 0.0]
    of_given = copy.deepcopy(report)
    of_given["rules"][0]["prior"] = {"name": "given", "strength": 1.0}
    with pytest.raises(BundleError, match="given shares are not those of a bundle"):
        summarise_report(of_given)


def test_figures_at_another_prior_are_refused_and_older_ones_are_natural(
    config: BundleConfig,
) -> None:
    content = json.loads(config.to_json())
    evaluation = content["figures"]["evaluations"][0]
    assert evaluation.pop("prior_strength") == 0.0
    assert BundleConfig.from_dict(content) == config
    content["heads"][0]["prior_strength"] = 0.25
    with pytest.raises(BundleError, match=r"prior_strength: .* at 0, the head has 0.25; evaluate"):
        BundleConfig.from_dict(content)
    evaluation["prior_strength"] = 0.25
    assert read_figures(BundleConfig.from_dict(content).figures)[0].prior_strength == 0.25


def test_figures_of_a_head_that_is_not_there_are_refused(config: BundleConfig) -> None:
    content = json.loads(config.to_json())
    content["figures"]["evaluations"][0]["label_set"] = "rafdb"
    with pytest.raises(BundleError, match="no head is called 'rafdb'"):
        BundleConfig.from_dict(content)


class TestCard:
    def test_it_has_all_its_sections(self, config: BundleConfig) -> None:
        card = render_card(config)
        titles = [line[3:] for line in card.splitlines() if line.startswith("## ")]
        assert titles == [
            "Details",
            "Intended use",
            "Out of scope",
            "Data",
            "Figures",
            "Calibration",
            "Where it fails",
            "Limits",
            "Faces it expects",
            "How it was made",
        ]

    @pytest.mark.parametrize("use", ["Hiring", "school", "work", "Lie detection", "Clinical"])
    def test_it_says_what_it_is_not_for(self, config: BundleConfig, use: str) -> None:
        part = render_card(config).split("## Out of scope")[1].split("## Data")[0]
        assert use in part

    def test_it_shows_each_way_with_n_rule_and_interval(self, config: BundleConfig) -> None:
        card = render_card(config)
        (summary,) = read_figures(config.figures)
        for result in summary.results:
            interval = f"{result.accuracy_low * 100:.1f} to {result.accuracy_high * 100:.1f}"
            assert f"| {result.n:,} | {result.accuracy:.1%} ({interval}) |" in card
        assert "rule fer2013, n 30" in card
        assert "without those also in training" in card
        for label, recall in summary.headline.recall.items():
            assert f"| {label} | {recall:.1%} |" in card

    def test_it_names_the_commands_that_made_and_measured_it(self, config: BundleConfig) -> None:
        made = replace(config, training={"commands": ["mien train tiny"], "seed": 1})
        part = render_card(made).split("## How it was made")[1]
        assert part.index("mien train tiny") < part.index(COMMAND)
        assert "| seed | 1 |" in part

    def test_without_figures_it_says_how_to_get_them(self, config: BundleConfig) -> None:
        assert "Not evaluated yet" in render_card(replace(config, figures={}))

    def test_every_crop_frame_and_temperature_is_in_it(self, config: BundleConfig) -> None:
        card = render_card(config)
        assert "| blazeface | 1.100 | +0.000 | -0.050 | yes |" in card
        assert "| haar | 0.950 | +0.000 | +0.020 | no |" in card
        assert "`ferplus`: logits are divided by a temperature of 1." in card

    def test_a_pipe_in_a_value_does_not_break_a_table(self, config: BundleConfig) -> None:
        card = render_card(replace(config, data={"name": "a|b\nc"}))
        assert "| name | a\\|b c |" in card
