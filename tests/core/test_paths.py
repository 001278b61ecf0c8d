"""The user's folders: from the environment at the time of asking."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.core.paths import bundles_folder, detectors_folder, home_folder


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MIEN_HOME", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_by_default_it_is_the_xdg_data_folder(tmp_path: Path) -> None:
    assert home_folder() == tmp_path / ".local" / "share" / "mien"


def test_xdg_data_home_moves_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    assert home_folder() == tmp_path / "data" / "mien"


@pytest.mark.parametrize("ignored", ["", "relative/folder"])
def test_an_unusable_xdg_data_home_is_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ignored: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", ignored)
    assert home_folder() == tmp_path / ".local" / "share" / "mien"


def test_mien_home_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("MIEN_HOME", "~/own")
    assert home_folder() == tmp_path / "own"
    assert detectors_folder() == tmp_path / "own" / "detectors"
    assert bundles_folder() == tmp_path / "own" / "bundles"


def test_asking_makes_no_folder(tmp_path: Path) -> None:
    detectors_folder()
    bundles_folder()
    assert list(tmp_path.iterdir()) == []
