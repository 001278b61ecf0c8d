"""Faces of several viewers in one run of the model: the answers are those of each alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from mien.core.errors import ImageError
from mien.core.labels import FERPLUS
from mien.core.session import OnnxSession
from mien.core.types import FrameResult
from mien.recognition.together import Seen
from mien.web.choice import Choice
from mien.web.engine import RecognizerEngine
from mien.web.readers import FACES_TOGETHER, Readers
from mien.web.settings import load_settings
from tests.bundles import write_tiny_bundle

PATIENCE_S = 20
SHARES = (0.33, 0.27, 0.12, 0.14, 0.09, 0.01, 0.03, 0.01)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> RecognizerEngine:
    folder = tmp_path_factory.mktemp("bundles")
    tiny = write_tiny_bundle(folder, training_priors={"ferplus": SHARES})
    return RecognizerEngine(load_settings(bundle=str(tiny), detector="full"))


@pytest.fixture(scope="module")
def pictures(astronaut_path: Path) -> list[bytes]:
    """Eight different pictures of a face."""
    image = cv2.imread(str(astronaut_path))
    faces = [image[60 + 4 * k : 190 - 4 * k, 165:285] for k in range(8)]
    return [cv2.imencode(".jpg", face)[1].tobytes() for face in faces]


def choices(engine: RecognizerEngine) -> list[Choice]:
    """Label sets, priors and thresholds that all ask the same model, and one that asks another."""
    live = replace(engine.default, live=True)
    return [
        live,
        live.changed(label_set="fer2013"),
        live.changed(prior="balanced"),
        live.changed(prior="balanced", prior_strength=0.5, uncertain_below=0.9),
        live.changed(prior=dict.fromkeys(FERPLUS.labels, 0.125)),
        live.changed(bundle="mien-s"),
        live.changed(bundle="mien-s", label_set="fer2013"),
        live,
    ]


class Crowd:
    """A thread that is busy until all viewers stand in line."""

    def __init__(self, readers: Readers) -> None:
        self._readers = readers
        self._is_over = threading.Event()

    async def read(self, works: Sequence[Callable[[], Any]]) -> list[Any]:
        blocker = asyncio.create_task(self._readers.run(self._is_over.wait, PATIENCE_S))
        while not self._readers._others_running:
            await asyncio.sleep(0.001)
        frames = [asyncio.create_task(self._readers.read_frame(work)) for work in works]
        while len(self._readers._frames) < len(works):
            await asyncio.sleep(0.001)
        self._is_over.set()
        await blocker
        return await asyncio.gather(*frames, return_exceptions=True)


def read_in_a_crowd(
    read: Callable[[Sequence[Any]], list[Any]], works: Sequence[Callable[[], Any]]
) -> tuple[list[Any], list[int]]:
    """Return the outcomes of frames that all wait at once for one thread, and the runs' sizes."""
    sizes: list[int] = []

    def counted(seen: Sequence[Any]) -> list[Any]:
        sizes.append(len(seen))
        return read(seen)

    async def main() -> list[Any]:
        readers = Readers(counted, workers=1, max_waiting=1)
        try:
            return await asyncio.wait_for(Crowd(readers).read(works), PATIENCE_S)
        finally:
            readers.close()

    return asyncio.run(main()), sizes


def without_times(result: FrameResult) -> dict[str, Any]:
    return {**result.to_dict(), "milliseconds": sorted(result.milliseconds)}


def test_a_batch_answers_as_each_alone_would_be(
    engine: RecognizerEngine, pictures: list[bytes]
) -> None:
    chosen = choices(engine)
    works = [
        partial(engine.locate, picture, choice, index=number, timestamp_s=number / 10)
        for number, (picture, choice) in enumerate(zip(pictures, chosen, strict=True))
    ]
    together, sizes = read_in_a_crowd(engine.read, works)
    assert sizes == [FACES_TOGETHER] * (len(works) // FACES_TOGETHER)
    for number, (picture, choice) in enumerate(zip(pictures, chosen, strict=True)):
        alone = engine.analyze(picture, choice, index=number, timestamp_s=number / 10)
        shares, expected = (r[0].expression.probabilities for r in (together[number], alone))
        assert list(shares) == list(expected)
        assert list(shares.values()) == pytest.approx(list(expected.values()), abs=1e-5)
        same = [
            replace(r, faces=(replace(r[0], expression=alone[0].expression),))
            for r in (together[number], alone)
        ]
        assert without_times(same[0]) == without_times(same[1])
    # They are eight different answers, so that none can have been another's.
    assert len({tuple(r[0].expression.probabilities.values()) for r in together}) == len(works)


def test_each_face_of_a_picture_goes_back_to_it(engine: RecognizerEngine) -> None:
    """Pictures of two, none and one face: rows are shared out by the number of faces."""
    chance = np.random.default_rng(3)
    live = engine.recognizer(engine.default)
    seen = []
    for number, count in enumerate((2, 0, 1, 3)):
        located = live.locate(chance.integers(0, 256, (60, 60, 3), dtype=np.uint8), index=number)
        crops = chance.integers(0, 256, (count, 48, 48), dtype=np.uint8)
        faces = located.faces * count
        seen.append(Seen(live, replace(located, faces=faces, crops_gray=crops)))
    for one, result in zip(seen, engine.read(seen), strict=True):
        expected = live.classify(one.located.crops_gray)
        found = [list(face.expression.probabilities.values()) for face in result]
        assert np.allclose(np.reshape(found, expected.shape), expected, atol=1e-6)
        assert (result.milliseconds["classify"] > 0) == (len(one) > 0)


def test_the_model_runs_once_for_all_that_share_it(
    engine: RecognizerEngine, pictures: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[int] = []
    ask = OnnxSession.run

    def run(session: OnnxSession, batch: Any) -> Any:
        runs.append(len(batch))
        return ask(session, batch)

    monkeypatch.setattr(OnnxSession, "run", run)
    engine.read([engine.locate(p, c) for p, c in zip(pictures, choices(engine), strict=True)])
    assert sorted(runs) == [2, 6]


def test_one_that_fails_fails_alone(engine: RecognizerEngine, pictures: list[bytes]) -> None:
    """A picture that cannot be read, and faces that the model cannot take, among good ones."""
    choice = engine.default

    def of_another_size() -> Seen:
        seen = engine.locate(pictures[0], choice)
        return replace(seen, located=replace(seen.located, crops_gray=np.zeros((1, 7, 7), "u1")))

    works: list[Callable[[], Any]] = [
        partial(engine.locate, pictures[0], choice),
        partial(engine.locate, b"no picture", choice),
        of_another_size,
        partial(engine.locate, pictures[1], choice),
        partial(engine.locate, pictures[2], choice),
    ]
    outcomes, _ = read_in_a_crowd(engine.read, works)
    assert isinstance(outcomes[1], ImageError)
    assert isinstance(outcomes[2], Exception) and not isinstance(outcomes[2], ImageError)
    for number, picture in ((0, pictures[0]), (3, pictures[1]), (4, pictures[2])):
        alone = engine.analyze(picture, choice)
        assert without_times(outcomes[number])["faces"] == without_times(alone)["faces"]


class Faces(list[int]):
    """A picture with so many faces, as far as readers can tell."""


def test_a_frame_without_a_face_waits_for_no_other() -> None:
    order: list[int] = []

    def read(seen: Sequence[Faces]) -> list[Any]:
        order.extend(one[0] for one in seen if one)
        return [len(one) for one in seen]

    works = [partial(Faces, faces) for faces in ([0], [], [2], [3])]
    outcomes, sizes = read_in_a_crowd(read, works)
    assert outcomes == [1, 0, 1, 1]
    assert sizes == [1, 3] and order == [0, 2, 3]


def test_a_group_is_read_without_waiting_for_more() -> None:
    group = Faces(range(FACES_TOGETHER))
    _, sizes = read_in_a_crowd(lambda seen: [None] * len(seen), [lambda: group, lambda: Faces([1])])
    assert sizes == [1, 1]


def test_who_is_alone_is_read_at_once() -> None:
    """Nothing else comes, and still there is an answer."""

    async def main() -> Any:
        readers = Readers(lambda seen: [len(one) for one in seen], workers=2, max_waiting=1)
        try:
            return await asyncio.wait_for(readers.read_frame(lambda: Faces([1])), PATIENCE_S)
        finally:
            readers.close()

    assert asyncio.run(main()) == 1
