"""The page: whole, self-contained, and true to the figures."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evaluations import SidePredictor, face_that_looks, make_dataset
from mien.core.labels import FER2013
from mien.evaluation.page import render_page, write_page
from mien.evaluation.report import Provenance
from mien.evaluation.run import Evaluation, evaluate

VOID = {"meta", "link", "br", "img", "line", "rect"}


class Page(HTMLParser):
    """Collects attributes and text, and checks that tags close in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.tags: Counter[str] = Counter()
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_page_asks_for_nothing_outside_itself(
    evaluation: Evaluation, provenance: Provenance
) -> None:
    html = render_page(evaluation, provenance)
    page = Page(html)
    links = [value for _, name, value in page.attributes if name in {"href", "src", "srcset"}]
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|@font-face", html)
    assert not {"script", "iframe", "object", "embed"} & page.tags.keys()
    ids = {value for _, name, value in page.attributes if name == "id"}
    assert all(link[1:] in ids for link in links if link.startswith("#"))


def test_page_follows_dark_and_light_and_narrow_screens(
    evaluation: Evaluation, provenance: Provenance
) -> None:
    html = render_page(evaluation, provenance)
    assert "width=device-width" in html
    for query in ("(prefers-color-scheme: dark)", "(max-width:"):
        assert f"@media {query}" in html


def test_every_number_says_its_n_and_rule(evaluation: Evaluation, provenance: Provenance) -> None:
    words = Page(render_page(evaluation, provenance)).words
    for rule in evaluation.rules:
        assert f"Rule {rule.rule}, n = {rule.n}" in words
        assert rule.rule_text in words
        for way in rule.results:
            assert f"{way.figures.accuracy.value:.2%}" in words
            assert f"{way.figures.log_loss:.3f}" in words


def test_page_says_what_made_it(evaluation: Evaluation, provenance: Provenance) -> None:
    words = Page(render_page(evaluation, provenance)).words
    for text in (
        "mien evaluate sides --data 'my faces' --out report",
        evaluation.split_sha256,
        "ab" * 32,
        "fer2013 1.25, ferplus 0.8",
        "1,650,000",
        "mien 0.1.0, python 3.11.9",
    ):
        assert text in words


def test_matrix_has_every_count_in_its_place(
    evaluation: Evaluation, provenance: Provenance
) -> None:
    own = evaluation.rules[0]
    html = render_page(replace(evaluation, rules=(own,)), provenance)
    titles = re.findall(r'title="(\w+) taken for (\w+): (\d+)"', html)
    found = {(label, answer): int(n) for label, answer, n in titles}
    assert found == {
        (label, answer): own.headline.confusion[row][column]
        for row, label in enumerate(FER2013.labels)
        for column, answer in enumerate(FER2013.labels)
    }


def test_names_from_outside_are_escaped(evaluation: Evaluation, provenance: Provenance) -> None:
    evil = "<script>alert(1)</script>"
    html = render_page(
        replace(evaluation, model=evil, dataset=evil),
        replace(provenance, command=evil, data=evil, model={"name": evil}),
    )
    page = Page(html)
    assert "script" not in page.tags
    assert evil in page.words


@pytest.mark.parametrize("training", [[], [0]])
def test_page_of_the_smallest_evaluation_is_whole(
    training: list[int], provenance: Provenance, tmp_path: Path
) -> None:
    faces = [face_that_looks(0, 0), *(face_that_looks(1, 1) for _ in training)]
    dataset = make_dataset([2, *training], [0, *training], faces)
    evaluation = evaluate(SidePredictor("fer2013"), dataset)
    write_page(evaluation, provenance, tmp_path / "page.html")
    words = Page((tmp_path / "page.html").read_text(encoding="utf-8")).words
    assert "n = 1" in words
    assert ("always anger" in words) == bool(training)
