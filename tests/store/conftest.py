"""A store in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.store import Store, open_store


@pytest.fixture
def database_file(tmp_path: Path) -> Path:
    return tmp_path / "store" / "sessions.db"


@pytest.fixture
def store(database_file: Path) -> Iterator[Store]:
    with open_store(database_file) as opened:
        yield opened
