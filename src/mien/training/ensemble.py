"""Several trained runs made one: a run folder whose network answers with their mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mien.training.members import join_info, read_members, write_joined
from mien.training.recipe import ModelRecipe, Recipe
from mien.training.run import RunInfo, build_recipe_model


def make_ensemble(
    runs: Sequence[Path], out: Path, *, name: str, checkpoint: str = "best", command: str = ""
) -> RunInfo:
    """Make a run folder of several; it is evaluated, exported and learned from as any other.

    Args:
        runs: Run folders of networks with the same heads, trained on the same data, for faces of
            one size and scale.
        out: The run folder to make.
        name: Of the ensemble.
        checkpoint: Which of each run, `best` or `last`.
        command: What was typed, for the record.

    Returns:
        What `run.json` says.

    Raises:
        ConfigError: If there are less than two runs, one is none or an ensemble itself, they do
            not fit together, or `out` holds a run already.
        DatasetError: If a run has no usable checkpoint, or `out` cannot be written.
    """
    members = read_members(runs, out, checkpoint)
    infos = [member.info for member in members]
    models = [{"name": i.recipe.model.name, "options": i.recipe.model.options} for i in infos]
    first = infos[0].recipe
    recipe = Recipe(
        name=name,
        description=f"The mean of {', '.join(info.recipe.name for info in infos)}",
        model=ModelRecipe("ensemble", {"members": models}),
        heads=first.heads,
        seed=first.seed,
        input=first.input,
    )
    weights = {
        f"members.{number}.{key}": value
        for number, member in enumerate(members)
        for key, value in member.network.state_dict().items()
    }
    build_recipe_model(recipe).load_state_dict(weights)
    info = join_info(members, recipe, command)
    write_joined(out, info, weights)
    return info
