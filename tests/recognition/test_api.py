"""`mien.analyze` is a recognizer that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mien
from mien.core.errors import BundleError
from mien.recognition import api
from mien.recognition.recognizer import Recognizer


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    api._open.cache_clear()
    yield
    api._open.cache_clear()


def test_it_reads_as_a_recognizer_does(
    tiny_bundle: Path, recognizer: Recognizer, astronaut_path: Path
) -> None:
    result = mien.analyze(astronaut_path, bundle=tiny_bundle, detector="blazeface")
    assert result.faces == recognizer.analyze(astronaut_path).faces
    assert [face.expression.dominant for face in result] == [result[0].expression.dominant]


def test_options_reach_the_recognizer(tiny_bundle: Path, astronaut_bgr: NDArray[np.uint8]) -> None:
    rgb = np.ascontiguousarray(astronaut_bgr[:, :, ::-1])
    result = mien.analyze(rgb, bundle=tiny_bundle, label_set="fer2013", colour_order="rgb")
    assert result[0].expression.label_set == "fer2013"
    assert result.detector == "blazeface"
    assert len(mien.analyze(rgb, bundle=tiny_bundle, min_face_px=300)) == 0
    (face,) = mien.analyze(rgb, bundle=tiny_bundle, detector="full")
    assert (face.box.x2, face.box.y2) == (512, 512)


def test_threads_that_come_at_once_load_the_model_once(
    tiny_bundle: Path, astronaut_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []

    class Counted(Recognizer):
        def __init__(self, *args: object, **options: object) -> None:
            made.append(args)
            super().__init__(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(api, "Recognizer", Counted)
    with ThreadPoolExecutor(4) as pool:
        results = list(
            pool.map(lambda _: mien.analyze(astronaut_path, bundle=tiny_bundle), range(8))
        )
    assert len(made) == 1
    assert len({result.faces for result in results}) == 1


def test_auto_is_asked_anew_at_every_call(
    tiny_bundle: Path, astronaut_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mien.analyze(astronaut_path, bundle=tiny_bundle).detector == "blazeface"
    monkeypatch.setattr(api, "resolve_name", lambda name: "haar")
    assert mien.analyze(astronaut_path, bundle=tiny_bundle).detector == "haar"


def test_an_unknown_bundle_is_an_error_each_time(astronaut_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(BundleError, match="no-such-model"):
            mien.analyze(astronaut_path, bundle="no-such-model")
