"""Networks that teach: knowledge distillation (Hinton et al., 2015).

The teacher is shown the very view that its student is shown (Beyer et al., 2022), but whole:
before it was blurred or covered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mien.core.errors import ConfigError
from mien.training.augment import resize
from mien.training.recipe import InputRecipe, Recipe
from mien.training.run import load_run_model


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
        ConfigError: If one is no run, or lacks a head of the recipe.
        DatasetError: If a run has no usable checkpoint.
    """
    teachers = []
    for folder in recipe.teacher.runs:
        network, info = load_run_model(folder)
        missing = [head for head in recipe.heads if head not in info.recipe.heads]
        if missing:
            raise ConfigError(
                f"teacher.runs: {folder} cannot teach {', '.join(missing)}; it knows "
                f"{', '.join(info.recipe.heads)}"
            )
        teachers.append(Teacher(network.to(memory_format=torch.channels_last), info.recipe.input))  # type: ignore[call-overload]
    return teachers


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
