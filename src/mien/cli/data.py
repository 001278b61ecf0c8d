"""`mien data`: look at a dataset, find what is wrong with it, and change its form."""

from __future__ import annotations

import csv
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from mien.cli.data_audit import audit
from mien.cli.opening import open_with_progress, progress_bar
from mien.cli.options import DataArgument

app = typer.Typer(
    name="data",
    help="Describe, preview, check, audit and convert datasets of faces.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

VotesOption = Annotated[
    Path | None,
    typer.Option(help="FER+ votes to join; fer2013new.csv beside the data is joined by itself."),
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Stop at the first bad row or file; else it is skipped.")
]
SizeOption = Annotated[int, typer.Option(min=1, help="Width and height of the faces in pixels.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Decides random choices and splits.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV.")]


# A folder of such a name would be a surprise; what `convert` can write is .csv, packed or not.
_FILE_SUFFIXES = frozenset({".bz2", ".gz", ".json", ".npz", ".parquet", ".tsv", ".xz", ".zip"})


class Rule(StrEnum):
    """FER+ rules, as `mien.data.FERPLUS_RULES` has them (a test compares the two)."""

    MAJORITY = "majority"
    ARGMAX10 = "argmax10"
    ARGMAX8 = "argmax8"
    SOFT = "soft"


@app.command()
def describe(
    data: DataArgument,
    out: Annotated[
        Path | None, typer.Option(help="Draw the bar chart too: a .png, .svg or .pdf file.")
    ] = None,
    votes: VotesOption = None,
    strict: StrictOption = False,
    size: SizeOption = 48,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Count faces by class and split, as a table and a bar chart."""
    from mien.cli.data_tables import summary_view
    from mien.data import summarise

    _one_of(as_json, as_csv)
    dataset = open_with_progress(data, votes=votes, strict=strict, size=size, seed=seed)
    summary = summarise(dataset)
    if out is not None:
        from mien.data.chart import write_chart

        write_chart(summary, out)
    if as_json:
        print(json.dumps(summary.to_dict(), indent=2))
    elif as_csv:
        _print_csv(summary.rows(), ["labels", "label", "split", "faces"])
    else:
        console = Console(highlight=False)
        console.print(summary_view(summary, console.width))
    if out is not None:
        _say(f"chart written to {out}")


@app.command()
def preview(
    data: DataArgument,
    out: Annotated[Path, typer.Option(help="The picture to write.")] = Path("preview.png"),
    split: Annotated[
        str | None,
        typer.Option(help="train, validation or test (or FER2013's names); all if not given."),
    ] = None,
    rule: Annotated[
        Rule | None, typer.Option(help="Show FER+ classes by this rule instead of the labels.")
    ] = None,
    columns: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Faces in a row; fits the terminal if not given."),
    ] = None,
    votes: VotesOption = None,
    strict: StrictOption = False,
    size: SizeOption = 48,
    seed: SeedOption = 0,
) -> None:
    """Draw a row of sample faces for each class, and print where the picture lies."""
    from mien.data import label_by_votes
    from mien.data.preview import write_preview

    dataset = open_with_progress(data, votes=votes, strict=strict, size=size, seed=seed)
    if split is not None:
        dataset = dataset.select_split(split)
    if rule is not None:
        dataset = label_by_votes(dataset, rule.value)
    if columns is None:
        # A face shown in a terminal's picture view is about 8 characters wide.
        columns = min(max((Console().width - 12) // 8, 6), 24)
    write_preview(dataset, out, columns=columns, seed=seed)
    print(out)


@app.command()
def check(
    data: DataArgument,
    votes: VotesOption = None,
    strict: StrictOption = False,
    size: SizeOption = 48,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Find bad rows, constant faces, duplicates, and labels that disagree.

    Validation and test faces that show the same picture as a train face, a little changed, are
    found as well. `--json` and `--csv` list every finding with its row or path.
    """
    from mien.cli.data_tables import report_view
    from mien.data import check_dataset

    _one_of(as_json, as_csv)
    dataset = open_with_progress(data, votes=votes, strict=strict, size=size, seed=seed)
    report = check_dataset(dataset)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
    elif as_csv:
        _print_csv(report.findings(), ["kind", "source", "split", "label", "group", "detail"])
    else:
        Console(highlight=False).print(report_view(report))


@app.command()
def convert(
    data: DataArgument,
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT",
            help="A .csv file (or .csv.xz, .csv.gz, .csv.zip), else a folder that is made.",
            show_default=False,
        ),
    ],
    votes: VotesOption = None,
    strict: StrictOption = False,
    size: SizeOption = 48,
    seed: SeedOption = 0,
) -> None:
    """Turn a CSV file into folders of PNG, or folders into a CSV file, without loss.

    Row numbers become file names and back again; splits, unlabelled faces and FER+ votes
    (as fer2013new.csv) are kept.
    """
    from mien.data import is_csv_name, write_csv, write_folders

    if out.suffix.lower() in _FILE_SUFFIXES and not is_csv_name(out):
        raise typer.BadParameter(
            f"{out} is neither a folder nor one of .csv, .csv.xz, .csv.gz, .csv.zip"
        )
    dataset = open_with_progress(data, votes=votes, strict=strict, size=size, seed=seed)
    write = write_csv if is_csv_name(out) else write_folders
    with progress_bar(f"writing {out.name}") as report:
        write(dataset, out, progress=report)
    skipped = f", {len(dataset.problems)} skipped" if dataset.problems else ""
    _say(f"{len(dataset):,} faces written to {out}{skipped}")


app.command()(audit)


def _one_of(as_json: bool, as_csv: bool) -> None:
    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv exclude each other; choose one")


def _print_csv(rows: list[dict[str, Any]], columns: list[str]) -> None:
    writer = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def _say(text: str) -> None:
    """Print what was done on stderr, so that stdout holds the table alone."""
    Console(stderr=True, highlight=False, soft_wrap=True).print(text, markup=False)
