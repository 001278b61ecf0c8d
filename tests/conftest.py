"""Fixtures that every test may use: a public face, and the data folder where there is one."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

REPO = Path(__file__).resolve().parents[1]
ASSETS = Path(__file__).parent / "assets"


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
