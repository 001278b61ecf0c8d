"""Choosing among models: by name only, loaded when asked for, and never too many of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from mien.bundle.find import list_bundles
from mien.core.errors import DetectorError, LabelError
from mien.core.imaging import CropFrame
from mien.core.labels import LabelSet
from mien.core.paths import bundles_folder
from mien.web.bundles import MOST_OTHERS, BundleShelf, UnknownBundleError
from mien.web.engine import RecognizerEngine
from mien.web.settings import load_settings
from tests.bundles import linear_weights, write_tiny_bundle
from tests.web.running import RunningServer

OTHERS = [f"other-{number}" for number in range(MOST_OTHERS + 2)]


def turned(labels: LabelSet) -> np.ndarray:
    """Return weights that answer otherwise than those of the tiny bundle."""
    return -linear_weights(labels)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder of bundles, with more than may be loaded beside the server's own."""
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "mien"))
    for name in OTHERS:
        write_tiny_bundle(bundles_folder(), name=name, weights_of=turned)
    return bundles_folder()


@pytest.fixture
def engine(home: Path, tiny_bundle: Path) -> RecognizerEngine:
    return RecognizerEngine(load_settings(bundle=str(tiny_bundle), detector="full"))


@pytest.fixture
def running(engine: RecognizerEngine) -> Iterator[RunningServer]:
    server = RunningServer(load_settings(port=0), engine)
    yield server
    server.stop()


def test_a_choice_names_the_model_that_reads(
    engine: RecognizerEngine, astronaut_path: Path
) -> None:
    picture = astronaut_path.read_bytes()
    own = engine.analyze(picture, engine.default)[0].expression
    named = engine.analyze(picture, engine.default.changed(bundle="tiny"))[0].expression
    other = engine.analyze(picture, engine.default.changed(bundle=OTHERS[0]))[0].expression
    assert named == own
    # Its logits are the negative ones, so each share is the inverse of the other's, scaled.
    inverse = {label: 1 / own[label] for label in own}
    expected = {label: share / sum(inverse.values()) for label, share in inverse.items()}
    assert dict(other.probabilities) == pytest.approx(expected, rel=1e-3)


def test_no_more_bundles_are_kept_than_may_be_and_the_longest_unused_goes(home: Path) -> None:
    shelf = BundleShelf("mien-s", threads=1)
    first, second = shelf.take(OTHERS[0]), shelf.take(OTHERS[1])
    assert shelf.take(OTHERS[0]) is first
    for name in OTHERS[2:]:
        shelf.take(name)
        shelf.mark_used(OTHERS[0])
    assert shelf.has(first) and shelf.has(shelf.own) and not shelf.has(second)
    assert sum(shelf.has(shelf.take(name)) for name in [OTHERS[0]]) == 1
    assert len(shelf._others) == MOST_OTHERS


def test_what_was_opened_for_a_bundle_goes_with_it(engine: RecognizerEngine) -> None:
    for name in OTHERS:
        for label_set in ("ferplus", "fer2013"):
            engine.prepare(engine.default.changed(bundle=name, label_set=label_set))
    assert len(engine._recognizers) == MOST_OTHERS + 1
    # A detector is opened once, whatever the number of models.
    assert len({id(one.detector) for one in engine._recognizers.values()}) == 1


@pytest.mark.parametrize("name", ["moods", "../tiny", "/etc", ".", "..", "~", "\x00", "mien-s/"])
def test_other_names_are_refused_and_no_path_is_looked_at(
    engine: RecognizerEngine, name: str
) -> None:
    with pytest.raises(UnknownBundleError, match="available: tiny, mien"):
        engine.prepare(engine.default.changed(bundle=name))
    # Nor does anything grow with what clients make up.
    assert not engine._bundles._used_s and len(engine._recognizers) == 1


def test_a_folder_is_no_name(engine: RecognizerEngine, tiny_bundle: Path) -> None:
    with pytest.raises(UnknownBundleError):
        engine.prepare(engine.default.changed(bundle=str(tiny_bundle)))


def test_a_pair_that_does_not_fit_is_the_clients_mistake(
    engine: RecognizerEngine, home: Path
) -> None:
    write_tiny_bundle(home, name="full-only", crop_frames={"full": CropFrame(align=False)})
    engine.prepare(engine.default.changed(bundle="full-only"))
    with pytest.raises(DetectorError, match="no crop frame for detector haar"):
        engine.prepare(engine.default.changed(bundle="full-only", detector="haar"))
    with pytest.raises(LabelError, match="bundle full-only has: "):
        engine.prepare(engine.default.changed(bundle="full-only", label_set="moods"))


def test_the_catalogue_lists_what_can_be_asked_for(engine: RecognizerEngine) -> None:
    names = [bundle.name for bundle in engine.catalogue().bundles]
    assert names[0] == "tiny" and len(set(names)) == len(names)
    assert set(names) == {"tiny", *(found.name for found in list_bundles())}
    for name in OTHERS:
        assert name in names
        assert engine.prepare(engine.default.changed(bundle=name)) == "full"


def test_rest_takes_a_bundle_by_name(running: RunningServer, astronaut_path: Path) -> None:
    files = {"image": ("face.png", astronaut_path.read_bytes())}

    def dominant(path: str, **query: str) -> httpx.Response:
        return httpx.post(f"{running.url}{path}", params=query, files=files, timeout=30)

    own, other = (
        dominant("/v1/analyze", **query).json()["results"][0]["faces"][0]["expression"]["dominant"]
        for query in ({}, {"bundle": OTHERS[0]})
    )
    assert own != other
    explained = dominant("/v1/explain", format="json", bundle=OTHERS[0]).json()
    assert (explained["label"], explained["bundle"]) == (other, OTHERS[0])
    for path in ("/v1/analyze", "/v1/explain"):
        refused = dominant(path, bundle="../tiny")
        assert (refused.status_code, refused.json()["error"]["code"]) == (422, "unknown_bundle")
