"""A loaded model: gray face crops in, logits or probabilities out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.bundle.config import BundleConfig
from mien.bundle.prior import DEFAULT_PRIOR, Prior, PriorLike, resolve_prior
from mien.core.errors import ShapeError
from mien.core.imaging import normalise
from mien.core.labels import LabelSet, label_set
from mien.core.session import OnnxSession

# Enough to be quick, few enough that activations stay within a few hundred megabytes.
MAX_BATCH = 256


class Bundle:
    """A model ready to run. Made by `load_bundle`; may be shared by threads.

    Attributes:
        config: All that is known of the model.
        path: The folder it came from.
        label_sets: Its label sets by name, in the order of the heads.
    """

    def __init__(self, *, config: BundleConfig, path: Path, session: OnnxSession) -> None:
        """Join a checked config with the session of its graph; see `load_bundle`."""
        self.config = config
        self.path = path
        self.label_sets: dict[str, LabelSet] = {
            head.label_set: label_set(head.label_set) for head in config.heads
        }
        self._session = session
        self._default_priors: dict[str, Prior] = {}

    @property
    def name(self) -> str:
        """The bundle's name."""
        return self.config.name

    @property
    def provider(self) -> str:
        """The execution provider that runs it."""
        return self._session.provider

    def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Run the model on face crops.

        Args:
            images_gray: Gray crops (n, size, size) uint8, 0..255, of side `config.input.size`;
                n may be 0 and as large as memory allows.

        Returns:
            Label set name to logits (n, labels) float32.

        Raises:
            ShapeError: If the crops have another shape or dtype.
        """
        size = self.config.input.size
        if images_gray.shape[1:] != (size, size) or images_gray.dtype != np.uint8:
            raise ShapeError(
                f"expected (n, {size}, {size}) uint8 crops for bundle {self.name}, got "
                f"{images_gray.dtype} of shape {images_gray.shape}; crop and resize them with "
                "mien.core.imaging"
            )
        logits = {
            head.label_set: np.empty((len(images_gray), len(head.labels)), np.float32)
            for head in self.config.heads
        }
        for start in range(0, len(images_gray), MAX_BATCH):
            batch = slice(start, start + MAX_BATCH)
            spec = self.config.input
            outputs = self._session.run(normalise(images_gray[batch], mean=spec.mean, std=spec.std))
            for head in self.config.heads:
                logits[head.label_set][batch] = outputs[head.output]
        return logits

    def predict_probabilities(
        self,
        images_gray: NDArray[np.uint8],
        label_set: str | None = None,
        *,
        prior: PriorLike | Prior = DEFAULT_PRIOR,
        prior_strength: float | None = None,
    ) -> NDArray[np.float32]:
        """Return calibrated probabilities of one label set for face crops.

        Args:
            images_gray: As for `predict_logits`.
            label_set: Which head answers; None is the bundle's default.
            prior: How common each expression is taken to be: `default`, the bundle's own
                choice; `natural`, as in what it was trained on; `balanced`, all equally; a
                mapping with a share for each expression; or what `self.prior` returned.
            prior_strength: How far to go from the training shares to those, 0..1; None is the
                bundle's own for `default`, else 1.

        Returns:
            (n, labels) float32, rows sum to 1, columns in the label set's order.

        Raises:
            BundleError: If the bundle has no such label set.
            ConfigError: If the prior or its strength cannot be used.
            ShapeError: If the crops have another shape or dtype.
        """
        name = label_set or self.config.default_label_set
        resolved = self.prior(name, prior, prior_strength)
        return self.to_probabilities(self.predict_logits(images_gray)[name], name, prior=resolved)

    def to_probabilities(
        self,
        logits: NDArray[np.float32],
        label_set: str,
        *,
        prior: PriorLike | Prior = DEFAULT_PRIOR,
        prior_strength: float | None = None,
    ) -> NDArray[np.float32]:
        """Turn logits of `predict_logits` into calibrated probabilities.

        Args:
            logits: (n, labels) float32 of the head `label_set`.
            label_set: Which head they are of.
            prior: As for `predict_probabilities`.
            prior_strength: As for `predict_probabilities`.

        Raises:
            BundleError: If the bundle has no such label set.
            ConfigError: If the prior or its strength cannot be used.
        """
        head = self.config.head(label_set)
        offsets = self.prior(label_set, prior, prior_strength).offsets
        # The temperature first: see `Prior.offsets` for why.
        adjusted = logits.astype(np.float64) / head.temperature + offsets
        powers = np.exp(adjusted - adjusted.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def prior(
        self,
        label_set: str,
        prior: PriorLike | Prior = DEFAULT_PRIOR,
        strength: float | None = None,
    ) -> Prior:
        """Return how common a head takes each expression to be where `prior` is asked for.

        Args:
            label_set: Which head.
            prior: As for `predict_probabilities`; one that is resolved already stays.
            strength: As `prior_strength` there.

        Raises:
            BundleError: If the bundle has no such label set.
            ConfigError: If the prior or its strength cannot be used.
        """
        head = self.config.head(label_set)
        if isinstance(prior, Prior):
            return prior
        # Asked for at every face of a camera.
        is_default = prior == DEFAULT_PRIOR and strength is None
        if is_default and label_set in self._default_priors:
            return self._default_priors[label_set]
        resolved = resolve_prior(
            prior,
            strength,
            self.label_sets[label_set],
            head.training_priors,
            default_strength=head.prior_strength,
        )
        if is_default:
            self._default_priors[label_set] = resolved
        return resolved

    def __repr__(self) -> str:
        sets = ", ".join(self.label_sets)
        return f"Bundle({self.name!r}, label_sets=[{sets}], path={str(self.path)!r})"
