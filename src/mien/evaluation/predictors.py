"""What can be evaluated: anything that turns faces into logits and says what it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mien.bundle.bundle import Bundle
from mien.core.imaging import resize_gray


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

        The softmax of what is returned is what the model answers with, any temperature
        already divided out.
        """


class BundlePredictor:
    """A bundle as its users meet it: faces of any size, logits over their temperature.

    Attributes:
        bundle: The bundle, run by ONNX Runtime.
        name: Its name.
        label_sets: Names of its heads.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.name = bundle.name
        self.label_sets = tuple(bundle.label_sets)

    def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return calibrated logits (n, classes) for faces (n, h, w) uint8, by label set."""
        size = self.bundle.config.input.size
        if images_gray.shape[1:] != (size, size):
            resized = np.empty((len(images_gray), size, size), np.uint8)
            for index, face in enumerate(images_gray):
                resized[index] = resize_gray(face, size)
            images_gray = resized
        return {
            name: logits / np.float32(self.bundle.config.head(name).temperature)
            for name, logits in self.bundle.predict_logits(images_gray).items()
        }

    def describe(self) -> Mapping[str, Any]:
        """Return what a report says of the model, JSON-ready."""
        config, path, here = self.bundle.config, self.bundle.path, Path.cwd()
        return {
            "name": config.name,
            "kind": "bundle",
            # Reports are handed on; where somebody keeps the checkout is nobody's business.
            "path": str(path.relative_to(here) if path.is_relative_to(here) else path),
            "architecture": config.architecture.name,
            "parameters": config.architecture.parameters,
            "input_size": config.input.size,
            "sha256": config.files["model.onnx"].sha256,
            "temperature": {head.label_set: head.temperature for head in config.heads},
            "runs_on": f"ONNX Runtime, {self.bundle.provider}",
        }
