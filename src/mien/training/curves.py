"""The picture of a run: loss and accuracy over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_INK, _GRID = "#22262e", "#e4e7ec"
_HEAD_COLOURS = ("#0072b2", "#d55e00", "#009e73")


def draw_curves(rows: Sequence[Mapping[str, float]], path: Path, *, title: str) -> None:
    """Draw a run's curves to a PNG, replacing the old one in one step.

    Args:
        rows: As for `curves_png`.
        path: The PNG.
        title: The run's name.
    """
    scratch = path.with_suffix(".tmp.png")
    scratch.write_bytes(curves_png(rows, title=title))
    scratch.replace(path)


def curves_png(rows: Sequence[Mapping[str, float]], *, title: str, dpi: int = 110) -> bytes:
    """Return a run's curves as a PNG.

    Args:
        rows: One mapping an epoch, as in `log.csv`: `epoch`,
            `train/<head>/loss`, `val/<head>/accuracy` and so on; a value may be missing, and
            there may be no row yet.
        title: The run's name.
        dpi: Pixels an inch; the picture is 11 by 4.2 inches.
    """
    heads = sorted({key.split("/")[1] for row in rows for key in row if key.count("/") == 2})
    # Without pyplot there is no global state, and no window system is asked for.
    figure = Figure(figsize=(11, 4.2), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    loss, accuracy = figure.subplots(1, 2)
    for number, head in enumerate(heads):
        colour = _HEAD_COLOURS[number % len(_HEAD_COLOURS)]
        for axes, metric, scale in ((loss, "loss", 1.0), (accuracy, "accuracy", 100.0)):
            _line(axes, rows, f"train/{head}/{metric}", scale, colour, ":", f"{head}, training")
            _line(axes, rows, f"val/{head}/{metric}", scale, colour, "-", f"{head}, validation")
    _style(loss, "Cross-entropy loss")
    _style(accuracy, "Accuracy, %")
    scored = [row for row in rows if "val/score" in row]
    if scored:
        best = max(scored, key=lambda row: row["val/score"])
        accuracy.axvline(best["epoch"], color=_INK, linewidth=0.8, alpha=0.4)
        accuracy.set_title(
            f"best so far: epoch {best['epoch']:.0f}, mean {100 * best['val/score']:.2f} %",
            loc="right",
            fontsize=9,
            color=_INK,
        )
    if heads:
        # Below both plots, where no curve can run through it.
        figure.legend(
            *loss.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=2 * len(heads),
            frameon=False,
            fontsize=9,
        )
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=_INK)
    png = BytesIO()
    figure.savefig(png, dpi=dpi)
    return png.getvalue()


def _line(
    axes: Axes,
    rows: Sequence[Mapping[str, float]],
    key: str,
    scale: float,
    colour: str,
    dash: str,
    label: str,
) -> None:
    points = [(row["epoch"], scale * row[key]) for row in rows if key in row]
    if points:
        x, y = zip(*points, strict=True)
        mark = "." if len(points) == 1 else ""
        axes.plot(x, y, dash, color=colour, label=label, linewidth=1.8, marker=mark)


def _style(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=10, color=_INK)
    axes.set_xlabel("epoch", color=_INK)
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
