"""The `mien` command: the app, its commands, and the one place where errors become words.

Each command lives in its own file and is registered here; what a command needs is imported
when it runs, so `mien --help` answers at once.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer
from rich.console import Console

from mien import __version__
from mien.cli import data
from mien.cli.average import average
from mien.cli.compare import compare
from mien.cli.ensemble import ensemble
from mien.cli.evaluate import evaluate
from mien.cli.explain import explain
from mien.cli.export import export
from mien.cli.frames import frames
from mien.cli.models import models
from mien.cli.predict import predict
from mien.cli.robustness import robustness
from mien.cli.serve import serve
from mien.cli.sessions import app as sessions
from mien.cli.train import train
from mien.cli.video.command import video
from mien.cli.webcam.command import webcam
from mien.core.errors import ConfigError, MienError

app = typer.Typer(
    name="mien",
    help="Read facial expressions, and train, prove and ship the models that do it.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"mien {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Read facial expressions, and train, prove and ship the models that do it."""


app.command()(predict)
app.command()(explain)
app.command()(video)
app.command()(webcam)
app.add_typer(data.app)
app.command()(train)
app.command()(average)
app.command()(ensemble)
app.command()(evaluate)
app.command()(compare)
app.command()(robustness)
app.command()(export)
app.command()(frames)
app.add_typer(models, name="models")
app.add_typer(sessions)
app.command()(serve)


def run() -> None:
    """Run the command line; exit 0 when done, 1 when the work failed, 2 on wrong use."""
    for stream in (sys.stdout, sys.stderr):
        # A letter that the terminal's encoding lacks is escaped, not the end of the work.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except MienError as error:
        stderr = Console(stderr=True, highlight=False, soft_wrap=True)
        stderr.print("[bold red]error:[/] ", end="")
        stderr.print(str(error), markup=False)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
    except BrokenPipeError:
        # The reader of a pipe (head, less) went away: nothing is wrong.
        sys.stderr.close()
        sys.exit(0)
