"""The pictures: what they say, and that they are written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from mien.core.labels import LabelSet
from mien.evaluation.figures import compute_figures
from mien.evaluation.plots import draw_classes, draw_confusion, draw_reliability, write_plots
from mien.evaluation.run import Evaluation

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


def test_three_pictures_are_written_for_each_rule(evaluation: Evaluation, tmp_path: Path) -> None:
    paths = write_plots(evaluation, tmp_path)
    assert [path.name for path in paths] == [
        f"{rule}-{kind}.png"
        for rule in ("fer2013", "majority")
        for kind in ("confusion", "reliability", "classes")
    ]
    for path in paths:
        with Image.open(path) as image:
            assert min(image.size) > 500
            assert len(image.getcolors(1 << 24) or []) > 20
