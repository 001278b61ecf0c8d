"""What the plots of notebooks share: the figure, a time axis in minutes and seconds, the legend."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import Formatter, Locator, MultipleLocator, PercentFormatter

from mien.reports.palette import Theme, colour_of
from mien.reports.words import clock, mark_texts, marks

WIDTH_IN = 9.0
_DPI = 110


class NotebookFigure(Figure):
    """A figure that a notebook shows as it is, whether or not pyplot was ever imported."""

    def _repr_png_(self) -> bytes:
        picture = BytesIO()
        self.savefig(picture, format="png", facecolor=self.get_facecolor())
        return picture.getvalue()


class ClockLocator(Locator):
    """Marks where a clock has round times."""

    def __call__(self) -> Sequence[float]:
        """Return the marks of the stretch that is shown."""
        axis = self.axis
        return self.tick_values(*axis.get_view_interval()) if isinstance(axis, Axis) else []

    def tick_values(self, vmin: float, vmax: float) -> Sequence[float]:
        """Return the marks between two times in seconds."""
        return marks(*sorted((float(vmin), float(vmax))), most=9)


class ClockFormatter(Formatter):
    """Writes seconds as 0:07 or 1:02:03."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return one time, as under the mouse."""
        return clock(x, digits=1)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        """Return all marks with the same number of decimals."""
        return mark_texts([float(value) for value in values])


def new_figure(height_in: float, theme: Theme) -> Figure:
    """Return an empty figure; without pyplot, so that it is nobody's current one."""
    figure = NotebookFigure(
        figsize=(WIDTH_IN, height_in), dpi=_DPI, layout="constrained", facecolor=theme.ground
    )
    FigureCanvasAgg(figure)
    return figure


def figure_of(axes: Axes) -> Figure:
    """Return the figure that axes are in."""
    figure = axes.figure
    return figure if isinstance(figure, Figure) else figure.figure


def style(axes: Axes, theme: Theme) -> None:
    """Take away what does not help to read."""
    axes.set_facecolor(theme.ground)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0, labelcolor=theme.soft, labelsize=9)
    axes.set_axisbelow(True)
    axes.xaxis.label.set_color(theme.soft)
    axes.yaxis.label.set_color(theme.soft)


def time_axis(axes: Axes, begin_s: float, end_s: float) -> None:
    """Make the x axis one of time, from one moment to another."""
    # A lone frame still needs an axis that is not empty.
    axes.set_xlim(begin_s, end_s if end_s > begin_s else begin_s + 1)
    axes.xaxis.set_major_locator(ClockLocator())
    axes.xaxis.set_major_formatter(ClockFormatter())
    axes.tick_params(axis="x", pad=7)


def share_axis(axes: Axes, theme: Theme) -> None:
    """Make the y axis one of probabilities, with a line at each half."""
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_locator(MultipleLocator(0.5))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(axis="y", color=theme.grid, linewidth=0.8)


def name(axes: Axes, text: str, theme: Theme) -> None:
    """Write whose axes these are above them."""
    axes.set_title(text, loc="left", color=theme.ink, fontsize=10.5, fontweight="bold")


def add_legend(
    axes: Axes, labels: Sequence[str], theme: Theme, *, away: bool, whole_figure: bool
) -> None:
    """Name the colours below everything, where they cover nothing.

    Args:
        axes: The lowest axes.
        labels: The expressions that were drawn.
        theme: Colours of the words.
        away: Whether to name the colour of who is not in view.
        whole_figure: Whether the figure is the plot's own; else the legend goes with the axes.
    """
    patches = [Patch(color=colour_of(label), label=label) for label in labels]
    if away:
        patches.append(Patch(facecolor=theme.empty, edgecolor=theme.soft, label="not in view"))
    looks = {"frameon": False, "fontsize": 9, "labelcolor": theme.soft, "handlelength": 1.0}
    if whole_figure:
        axes.figure.legend(handles=patches, loc="outside lower center", ncols=len(patches), **looks)
        return
    axes.legend(handles=patches, loc="upper center", bbox_to_anchor=(0.5, -0.22), ncols=4, **looks)
