"""`mien train`: a recipe and a dataset in, a run folder out."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from mien.cli.options import DataOption, VotesOption
from mien.core.errors import MissingExtraError


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="A recipe file, or the name of one in ./recipes: mien-s-quick, cnn4, cnn6.",
        ),
    ],
    data: DataOption,
    out: Annotated[Path, typer.Option(help="The run folder to make, e.g. runs/mien-s.")],
    votes: VotesOption = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run that is in --out.")
    ] = False,
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's seed.")] = None,
    start_from: Annotated[
        str | None,
        typer.Option(
            help="A run folder, a bundle, or published weights (dlib-faces, efficientnet-lite0) to "
            "begin with instead of fresh ones: fine-tuning."
        ),
    ] = None,
    corrections: Annotated[
        Path | None,
        typer.Option(
            help="An audit.csv of `mien data audit`: drops or relabels the training faces that it "
            "names; other splits stay as they are."
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Instead of a value of the recipe, e.g. --set heads.ferplus.target=soft; may be "
            "given several times.",
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Instead of the recipe's number of epochs.")
    ] = None,
    stop_after: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after this epoch and keep the schedule; --resume later."),
    ] = None,
    devices: Annotated[int, typer.Option(min=1, help="GPUs to train on, where there are any.")] = 1,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; all cores by default.")
    ] = None,
) -> None:
    """Train a model by a recipe.

    The model learns from the split `train`; `validation` says which epoch is best; `test` is
    not touched.

    The run folder gets the recipe, versions, a log as CSV and for TensorBoard, checkpoints,
    a report, and `curves.png`, redrawn as epochs end. Ctrl-C and kills lose at most the epoch
    that runs: the same command with --resume goes on and ends as if nothing had happened.

    Example: mien train mien-s-quick --data ../shared/data --out runs/mien-s-quick

    Example: mien train cnn6 --set heads.ferplus.target=soft --data ../shared/data --out runs/soft

    Example: mien train mine.toml --start-from mien-s --data my-faces --out runs/mine
    """
    try:
        from mien.training.devices import check_gpus, is_first_process, use_threads
        from mien.training.recipe import find_recipe, load_recipe
        from mien.training.settings import parse_settings
        from mien.training.train import train as train_recipe
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"training needs {error.name}, which is not installed; pip install 'mien[train]'"
        ) from error
    from mien.cli.opening import open_with_progress

    use_threads(threads)
    changed = parse_settings(settings or [])
    chosen = load_recipe(recipe, changed)
    if seed is not None:
        chosen = replace(chosen, seed=seed)
    if start_from is not None:
        chosen = replace(chosen, start_from=start_from)
    if corrections is not None:
        chosen = replace(chosen, corrections=str(corrections))
    if epochs is not None:
        chosen = replace(chosen, loop=replace(chosen.loop, epochs=epochs))
    check_gpus(devices)
    console = Console(stderr=True, highlight=False)
    dataset = open_with_progress(data, votes=votes, largest=chosen.input.size)
    if dataset.problems:
        console.print(
            f"rows or files skipped: {len(dataset.problems):,}; "
            f"`mien data check {data}` lists them",
            style="yellow",
            soft_wrap=True,
        )
    report = train_recipe(
        chosen,
        dataset,
        out,
        resume=resume,
        devices=devices,
        command=shlex.join(["mien", *sys.argv[1:]]),
        recipe_file=find_recipe(recipe),
        settings=changed,
        console=console,
        max_epochs_now=stop_after,
    )
    if is_first_process():
        _show(report, out)


def _show(report: dict[str, object], out: Path) -> None:
    best = report["best"]
    table = Table(
        title=f"{report['name']}: best epoch by {report['selected_by']}", title_justify="left"
    )
    table.add_column("figure")
    table.add_column("value", justify="right")
    for key, value in best.items() if isinstance(best, dict) else ():
        table.add_row(key, f"{value:g}")
    known = report["training_faces"]
    if isinstance(known, dict):
        for head, share in known["accuracy"].items():
            table.add_row(f"{head}/accuracy on {known['n']:,} training faces", f"{share:g}")
    console = Console()
    console.print(table)
    console.print(
        f"Run folder: {out}; next: mien evaluate {out} --data ... --split validation --out ...",
        highlight=False,
        soft_wrap=True,
    )
