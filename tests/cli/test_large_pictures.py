"""Commands that read folders of pictures read them as large as their model takes faces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import mien.data
from mien.cli.main import app
from mien.core.errors import DatasetError


@pytest.mark.parametrize(
    ("command", "largest"),
    [
        (["evaluate", "mien-s", "--data", "{data}", "--out", "{out}"], 64),
        (["compare", "mien-s", "mien-m", "--data", "{data}"], 64),
        (["train", "efficientnet-lite0", "--data", "{data}", "--out", "{out}"], 96),
        (["data", "audit", "{data}", "--recipe", "mien-m-first", "--out", "{out}"], 64),
        (["data", "audit", "{data}", "--run", "mien-s", "--out", "{out}"], 64),
        (["data", "describe", "{data}"], None),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_the_size_is_the_models(
    command: list[str], largest: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def open_dataset(path: Path, **options: Any) -> None:
        asked.append(options["largest"])
        raise DatasetError("far enough")

    monkeypatch.setattr(mien.data, "open_dataset", open_dataset)
    places = {"{data}": str(tmp_path), "{out}": str(tmp_path / "out")}
    result = CliRunner().invoke(app, [places.get(part, part) for part in command])
    assert str(result.exception) == "far enough"
    assert asked == [largest]
