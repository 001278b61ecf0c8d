"""The pictures of an evaluation as PNGs, for papers, cards and READMEs.

Each carries the line that no figure goes without: model, data, split, rule and n.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from mien.evaluation.coverage import CoverageCurve
from mien.evaluation.figures import Figures
from mien.evaluation.run import Evaluation
from mien.evaluation.trade_off import TradeOff
from mien.evaluation.words import percent, what_was_evaluated

_INK, _SOFT, _GRID, _BLUE, _ORANGE = "#1c2430", "#667085", "#e4e7ec", "#0072b2", "#d55e00"
_BLUES = LinearSegmentedColormap.from_list("mien", ["#f4f6f9", "#cfe6f5", "#0072b2", "#003e63"])
_DPI = 150
_TITLE_IN = 0.66
# The three figures of a class, light to dark, so that they differ in print as well.
_CLASS_BARS = (("precision", "#9ccbe8"), ("recall", "#3d9bd1"), ("f1", "#004c78"))


def write_plots(evaluation: Evaluation, folder: Path) -> list[Path]:
    """Draw the pictures of every rule's headline figures.

    Returns:
        The PNGs: `<rule>-confusion.png`, `<rule>-reliability.png`, `<rule>-classes.png`,
        `<rule>-coverage.png`, and for the validation split `<rule>-trade-off.png`.
    """
    paths = []
    for rule in evaluation.rules:
        title = what_was_evaluated(evaluation, rule)
        for kind, draw in (
            ("confusion", draw_confusion),
            ("reliability", draw_reliability),
            ("classes", draw_classes),
        ):
            paths.append(folder / f"{rule.rule}-{kind}.png")
            draw(rule.headline, subtitle=title).savefig(paths[-1], dpi=_DPI)
        paths.append(folder / f"{rule.rule}-coverage.png")
        draw_coverage(rule.coverage, subtitle=title).savefig(paths[-1], dpi=_DPI)
        if rule.trade_off is not None:
            paths.append(folder / f"{rule.rule}-trade-off.png")
            draw_trade_off(rule.trade_off, subtitle=title).savefig(paths[-1], dpi=_DPI)
    return paths


def draw_confusion(figures: Figures, *, subtitle: str) -> Figure:
    """Draw the confusion matrix: shares of each row, counts below them."""
    classes = len(figures.labels)
    figure = _new_figure(3.4 + 0.72 * classes, 2.5 + 0.66 * classes)
    axes = figure.subplots()
    shares = np.array(
        [[share or 0.0 for share in row] for row in figures.confusion_normalised], np.float64
    )
    axes.imshow(shares, cmap=_BLUES, vmin=0.0, vmax=1.0, aspect="auto")
    for (row, column), share in np.ndenumerate(shares):
        n, known = figures.confusion[row][column], figures.per_class[row].support > 0
        colour = "white" if share > 0.58 else _INK if n else "#b4bac4"
        text = percent(share, digits=0) if known else percent(None)
        axes.text(column, row - 0.12, text, ha="center", va="center", color=colour, fontsize=10)
        axes.text(column, row + 0.22, f"{n:,}", ha="center", va="center", color=colour, fontsize=7)
    axes.set_xticks(range(classes), figures.labels, rotation=30, ha="right", rotation_mode="anchor")
    supports = [f"{entry.label} ({entry.support:,})" for entry in figures.per_class]
    axes.set_yticks(range(classes), supports)
    axes.set_xlabel("answer", color=_SOFT)
    axes.set_ylabel("label", color=_SOFT)
    axes.tick_params(length=0, labelcolor=_INK)
    axes.spines[:].set_visible(False)
    # White lines between the cells.
    axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=2)
    axes.tick_params(which="minor", length=0)
    accuracy = percent(figures.accuracy.value, digits=2)
    return _titled(figure, f"Confusion matrix, accuracy {accuracy}", subtitle)


def draw_reliability(figures: Figures, *, subtitle: str) -> Figure:
    """Draw accuracy against confidence, and how many faces have which confidence."""
    figure = _new_figure(6.4, 6.4)
    curve, histogram = figure.subplots(2, 1, sharex=True, height_ratios=(3.2, 1))
    filled = [entry for entry in figures.reliability.bins if entry.n]
    middles = [(entry.low + entry.high) / 2 for entry in filled]
    width = 0.92 * (filled[0].high - filled[0].low)
    accuracy = [entry.accuracy or 0.0 for entry in filled]
    confidence = [entry.confidence or 0.0 for entry in filled]
    left, right = np.subtract(middles, width / 2), np.add(middles, width / 2)
    curve.plot([0, 1], [0, 1], color=_SOFT, linewidth=1, linestyle="--", label="perfect")
    curve.bar(middles, accuracy, width=width, color=_BLUE, label="accuracy")
    curve.hlines(confidence, left, right, color=_ORANGE, linewidth=3, label="mean confidence")
    curve.set(xlim=(0, 1), ylim=(0, 1), ylabel="share answered rightly")
    curve.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), labelcolor=_INK)
    histogram.bar(middles, [entry.n for entry in filled], width=width, color="#9aa3b2")
    histogram.set(xlabel="confidence: probability of the top answer", ylabel="faces")
    for axes in (curve, histogram):
        _style(axes)
    error = percent(figures.reliability.expected_calibration_error, digits=2)
    return _titled(figure, f"Reliability, expected calibration error {error}", subtitle)


def draw_classes(figures: Figures, *, subtitle: str) -> Figure:
    """Draw precision, recall and F1 of each class as bars."""
    classes = len(figures.labels)
    figure = _new_figure(8.6, 4.4)
    axes = figure.subplots()
    places = np.arange(classes)
    for number, (name, colour) in enumerate(_CLASS_BARS):
        values = [getattr(entry, name) for entry in figures.per_class]
        heights = [value or 0.0 for value in values]
        axes.bar(
            places + 0.27 * (number - 1),
            heights,
            width=0.25,
            color=colour,
            label=name.replace("f1", "F1"),
        )
    axes.set_xticks(places, [f"{entry.label}\n{entry.support:,}" for entry in figures.per_class])
    axes.set_ylim(0, 1)
    _style(axes)
    axes.grid(visible=False, axis="x")
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), labelcolor=_INK)
    return _titled(figure, f"By expression, macro-F1 {figures.macro_f1:.3f}", subtitle)


def draw_coverage(curve: CoverageCurve, *, subtitle: str) -> Figure:
    """Draw accuracy against the share of faces that are answered, thresholds at the points."""
    figure = _new_figure(7.2, 4.6)
    axes = figure.subplots()
    points = [point for point in curve.points if point.accuracy is not None]
    coverage = [point.coverage for point in points]
    accuracy = [point.accuracy or 0.0 for point in points]
    axes.plot(coverage, accuracy, color=_BLUE, marker="o", markersize=4)
    for point in points:
        if round(10 * point.threshold, 6).is_integer() and point.coverage < 1:
            axes.annotate(
                f"{point.threshold:.0%}",
                (point.coverage, point.accuracy or 0.0),
                xytext=(4, 5),
                textcoords="offset points",
                color=_SOFT,
                fontsize=8,
            )
    axes.axhline(1 - curve.error, color=_SOFT, linewidth=1, linestyle="--")
    axes.set(xlabel="coverage: share of faces answered; thresholds at the points")
    axes.set(ylabel="share of them answered rightly")
    _style(axes)
    return _titled(figure, f"Accuracy against coverage, AURC {curve.area:.3f}", subtitle)


def draw_trade_off(trade_off: TradeOff, *, subtitle: str) -> Figure:
    """Draw accuracy, balanced accuracy and macro-F1 by the strength of a balanced prior."""
    figure = _new_figure(7.2, 4.6)
    axes = figure.subplots()
    strengths = [point.strength for point in trade_off.points]
    for name, field, colour in (
        ("accuracy", "accuracy", _BLUE),
        ("balanced accuracy", "balanced_accuracy", _ORANGE),
        ("macro-F1", "macro_f1", "#9aa3b2"),
    ):
        values = [getattr(point, field) for point in trade_off.points]
        axes.plot(strengths, values, color=colour, marker="o", markersize=4, label=name)
    chosen = trade_off.chosen.strength
    axes.axvline(chosen, color=_SOFT, linewidth=1, linestyle="--")
    axes.set(xlim=(-0.02, 1.02), xlabel="strength of the balanced prior; 0 is natural")
    axes.set(ylabel="share")
    _style(axes)
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1, 1), labelcolor=_INK)
    return _titled(figure, f"Accuracy against balance, chosen strength {chosen:g}", subtitle)


def _new_figure(width_in: float, height_in: float) -> Figure:
    # Without pyplot there is no global state, and no window system is asked for.
    figure = Figure(figsize=(width_in, height_in), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def _style(axes: Axes) -> None:
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=_INK)
    axes.xaxis.label.set_color(_SOFT)
    axes.yaxis.label.set_color(_SOFT)


def _titled(figure: Figure, title: str, subtitle: str) -> Figure:
    height_in = figure.get_figheight()
    engine = figure.get_layout_engine()
    if isinstance(engine, ConstrainedLayoutEngine):
        # Room above the axes for two lines, whatever the figure's height.
        engine.set(rect=(0.01, 0.01, 0.98, 0.98 - _TITLE_IN / height_in))
    figure.text(0.02, 1 - 0.17 / height_in, title, va="top", color=_INK, fontsize=13, weight="bold")
    figure.text(0.02, 1 - 0.45 / height_in, subtitle, va="top", color=_SOFT, fontsize=9)
    return figure
