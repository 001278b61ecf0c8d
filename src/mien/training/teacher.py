"""Networks that teach: knowledge distillation (Hinton et al., 2015).

The teacher is shown the very view that its student is shown (Beyer et al., 2022), but whole:
before it was blurred or covered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mien.bundle.find import find_bundle
from mien.bundle.load import check_files
from mien.core.errors import BundleError, ConfigError
from mien.models import build_model
from mien.training.augment import resize
from mien.training.recipe import InputRecipe, Recipe
from mien.training.run import RUN_FILE, load_run_model
from mien.training.start import read_weights


@dataclass(frozen=True)
class Teacher:
    """A trained network and the faces it is used to.

    Attributes:
        network: In eval mode.
        input: Size and scale of its faces.
    """

    network: nn.Module
    input: InputRecipe

    @torch.no_grad()
    def __call__(self, faces: Tensor) -> dict[str, Tensor]:
        """Return its probabilities (n, classes) for each head, from (n, 1, h, w), 0..1."""
        images = (resize(faces, self.input.size) - self.input.mean) / self.input.std
        logits = self.network(images.contiguous(memory_format=torch.channels_last))
        return {head: torch.softmax(values.float(), dim=1) for head, values in logits.items()}


def load_teachers(recipe: Recipe) -> list[Teacher]:
    """Load the teachers that a recipe names.

    Raises:
        ConfigError: If one is no run and no bundle, or lacks a head of the recipe.
        DatasetError: If a run has no usable checkpoint.
    """
    teachers = []
    for source in recipe.teacher.runs:
        if (Path(source) / RUN_FILE).is_file():
            network, info = load_run_model(source)
            heads, spec = list(info.recipe.heads), info.recipe.input
        else:
            network, heads, spec = _load_bundle(source)
        missing = [head for head in recipe.heads if head not in heads]
        if missing:
            raise ConfigError(
                f"teacher.runs: {source} cannot teach {', '.join(missing)}; it knows "
                f"{', '.join(heads)}"
            )
        teachers.append(Teacher(network.to(memory_format=torch.channels_last), spec))  # type: ignore[call-overload]
    return teachers


def _load_bundle(source: str) -> tuple[nn.Module, list[str], InputRecipe]:
    """Return the float network of a bundle in eval mode, its heads and its input."""
    try:
        config, _ = check_files(find_bundle(source))
    except BundleError as error:
        raise ConfigError(
            f"teacher.runs: {source!r} is neither a run nor a bundle: {error}"
        ) from error
    kind, spec = config.architecture, config.input
    if kind.name == "pretrained":
        raise ConfigError(
            f"teacher.runs: bundle {source} stands on a trunk that it does not describe; name the "
            "run that it was made from"
        )
    network = build_model(
        kind.name, {head.label_set: len(head.labels) for head in config.heads}, kind.options
    )
    weights = read_weights(source)
    # How many batches a batch norm has seen is in no bundle.
    needed = {k: w for k, w in network.state_dict().items() if w.is_floating_point()}
    lacking = [k for k, w in needed.items() if k not in weights or weights[k].shape != w.shape]
    if lacking:
        raise ConfigError(
            f"teacher.runs: bundle {source} lacks weights of its network, {lacking[0]} among "
            "them, so it cannot teach; name the run that it was made from"
        )
    network.load_state_dict(weights, strict=False)
    input_recipe = InputRecipe(size=spec.size, mean=spec.mean, std=spec.std)
    return network.eval(), [head.label_set for head in config.heads], input_recipe


def taught(
    targets: Mapping[str, Tensor], answers: Mapping[str, Tensor], share: float
) -> dict[str, Tensor]:
    """Blend targets with a teacher's answers.

    Args:
        targets: Head name to distributions (n, classes); rows of zeros have no label.
        answers: Head name to the teacher's probabilities (n, classes); other heads are ignored.
        share: Of the teacher, in 0..1; all of it where there is no label.

    Returns:
        Distributions, every row summing to 1.
    """
    blended = {}
    for head, target in targets.items():
        labelled = target.sum(1, keepdim=True)
        blended[head] = (1 - share) * target + (1 - (1 - share) * labelled) * answers[head]
    return blended
