"""`mien explain`: which parts of each face spoke for the answer, as pictures and in words."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from mien.cli.options import (
    BundleOption,
    DetectorOption,
    LabelSetOption,
    MinFaceOption,
    PriorOption,
    PriorStrengthOption,
    ThreadsOption,
)

if TYPE_CHECKING:
    from rich.table import Table

    from mien.cli.pictures import PictureSource
    from mien.recognition.explanation import Explanation
    from mien.recognition.recognizer import Recognizer

# Picture, number of the face, expression, words.
Row = tuple[str, str, str, str]


def explain(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...",
            help="Pictures, folders (with all below), globs, or - for a picture on standard input.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for a picture of each face with its map.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="The expression to explain. [default: each face's most probable]"),
    ] = None,
    label_set: LabelSetOption = None,
    bundle: BundleOption = "mien-s",
    detector: DetectorOption = "auto",
    min_face: MinFaceOption = 24,
    prior: PriorOption = "default",
    prior_strength: PriorStrengthOption = None,
    threads: ThreadsOption = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON with the whole maps, not a table.")
    ] = False,
) -> None:
    """Show which parts of each face spoke for and against an expression.

    Parts of the face are hidden in turn and the model is asked again, some 250 times a face: `x4`
    says that the odds of the expression are four times as high with the part in sight as with
    it hidden. It tells what this model used, not what the person feels.

    Example: mien explain group.jpg --out why/
    """
    from mien.cli.greeting import without_greeting
    from mien.cli.opening import progress_bar
    from mien.cli.pictures import find_pictures
    from mien.cli.predict import introduction
    from mien.recognition.recognizer import Recognizer

    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    with without_greeting():
        recognizer = Recognizer(
            bundle,
            detector,
            threads=threads,
            label_set=label_set,
            min_face_px=min_face,
            prior=prior,
            prior_strength=prior_strength,
        )
    if label is not None:
        # One word for all pictures: it is wrong for each of them or for none.
        recognizer.bundle.label_sets[recognizer.label_set].index(label)
    stderr.print(introduction(recognizer, detector), style="dim", markup=False)
    rows: list[Row] = []
    pictures = find_pictures(paths)
    failed = 0
    with _json_array(as_json) as print_json, progress_bar("explaining") as report:
        for done, picture in enumerate(pictures, start=1):
            explanations, error = _explain_picture(recognizer, picture, label)
            failed += error is not None
            if out is not None:
                _write(out, picture, explanations)
            # Only words are kept, so that memory does not grow with the pictures.
            rows += _rows(picture, explanations, error)
            print_json(_as_dict(recognizer, picture, explanations, error))
            report(done / len(pictures))
    if not as_json:
        Console(highlight=False).print(_table(rows))
    if out is None and not as_json:
        stderr.print("--out FOLDER writes them as pictures", style="dim", markup=False)
    if failed == len(pictures):
        raise typer.Exit(1)


@contextmanager
def _json_array(wanted: bool) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Give a function that prints one element of a JSON array, or does nothing."""
    before = "[\n"

    def write(element: dict[str, Any]) -> None:
        nonlocal before
        if wanted:
            sys.stdout.write(before + json.dumps(element))
            before = ",\n"

    yield write
    if wanted:
        sys.stdout.write("[]\n" if before == "[\n" else "\n]\n")


def _explain_picture(
    recognizer: Recognizer, picture: PictureSource, label: str | None
) -> tuple[list[Explanation], str | None]:
    """Return an explanation for each face, largest first, or why the picture cannot be read."""
    from mien.core.errors import ImageError
    from mien.core.imaging import as_bgr

    try:
        image_bgr = as_bgr(picture.data)
    except ImageError as error:
        return [], picture.missing or str(error).removeprefix(f"{picture.name}: ")
    faces = recognizer.analyze(image_bgr)
    return [recognizer.explain(image_bgr, face, label=label) for face in faces], None


def _write(folder: Path, picture: PictureSource, explanations: list[Explanation]) -> None:
    import numpy as np

    from mien.cli.outputs import write_picture

    for number, explanation in enumerate(explanations, start=1):
        name = f"{picture.relative.name}.face{number}.{explanation.label}.png"
        drawn_rgb = np.asarray(explanation.to_image())
        write_picture(folder / picture.relative.with_name(name), drawn_rgb[:, :, ::-1])


def _as_dict(
    recognizer: Recognizer,
    picture: PictureSource,
    explanations: list[Explanation],
    error: str | None,
) -> dict[str, Any]:
    return {
        "source": picture.name,
        "prior": recognizer.prior.name,
        "prior_strength": recognizer.prior.strength,
        "explanations": [explanation.to_dict() for explanation in explanations],
        "error": error,
    }


def _rows(
    picture: PictureSource, explanations: list[Explanation], error: str | None
) -> Iterator[Row]:
    for number, each in enumerate(explanations, start=1):
        source = picture.name if number == 1 else ""
        yield source, str(number), f"{each.label} {each.probability:.0%}", each.to_words()
    if not explanations:
        yield picture.name, "", "no face" if error is None else "error", error or ""


def _table(rows: list[Row]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from mien.core.labels import COLOURS

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("picture", overflow="fold")
    for heading in ("face", "expression", "odds with the part in sight, to hidden"):
        table.add_column(heading)
    for source, number, answer, words in rows:
        style = COLOURS.get(answer.partition(" ")[0], "red" if answer == "error" else "dim")
        table.add_row(Text(source), number, Text(answer, style=style), Text(words))
    return table
