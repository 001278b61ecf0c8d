"""`mien ensemble`: run folders in, the run folder of their mean out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mien.core.errors import ConfigError, MissingExtraError


def ensemble(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Two or more run folders, as `mien train` left them."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The run folder to make, e.g. runs/together.")],
    name: Annotated[
        str | None, typer.Option(help="The ensemble's name; the folder's by default.")
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="Which of each run: best or last.")] = "best",
) -> None:
    """Make one model of several runs: it answers with the mean of what they find probable.

    They need the same heads, faces of the same size, and the same training data; networks that
    were trained differently gain most by it. The time for a face is that of all together. What
    comes out is a run folder: evaluate, export or learn from it as from any other.

    Example: mien ensemble runs/one runs/two --out runs/together
    """
    if checkpoint not in ("best", "last"):
        raise ConfigError(f"--checkpoint is best or last, got {checkpoint!r}")
    try:
        from mien.training.ensemble import make_ensemble
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"an ensemble needs {error.name}, which is not installed; pip install 'mien[train]'"
        ) from error
    info = make_ensemble(
        runs,
        out,
        name=name or out.resolve().name,
        checkpoint=checkpoint,
        command=shlex.join(["mien", *sys.argv[1:]]),
    )
    names = ", ".join(f"{each['name']} (seed {each['seed']})" for each in info.members)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{info.recipe.name} in {out}: the mean of {names}", markup=False)
