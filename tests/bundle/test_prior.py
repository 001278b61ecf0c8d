"""Priors: Bayes' rule by hand, what may be asked for, and bundles with a choice of their own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bundles import SIZE, write_tiny_bundle
from mien.bundle.bundle import Bundle
from mien.bundle.card import render_card
from mien.bundle.config import BundleConfig
from mien.bundle.load import load_bundle
from mien.bundle.prior import PriorLike, resolve_prior, resolve_priors
from mien.core.errors import BundleError, ConfigError
from mien.core.labels import FER2013, FERPLUS, LabelSet

TWO = LabelSet("two", ("neutral", "fear"))
SHARES = [0.14, 0.02, 0.14, 0.25, 0.17, 0.11, 0.17]
GIVEN = {"anger": 0.1, "disgust": 0.1, "fear": 0.1, "happiness": 0.3, "sadness": 0.1} | {
    "surprise": 0.1,
    "neutral": 0.2,
}


def adjusted(posterior: list[float], prior: PriorLike, strength: float | None = None) -> np.ndarray:
    """A posterior of TWO under training shares of 0.9 and 0.1, made for another prior."""
    resolved = resolve_prior(prior, strength, TWO, (0.9, 0.1))
    powers = np.exp(np.log(posterior) + resolved.offsets)
    return np.asarray(powers / powers.sum())


class TestByHand:
    def test_balanced_divides_by_the_training_shares(self) -> None:
        # 0.75 / 0.9 = 5/6 and 0.25 / 0.1 = 15/6: neutral wins no more.
        np.testing.assert_allclose(adjusted([0.75, 0.25], "balanced"), [5 / 20, 15 / 20])

    def test_given_shares_multiply_as_well(self) -> None:
        # 0.75 * 0.6 / 0.9 = 0.5 and 0.25 * 0.4 / 0.1 = 1.
        found = adjusted([0.75, 0.25], {"fear": 0.4, "neutral": 0.6})
        np.testing.assert_allclose(found, [1 / 3, 2 / 3])

    def test_half_the_strength_takes_the_root(self) -> None:
        # sqrt(0.9 / 0.1) = 3 is what fear gains on neutral: 0.75 : 0.25 * 3.
        np.testing.assert_allclose(adjusted([0.75, 0.25], "balanced", 0.5), [0.5, 0.5])

    def test_natural_and_a_strength_of_zero_change_nothing(self) -> None:
        for prior, strength in (("natural", None), ("balanced", 0.0), ("default", None)):
            resolved = resolve_prior(prior, strength, TWO, (0.9, 0.1))
            assert resolved.to_dict() == {"name": "natural", "strength": 0.0}
            assert not resolved.offsets.any()

    def test_the_training_shares_given_change_nothing(self) -> None:
        found = adjusted([0.75, 0.25], {"neutral": 0.9, "fear": 0.1})
        np.testing.assert_allclose(found, [0.75, 0.25])


@pytest.mark.parametrize("strength", [0.0, 0.3, 1.0])
def test_where_the_posterior_is_exact_the_answer_is_that_of_bayes(strength: float) -> None:
    """Three Gaussians: the posterior under any prior is known, and best under its own."""
    generator = np.random.default_rng(4)
    labels = LabelSet("three", ("neutral", "happiness", "contempt"))
    means, shares = np.array([-1.0, 0.0, 1.5]), np.array([0.7, 0.27, 0.03])
    class_ids = np.repeat(np.arange(3), 4_000)  # as many of each
    seen = generator.normal(means[class_ids], 1.0)
    log_likelihood = -0.5 * (seen[:, None] - means) ** 2

    prior = resolve_prior("balanced", strength, labels, shares)
    answered = log_likelihood + np.log(shares) + prior.offsets
    meant = log_likelihood + (1 - strength) * np.log(shares)
    # Logits are the same where they differ by a constant for each face.
    gap = answered - meant
    np.testing.assert_allclose(gap, np.repeat(gap[:, :1], 3, axis=1), atol=1e-9)
    # Under equal shares no answers are right more often than those of the full strength.
    right = [
        ((log_likelihood + (1 - s) * np.log(shares)).argmax(axis=1) == class_ids).mean()
        for s in (strength, 1.0)
    ]
    assert right[0] < right[1] or strength == 1


class TestWhatMayBeAskedFor:
    @pytest.mark.parametrize(
        ("prior", "told"),
        [
            ("equal", "expected prior default .*, natural, balanced, or a share for each of"),
            ("given", "got 'given'"),
            (None, "got None"),
            ({"neutral": 1.0}, r"expected one share for each expression of two .*: missing fear"),
            ({"neutral": 0.5, "fear": 0.4, "joy": 0.1}, "unknown happiness"),
            ({"neutral": 0.5, "fear": 0.4, "mirth": 0.1}, "unknown mirth"),
            ({"neutral": 0.5, "fear": 0.25, "afraid": 0.25}, "given twice fear"),
            ({"neutral": 1.0, "fear": 0.0}, "above 0 that sum to 1, got neutral 1, fear 0"),
            ({"neutral": 60, "fear": 40}, "which sum to 100"),
            ({"neutral": float("nan"), "fear": 0.5}, "above 0"),
            ("neutral=much,fear=0.5", "expected a number as the share of neutral, got 'much'"),
            ("neutral=0.5,fear", "expected a number as the share of fear, got ''"),
        ],
    )
    def test_what_cannot_be_used_is_refused_by_name(self, prior: Any, told: str) -> None:
        with pytest.raises(ConfigError, match=told):
            resolve_prior(prior, None, TWO, (0.9, 0.1))

    @pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
    def test_a_strength_outside_0_to_1_is_refused(self, strength: float) -> None:
        with pytest.raises(ConfigError, match="strength of 0 to 1"):
            resolve_prior("balanced", strength, TWO, (0.9, 0.1))

    def test_natural_has_no_strength(self) -> None:
        with pytest.raises(ConfigError, match="natural changes nothing"):
            resolve_prior("natural", 0.5, TWO, (0.9, 0.1))

    def test_a_class_without_training_faces_has_no_prior_to_take_off(self) -> None:
        with pytest.raises(ConfigError, match="no training face shows fear"):
            resolve_prior("balanced", None, TWO, (1.0, 0.0))
        assert resolve_prior("natural", None, TWO, (1.0, 0.0)).strength == 0

    def test_shares_may_be_rounded_spelled_freely_or_text(self) -> None:
        meant = resolve_prior({"neutral": 2 / 3, "fear": 1 / 3}, None, TWO, (0.9, 0.1))
        for prior in ({"Fearful": 0.33, "NORMAL": 0.66}, " neutral =0.66, fear=0.33"):
            found = resolve_prior(prior, None, TWO, (0.9, 0.1))
            assert found.target_shares == pytest.approx(meant.target_shares)
            assert sum(found.target_shares) == pytest.approx(1, abs=1e-12)
            assert (found.name, found.strength) == ("given", 1.0)

    def test_default_is_the_models_own_and_its_strength_may_be_another(self) -> None:
        own = resolve_prior("default", None, TWO, (0.9, 0.1), default_strength=0.25)
        assert str(own) == "balanced 0.25"
        other = resolve_prior("default", 0.75, TWO, (0.9, 0.1), default_strength=0.25)
        assert other.to_dict() == {"name": "balanced", "strength": 0.75}
        plain = resolve_prior("balanced", None, TWO, (0.9, 0.1), default_strength=0.25)
        assert str(plain) == "balanced"

    def test_shares_are_for_the_head_that_they_name(self) -> None:
        training = {"ferplus": [1 / 8] * 8, "fer2013": [1 / 7] * 7}
        found = resolve_priors(GIVEN, 0.5, training, default_strengths={"ferplus": 0.2})
        assert str(found["fer2013"]) == "given 0.5"
        assert str(found["ferplus"]) == "balanced 0.2"
        both = resolve_priors("balanced", None, training)
        assert [str(prior) for prior in both.values()] == ["balanced", "balanced"]
        with pytest.raises(ConfigError, match=r"of ferplus \(neutral, .*\) or fer2013 \(anger"):
            resolve_priors({"neutral": 1.0}, None, training)


def with_head(folder: Path, **fields: Any) -> Bundle:
    """Load a bundle whose FER2013 head is changed."""
    path = folder / "config.json"
    content = json.loads(path.read_text())
    content["heads"][0].update(fields)
    path.write_text(json.dumps(content))
    return load_bundle(folder)


class TestBundle:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        return write_tiny_bundle(tmp_path)

    @pytest.fixture
    def faces(self) -> np.ndarray:
        return np.random.default_rng(1).integers(0, 256, (5, SIZE, SIZE), np.uint8)

    def test_a_bundle_from_before_there_were_strengths_is_natural(
        self, folder: Path, faces: np.ndarray
    ) -> None:
        path = folder / "config.json"
        content = json.loads(path.read_text())
        for head in content["heads"]:
            del head["prior_strength"]
        path.write_text(json.dumps(content))
        loaded = with_head(folder, training_priors=SHARES, temperature=2.0)
        assert [head.prior_strength for head in loaded.config.heads] == [0.0, 0.0]
        logits = loaded.predict_logits(faces)["fer2013"].astype(np.float64) / 2.0
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        natural = (powers / powers.sum(axis=1, keepdims=True)).astype(np.float32)
        for prior in ("default", "natural"):
            found = loaded.predict_probabilities(faces, "fer2013", prior=prior)
            np.testing.assert_array_equal(found, natural)

    def test_the_prior_changes_probabilities_after_the_temperature(
        self, folder: Path, faces: np.ndarray
    ) -> None:
        loaded = with_head(folder, training_priors=SHARES, temperature=2.5)
        calibrated = loaded.predict_probabilities(faces, "fer2013", prior="natural")
        targets: dict[str, tuple[PriorLike, list[float]]] = {
            "balanced": ("balanced", [1 / 7] * 7),
            "given": (GIVEN, [GIVEN[label] for label in FER2013.labels]),
        }
        for prior, target in targets.values():
            expected = calibrated * np.array(target) / SHARES
            expected /= expected.sum(axis=1, keepdims=True)
            found = loaded.predict_probabilities(faces, "fer2013", prior=prior)
            np.testing.assert_allclose(found, expected, atol=1e-5)
            assert np.abs(found - calibrated).max() > 0.01

    def test_the_strength_that_a_bundle_ships_is_its_default(
        self, folder: Path, faces: np.ndarray
    ) -> None:
        loaded = with_head(folder, training_priors=SHARES, prior_strength=0.25)
        default = loaded.predict_probabilities(faces, "fer2013")
        quarter = loaded.predict_probabilities(
            faces, "fer2013", prior="balanced", prior_strength=0.25
        )
        np.testing.assert_array_equal(default, quarter)
        natural = loaded.predict_probabilities(faces, "fer2013", prior="natural")
        assert np.abs(default - natural).max() > 0.001
        assert loaded.prior("fer2013").to_dict() == {"name": "balanced", "strength": 0.25}
        assert loaded.prior("ferplus").name == "natural"

    @pytest.mark.parametrize("strength", [-0.1, 1.5, "much"])
    def test_a_strength_that_is_none_is_refused(self, folder: Path, strength: Any) -> None:
        with pytest.raises(BundleError, match=r"heads\[0\]\.prior_strength: expected"):
            with_head(folder, prior_strength=strength)

    def test_the_card_says_what_the_default_is(self, folder: Path) -> None:
        natural = BundleConfig.read(folder / "config.json")
        assert "of the way" not in render_card(natural)
        config = with_head(folder, prior_strength=0.25).config
        assert "`fer2013`: answers go 0.25 of the way from the training shares" in render_card(
            config
        )

    def test_an_unknown_head_is_told(self, folder: Path) -> None:
        with pytest.raises(BundleError, match="no label set 'rafdb'"):
            load_bundle(folder).prior("rafdb")


def test_every_label_set_can_be_given(tmp_path: Path) -> None:
    loaded = load_bundle(write_tiny_bundle(tmp_path))
    for labels in (FER2013, FERPLUS):
        even: Mapping[str, float] = dict.fromkeys(labels.labels, 1 / len(labels))
        prior = loaded.prior(labels.name, even)
        # The tiny bundle's training shares are even as well.
        np.testing.assert_allclose(prior.offsets, 0, atol=1e-12)
