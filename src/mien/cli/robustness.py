"""`mien robustness`: how much a model loses on faces that are cut, lit or covered otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

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
    data: Annotated[
        Path,
        typer.Option(help="fer2013.csv in any form, a folder that has it, or a tree of faces."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the report: robustness.json, .html and faces.png, which shows the "
            "first face of the split. [default: the table alone]"
        ),
    ] = None,
    split: Annotated[
        str,
        typer.Option(help="train, validation or test (also Training, PublicTest, PrivateTest)."),
    ] = "validation",
    rule: Annotated[
        list[str] | None,
        typer.Option(
            help="fer2013, majority, argmax10, argmax8 or ferplus; may be given several times. "
            "By default fer2013 and majority, as far as data and model allow."
        ),
    ] = None,
    votes: Annotated[
        Path | None,
        typer.Option(help="fer2013new.csv; found by itself where it lies beside fer2013.csv."),
    ] = None,
    prior: Annotated[
        str,
        typer.Option(
            help="How common each expression is taken to be: default (the model's own choice), "
            "natural (as in training), balanced, or shares: neutral=0.4,happiness=0.3,..."
        ),
    ] = "default",
    prior_strength: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="How far answers go from the training shares to those, 0 to 1. "
            "[default: the model's own, or 1]",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Look at 500 faces of the split, drawn at random.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of --quick.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print robustness.json instead of the table.")
    ] = False,
    batch_size: Annotated[int, typer.Option(min=1, help="Faces at once.")] = 256,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 1,
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
