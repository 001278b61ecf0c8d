"""The robustness table in the terminal, as JSON, as a chart, as a contact sheet, as a page."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console

from evaluations import SidePredictor, face_that_looks, make_dataset
from mien.core.errors import ShapeError
from mien.core.imaging import resize_gray, to_gray
from mien.evaluation.figures import Share
from mien.evaluation.report import Provenance
from mien.evaluation.robustness import Loss, Robustness, Row, Way, measure_robustness
from mien.evaluation.robustness_conditions import CONDITIONS
from mien.evaluation.robustness_faces import changed_faces, draw_faces
from mien.evaluation.robustness_page import render_page
from mien.evaluation.robustness_report import (
    goal,
    goal_in_a_sentence,
    in_a_sentence,
    points,
    terminal_report,
    write_json,
)
from mien.evaluation.robustness_svg import losses_svg

LOOKS = 1 + sum(len(condition.ways) for condition in CONDITIONS)


@pytest.fixture(scope="module")
def robustness() -> Robustness:
    """Of 40 faces; the corner that the predictor looks at moves, blurs and darkens."""
    rng = np.random.default_rng(2)
    class_ids = rng.integers(0, 7, 40)
    faces = [face_that_looks(int(c), 3, serial=i) for i, c in enumerate(class_ids)]
    dataset = make_dataset([1] * 40, class_ids.tolist(), faces)
    return measure_robustness(SidePredictor("fer2013"), dataset, sample=30, seed=4)


@pytest.fixture
def face_gray(astronaut_bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return resize_gray(to_gray(astronaut_bgr)[60:190, 160:290], 48)


def make_row(name: str, loss: Loss, *, family: str = "blur", limit: float | None = None) -> Row:
    accuracy = Share(0.5, 0.2, 0.8)
    return Row(name, family, 1.0, 10, accuracy, 0.5, loss, 0.0, limit, (Way(name, 0.5),))


def test_terminal_has_every_row_with_n_and_rule_in_80_columns(robustness: Robustness) -> None:
    text = io.StringIO()
    Console(file=text, width=80).print(terminal_report(robustness))
    shown = text.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    assert "sides on sides, validation split, rule fer2013, n = 30 of a sample (seed 4)" in (
        " ".join(shown.split())
    )
    for row in robustness.rules[0].rows:
        (line,) = (line for line in shown.splitlines() if line.startswith(f" {row.name} "))
        assert f"{row.accuracy.value:.1%}" in line
        assert points(row.loss.value) in line


def test_json_has_every_figure(
    robustness: Robustness, provenance: Provenance, tmp_path: Path
) -> None:
    write_json(robustness, provenance, tmp_path / "robustness.json")
    told = json.loads((tmp_path / "robustness.json").read_text())
    assert (told["format"], told["seed"], told["n_looked_at"]) == (1, 4, 30)
    assert told["provenance"]["data"] == "my faces"
    (rule,) = told["rules"]
    for row, known in zip(rule["rows"], robustness.rules[0].rows, strict=True):
        assert row["name"] == known.name
        assert row["accuracy"]["value"] == known.accuracy.value
        assert row["loss"]["low"] <= row["loss"]["value"] <= row["loss"]["high"]
        mean = np.mean([way["accuracy"] for way in row["ways"]])
        assert row["accuracy"]["value"] == pytest.approx(mean)


def test_points_have_a_true_minus_and_no_negative_nothing() -> None:
    assert [points(share) for share in (0.0316, -0.004, -0.0004)] == ["3.2", "−0.4", "0.0"]


def test_goal_says_whether_it_is_kept(robustness: Robustness) -> None:
    kept = make_row("a", Loss(0.02, 0.01, 0.05), limit=0.03)
    broken = make_row("b", Loss(0.04, 0.01, 0.05), limit=0.03)
    free = make_row("c", Loss(0.5, 0.4, 0.6))
    assert [goal(row) for row in (kept, broken, free)] == ["≤ 3 ✓", "≤ 3 ×", ""]
    rule = replace(robustness.rules[0], rows=(kept, broken, free))
    assert goal_in_a_sentence(rule) == "1 of 2 conditions keep their goal; beyond it: b."
    assert in_a_sentence(rule).endswith("Most is lost to c: 50.0 points.")
    assert "No condition costs anything" in in_a_sentence(replace(rule, rows=()))


def test_chart_draws_each_loss_to_scale() -> None:
    rows = (
        make_row("blur 1 px", Loss(0.04, 0.03, 0.05), limit=0.03),
        make_row("blur 2 px", Loss(0.08, 0.06, 0.1)),
        make_row("gamma 2", Loss(-0.02, -0.03, 0.0), family="gamma"),
    )
    chart = ElementTree.fromstring(losses_svg(rows))
    lost, more, gained = chart.findall("g")
    width = [float(bar.find("rect").get("width")) for bar in (lost, more, gained)]
    assert width[1] == pytest.approx(2 * width[0], abs=0.2)
    assert width[2] == pytest.approx(width[0] / 2, abs=0.2)
    nothing = float(lost.find("rect").get("x"))
    assert float(gained.find("rect").get("x")) == pytest.approx(nothing - width[2], abs=0.2)
    assert [bar.find("rect").get("class") for bar in (lost, gained)] == ["sure", "right"]
    dashed = lost.find("line[@class='ideal']")
    assert float(dashed.get("x1")) == pytest.approx(nothing + 0.75 * width[0], abs=0.2)
    whisker = more.find("line[@class='whisker']")
    assert float(whisker.get("x2")) - float(whisker.get("x1")) == pytest.approx(width[0], abs=0.2)
    assert gained.find("text").text == "gamma 2"


def test_chart_of_nothing_lost_is_whole() -> None:
    chart = ElementTree.fromstring(losses_svg([make_row("a", Loss(0, 0, 0))]))
    assert chart.find("g/rect").get("width") == "0.0"


def test_contact_sheet_shows_every_direction(face_gray: NDArray[np.uint8]) -> None:
    cells = list(changed_faces(face_gray, CONDITIONS))
    assert len(cells) == LOOKS
    assert (cells[0][2] == face_gray).all()
    assert ("roll 5°", "clockwise") in [cell[:2] for cell in cells]
    assert ("JPEG 30", "") in [cell[:2] for cell in cells]
    sheet = draw_faces(face_gray, CONDITIONS, columns=10)
    narrow = draw_faces(face_gray, CONDITIONS, columns=5)
    assert sheet.width > narrow.width
    assert sheet.height < narrow.height
    with pytest.raises(ShapeError, match="one gray face"):
        draw_faces(face_gray[None], CONDITIONS)


class Links(HTMLParser):
    """The tags, what they refer to, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def test_page_is_whole_and_asks_for_nothing(
    robustness: Robustness, provenance: Provenance, face_gray: NDArray[np.uint8]
) -> None:
    html = render_page(robustness, provenance, face_gray)
    page = Links(html)
    assert all(link.startswith("data:") for link in page.links)
    assert not re.search(r"https?:|url\(|@import", html)
    assert page.tags.count("img") == LOOKS
    assert page.tags.count("svg") == len(robustness.rules)
    assert "Rule fer2013, n = 30" in page.words
    assert "a random 30 of them (seed 4)" in page.words
    assert robustness.split_sha256 in page.words
    for row in robustness.rules[0].rows:
        assert row.name in page.words
        assert f"{row.accuracy.value:.1%}" in page.words


def test_names_from_outside_are_escaped(
    robustness: Robustness, provenance: Provenance, face_gray: NDArray[np.uint8]
) -> None:
    evil = "<script>alert(1)</script>"
    html = render_page(
        replace(robustness, model=evil, dataset=evil), replace(provenance, command=evil), face_gray
    )
    page = Links(html)
    assert "script" not in page.tags
    assert evil in page.words
