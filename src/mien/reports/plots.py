"""Plots of a video for notebooks and papers: who looked how, and when.

Every function takes the results of one clip, or a table of them, and returns a matplotlib figure.

    results = list(reader.video("clip.mp4"))
    mien.plots.timeline(results)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from mien.core.errors import ConfigError
from mien.reports.bins import BinnedExpressions, TimeBins
from mien.reports.courses import Course, Courses, broken, choose, gather
from mien.reports.face_pictures import (
    FaceStrip,
    cut_from_collector,
    cut_from_video,
    strongest_faces,
)
from mien.reports.palette import Theme, ThemeName, colour_of, theme_of
from mien.reports.plot_parts import (
    WIDTH_IN,
    add_legend,
    figure_of,
    name,
    new_figure,
    share_axis,
    style,
    time_axis,
)
from mien.reports.reading import results_in

if TYPE_CHECKING:
    from mien.reports.reading import ClipData
    from mien.reports.thumbnails import PeakCollector

__all__ = ["face_strip", "heat_map", "stacked_area", "timeline"]

Float64Array = NDArray[np.float64]

MOST_PANELS = 6
MOST_ROWS = 40
_PANEL_IN, _ROW_IN, _LEGEND_IN = 1.7, 0.3, 0.75
# An expression that never comes near this is left out of the curves.
_LEAST_CURVE = 0.1
# And an area that is nowhere higher than this is drawn, but not named.
_LEAST_NAMED = 0.02
# Areas are drawn sharp enough for any screen by this many means.
_MOST_POINTS = 4000


def timeline(
    clip: ClipData,
    *,
    people: int | Sequence[int] | None = None,
    theme: ThemeName = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draw each person's probabilities over time as curves, smoothed before raw.

    A curve breaks where the person is out of view for more than half a second (or than two and a
    half frames, where they are further apart); nothing is made up in between.

    Args:
        clip: Results of one clip in order of time, a table of them, or the path of one, as
            `mien.reports.reading.results_in` takes them.
        people: Ids of the people to draw, one panel each; None for the six seen most often.
        theme: `light` or `dark`; the ground is opaque, so either is readable anywhere.
        ax: Axes to draw one person into.

    Returns:
        A new figure, or that of `ax`. What is drawn is in the lines: label `<expression>` smoothed,
        `<expression> raw` raw, with NaN where a curve breaks.

    Raises:
        ConfigError: If `ax` is given for several people, or the theme is unknown.
        FaceError: If there is nobody, or nobody of that id.
    """

    def draw(axes: Axes, person: Course, courses: Courses) -> Iterable[str]:
        times_s, raw = broken(person.times_s, person.raw, courses.gap_s)
        _, smoothed = broken(person.times_s, person.smoothed, courses.gap_s)
        both = np.concatenate([person.raw, person.smoothed])
        drawn = _reaching(both, courses.labels, _LEAST_CURVE)
        for label in drawn:
            place, colour = courses.labels.index(label), colour_of(label)
            axes.plot(
                times_s, raw[:, place], color=colour, linewidth=0.8, alpha=0.4, label=f"{label} raw"
            )
            axes.plot(times_s, smoothed[:, place], color=colour, linewidth=1.8, label=label)
        # So that a curve along an edge is whole.
        axes.set_ylim(-0.02, 1.02)
        return drawn

    return _panels(clip, people, theme, ax, draw, away=False)


def stacked_area(
    clip: ClipData,
    *,
    people: int | Sequence[int] | None = None,
    theme: ThemeName = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draw each person's smoothed probabilities over time as areas that fill up 100 %.

    Args:
        clip: As for `timeline`.
        people: As for `timeline`.
        theme: As for `timeline`.
        ax: As for `timeline`.

    Returns:
        A new figure, or that of `ax`. Where somebody is out of view nothing is drawn. Of more than
        4,000 sightings of a person, means over as many equal stretches of time are drawn.

    Raises:
        ConfigError: If `ax` is given for several people, or the theme is unknown.
        FaceError: If there is nobody, or nobody of that id.
    """

    def draw(axes: Axes, person: Course, courses: Courses) -> Iterable[str]:
        axes.set_facecolor(theme_of(theme).empty)
        times_s, smoothed = broken(*_thinned(person), courses.gap_s)
        tops = smoothed.cumsum(axis=1)
        for place, label in enumerate(courses.labels):
            below = tops[:, place - 1] if place else np.where(np.isnan(tops[:, 0]), np.nan, 0.0)
            axes.fill_between(
                times_s, below, tops[:, place], color=colour_of(label), linewidth=0, label=label
            )
        return _reaching(person.smoothed, courses.labels, _LEAST_NAMED)

    return _panels(clip, people, theme, ax, draw, away=True)


def heat_map(
    clip: ClipData,
    *,
    people: int | Sequence[int] | None = None,
    max_gap_s: float = 2.0,
    theme: ThemeName = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draw a row for each person: the dominant expression over time, paler where it is less sure.

    Args:
        clip: As for `timeline`.
        people: Ids of the people to draw; None for the forty longest in view.
        max_gap_s: Time between frames that are further apart is empty. Above the step at which
            the clip was sampled.
        theme: As for `timeline`.
        ax: Axes to draw into.

    Returns:
        A new figure, or that of `ax`, with one image of rows by stretches of time.

    Raises:
        ConfigError: If the theme is unknown.
        FaceError: If there is nobody, or nobody of that id.
    """
    look = theme_of(theme)
    bins = TimeBins(max_gap_s=max_gap_s)
    for result in results_in(clip):
        bins.add(result)
    seconds = {who: float(bins.person(who).seconds.sum()) for who in bins.people}
    chosen = choose(seconds, people, MOST_ROWS)
    binned = [bins.person(who) for who in chosen]
    figure, axes = _one(ax, 0.6 + _LEGEND_IN + _ROW_IN * len(chosen), look)
    end_s = bins.start_s + bins.count * bins.width_s
    axes.imshow(
        np.stack([_colours_over_time(course, bins.labels, look) for course in binned]),
        extent=(bins.start_s, end_s, len(chosen) - 0.5, -0.5),
        aspect="auto",
        interpolation="nearest",
    )
    style(axes, look)
    time_axis(axes, bins.start_s, end_s)
    axes.set_yticks(range(len(chosen)), [f"Person {who}" for who in chosen])
    # The ground between the rows.
    axes.set_yticks(np.arange(len(chosen) + 1) - 0.5, minor=True)
    axes.grid(which="minor", axis="y", color=look.ground, linewidth=3)
    axes.tick_params(which="minor", length=0)
    shown = {place for course in binned for place in course.dominant.tolist() if place >= 0}
    labels = [label for place, label in enumerate(bins.labels) if place in shown]
    add_legend(axes, labels, look, away=True, whole_figure=ax is None)
    return figure


def face_strip(
    clip: ClipData,
    source: str | Path | None = None,
    *,
    faces: PeakCollector | None = None,
    per_expression: int = 1,
    people: int | Sequence[int] | None = None,
    theme: ThemeName = "light",
    ax: Axes | None = None,
) -> Figure:
    """Draw the faces at the moments when each expression was strongest, person by person.

    Args:
        clip: As for `timeline`.
        source: The video, to cut the faces out of; None for the one that the results name.
        faces: The faces that a `PeakCollector` kept while the video was read, instead.
        per_expression: How many moments of each person and expression to show at most, at least
            1 s apart.
        people: As for `timeline`.
        theme: As for `timeline`.
        ax: Axes to draw into.

    Returns:
        A new figure, or that of `ax`. Moments are in order of time.

    Raises:
        ConfigError: If `per_expression` is below 1, or there is no such video to read.
        FaceError: If there is nobody, or nobody of that id.
        VideoSourceError: If the video cannot be opened, or has no frame at such a time.
    """
    if per_expression < 1:
        raise ConfigError(f"per_expression must be 1 or more, got {per_expression}")
    look, courses = theme_of(theme), gather(clip)
    chosen = courses.chosen(people, MOST_PANELS)
    rows = [
        (f"Person {person.track_id}", strongest_faces(person, courses.labels, per_expression))
        for person in chosen
    ]
    cut = cut_from_collector(faces) if faces else cut_from_video(source or courses.source, chosen)
    strip = FaceStrip([(title, [(one, cut(one)) for one in moments]) for title, moments in rows])
    figure, axes = _one(ax, strip.height * WIDTH_IN / strip.width, look)
    strip.draw(axes, look)
    return figure


def _panels(
    clip: ClipData,
    people: int | Sequence[int] | None,
    theme: ThemeName,
    ax: Axes | None,
    draw: Callable[[Axes, Course, Courses], Iterable[str]],
    *,
    away: bool,
) -> Figure:
    """Draw people one below the other; `draw` returns the labels that it drew."""
    look, courses = theme_of(theme), gather(clip)
    chosen = courses.chosen(people, MOST_PANELS if ax is None else len(courses.people))
    if ax is None:
        figure = new_figure(_LEGEND_IN + _PANEL_IN * len(chosen), look)
        panels = list(figure.subplots(len(chosen), 1, sharex=True, squeeze=False)[:, 0])
    elif len(chosen) == 1:
        figure, panels = figure_of(ax), [ax]
    else:
        listed = ", ".join(str(person.track_id) for person in chosen)
        raise ConfigError(
            f"expected one person for one pair of axes, got {listed}; choose with people=..."
        )
    drawn: set[str] = set()
    for axes, person in zip(panels, chosen, strict=True):
        style(axes, look)
        share_axis(axes, look)
        name(axes, f"Person {person.track_id}", look)
        drawn.update(draw(axes, person, courses))
        time_axis(axes, courses.begin_s, courses.end_s)
    labels = [label for label in courses.labels if label in drawn]
    add_legend(panels[-1], labels, look, away=away, whole_figure=ax is None)
    return figure


def _one(ax: Axes | None, height_in: float, theme: Theme) -> tuple[Figure, Axes]:
    if ax is not None:
        return figure_of(ax), ax
    figure = new_figure(height_in, theme)
    return figure, figure.subplots()


def _reaching(values: Float64Array, labels: Sequence[str], least: float) -> list[str]:
    """Return the labels that come near enough to 1 somewhere to be named."""
    highest = values.max(axis=0)
    return [label for label, value in zip(labels, highest, strict=True) if value >= least]


def _thinned(person: Course) -> tuple[Float64Array, Float64Array]:
    """Return times and smoothed probabilities, of very many the means over stretches of time."""
    if len(person.times_s) <= _MOST_POINTS:
        return person.times_s, person.smoothed
    edges = np.linspace(person.times_s[0], person.times_s[-1], _MOST_POINTS + 1)[1:-1]
    places = np.searchsorted(edges, person.times_s, side="right")
    counts = np.bincount(places, minlength=_MOST_POINTS)
    sums = [
        np.bincount(places, weights=column, minlength=_MOST_POINTS)
        for column in (person.times_s, *person.smoothed.T)
    ]
    means = (np.stack(sums, axis=1) / np.maximum(counts, 1)[:, None])[counts > 0]
    return means[:, 0], means[:, 1:]


def _colours_over_time(
    course: BinnedExpressions, labels: Sequence[str], theme: Theme
) -> Float64Array:
    """Return the colours of a row, (bins, 3) in 0..1, laid over the ground by their probability."""
    colours = np.array([to_rgb(colour_of(label)) for label in labels])
    strength = np.nan_to_num(course.probabilities).max(axis=1, initial=0.0)[:, None]
    ground, empty = np.array(to_rgb(theme.ground)), np.array(to_rgb(theme.empty))
    mixed = strength * colours[course.dominant] + (1 - strength) * ground
    return np.where(course.dominant[:, None] >= 0, mixed, empty)
