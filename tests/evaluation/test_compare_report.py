"""A comparison as the terminal, JSON and the page show it."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bundles import write_tiny_bundle
from evaluations import SidePredictor, sample_dataset
from mien.bundle.load import load_bundle
from mien.evaluation import compare_cost
from mien.evaluation.compare import Difference, ModelDifference, PairedTest
from mien.evaluation.compare_cost import Cost, Speed, bundle_cost, measure_ms_per_face
from mien.evaluation.compare_page import render_comparison, write_comparison_page
from mien.evaluation.compare_report import ComparisonReport, terminal_comparison
from mien.evaluation.compare_run import compare
from mien.evaluation.compare_svg import change_svg, common_reach
from mien.evaluation.compare_words import (
    change,
    change_interval,
    could_it_be_chance,
    p_value,
    who_is_right_more_often,
)
from mien.evaluation.report import Provenance

NAMES = ("sides", "hesitant", "runs/with_a/long-name")


class Hesitant(SidePredictor):
    """Answers every third face as if it were of the next class."""

    def predict_logits(self, images_gray: np.ndarray) -> dict[str, np.ndarray]:
        answers = super().predict_logits(images_gray)
        return {
            name: np.concatenate([np.roll(logits[:7], 1, axis=1), logits[7:]])
            for name, logits in answers.items()
        }


@pytest.fixture(scope="session")
def whole_report() -> ComparisonReport:
    models = dict(zip(NAMES, (SidePredictor(), Hesitant(), SidePredictor(sureness=3)), strict=True))
    return ComparisonReport(
        compare(models, sample_dataset(), split="test"),
        descriptions={name: {"kind": "bundle", "path": f"<{name}>"} for name in NAMES},
        costs={
            NAMES[0]: Cost(1_650_000, 6_600_000, 13_300_000, Speed(1.754, 200), "fp32", "fp16"),
            NAMES[1]: Cost(40_000, 160_000, 330_000, Speed(0.104, 200), "int8", "fp16"),
            NAMES[2]: Cost(2_000_000),
        },
        provenance=Provenance(
            command="mien compare sides hesitant --data 'my faces'",
            created="2026-01-02T03:04:05+00:00",
            model={},
            data="my faces",
            seconds=2.0,
            faces_per_s=20.0,
            versions={"mien": "0.1.0"},
        ),
        cpu="A processor",
    )


def shown(report: ComparisonReport, width: int = 100) -> str:
    text = io.StringIO()
    Console(file=text, width=width).print(terminal_comparison(report))
    return text.getvalue()


def test_differences_are_written_with_sign_and_unit() -> None:
    up = Difference(0.01249, -0.004, 0.0271)
    assert change(up, in_points=True) == "+1.2\N{NO-BREAK SPACE}pt"
    assert change_interval(up, in_points=True) == "−0.4 to +2.7"
    assert change(up, in_points=False) == "+0.012"
    assert change(Difference(-0.0001, -0.3, 0.0), in_points=False) == "0.000"
    assert change(None, in_points=True) == change_interval(None, in_points=True) == "–"
    assert (p_value(1.0), p_value(0.0264), p_value(0.0009)) == (
        "p = 1.000",
        "p = 0.026",
        "p < 0.001",
    )


def difference_with(test: PairedTest) -> ModelDifference:
    gap = (test.only_model - test.only_reference) / 100
    nothing = Difference(0, 0, 0)
    return ModelDifference(
        Difference(gap, gap - 0.02, gap + 0.02), nothing, nothing, nothing, nothing, (), test
    )


def test_words_say_which_is_right_more_often_and_whether_it_could_be_chance() -> None:
    better = difference_with(PairedTest(70, 2, 14, 14, 0.0042, 0.0084))
    assert who_is_right_more_often("old", "new", better) == (
        "new is right about 12 of 100 faces more than old, +12.0\N{NO-BREAK SPACE}pt "
        "(95% interval +10.0 to +14.0)."
    )
    words = could_it_be_chance("old", "new", better, 2)
    assert "Only old is right about 2, only new about 14, both about 70, neither about 14" in words
    assert "p = 0.004, p = 0.008 after Holm's correction for 2 comparisons" in words
    assert "more than chance explains" in words
    assert "Holm" not in could_it_be_chance("old", "new", better, 1)
    # What holds of one model alone may be luck among several.
    lucky = difference_with(PairedTest(70, 4, 13, 13, 0.049, 0.098))
    assert "too little to tell them apart" in could_it_be_chance("old", "new", lucky, 2)
    worse = difference_with(PairedTest(70, 14, 2, 14, 0.004, 0.004))
    assert "12 of 100 faces fewer than old" in who_is_right_more_often("old", "new", worse)
    even = difference_with(PairedTest(70, 5, 5, 20, 1.0, 1.0))
    assert "as many of 100 faces as old" in who_is_right_more_often("old", "new", even)


def test_terminal_says_models_rule_and_n_and_cuts_no_name(whole_report: ComparisonReport) -> None:
    text = shown(whole_report)
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "…" not in text
    assert "rule fer2013, n = 20" in text and "rule majority, n = 20" in text
    for rule in whole_report.comparison.rules:
        for difference in rule.headline:
            assert change(difference.accuracy, in_points=True) in text
            assert change_interval(difference.log_loss, in_points=False) in text
    assert "1,650,000" in text and "13.3 MB" in text and "1.75" in text
    assert "fp32, fp16 on disk" in " ".join(text.split()) and "int8" in text
    words = " ".join(text.split())
    assert "median of 200 runs of one session, in turns, on A processor" in words
    assert "unlike the p-values they are not corrected" in words


def test_terminal_of_two_models_fits_80_columns(whole_report: ComparisonReport) -> None:
    models = {"sides": SidePredictor(), "hesitant": Hesitant()}
    two = replace(
        whole_report, comparison=compare(models, sample_dataset(), split="test"), costs={}
    )
    text = shown(two, width=80)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    # No figure is broken over two lines.
    assert re.search(r"balanced accuracy +[\d.]+% +[\d.]+% +\S+\spt +\S+ to \S+", text)
    assert "not corrected" not in text and "Holm" not in text
    assert two.how_speed_was_measured() is None and "ms a face:" not in text


def test_json_has_models_costs_and_what_made_it(whole_report: ComparisonReport) -> None:
    told = json.loads(whole_report.to_json())
    assert (told["format"], told["models"]) == (1, list(NAMES))
    assert told["costs"]["sides"] == {
        "parameters": 1_650_000,
        "graph_bytes": 6_600_000,
        "bundle_bytes": 13_300_000,
        "speed": {"ms_per_face": 1.754, "runs": 200},
        "precision": "fp32",
        "storage": "fp16",
    }
    assert told["descriptions"]["hesitant"]["path"] == "<hesitant>"
    assert told["provenance"]["command"].startswith("mien compare")
    assert (told["resamples"], told["seed"], told["cpu"]) == (2000, 0, "A processor")


class Page(HTMLParser):
    """Collects ids, links and text, and checks that tags close in order."""

    VOID = frozenset({"meta", "link", "line", "circle"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids |= {value or "" for name, value in attrs if name == "id"}
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_page_stands_alone_and_has_every_difference(
    whole_report: ComparisonReport, tmp_path: Path
) -> None:
    path = tmp_path / "comparison.html"
    write_comparison_page(whole_report, path)
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert all(link[1:] in page.ids for link in page.links if link.startswith("#"))
    assert not re.search(r"https?:|url\(|@import", html)
    words = "".join(page.text)
    for rule in whole_report.comparison.rules:
        assert f"Rule {rule.faces.rule}, n = 20" in words
        for way in rule.ways:
            for difference in way.models:
                assert change_interval(difference.accuracy, in_points=True) in words
        for difference in rule.headline:
            for gap in difference.per_class:
                assert change_interval(gap.recall, in_points=True) in words
                assert change_interval(gap.f1, in_points=False) in words
    for text in (
        "1,650,000",
        "fp32, fp16 on disk",
        "6.6 MB",
        "0.10",
        "mien compare sides hesitant --data 'my faces'",
    ):
        assert text in words
    assert whole_report.comparison.split_sha256 in words


def test_names_from_outside_are_escaped(whole_report: ComparisonReport) -> None:
    evil = "<script>alert(1)</script>"
    names = (evil, *NAMES[1:])
    html = render_comparison(
        replace(
            whole_report,
            comparison=replace(whole_report.comparison, models=names),
            descriptions={evil: {evil: evil}},
            costs={evil: Cost(1)},
        )
    )
    page = Page(html)
    assert "script" not in page.tags
    assert evil in "".join(page.text)


def test_intervals_of_a_table_share_one_scale_about_zero() -> None:
    wide, narrow = Difference(0.1, -0.1, 0.4), Difference(0.2, 0.1, 0.3)
    reach = common_reach([wide, None, narrow])
    assert reach == 0.4
    ends = re.search(r'class="even" x1="([\d.]+)" x2="([\d.]+)"', change_svg(wide, reach))
    assert ends is not None
    # 200 wide, zero in the middle, 92 to the edge of the scale.
    assert [float(end) for end in ends.groups()] == pytest.approx([77.0, 192.0])
    assert 'class="gain"' in change_svg(narrow, reach)
    assert 'class="loss"' in change_svg(narrow, reach, lower_is_better=True)
    assert 'class="gain"' in change_svg(Difference(-2, -3, -1), 3, lower_is_better=True)
    assert "circle" not in change_svg(None, reach)
    assert common_reach([None, Difference(0, 0, 0)]) == 1.0


def test_size_of_a_bundle_is_that_of_its_files(tmp_path: Path) -> None:
    folder = write_tiny_bundle(tmp_path)
    cost = bundle_cost(load_bundle(folder))
    assert cost.bundle_bytes == sum(path.stat().st_size for path in folder.iterdir())
    assert cost.graph_bytes == (folder / "model.onnx").stat().st_size
    assert cost.parameters == 48 * 48 * (7 + 8)
    assert cost.speed is None
    assert (cost.precision, cost.storage) == ("fp32", "fp32")


def test_speed_is_the_median_of_runs_in_turns_without_the_warm_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, took = [0.0], {"slow": 4.0, "quick": 1.0}
    runs: list[str] = []
    bundles = {}
    for name in took:
        bundles[name] = load_bundle(write_tiny_bundle(tmp_path, name=name))

        def predict(face: np.ndarray, name: str = name) -> None:
            assert face.shape == (1, 48, 48) and face.dtype == np.uint8
            runs.append(name)
            # The first runs of a turn are ten times as slow.
            first = runs[-4:].count(name) < 4
            clock[0] += took[name] * (10 if first else 1) / 1000

        monkeypatch.setattr(bundles[name], "predict_logits", predict)
    monkeypatch.setattr(compare_cost.time, "perf_counter", lambda: clock[0])
    speeds = measure_ms_per_face(bundles)
    assert {name: one.runs for name, one in speeds.items()} == {"slow": 200, "quick": 200}
    assert {name: one.ms_per_face for name, one in speeds.items()} == pytest.approx(took)
    turns = [name for place, name in enumerate(runs) if place == 0 or runs[place - 1] != name]
    assert turns == ["slow", "quick"] * 10
