"""A tiny bundle, and a recognizer that reads with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mien.recognition.recognizer import Recognizer
from tests.bundles import write_tiny_bundle


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(scope="session")
def recognizer(tiny_bundle: Path) -> Recognizer:
    return Recognizer(tiny_bundle, "blazeface")


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty home of mien's, so that what this machine has fetched decides no test."""
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
