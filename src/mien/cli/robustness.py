"""`mien robustness`: how much a model loses on faces that are cut, lit or covered otherwise."""

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
    from mien.data import FaceDataset
    from mien.evaluation.report import Provenance
    from mien.evaluation.robustness import Robustness


def robustness(
    model: Annotated[
        str,
        typer.Argument(
            metavar="BUNDLE_OR_RUN",
            help="A bundle's name or folder, e.g. mien-s, or a run folder of `mien train`.",
        ),
    ],
    data: DataOption,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the report: robustness.json, .html and faces.png, which shows the "
            "first face of the split. [default: the table alone]"
        ),
    ] = None,
    split: SplitOption = "validation",
    rule: RuleOption = None,
    votes: VotesOption = None,
    prior: PriorOption = "default",
    prior_strength: PriorStrengthOption = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Look at 500 faces of the split, drawn at random.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of --quick.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print robustness.json instead of the table.")
    ] = False,
    batch_size: BatchSizeOption = 256,
    threads: ThreadsOption = 1,
) -> None:
    """Measure how much accuracy a model loses on faces that were changed.

    Crops cut wider, tighter, beside the face or tilted; blur, few pixels and JPEG; contrast,
    gamma and light from one side; eyes or mouth covered. Every condition is compared with the
    unchanged faces, face by face.

    Example: mien robustness mien-s --data ../shared/data --quick
    """
    from rich.console import Console

    from mien.cli.loading import counting_faces, load_model, made_by, make_folder
    from mien.cli.opening import open_with_progress
    from mien.evaluation.robustness import QUICK_FACES, measure_robustness
    from mien.evaluation.robustness_report import report_json, terminal_report

    if out is not None:
        make_folder(out)
    predictor, description, packages = load_model(
        model, threads, prior=prior, prior_strength=prior_strength
    )
    progress = Console(stderr=True, highlight=False)
    dataset = open_with_progress(data, votes=votes)
    with counting_faces("Measuring", progress) as tally:
        measured = measure_robustness(
            predictor,
            dataset,
            split=split,
            rules=rule or [],
            sample=QUICK_FACES if quick else None,
            seed=seed,
            batch_size=batch_size,
            on_progress=tally,
        )
    provenance = made_by(description, packages, data, tally.speed)
    if as_json:
        print(report_json(measured, provenance), end="")
    else:
        Console(highlight=False).print(terminal_report(measured))
    if out is not None:
        page = _write(measured, provenance, dataset, out)
        progress.print(f"Report: {page}", soft_wrap=True, markup=False)


def _write(measured: Robustness, provenance: Provenance, dataset: FaceDataset, out: Path) -> Path:
    """Write every file of the report and return the page's path."""
    from mien.evaluation.robustness_conditions import CONDITIONS
    from mien.evaluation.robustness_faces import draw_faces
    from mien.evaluation.robustness_page import write_page
    from mien.evaluation.robustness_report import write_json

    face_gray = dataset.select_split(measured.split).images_gray[0]
    page = out / "robustness.html"
    try:
        write_json(measured, provenance, out / "robustness.json")
        draw_faces(face_gray, CONDITIONS).save(out / "faces.png")
        write_page(measured, provenance, face_gray, page)
    except OSError as error:
        raise DatasetError(f"cannot write the report: {error}") from error
    return page
