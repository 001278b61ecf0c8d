"""`mien predict`: read the faces of pictures, and hand them on as tables or pictures."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mien.cli.options import (
    BundleOption,
    DetectorOption,
    LabelSetOption,
    MinFaceOption,
    PriorOption,
    PriorStrengthOption,
    ThreadsOption,
    ThresholdOption,
    UncertainOption,
)

if TYPE_CHECKING:
    from rich.table import Table

    from mien.cli.outputs import Sink
    from mien.cli.pictures import PictureSource
    from mien.core.types import FrameResult
    from mien.recognition.recognizer import Recognizer

# A terminal is no place for more; the table says so, and where to have them all.
TABLE_ROWS = 200


def predict(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders (with all below), globs, or - for a picture on standard input.",
            show_default=False,
        ),
    ],
    bundle: BundleOption = "mien-s",
    detector: DetectorOption = "auto",
    label_set: LabelSetOption = None,
    min_face: MinFaceOption = 24,
    threshold: ThresholdOption = None,
    prior: PriorOption = "default",
    prior_strength: PriorStrengthOption = None,
    uncertain_below: UncertainOption = 0.0,
    threads: ThreadsOption = 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, one object a picture, not a table.")
    ] = False,
    csv: Annotated[
        str | None, typer.Option(help="Write a row a face to this CSV file; - prints it.")
    ] = None,
    parquet: Annotated[
        Path | None, typer.Option(help="Write a row a face to this Parquet file.")
    ] = None,
    annotate: Annotated[
        Path | None, typer.Option(help="Folder for the pictures with boxes, labels and bars.")
    ] = None,
    crops: Annotated[
        Path | None, typer.Option(help="Folder for the faces as the model sees them.")
    ] = None,
) -> None:
    """Find the faces in pictures and read their expressions.

    A picture that cannot be read is a row with its error. Exit code 0 if at least one picture
    was read (with or without faces), 1 if none was.

    Example: mien predict holiday/ --csv faces.csv --annotate out/
    """
    from mien.cli.greeting import without_greeting
    from mien.cli.paths import STDIN
    from mien.cli.pictures import find_pictures
    from mien.recognition.recognizer import Recognizer

    if as_json and csv == STDIN:
        raise typer.BadParameter("--json and --csv - both print; give --csv a file")
    stderr = Console(stderr=True, highlight=False, soft_wrap=True)
    with without_greeting():
        recognizer = Recognizer(
            bundle,
            detector,
            threads=threads,
            label_set=label_set,
            min_face_px=min_face,
            threshold=threshold,
            prior=prior,
            prior_strength=prior_strength,
            uncertain_below=uncertain_below,
        )
    stderr.print(introduction(recognizer, detector), style="dim", markup=False)
    pictures = find_pictures(paths)
    tally = _Tally()
    with ExitStack() as stack:
        sinks: list[Sink] = [tally.take]
        sinks += _open_sinks(stack, recognizer, as_json, csv, parquet, annotate, crops)
        for result, picture in _read(recognizer, pictures, stderr):
            for sink in sinks:
                sink(result, picture)
    if not as_json and csv != STDIN:
        Console(highlight=False).print(tally.table())
    stderr.print(tally.summary(), style="dim", markup=False)
    if tally.failed == tally.pictures:
        raise typer.Exit(1)


def introduction(recognizer: Recognizer, asked: str) -> str:
    """Return the line that says what reads the pictures, and what `auto` chose."""
    name = recognizer.detector.name
    if asked == "auto":
        better = (
            "; `mien models fetch yunet` gets one that finds more" if name == "blazeface" else ""
        )
        name = f"{name} (chosen by auto{better})"
    prior = "" if recognizer.prior.name == "natural" else f", prior {recognizer.prior}"
    return f"model {recognizer.bundle.name}, {recognizer.label_set}{prior}; detector {name}"


def _open_sinks(
    stack: ExitStack,
    recognizer: Recognizer,
    as_json: bool,
    csv: str | None,
    parquet: Path | None,
    annotate: Path | None,
    crops: Path | None,
) -> Iterator[Sink]:
    from mien.cli import outputs

    labels = recognizer.bundle.label_sets[recognizer.label_set].labels
    if as_json:
        yield stack.enter_context(outputs.json_sink(sys.stdout))
    if csv is not None:
        yield stack.enter_context(outputs.csv_sink(csv, labels))
    if parquet is not None:
        yield stack.enter_context(outputs.parquet_sink(parquet, labels))
    if annotate is not None:
        yield outputs.annotate_sink(annotate)
    if crops is not None:
        yield outputs.crops_sink(crops, recognizer)


def _read(
    recognizer: Recognizer, pictures: list[PictureSource], console: Console
) -> Iterable[tuple[FrameResult, PictureSource]]:
    columns = (
        TextColumn("reading"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    hidden = not console.is_terminal or len(pictures) < 2
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("", total=len(pictures), rate="")
        results = recognizer.analyze_many(picture.data for picture in pictures)
        for result, picture in zip(results, pictures, strict=True):
            error = result.error and (picture.missing or result.error)
            yield replace(result, source=picture.name, error=error), picture
            speed = progress.tasks[0].speed
            progress.update(task, advance=1, rate=f"{speed:.1f}/s" if speed else "")


class _Tally:
    """Counts what was read and keeps the first rows for the table."""

    def __init__(self) -> None:
        self.pictures = self.failed = self.faces = self.rows_left_out = 0
        self._rows: list[tuple[str, str, str, str, str]] = []

    def take(self, result: FrameResult, _: PictureSource) -> None:
        self.pictures += 1
        self.failed += result.error is not None
        self.faces += len(result.faces)
        source = result.source or ""
        rows = [
            (
                source,
                str(number),
                f"{face.box.width:.0f} x {face.box.height:.0f} "
                f"at {face.box.x1:.0f}, {face.box.y1:.0f}",
                face.expression.dominant,
                str(face.expression),
            )
            for number, face in enumerate(result.faces, start=1)
        ]
        if result.error is not None:
            rows = [(source, "", "", "error", result.error)]
        room = TABLE_ROWS - len(self._rows)
        self.rows_left_out += max(0, len(rows or [0]) - room)
        self._rows += (rows or [(source, "", "", "", "no face")])[:room]

    def table(self) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        from mien.core.labels import COLOURS

        # A path has no spaces to break at, and its end tells more than its beginning.
        table = Table(box=box.SIMPLE_HEAD)
        table.add_column("picture", overflow="fold")
        for heading in ("face", "box in pixels", "expression"):
            table.add_column(heading)
        before = None
        for source, number, where, dominant, words in self._rows:
            # The colours are those of every other door; an error is plain red.
            style = {"error": "red", "": "dim"}.get(dominant, "")
            text = Text(words, style=style)
            if dominant in COLOURS:
                text.stylize(COLOURS[dominant], 0, len(dominant))
            table.add_row(Text("" if source == before else source), number, where, text)
            before = source
        if self.rows_left_out:
            table.caption = f"{self.rows_left_out:,} rows more: have them all with --csv or --json"
        return table

    def summary(self) -> str:
        read = self.pictures - self.failed
        words = f"{self.faces:,} {'face' if self.faces == 1 else 'faces'} in {read:,} "
        words += "picture" if read == 1 else "pictures"
        return words + (f"; {self.failed:,} could not be read" if self.failed else "")
