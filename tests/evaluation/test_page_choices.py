"""What page and terminal show for a choice: coverage always, the trade-off on validation."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from evaluations import SidePredictor, sample_dataset
from mien.bundle.prior import resolve_prior
from mien.core.labels import FER2013
from mien.evaluation.curves_svg import Curve, CurvePoint, curves_svg
from mien.evaluation.page import render_page
from mien.evaluation.plots import write_plots
from mien.evaluation.predictors import PriorPredictor
from mien.evaluation.report import Provenance, terminal_report
from mien.evaluation.run import Evaluation, evaluate

SHARES = (0.12, 0.03, 0.15, 0.25, 0.2, 0.1, 0.15)


@pytest.fixture(scope="module")
def on_validation() -> Evaluation:
    """A model that is evaluated with a prior of strength 0.25."""
    prior = resolve_prior("balanced", 0.25, FER2013, SHARES)
    predictor = PriorPredictor(SidePredictor("fer2013", sureness=1.0), {"fer2013": prior})
    return evaluate(predictor, sample_dataset(), split="validation", rules=["fer2013"])


def shown(evaluation: Evaluation) -> str:
    text = io.StringIO()
    Console(file=text, width=80).print(terminal_report(evaluation))
    return " ".join(text.getvalue().split())


def test_every_threshold_is_in_the_table_with_its_faces(
    evaluation: Evaluation, provenance: Provenance
) -> None:
    html = render_page(evaluation, provenance)
    assert html.count("Leaving doubtful answers out") == len(evaluation.rules)
    rule = evaluation.rules[0]
    point = rule.coverage.at(0.5)
    assert f"<td>{point.n}</td><td>{point.coverage:.1%}</td>" in html
    assert f"AURC {rule.coverage.area:.3f}" in html
    assert "Accuracy against balance" not in html
    assert f"AURC {rule.coverage.area:.3f}" in shown(evaluation)


def test_trade_off_is_on_the_page_of_the_validation_split(
    on_validation: Evaluation, provenance: Provenance, tmp_path: Path
) -> None:
    (rule,) = on_validation.rules
    assert rule.trade_off is not None
    html = render_page(on_validation, provenance)
    assert "Accuracy against balance" in html
    assert "n = 20, prior balanced 0.25" in html
    for point in rule.trade_off.points:
        assert f"strength {point.strength:g}: accuracy {point.accuracy:.1%}<" in html
    chosen = rule.trade_off.chosen
    assert html.count("<span>chosen</span>") == 1
    assert f'<th scope="row">{chosen.strength:g}<span>chosen</span></th>' in html
    assert f"strength {chosen.strength:g}" in shown(on_validation)
    assert "at most 0.3 points of accuracy" in shown(on_validation)
    names = [path.name for path in write_plots(on_validation, tmp_path)]
    assert names[-2:] == ["fer2013-coverage.png", "fer2013-trade-off.png"]
    assert (tmp_path / names[-1]).stat().st_size > 5_000


def test_curves_keep_to_their_picture_and_their_scale() -> None:
    points = [CurvePoint(0.0, 0.71, "low <"), CurvePoint(0.5, 0.74, ""), CurvePoint(1.0, 0.87, "")]
    svg = curves_svg([Curve("right", points)], label="a & b", x_label="x", mark_x=0.5)
    dots = re.findall(r'cx="([\d.]+)" cy="([\d.]+)"', svg)
    xs, ys = ([float(value) for value in values] for values in zip(*dots, strict=True))
    assert xs[1] == pytest.approx((xs[0] + xs[2]) / 2)
    # Equal steps of y are equal steps down: 3 and 13 points.
    assert (ys[1] - ys[2]) / (ys[0] - ys[1]) == pytest.approx(13 / 3, rel=0.05)
    assert f'<line class="ideal" x1="{xs[1]:.1f}"' in svg
    assert "low &lt;" in svg and "a &amp; b" in svg
    box = [float(value) for value in re.findall(r'viewBox="0 0 (\d+) (\d+)"', svg)[0]]
    assert min(xs) > 0 and max(xs) < box[0] and min(ys) > 0 and max(ys) < box[1]
    plain = curves_svg([Curve("right", points)], label="", x_label="", x_format="g")
    assert 'text-anchor="middle">0.6<' in plain and 'text-anchor="middle">60%<' in svg
    # All lines of the grid are told in whole percents.
    told = re.findall(r'text-anchor="end">(\d+)%<', svg)
    assert [int(value) for value in told] == list(range(70, 91, 5))


def test_a_single_point_is_a_curve_too() -> None:
    svg = curves_svg([Curve("right", [CurvePoint(1.0, 1.0, "all")])], label="", x_label="")
    assert "nan" not in svg and svg.count("<circle") == 1
