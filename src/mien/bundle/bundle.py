"""A loaded model: gray face crops in, logits or probabilities out."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from mien.bundle.config import BundleConfig
from mien.core.errors import ConfigError, ShapeError
from mien.core.imaging import normalise
from mien.core.labels import LabelSet, label_set
from mien.core.session import OnnxSession

Prior = Literal["natural", "uniform"]

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
        prior: Prior = "natural",
    ) -> NDArray[np.float32]:
        """Return calibrated probabilities of one label set for face crops.

        Args:
            images_gray: As for `predict_logits`.
            label_set: Which head answers; None is the bundle's default.
            prior: `natural` keeps the shares of expressions that the model was trained on;
                `uniform` answers as if each were equally common, by dividing by those shares
                (Saerens et al., "Adjusting the Outputs of a Classifier to New a Priori
                Probabilities", 2002).

        Returns:
            (n, labels) float32, rows sum to 1, columns in the label set's order.

        Raises:
            BundleError: If the bundle has no such label set.
            ConfigError: If the prior is unknown.
            ShapeError: If the crops have another shape or dtype.
        """
        logits = self.predict_logits(images_gray)
        name = label_set or self.config.default_label_set
        self.config.head(name)
        return self.to_probabilities(logits[name], name, prior=prior)

    def to_probabilities(
        self, logits: NDArray[np.float32], label_set: str, *, prior: Prior = "natural"
    ) -> NDArray[np.float32]:
        """Turn logits of `predict_logits` into calibrated probabilities.

        Args:
            logits: (n, labels) float32 of the head `label_set`.
            label_set: Which head they are of.
            prior: As for `predict_probabilities`.

        Raises:
            BundleError: If the bundle has no such label set.
            ConfigError: If the prior is unknown.
        """
        head = self.config.head(label_set)
        if prior not in get_args(Prior):
            raise ConfigError(f"expected prior natural or uniform, got {prior!r}")
        scaled = logits.astype(np.float64) / head.temperature
        if prior == "uniform":
            scaled -= np.log(np.asarray(head.training_priors))
        powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def __repr__(self) -> str:
        sets = ", ".join(self.label_sets)
        return f"Bundle({self.name!r}, label_sets=[{sets}], path={str(self.path)!r})"
