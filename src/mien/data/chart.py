"""The bar chart of `mien data describe`: faces by class, each bar shaded by split."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mien.core.errors import DatasetError
from mien.core.labels import COLOURS, FERPLUS
from mien.data.dataset import SPLITS, Int64Array
from mien.data.summary import DatasetSummary

_INK, _QUIET, _GRID = "#1f2328", "#6a737d", "#e4e7eb"
# How much of the class's colour each split keeps; the rest is white.
_SHADES = (1.0, 0.62, 0.34)
_RULE = "majority"


def write_chart(summary: DatasetSummary, path: Path | str) -> Path:
    """Draw the summary as PNG, SVG or PDF, by the suffix.

    FER+ rows by the rule `majority` are drawn beside the labels where there are votes.

    Raises:
        DatasetError: If the file cannot be written, or its suffix names no picture format.
    """
    panels = [_Panel.of_labels(summary)]
    if _RULE in summary.ferplus:
        panels.append(_Panel(f"FER+, rule {_RULE}", FERPLUS.labels, summary.ferplus[_RULE]))
    rows = max(len(panel.labels) for panel in panels)
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 10, "svg.fonttype": "none"}):
        figure = Figure(figsize=(6.2 * len(panels), 1.5 + 0.42 * rows))
        figure.set_layout_engine("constrained", w_pad=0.14, h_pad=0.1)
        axes = figure.subplots(1, len(panels), squeeze=False)[0]
        for panel, axis in zip(panels, axes, strict=True):
            _draw_panel(panel, axis)
        figure.suptitle(
            f"{summary.dataset.name}: {len(summary.dataset):,} faces",
            x=0.014,
            ha="left",
            fontsize=14,
            fontweight="bold",
            color=_INK,
        )
        _draw_legend(figure, panels)
        try:
            figure.savefig(path, dpi=160, facecolor="white")
        except (OSError, ValueError) as error:
            raise DatasetError(f"cannot write the chart {path}: {error}") from error
    return Path(path)


class _Panel:
    """One set of bars: a title, labels and (classes, splits) counts."""

    def __init__(self, title: str, labels: tuple[str, ...], counts: Int64Array) -> None:
        self.title = title
        self.labels = labels
        self.counts = counts

    @classmethod
    def of_labels(cls, summary: DatasetSummary) -> _Panel:
        labels, counts = summary.dataset.label_set.labels, summary.counts
        if summary.unlabelled.any():
            labels = (*labels, "unlabelled")
            counts = np.vstack([counts, summary.unlabelled])
        return cls("Labels", labels, counts)


def _draw_panel(panel: _Panel, axis: Axes) -> None:
    totals = panel.counts.sum(axis=1)
    faces = max(int(totals.sum()), 1)
    places = np.arange(len(panel.labels))
    left = np.zeros(len(panel.labels))
    for split, shade in enumerate(_SHADES):
        colours = [_shaded(COLOURS.get(label, _QUIET), shade) for label in panel.labels]
        widths = panel.counts[:, split].astype(float)
        axis.barh(places, widths, left=left, height=0.66, color=colours)
        left += widths
    for place, total in zip(places, totals.tolist(), strict=True):
        axis.annotate(
            f"{total:,}  {total / faces:.1%}",
            (total, place),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            color=_INK,
            fontsize=9,
            # Keeps the grid from striking the figure through.
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )
    axis.set_title(
        f"{panel.title} (n {int(totals.sum()):,})", loc="left", color=_QUIET, fontsize=10
    )
    axis.set_yticks(places, panel.labels, color=_INK)
    axis.invert_yaxis()
    axis.set_xlim(0, max(float(totals.max()), 1.0) * 1.24)
    axis.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
    axis.xaxis.set_major_formatter("{x:,.0f}")
    axis.tick_params(length=0, colors=_QUIET)
    axis.tick_params(axis="y", labelcolor=_INK)
    axis.grid(axis="x", color=_GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.spines[:].set_visible(False)


def _draw_legend(figure: Figure, panels: list[_Panel]) -> None:
    present = sum(panel.counts.sum(axis=0) for panel in panels)
    handles = [
        Patch(color=_shaded(_QUIET, shade), label=f"{name} {panels[0].counts[:, i].sum():,}")
        for i, (name, shade) in enumerate(zip(SPLITS, _SHADES, strict=True))
        if np.atleast_1d(present)[i]
    ]
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=len(SPLITS),
        frameon=False,
        labelcolor=_INK,
        handlelength=1.0,
        fontsize=9,
    )


def _shaded(colour: str, shade: float) -> str:
    """Return `#rrggbb` mixed with white; `shade` 1 is the colour itself."""
    channels = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    mixed = [round(255 - (255 - channel) * shade) for channel in channels]
    return "#{:02x}{:02x}{:02x}".format(*mixed)
