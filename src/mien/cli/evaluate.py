"""`mien evaluate`: a model and a dataset in, figures that can be trusted and repeated out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.options import (
    BatchSizeOption,
    DataOption,
    PriorOption,
    PriorStrengthOption,
    RuleOption,
    SplitOption,
    ThreadsOption,
    VotesOption,
)
from mien.core.errors import DatasetError

if TYPE_CHECKING:
    from rich.console import Console

    from mien.data import FaceDataset
    from mien.evaluation.predictors import Predictor
    from mien.evaluation.report import Provenance
    from mien.evaluation.run import Evaluation


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE_OR_RUN",
            help="A bundle's name or folder, e.g. mien-s, or a run folder of `mien train`.",
        ),
    ],
    data: DataOption,
    out: Annotated[
        Path, typer.Option(help="Folder for the report: evaluation.json, .html and pictures.")
    ],
    split: SplitOption = "validation",
    rule: RuleOption = None,
    votes: VotesOption = None,
    prior: PriorOption = "default",
    prior_strength: PriorStrengthOption = None,
    ten_crops: Annotated[
        bool,
        typer.Option(
            "--ten-crops",
            help="Add the mean over ten crops (corners and middle, mirrored too), as many "
            "published figures are made. Takes six times as long.",
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print evaluation.json instead of the table.")
    ] = False,
    batch_size: BatchSizeOption = 256,
    threads: ThreadsOption = 1,
) -> None:
    """Evaluate a model on a split of a dataset.

    Every figure comes with n and its rule, for one look at each face and for the mean over
    the face and its mirror image: on the split as published, without the images that are among
    the training images as well, and without those that nearly are. On the validation split it
    also shows what a balanced prior of each strength would cost and give.

    Example: mien evaluate mien-s --data ../shared/data --split test --out reports/mien-s
    """
    from rich.console import Console

    from mien.cli.loading import load_model, made_by, make_folder
    from mien.cli.opening import open_with_progress
    from mien.evaluation.report import terminal_report

    make_folder(out)
    predictor, description, packages = load_model(
        model, threads, prior=prior, prior_strength=prior_strength
    )
    progress = Console(stderr=True, highlight=False)
    dataset = open_with_progress(data, votes=votes, largest=description["input_size"])
    evaluation, speed = _run(
        predictor, dataset, split, rule or [], batch_size, progress, ten_crops=ten_crops
    )
    provenance = made_by(description, packages, data, speed)
    page = _write(evaluation, provenance, out)
    if as_json:
        print((out / "evaluation.json").read_text(encoding="utf-8"), end="")
    else:
        Console(highlight=False).print(terminal_report(evaluation, description))
    progress.print(f"Report: {page}", soft_wrap=True, markup=False)


def _run(
    predictor: Predictor,
    dataset: FaceDataset,
    split: str,
    rules: list[str],
    batch_size: int,
    console: Console,
    *,
    ten_crops: bool,
) -> tuple[Evaluation, tuple[float, int]]:
    """Evaluate under a progress bar.

    Returns:
        What came out, and the seconds and faces of its forward passes.
    """
    from mien.cli.loading import counting_faces
    from mien.evaluation.run import evaluate as evaluate_model

    with counting_faces("Evaluating", console) as tally:
        evaluation = evaluate_model(
            predictor,
            dataset,
            split=split,
            rules=rules,
            ten_crops=ten_crops,
            batch_size=batch_size,
            on_progress=tally,
        )
    return evaluation, tally.speed


def _write(evaluation: Evaluation, provenance: Provenance, out: Path) -> Path:
    """Write every file of the report and return the page's path."""
    from mien.evaluation.page import write_page
    from mien.evaluation.plots import write_plots
    from mien.evaluation.report import write_json

    page = out / "evaluation.html"
    try:
        write_json(evaluation, provenance, out / "evaluation.json")
        write_plots(evaluation, out)
        write_page(evaluation, provenance, page)
    except OSError as error:
        raise DatasetError(f"cannot write the report: {error}") from error
    return page
