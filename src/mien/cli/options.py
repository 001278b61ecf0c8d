"""Options that several commands have, so that each is named and explained alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataArgument = Annotated[
    Path,
    typer.Argument(
        metavar="DATA",
        help="A CSV file like fer2013.csv (also .xz, .gz, .zip), a folder that holds it, or a "
        "tree of class folders.",
        show_default=False,
    ),
]
DataOption = Annotated[
    Path,
    typer.Option(help="fer2013.csv in any form, a folder that has it, or a tree of faces."),
]
VotesOption = Annotated[
    Path | None,
    typer.Option(help="fer2013new.csv; found by itself where it lies beside fer2013.csv."),
]
SplitOption = Annotated[
    str,
    typer.Option(help="train, validation or test (also Training, PublicTest, PrivateTest)."),
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option(
        help="fer2013, majority, argmax10, argmax8 or ferplus; may be given several times. "
        "By default fer2013 and majority, as far as data and model allow."
    ),
]
BundleOption = Annotated[str, typer.Option(help="Name or folder of the model.")]
DetectorOption = Annotated[
    str,
    typer.Option(help="auto, blazeface, yunet, yunet:FILE, haar, cascade:FILE or full."),
]
LabelSetOption = Annotated[
    str | None, typer.Option(help="fer2013 or ferplus. [default: the model's]")
]
MinFaceOption = Annotated[float, typer.Option(min=1, help="Smallest face to read, in pixels.")]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Lowest detector confidence, 0 to 1. [default: the detector's]"
    ),
]
UncertainOption = Annotated[
    float,
    typer.Option(min=0, max=1, help="Flag answers with a lower confidence as uncertain."),
]
PriorOption = Annotated[
    str,
    typer.Option(
        help="How common each expression is taken to be: default (the model's own choice), "
        "natural (as in training), balanced, or shares: neutral=0.4,happiness=0.3,..."
    ),
]
PriorStrengthOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        max=1,
        help="How far answers go from the training shares to those, 0 to 1. "
        "[default: the model's own, or 1]",
    ),
]
BatchSizeOption = Annotated[int, typer.Option(min=1, help="Faces at once.")]
ThreadsOption = Annotated[int, typer.Option(min=1, help="CPU threads.")]
AllThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="CPU threads. [default: as many as cores]")
]
