"""Plots draw what the results say, and nothing where there is nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy.typing import NDArray

import mien
from mien.core.errors import ConfigError, FaceError, LabelError, VideoSourceError
from mien.core.labels import COLOURS, FERPLUS
from mien.core.types import Box, FrameResult
from mien.media import VideoWriter
from mien.reports import plots
from mien.reports.bins import TimeBins
from mien.reports.courses import gather
from mien.reports.thumbnails import PeakCollector
from tests.reports.clips import any_clip, expression, face, frame


def blank_axes() -> Axes:
    axes: Axes = Figure().subplots()
    return axes


def curves(figure: Figure, panel: int = 0) -> dict[str, NDArray[np.float64]]:
    """Label to the points of a line, those that break it included."""
    return {
        str(line.get_label()): np.asarray(line.get_xydata())
        for line in figure.axes[panel].get_lines()
    }


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


def steps(times_s: list[float], *strengths: float) -> list[FrameResult]:
    """Happy with the given strengths; raw ones turned into surprise, which smoothing hides."""
    return [
        frame(
            at_s,
            face(1, expression("surprise", 0.9), smoothed=expression("happiness", strength)),
            index=number,
        )
        for number, (at_s, strength) in enumerate(zip(times_s, strengths, strict=True))
    ]


def test_curves_are_the_probabilities_raw_and_smoothed() -> None:
    figure = plots.timeline(steps([0.0, 0.1, 0.2], 0.5, 0.6, 0.7))
    drawn = curves(figure)
    assert drawn["happiness"] == pytest.approx(np.array([[0, 0.5], [0.1, 0.6], [0.2, 0.7]]))
    assert drawn["surprise raw"][:, 1] == pytest.approx([0.9, 0.9, 0.9])
    assert drawn["happiness raw"][:, 1] == pytest.approx([0.1 / 7] * 3)
    # Every other expression stays below a tenth.
    assert set(drawn) == {"happiness", "happiness raw", "surprise", "surprise raw"}
    assert legend(figure) == ["happiness", "surprise"]
    colours = {line.get_label(): to_hex(line.get_color()) for line in figure.axes[0].get_lines()}
    assert colours["happiness"] == COLOURS["happiness"]
    widths = {line.get_label(): line.get_linewidth() for line in figure.axes[0].get_lines()}
    assert widths["happiness"] > widths["happiness raw"]


def test_a_curve_breaks_where_somebody_is_away() -> None:
    times_s = [0.0, 0.1, 0.2, 3.2, 3.3, 3.4]
    drawn = curves(plots.timeline(steps(times_s, *[0.9] * 6)))["happiness"]
    assert np.isnan(drawn[:, 1]).tolist() == [False] * 3 + [True] + [False] * 3
    assert drawn[~np.isnan(drawn[:, 1]), 0] == pytest.approx(times_s)
    # Sampled every 4 s nobody is away between two frames.
    slow = curves(plots.timeline(steps([0.0, 4.0, 8.0, 30.0], *[0.9] * 4)))["happiness"]
    assert np.isnan(slow[:, 1]).tolist() == [False, False, False, True, False]


def test_there_is_a_panel_for_each_person_on_one_axis_of_time() -> None:
    clip = any_clip(150, 3)
    figure = plots.timeline(clip)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["Person 1", "Person 2", "Person 3"]
    limits = {axes.get_xlim() for axes in figure.axes}
    assert limits == {(clip[0].timestamp_s, clip[-1].timestamp_s)}
    (lone,) = plots.timeline(clip, people=2).axes
    assert lone.get_title(loc="left") == "Person 2"
    figure.canvas.draw()
    shown = [label.get_text() for label in figure.axes[-1].get_xticklabels()]
    assert len(shown) > 2 and all(":" in text for text in shown)


def test_areas_are_stacked_in_the_order_of_the_labels_up_to_one() -> None:
    clip = steps([0.0, 0.1, 0.2, 5.0, 5.1, 5.2], *[0.5, 0.6, 0.7] * 2)
    figure = plots.stacked_area(clip)
    areas = [one for one in figure.axes[0].collections if isinstance(one, PolyCollection)]
    assert [area.get_label() for area in areas] == list(FERPLUS.labels)
    # Two stretches of time, hence two shapes each.
    assert {len(area.get_paths()) for area in areas} == {2}
    tops = [area.get_paths()[0].vertices[:, 1].max() for area in areas]
    assert tops[-1] == pytest.approx(1)
    assert tops == sorted(tops)
    happy = areas[1].get_paths()[0].vertices
    rest = 0.3 / 7
    at_end = happy[np.isclose(happy[:, 0], 0.2), 1]
    assert (at_end.min(), at_end.max()) == pytest.approx((rest, rest + 0.7))
    assert legend(figure)[-1] == "not in view"


def test_of_very_many_sightings_the_means_are_drawn() -> None:
    strengths = 0.6 + 0.3 * np.sin(np.arange(20_000) / 900)
    clip = steps((np.arange(20_000) / 25).tolist(), *strengths.tolist())
    areas = plots.stacked_area(clip).axes[0].collections
    happy = areas[1].get_paths()[0].vertices
    assert 7000 < len(happy) < 9000
    thickness = happy[:, 1].max()
    assert thickness == pytest.approx(0.9 + 0.1 / 7, abs=0.01)


def test_the_map_has_a_row_for_each_person_in_the_colour_of_the_strongest() -> None:
    # Sure of all they show, so that colours are pure.
    sure = {label: expression(label, 1.0) for label in ("happiness", "fear")}
    clip = [frame(n / 10, face(1, sure["happiness"]), index=n) for n in range(50)]
    clip += [frame(5 + n / 10, face(2, sure["fear"]), index=50 + n) for n in range(50)]
    figure = plots.heat_map(clip)
    (image,) = figure.axes[0].images
    cells = np.asarray(image.get_array())
    assert cells.shape[0] == 2
    middle = cells.shape[1] // 4
    assert to_hex(cells[0, middle]) == COLOURS["happiness"]
    assert to_hex(cells[1, -middle]) == COLOURS["fear"]
    assert to_hex(cells[0, -middle]) == to_hex(cells[1, middle]) == "#eef0f3"
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == [
        "Person 1",
        "Person 2",
    ]
    assert legend(figure) == ["happiness", "fear", "not in view"]
    bins = TimeBins()
    for one in clip:
        bins.add(one)
    begin, end, bottom, top = image.get_extent()
    assert (begin, end) == pytest.approx((0, bins.count * bins.width_s))
    assert (bottom, top) == (1.5, -0.5)


def test_tables_and_results_are_drawn_alike() -> None:
    clip = any_clip(120, 2)
    by_results, by_table = (
        curves(plots.timeline(one)) for one in (iter(clip), mien.to_dataframe(clip))
    )
    assert by_results.keys() == by_table.keys()
    for label, points in by_results.items():
        assert by_table[label] == pytest.approx(points, abs=1e-4, nan_ok=True)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[FrameResult]]:
    """A video whose frames are as bright as their number, with somebody happier and happier."""
    path = tmp_path_factory.mktemp("film") / "bright.mp4"
    clip = []
    with VideoWriter(path) as writer:
        for number in range(20):
            writer.write(np.full((64, 96, 3), 20 + 10 * number, np.uint8), number / 10)
            shown = expression("happiness" if number < 12 else "fear", 0.4 + 0.02 * number)
            seen = face(1, shown, box=Box(20, 10, 60, 50))
            clip.append(frame(number / 10, seen, index=number, source=str(path)))
    return path, clip


def brightness(figure: Figure) -> list[float]:
    return [float(np.asarray(image.get_array()).mean()) for image in figure.axes[0].images]


def test_faces_are_those_of_the_frames_with_the_peaks(
    film: tuple[Path, list[FrameResult]],
) -> None:
    path, clip = film
    for figure in (plots.face_strip(clip), plots.face_strip(mien.to_dataframe(clip), path)):
        # The last happy frame and the last fearful one, in order of time.
        assert brightness(figure) == pytest.approx([20 + 110, 20 + 190], abs=4)
        words = [text.get_text() for text in figure.axes[0].texts]
        assert words == ["Person 1", "happiness 62%", "at 0:01.1", "fear 78%", "at 0:01.9"]


def test_faces_may_come_from_a_collector_and_may_be_missing(
    film: tuple[Path, list[FrameResult]],
) -> None:
    _, clip = film
    collector = PeakCollector()
    for number, one in enumerate(clip[:15]):
        collector.add(np.full((64, 96, 3), 20 + 10 * number, np.uint8), one)
    figure = plots.face_strip(clip, faces=collector)
    assert brightness(figure) == pytest.approx([130], abs=3)
    assert "fear 78%" in [text.get_text() for text in figure.axes[0].texts]


def test_axes_of_ones_own_take_one_person(film: tuple[Path, list[FrameResult]]) -> None:
    clip = any_clip(60, 2)
    for draw in (plots.timeline, plots.stacked_area):
        axes = blank_axes()
        assert draw(clip, people=2, ax=axes) is axes.figure
        assert axes.get_legend() is not None
        with pytest.raises(ConfigError, match="one person for one pair of axes, got 1, 2"):
            draw(clip, ax=blank_axes())
    axes = blank_axes()
    assert plots.heat_map(clip, ax=axes) is axes.figure
    assert plots.face_strip(film[1], ax=blank_axes()).axes[0].images


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plots_are_opaque_and_words_stand_out(theme: str) -> None:
    def light(colour: object) -> float:
        red, green, blue = (
            int(to_hex(colour)[n : n + 2], 16) / 255  # type: ignore[arg-type]
            for n in (1, 3, 5)
        )
        linear = [
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red, green, blue)
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    for draw in (plots.timeline, plots.stacked_area, plots.heat_map):
        figure = draw(any_clip(40, 2), theme=theme)  # type: ignore[operator]
        ground = figure.get_facecolor()
        assert ground[3] == 1
        words = [*figure.legends[0].get_texts(), *figure.axes[-1].get_xticklabels()]
        for word in words:
            high, low = sorted((light(word.get_color()), light(ground)), reverse=True)
            # WCAG 2.2, AA.
            assert (high + 0.05) / (low + 0.05) >= 4.5


def test_the_legend_covers_nothing() -> None:
    for draw in (plots.timeline, plots.stacked_area, plots.heat_map):
        figure = draw(any_clip(60, 3))  # type: ignore[operator]
        figure.canvas.draw()
        box = figure.legends[0].get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.x1
        for axes in figure.axes:
            assert axes.get_tightbbox().y0 >= box.y1 - 1


def test_who_is_not_there_cannot_be_drawn(film: tuple[Path, list[FrameResult]]) -> None:
    clip = any_clip(40, 2)
    for draw in (plots.timeline, plots.stacked_area, plots.heat_map, plots.face_strip):
        with pytest.raises(FaceError, match="no person 9"):
            draw(clip, people=9)  # type: ignore[operator]
        with pytest.raises(FaceError, match="track id"):
            draw([frame(0.0, face(None, expression("fear", 0.9)))])  # type: ignore[operator]
        with pytest.raises(ConfigError, match="theme"):
            draw(film[1], theme="sepia")  # type: ignore[operator]
    with pytest.raises(ConfigError, match="PeakCollector"):
        plots.face_strip(clip)
    with pytest.raises(ConfigError, match="per_expression"):
        plots.face_strip(clip, per_expression=0)
    late = [frame(50 + n / 10, face(1, expression("fear", 0.9))) for n in range(3)]
    with pytest.raises(VideoSourceError):
        plots.face_strip(late, film[0])


def test_columns_are_the_results_person_by_person() -> None:
    clip = any_clip(80, 2)
    courses = gather(clip)
    for person in courses.people:
        rows = [(one, seen) for one in clip for seen in one if seen.track_id == person.track_id]
        assert person.times_s.tolist() == [one.timestamp_s for one, _ in rows]
        assert person.raw == pytest.approx(
            np.array([list(seen.expression.probabilities.values()) for _, seen in rows])
        )
        assert person.box_at(rows[3][0].timestamp_s) == rows[3][1].box
    mixed = [
        frame(0.0, face(1, expression("fear", 0.9))),
        frame(0.1, face(1, expression("fear", 0.9, labels=("fear", "joy")))),
    ]
    with pytest.raises(LabelError, match="one label set"):
        gather(mixed)


def test_plots_are_found_under_mien_and_loaded_only_then() -> None:
    code = (
        "import sys, mien\n"
        "assert 'plots' in dir(mien) and 'matplotlib' not in sys.modules\n"
        "assert mien.plots.timeline.__module__ == 'mien.reports.plots'\n"
        "assert 'matplotlib' in sys.modules and 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_notebook_shows_a_figure_without_pyplot() -> None:
    picture = plots.timeline(any_clip(20, 1))._repr_png_()  # type: ignore[attr-defined]
    assert picture.startswith(b"\x89PNG")
