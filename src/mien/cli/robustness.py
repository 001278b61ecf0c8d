"""`mien robustness`: how much a model loses on faces that are cut, lit or covered otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.options import (
    BatchSizeOption,
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
    data: Annotated[
        Path | None,
        typer.Option(
            help="fer2013.csv in any form, a folder that has it, or a tree of faces; not needed "
            "with --picture."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the report: robustness.json, .html and faces.png, which shows the "
            "first face of the split; and failures.png of --picture. [default: the table alone]"
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(
            help="A photo whose largest face is changed, ever more, until a bundle answers "
            "otherwise; drawn as failures.png."
        ),
    ] = None,
    detector: Annotated[
        str, typer.Option(help="What finds the face in --picture, as for `mien predict`.")
    ] = "auto",
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
    unchanged faces, face by face. With --picture a photo's own face is changed too, step by step,
    until the answer is another.

    Example: mien robustness mien-s --data ../shared/data --quick
    """
    from rich.console import Console

    from mien.cli.loading import make_folder
    from mien.evaluation.robustness import QUICK_FACES
    from mien.evaluation.robustness_report import report_json, terminal_report

    _check_wishes(data, picture, out, as_json=as_json)
    if out is not None:
        make_folder(out)
    progress = Console(stderr=True, highlight=False)
    recognizer = None
    if picture is not None:
        from mien.cli.failures import draw_failures, open_recognizer

        # Before the long work: it may not be a bundle, or know no such detector.
        recognizer = open_recognizer(model, detector, threads, prior, prior_strength)
    if data is not None:
        found, provenance, dataset = _measure(
            model,
            data,
            votes,
            progress,
            threads=threads,
            prior=prior,
            prior_strength=prior_strength,
            split=split,
            rules=rule or [],
            sample=QUICK_FACES if quick else None,
            seed=seed,
            batch_size=batch_size,
        )
        if as_json:
            print(report_json(found, provenance), end="")
        else:
            Console(highlight=False).print(terminal_report(found))
        if out is not None:
            page = _write(found, provenance, dataset, out)
            progress.print(f"Report: {page}", soft_wrap=True, markup=False)
    if recognizer is not None and picture is not None and out is not None:
        table, drawn = draw_failures(recognizer, picture, out)
        if not as_json:
            Console(highlight=False).print(table)
        progress.print(f"Picture: {drawn}", soft_wrap=True, markup=False)


def _check_wishes(
    data: Path | None, picture: Path | None, out: Path | None, *, as_json: bool
) -> None:
    """Refuse options that do not go together."""
    if data is None and picture is None:
        raise typer.BadParameter("nothing to do: give --data, --picture or both")
    if data is None and as_json:
        raise typer.BadParameter("--json prints what faces of --data gave, and there is none")
    if picture is not None and out is None:
        raise typer.BadParameter("--picture draws a file; say where with --out FOLDER")


def _measure(
    model: str,
    data: Path,
    votes: Path | None,
    console: Console,
    *,
    threads: int,
    prior: str,
    prior_strength: float | None,
    **choices: Any,
) -> tuple[Robustness, Provenance, FaceDataset]:
    """Measure under a progress bar; choices go to `measure_robustness`."""
    from mien.cli.loading import counting_faces, load_model, made_by
    from mien.cli.opening import open_with_progress
    from mien.evaluation.robustness import measure_robustness

    predictor, description, packages = load_model(
        model, threads, prior=prior, prior_strength=prior_strength
    )
    dataset = open_with_progress(data, votes=votes)
    with counting_faces("Measuring", console) as tally:
        found = measure_robustness(predictor, dataset, on_progress=tally, **choices)
    return found, made_by(description, packages, data, tally.speed), dataset


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
