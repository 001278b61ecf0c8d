"""`mien models`: list, show and check models, and fetch detector weights of others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from mien.core.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from mien.bundle.find import FoundBundle

models = typer.Typer(help="List, show, check and fetch models.", invoke_without_command=True)


@models.callback()
def _list(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the models that can be used by name, and the detector weights that are installed."""
    if context.invoked_subcommand is not None:
        return
    from mien.bundle.find import list_bundles
    from mien.core.fetch import is_installed
    from mien.core.paths import bundles_folder, detectors_folder
    from mien.core.weights import FETCHABLE

    rows = [_describe(found) for found in list_bundles()]
    weights = [
        {
            "name": name,
            "installed": is_installed(published, detectors_folder()),
            "path": str(detectors_folder() / published.file),
            "licence": published.licence,
        }
        for name, published in FETCHABLE.items()
    ]
    if as_json:
        print(json.dumps({"bundles": rows, "detectors": weights}, indent=2))
        return
    console = Console(highlight=False)
    console.print(_table(rows) if rows else "No bundles.")
    console.print(f"Bundles of your own: folders in {bundles_folder()}", soft_wrap=True)
    for each in weights:
        state = each["path"] if each["installed"] else f"mien models fetch {each['name']}"
        console.print(f"Detector weights {each['name']}: {state}", soft_wrap=True)


def _describe(found: FoundBundle) -> dict[str, Any]:
    """Return a row of the list; a bundle that cannot be used says why."""
    from mien.bundle.figures import read_figures
    from mien.bundle.load import check_files

    row: dict[str, Any] = {"name": found.name, "where": found.where, "path": str(found.path)}
    try:
        config, _ = check_files(found.path)
    except BundleError as error:
        return {**row, "error": str(error)}
    return {
        **row,
        "bytes": sum(entry.bytes for entry in config.files.values()),
        "precision": config.precision,
        "parameters": config.architecture.parameters,
        "label_sets": [head.label_set for head in config.heads],
        "figures": [evaluation.to_line() for evaluation in read_figures(config.figures)],
        "error": None,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(title="Bundles", title_justify="left")
    for column in ("name", "precision", "MB", "parameters", "label sets", "figures", "where"):
        table.add_column(column, justify="right" if column in ("MB", "parameters") else "left")
    for row in rows:
        if row["error"]:
            table.add_row(
                row["name"], "", "", "", "", f"cannot be used: {row['error']}", row["where"]
            )
            continue
        table.add_row(
            row["name"],
            row["precision"],
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['parameters']:,}",
            ", ".join(row["label_sets"]),
            "\n".join(row["figures"]) or "not evaluated",
            row["where"],
        )
    return table


@models.command()
def show(
    bundle: Annotated[str, typer.Argument(help="Name or folder of a bundle.")],
    plain: Annotated[bool, typer.Option("--plain", help="Print the Markdown as it is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the config instead.")] = False,
) -> None:
    """Show a model's card."""
    from mien.bundle.config import CARD_FILE
    from mien.bundle.find import find_bundle
    from mien.bundle.load import check_files

    config, contents = check_files(find_bundle(bundle))
    card = contents[CARD_FILE].decode("utf-8")
    if as_json:
        print(config.to_json(), end="")
    elif plain:
        print(card, end="")
    else:
        Console().print(Markdown(card))


@models.command()
def verify(
    bundle: Annotated[str, typer.Argument(help="Name or folder of a bundle.")],
) -> None:
    """Check a bundle as loading it does, and run it once.

    Checksums and sizes of all files, every field of the config, the graph's input and
    outputs, and one face through the graph.
    """
    import numpy as np

    from mien.bundle.load import load_bundle

    loaded = load_bundle(bundle)
    size = loaded.config.input.size
    for label_set in loaded.label_sets:
        probabilities = loaded.predict_probabilities(
            np.full((1, size, size), 128, np.uint8), label_set
        )
        if not np.isfinite(probabilities).all():
            raise BundleError(f"{loaded.path}: {label_set} answers with what is no probability")
    console = Console(highlight=False, soft_wrap=True)
    for name, entry in loaded.config.files.items():
        console.print(f"{name}: {entry.bytes:,} bytes, sha256 {entry.sha256}")
    console.print(f"{loaded.name} in {loaded.path} is whole.")


@models.command()
def fetch(
    name: Annotated[str, typer.Argument(help="What to fetch: yunet.")],
    source: Annotated[
        Path | None, typer.Option("--from", help="Install this file instead of downloading.")
    ] = None,
) -> None:
    """Get detector weights that others publish, check them, and install them for this user."""
    from mien.core.fetch import fetch_file, install_file, is_installed
    from mien.core.paths import detectors_folder
    from mien.core.weights import FETCHABLE

    if name not in FETCHABLE:
        raise ConfigError(f"nothing called {name!r} can be fetched; known: {', '.join(FETCHABLE)}")
    published, folder = FETCHABLE[name], detectors_folder()
    console = Console(highlight=False, soft_wrap=True)
    if is_installed(published, folder):
        console.print(f"{name} is installed already: {folder / published.file}")
        return
    if source is not None:
        path = install_file(published, source, folder)
    else:
        console.print(f"{published.file}, {published.source}, {published.licence} licence")
        from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

        columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn())
        with Progress(*columns, console=Console(stderr=True)) as progress:
            task = progress.add_task(name, total=published.bytes)
            path = fetch_file(
                published, folder, on_progress=lambda done: progress.update(task, completed=done)
            )
    console.print(f"Installed {path} (sha256 {published.sha256}).")
