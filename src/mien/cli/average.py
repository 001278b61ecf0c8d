"""`mien average`: run folders in, the run folder of their averaged weights out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from mien.cli.opening import open_with_progress, progress_bar
from mien.cli.options import DataOption, VotesOption
from mien.core.errors import ConfigError, MissingExtraError


def average(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN...", help="Two or more run folders, as `mien train` left them."
        ),
    ],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="The run folder to make, e.g. runs/averaged.")],
    votes: VotesOption = None,
    name: Annotated[
        str | None, typer.Option(help="The average's name; the folder's by default.")
    ] = None,
    checkpoint: Annotated[str, typer.Option(help="Which of each run: best or last.")] = "best",
) -> None:
    """Make one network of several runs: the average of their weights, as fast as one of them.

    They need the same layers and one origin: one began with the other (`start_from`), or all with
    the same. A network that was held back and the same after it was let to fit its faces gained.
    Batch norms are measured again on training faces. What comes out is a run folder: evaluate,
    export or learn from it as from any other.

    Example: mien average runs/one runs/one-fit --data ../shared/data --out runs/averaged
    """
    if checkpoint not in ("best", "last"):
        raise ConfigError(f"--checkpoint is best or last, got {checkpoint!r}")
    try:
        from mien.training.average_runs import average_runs
        from mien.training.run import read_run
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"an average needs {error.name}, which is not installed; pip install 'mien[train]'"
        ) from error
    dataset = open_with_progress(data, votes=votes, largest=read_run(runs[0]).recipe.input.size)
    with progress_bar("measuring batch norms") as report:
        info = average_runs(
            runs,
            dataset,
            out,
            name=name or out.resolve().name,
            checkpoint=checkpoint,
            command=shlex.join(["mien", *sys.argv[1:]]),
            report=report,
        )
    names = ", ".join(f"{each['name']} (seed {each['seed']})" for each in info.members)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{info.recipe.name} in {out}: the average of {names}", markup=False)
