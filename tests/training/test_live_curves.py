"""The curves in a notebook: one picture, drawn anew after each epoch."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import IPython.display
import pytest
from PIL import Image
from rich.console import Console

from mien.core.errors import MissingExtraError
from mien.data import FaceDataset
from mien.training import live_curves
from mien.training.curves import curves_png
from mien.training.live_curves import LiveCurves
from mien.training.recipe import parse_recipe
from mien.training.train import train

QUIET = Console(file=StringIO())


class Screen:
    """Stands in for a notebook: what was put up, and what replaced it."""

    def __init__(self) -> None:
        self.displayed: list[bytes] = []
        self.updates: list[bytes] = []

    def display(self, picture: Any, *, display_id: bool) -> Screen:
        assert display_id
        self.displayed.append(picture.data)
        return self

    def update(self, picture: Any) -> None:
        self.updates.append(picture.data)


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    screen = Screen()
    monkeypatch.setattr(IPython.display, "display", screen.display)
    return screen


@pytest.fixture
def drawn_rows(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """The epochs that each picture was drawn from."""
    drawn: list[list[float]] = []

    def note(rows: Sequence[Mapping[str, float]], *, title: str, dpi: int) -> bytes:
        drawn.append([row["epoch"] for row in rows])
        return curves_png(rows, title=title, dpi=dpi)

    monkeypatch.setattr(live_curves, "curves_png", note)
    return drawn


def test_one_picture_is_drawn_anew_after_each_epoch_and_a_resumed_run_goes_on(
    faces: FaceDataset,
    recipe_values: dict[str, Any],
    tmp_path: Path,
    screen: Screen,
    drawn_rows: list[list[float]],
) -> None:
    recipe, run = parse_recipe(recipe_values), tmp_path / "run"
    train(recipe, faces, run, console=QUIET, max_epochs_now=2, callbacks=[LiveCurves()])
    assert drawn_rows == [[], [1], [1, 2]]
    assert (len(screen.displayed), len(screen.updates)) == (1, 2)
    pictures = [*screen.displayed, *screen.updates]
    assert len(set(pictures)) == 3
    assert all(Image.open(BytesIO(png)).size == (968, 369) for png in pictures)

    train(recipe, faces, run, console=QUIET, resume=True, callbacks=[LiveCurves()])
    assert drawn_rows[3:] == [[1, 2], [1, 2, 3], [1, 2, 3, 4]]
    assert (len(screen.displayed), len(screen.updates)) == (2, 4)


def test_without_ipython_the_error_says_where_the_curves_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.delitem(sys.modules, "IPython.display", raising=False)
    with pytest.raises(MissingExtraError, match=r"jupyterlab.*curves\.png"):
        LiveCurves()
