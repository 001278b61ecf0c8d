"""Fixtures that every test may use: a public face, and the data folder where there is one.

No test ever sees the user's own data: mien's folder is an empty one for all of them.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

REPO = Path(__file__).resolve().parents[1]
ASSETS = Path(__file__).parent / "assets"


def pytest_configure() -> None:
    """Give each of the processes that share the tests one thread.

    Were each to take all cores, as torch does, they would wait for each other more than they
    compute: the tests of training took four times as long.
    """
    if "PYTEST_XDIST_WORKER" in os.environ:
        os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """mien's folder of the user's data during the tests, of this process and those it starts."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIEN_HOME", str(home))
        patch.delenv("MIEN_DATABASE_URL", raising=False)
        yield home


@pytest.fixture(scope="session")
def astronaut_path() -> Path:
    """Eileen Collins, NASA, public domain; 512 x 512, one face of about 110 px."""
    return ASSETS / "astronaut.png"


@pytest.fixture
def astronaut_bgr(astronaut_path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(astronaut_path), cv2.IMREAD_COLOR)
    assert image is not None
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with fer2013.csv.xz and fer2013new.csv; the test is skipped without it."""
    folder = Path(os.environ.get("MIEN_DATA", REPO.parent / "shared" / "data"))
    if not (folder / "fer2013.csv.xz").is_file():
        pytest.skip(f"no FER2013 in {folder}; set MIEN_DATA to the folder that has it")
    return folder


@pytest.fixture
def fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """docs/fill_figures.py, with an empty folder of figures."""
    docs = REPO / "docs"
    monkeypatch.syspath_prepend(docs)
    spec = importlib.util.spec_from_file_location("fill_figures", docs / "fill_figures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FIGURES", tmp_path)
    return module
