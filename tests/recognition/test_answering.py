"""Priors and thresholds through a recognizer: what is asked for is what answers, and is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import mien
from mien.core.errors import ConfigError
from mien.core.labels import FERPLUS
from mien.core.types import Expression, FrameResult
from mien.recognition import api
from mien.recognition.recognizer import Recognizer
from mien.recognition.tracking.smoothing import smooth
from tests.bundles import write_tiny_bundle

SHARES = (0.33, 0.27, 0.12, 0.14, 0.09, 0.01, 0.03, 0.01)
GIVEN = dict(zip(FERPLUS.labels, (0.1, 0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2), strict=True))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of uneven training shares that goes half way to even ones by itself."""
    return write_tiny_bundle(
        tmp_path_factory.mktemp("bundles"),
        training_priors={"ferplus": SHARES},
        prior_strength=0.5,
    )


@pytest.fixture(scope="module")
def reader(bundle: Path) -> Recognizer:
    return Recognizer(bundle, "full")


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    api._open.cache_clear()
    yield
    api._open.cache_clear()


def shares_of(result: FrameResult) -> NDArray[np.float64]:
    return np.array(list(result[0].expression.probabilities.values()))


def test_answers_are_those_under_the_prior_that_is_asked_for(
    reader: Recognizer, astronaut_bgr: NDArray[np.uint8]
) -> None:
    natural = shares_of(reader.answering(prior="natural").analyze(astronaut_bgr))
    given = np.array(list(GIVEN.values()))
    expected = {
        "default": natural / np.sqrt(SHARES),  # the bundle's own half way to even shares
        "balanced": natural / SHARES,
        "given": natural * given / SHARES,
    }
    for name, prior in (("default", "default"), ("balanced", "balanced"), ("given", GIVEN)):
        result = reader.answering(prior=prior).analyze(astronaut_bgr)
        wanted = expected[name] / expected[name].sum()
        np.testing.assert_allclose(shares_of(result), wanted, rtol=1e-3, atol=1e-6)


def test_a_result_says_which_prior_made_it(
    reader: Recognizer, astronaut_bgr: NDArray[np.uint8]
) -> None:
    said = [
        (result["prior"], result["prior_strength"])
        for result in (
            reader.answering(prior=prior, prior_strength=strength).analyze(astronaut_bgr).to_dict()
            for prior, strength in (
                ("default", None),
                ("default", 0.25),
                ("natural", None),
                ("balanced", None),
                (GIVEN, 0.75),
            )
        )
    ]
    assert said == [
        ("balanced", 0.5),
        ("balanced", 0.25),
        ("natural", 0.0),
        ("balanced", 1.0),
        ("given", 0.75),
    ]


def test_a_bundle_without_a_strength_answers_and_tells_as_it_always_did(
    tiny_bundle: Path, astronaut_bgr: NDArray[np.uint8]
) -> None:
    plain = Recognizer(tiny_bundle, "full")
    told = plain.analyze(astronaut_bgr).to_dict()
    natural = plain.answering(prior="natural").analyze(astronaut_bgr).to_dict()
    for result in (told, natural):
        result.pop("milliseconds")
    assert told == natural
    assert (told["prior"], told["prior_strength"]) == ("natural", 0.0)
    (face,) = told["faces"]
    probabilities = plain.bundle.predict_probabilities(
        plain.crop(astronaut_bgr, plain.analyze(astronaut_bgr).faces), prior="natural"
    )[0]
    assert list(face["expression"]["probabilities"].values()) == [
        round(float(p), 4) for p in probabilities
    ]
    assert face["expression"]["uncertain"] is False


def test_answering_loads_nothing(reader: Recognizer) -> None:
    other = reader.answering(prior="balanced", uncertain_below=0.5)
    assert other.bundle is reader.bundle
    assert other.detector is reader.detector
    assert (other.label_set, other.crop_frame) == (reader.label_set, reader.crop_frame)
    assert (str(reader.prior), reader.uncertain_below) == ("balanced 0.5", 0.0)


def test_answers_below_the_threshold_are_flagged_and_stay_whole(
    reader: Recognizer, astronaut_bgr: NDArray[np.uint8]
) -> None:
    sure = reader.analyze(astronaut_bgr)[0].expression
    for threshold, uncertain in ((0.0, False), (sure.confidence, False), (1.0, True)):
        other = reader.answering(uncertain_below=threshold).analyze(astronaut_bgr)
        (face,) = other
        assert face.expression.uncertain is (uncertain and sure.confidence < 1)
        assert face.expression.probabilities == sure.probabilities
        (row,) = other.observations()
        assert row.to_dict()["uncertain"] is face.expression.uncertain
        assert json.loads(json.dumps(face.to_dict()))["expression"]["uncertain"] is uncertain


def test_a_smoothed_answer_is_uncertain_by_its_own_confidence() -> None:
    before = Expression({"anger": 0.9, "fear": 0.1}, "own", 0.7)
    now = Expression({"anger": 0.2, "fear": 0.8}, "own", 0.7)
    # After one time constant the logit has covered 63 % of the way from ln 9 to ln 0.25: to
    # -0.07, which is 0.48 for anger.
    between = smooth(before, now, elapsed_s=1.0, time_constant_s=1.0)
    assert (before.uncertain, now.uncertain, between.uncertain) == (False, False, True)


def test_the_one_line_door_takes_them_too(bundle: Path, astronaut_path: Path) -> None:
    result = mien.analyze(
        astronaut_path,
        bundle=bundle,
        detector="full",
        prior=GIVEN,
        prior_strength=0.5,
        uncertain_below=1.0,
    )
    assert (result.prior, result.prior_strength) == ("given", 0.5)
    assert result[0].expression.uncertain_below == 1.0
    plain = mien.analyze(astronaut_path, bundle=bundle, detector="full")
    assert (plain.prior, plain.prior_strength) == ("balanced", 0.5)
    assert api._open.cache_info().misses == 1


@pytest.mark.parametrize("threshold", [-0.1, 1.1, float("nan")])
def test_a_threshold_outside_0_to_1_is_refused(reader: Recognizer, threshold: float) -> None:
    with pytest.raises(ConfigError, match="uncertain_below of 0 to 1"):
        reader.answering(uncertain_below=threshold)


def test_a_prior_that_does_not_fit_is_refused_before_any_picture(reader: Recognizer) -> None:
    with pytest.raises(ConfigError, match="missing contempt"):
        reader.answering(prior={k: v for k, v in GIVEN.items() if k != "contempt"})
