"""What can be evaluated: anything that turns faces into logits and says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from mien.bundle.bundle import Bundle
from mien.bundle.prior import DEFAULT_PRIOR, Prior, PriorLike, resolve_priors
from mien.core.imaging import resize_gray
from mien.evaluation.compare_cost import bundle_cost


class Predictor(Protocol):
    """A model that answers in one or more label sets."""

    @property
    def name(self) -> str:
        """What the model is called."""

    @property
    def label_sets(self) -> tuple[str, ...]:
        """Names of the label sets that it answers in."""

    def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return logits (n, classes) for faces (n, h, w) uint8, by name of label set.

        The softmax of what is returned is what the model answers with: any temperature is
        divided out already, and any prior added.
        """


@runtime_checkable
class KnowsPriors(Protocol):
    """A predictor that knows which priors its answers are made for."""

    @property
    def priors(self) -> Mapping[str, Prior]:
        """Label set name to the prior that is in its logits."""


def known_priors(predictor: Predictor) -> Mapping[str, Prior]:
    """Return the priors that a predictor knows of, by label set; empty where it knows none."""
    return predictor.priors if isinstance(predictor, KnowsPriors) else {}


class PriorPredictor:
    """Another predictor of natural answers, whose answers are made for other priors.

    Attributes:
        name: The other's name.
        label_sets: The other's label sets.
        priors: By label set; the answers of one that is not there stay natural.
    """

    def __init__(self, predictor: Predictor, priors: Mapping[str, Prior]) -> None:
        self.name, self.label_sets, self.priors = predictor.name, predictor.label_sets, priors
        self._predictor = predictor

    def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return the other's logits (n, classes) under these priors, by label set."""
        logits = self._predictor.predict_logits(images_gray)
        added = {name: prior.offsets.astype(np.float32) for name, prior in self.priors.items()}
        return {name: values + added.get(name, 0) for name, values in logits.items()}


class BundlePredictor:
    """A bundle as its users meet it: faces of any size, calibrated, under a prior.

    Attributes:
        bundle: The bundle, run by ONNX Runtime.
        name: Its name.
        label_sets: Names of its heads.
        priors: How common each head takes each expression to be.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        prior: PriorLike = DEFAULT_PRIOR,
        prior_strength: float | None = None,
    ) -> None:
        """Take a bundle, and the prior as `mien.bundle.prior.resolve_priors` takes it.

        Raises:
            ConfigError: If the prior or its strength cannot be used.
        """
        self.bundle = bundle
        self.name = bundle.name
        self.label_sets = tuple(bundle.label_sets)
        heads = bundle.config.heads
        self.priors = resolve_priors(
            prior,
            prior_strength,
            {head.label_set: head.training_priors for head in heads},
            default_strengths={head.label_set: head.prior_strength for head in heads},
        )

    def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return logits (n, classes) for faces (n, h, w) uint8, by label set."""
        size = self.bundle.config.input.size
        if images_gray.shape[1:] != (size, size):
            resized = np.empty((len(images_gray), size, size), np.uint8)
            for index, face in enumerate(images_gray):
                resized[index] = resize_gray(face, size)
            images_gray = resized
        return {
            name: logits / np.float32(self.bundle.config.head(name).temperature)
            + self.priors[name].offsets.astype(np.float32)
            for name, logits in self.bundle.predict_logits(images_gray).items()
        }

    def describe(self) -> Mapping[str, Any]:
        """Return what a report says of the model, JSON-ready."""
        config, path, here = self.bundle.config, self.bundle.path, Path.cwd()
        cost = bundle_cost(self.bundle)
        return {
            "name": config.name,
            "kind": "bundle",
            # Reports are handed on; where somebody keeps the checkout is nobody's business.
            "path": str(path.relative_to(here) if path.is_relative_to(here) else path),
            "architecture": config.architecture.name,
            "parameters": config.architecture.parameters,
            "input_size": config.input.size,
            "precision": cost.precision,
            "storage": cost.storage,
            "graph_bytes": cost.graph_bytes,
            "bundle_bytes": cost.bundle_bytes,
            "sha256": config.files["model.onnx"].sha256,
            "temperature": {head.label_set: head.temperature for head in config.heads},
            "prior": {name: str(prior) for name, prior in self.priors.items()},
            "runs_on": f"ONNX Runtime, {self.bundle.provider}",
        }
