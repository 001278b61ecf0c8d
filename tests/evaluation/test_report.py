"""The report as JSON, and as the terminal shows it."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from evaluations import SidePredictor, face_that_looks, make_dataset, sample_dataset
from mien.bundle.figures import summarise_report
from mien.evaluation.report import Provenance, package_versions, terminal_report, write_json
from mien.evaluation.run import Evaluation, evaluate
from mien.evaluation.words import CROPS


def shown(evaluation: Evaluation, *, width: int = 80) -> str:
    text = io.StringIO()
    Console(file=text, width=width).print(terminal_report(evaluation))
    return text.getvalue()


def test_json_has_every_figure_of_every_way(
    evaluation: Evaluation, provenance: Provenance, tmp_path: Path
) -> None:
    path = tmp_path / "evaluation.json"
    write_json(evaluation, provenance, path)
    values = json.loads(path.read_text())
    assert (values["format"], values["model"], values["split"]) == (1, "sides", "test")
    assert values["provenance"]["command"].startswith("mien evaluate sides")
    assert [rule["rule"] for rule in values["rules"]] == ["fer2013", "majority"]
    for told, rule in zip(values["rules"], evaluation.rules, strict=True):
        assert (told["n"], told["n_dropped"]) == (rule.n, rule.n_dropped)
        assert told["n_also_in_training"] == rule.n_also_in_training == 5
        for way, result in zip(told["results"], rule.results, strict=True):
            figures = way["figures"]
            assert (way["crops"], way["images"]) == (result.crops, result.images)
            assert figures["n"] == sum(map(sum, figures["confusion"])) == result.figures.n
            right = sum(row[i] for i, row in enumerate(figures["confusion"]))
            assert figures["accuracy"]["value"] == pytest.approx(right / figures["n"])
            assert len(figures["reliability"]["bins"]) == 15
            assert len(figures["per_class"]) == len(figures["labels"])


def test_a_bundle_can_take_its_figures_from_the_json(
    evaluation: Evaluation, provenance: Provenance, tmp_path: Path
) -> None:
    path = tmp_path / "evaluation.json"
    write_json(evaluation, provenance, path)
    own, by_votes = summarise_report(json.loads(path.read_text()))
    assert own.headline.accuracy == evaluation.rules[0].headline.accuracy.value
    assert (by_votes.rule, by_votes.temperature) == ("majority", 0.8)


def test_terminal_says_n_and_rule_with_every_table_in_80_columns(evaluation: Evaluation) -> None:
    text = shown(evaluation)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    for rule in evaluation.rules:
        assert f"rule {rule.rule}, n = {rule.n}" in text
        assert f"{rule.headline.accuracy.value:.2%}" in text
        for label in rule.headline.labels:
            assert label in text
    words = " ".join(text.split())
    assert "5 of the 20 images are also among the training images" in words
    assert "a little changed, it is 5;" in words


def test_terminal_says_so_where_there_is_nothing_to_compare_with() -> None:
    dataset = make_dataset([2], [0], [face_that_looks(0, 0)])
    text = " ".join(shown(evaluate(SidePredictor("fer2013"), dataset)).split())
    assert "no other training split" in text
    assert "naive" not in text
    face = face_that_looks(0, 0)
    repeated = evaluate(SidePredictor("fer2013"), make_dataset([0, 2], [0, 0], [face, face]))
    assert "Every one of these images is also among" in " ".join(shown(repeated).split())


def test_terminal_counts_what_a_rule_drops() -> None:
    dataset = sample_dataset()
    class_ids = dataset.class_ids.copy()
    class_ids[50:53] = -1
    evaluation = evaluate(SidePredictor("fer2013"), replace(dataset, class_ids=class_ids))
    text = " ".join(shown(evaluation).split())
    assert "n = 17" in text
    assert "3 faces of the split are dropped by the rule" in text


def test_versions_are_of_what_is_installed() -> None:
    versions = package_versions("numpy", "no-such-package-of-anyone")
    assert set(versions) == {"mien", "python", "numpy"}


def test_seven_ways_and_the_naive_answer_fit_a_terminal_of_80_columns() -> None:
    evaluation = evaluate(SidePredictor(), sample_dataset(), ten_crops=True)
    out = io.StringIO()
    Console(file=out, width=80).print(terminal_report(evaluation, {}))
    text = out.getvalue()
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "…" not in text
    for rule in evaluation.rules:
        for way in rule.results:
            named = f"{way.images} {CROPS[way.crops]} {way.figures.n} "
            named += f"{way.figures.accuracy.value:.2%} "
            assert any(line.startswith(named) for line in lines)
        naive = rule.headline.baseline
        assert naive is not None
        assert any(line.startswith(f"always {naive.label} {rule.n} ") for line in lines)
