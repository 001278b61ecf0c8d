"""The pictures: what they say, and that they are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mien.core.labels import LabelSet
from mien.evaluation.coverage import measure_coverage
from mien.evaluation.figures import compute_figures
from mien.evaluation.plots import (
    draw_classes,
    draw_confusion,
    draw_coverage,
    draw_reliability,
    draw_trade_off,
    write_plots,
)
from mien.evaluation.run import Evaluation
from mien.evaluation.trade_off import TradeOff, TradeOffPoint

FIGURES = compute_figures(
    np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1], [0.1, 0.8, 0.1]]),
    np.array([0, 0, 0, 1]),
    LabelSet("three", ("anger", "fear", "neutral")),
)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_matrix_shows_shares_and_counts_row_by_row() -> None:
    figure = draw_confusion(FIGURES, subtitle="m on d, rule r, n = 4")
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells == [
        *("67%", "2", "33%", "1", "0%", "0"),
        *("0%", "0", "100%", "1", "0%", "0"),
        *("–", "0", "–", "0", "–", "0"),
    ]
    assert texts(figure) == ["Confusion matrix, accuracy 75.00%", "m on d, rule r, n = 4"]
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert rows == ["anger (3)", "fear (1)", "neutral (0)"]


def test_reliability_shows_accuracy_confidence_and_faces_of_each_bin() -> None:
    figure = draw_reliability(FIGURES, subtitle="")
    curve, histogram = figure.axes
    # Confidences 0.6, 0.7, 0.8, 0.8 lie in the bins (8/15, 9/15], (10/15, 11/15], (11/15, 12/15].
    assert [bar.get_height() for bar in curve.patches] == pytest.approx([1.0, 0.0, 1.0])
    assert [bar.get_height() for bar in histogram.patches] == [1, 1, 2]
    (marks,) = curve.collections
    heights = [segment[0][1] for segment in marks.get_segments()]  # type: ignore[attr-defined]
    assert heights == pytest.approx([0.6, 0.7, 0.8])


def test_class_bars_are_precision_recall_and_f1() -> None:
    bars = [bar.get_height() for bar in draw_classes(FIGURES, subtitle="").axes[0].patches]
    assert bars == pytest.approx([1.0, 0.5, 0.0, 2 / 3, 1.0, 0.0, 0.8, 2 / 3, 0.0])


def test_coverage_is_drawn_from_where_all_are_answered_to_where_few_are() -> None:
    curve = measure_coverage(np.array([0.9, 0.5, 0.7, 0.3]), np.array([True, False, True, False]))
    figure = draw_coverage(curve, subtitle="")
    line, floor = figure.axes[0].lines
    assert np.asarray(line.get_xydata())[[0, -1]].tolist() == [[1.0, 0.5], [0.25, 1.0]]
    assert list(np.unique(floor.get_ydata())) == [0.5]
    assert texts(figure)[0] == "Accuracy against coverage, AURC 0.208"


def test_trade_off_has_three_curves_and_the_choice() -> None:
    points = (TradeOffPoint(0.0, 0.8, 0.6, 0.5), TradeOffPoint(0.5, 0.799, 0.7, 0.6))
    figure = draw_trade_off(TradeOff(10, 0.003, points), subtitle="")
    *curves, choice = figure.axes[0].lines
    drawn = [np.asarray(curve.get_ydata()).tolist() for curve in curves]
    assert drawn == [[0.8, 0.799], [0.6, 0.7], [0.5, 0.6]]
    assert list(np.unique(choice.get_xdata())) == [0.5]
    assert texts(figure)[0].endswith("chosen strength 0.5")


def test_pictures_are_written_for_each_rule(evaluation: Evaluation, tmp_path: Path) -> None:
    paths = write_plots(evaluation, tmp_path)
    assert [path.name for path in paths] == [
        f"{rule}-{kind}.png"
        for rule in ("fer2013", "majority")
        for kind in ("confusion", "reliability", "classes", "coverage")
    ]
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 500
            assert len(image.getcolors(1 << 24) or []) > 20
