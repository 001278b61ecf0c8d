"""A run's network as something that evaluation can ask for logits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien.bundle.prior import resolve_priors
from mien.core.imaging import normalise, resize_gray
from mien.models import count_parameters
from mien.training.run import RunInfo, load_run_model


class RunPredictor:
    """Answers with a run's network in PyTorch.

    Attributes:
        name: The recipe's name.
        label_sets: Names of the heads.
        input_size: Side in pixels that faces are given at.
        parameters: Number of the network's parameters, as its bundle would say.
        priors: The natural prior of each head, whose shares are those that it was trained on.
    """

    def __init__(self, model: nn.Module, info: RunInfo) -> None:
        self._model, self.info = model, info
        self.name = info.recipe.name
        self.label_sets = tuple(info.recipe.heads)
        self.input_size = info.recipe.input.size
        self.parameters = count_parameters(model).total
        self.priors = resolve_priors("natural", None, info.training_priors)

    @torch.inference_mode()
    def predict_logits(self, images_gray: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
        """Return logits (n, classes) by head, from faces (n, h, w) uint8."""
        spec = self.info.recipe.input
        if images_gray.shape[1:] != (spec.size, spec.size):
            images_gray = np.stack([resize_gray(face, spec.size) for face in images_gray])
        batch = torch.from_numpy(normalise(images_gray, mean=spec.mean, std=spec.std))
        return {name: logits.float().numpy() for name, logits in self._model(batch).items()}


def load_run_predictor(folder: Path | str, *, checkpoint: str = "best") -> RunPredictor:
    """Load a run folder's best (or last) network for evaluation.

    Raises:
        ConfigError: If the folder is no run.
        DatasetError: If it has no checkpoint yet.
    """
    return RunPredictor(*load_run_model(folder, checkpoint=checkpoint))
