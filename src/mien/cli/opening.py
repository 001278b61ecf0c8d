"""Opening a dataset on the command line: a progress bar with time left, on stderr."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mien.data import FaceDataset
    from mien.data.csv_rows import Progress as Report


@contextmanager
def progress_bar(what: str) -> Iterator[Report]:
    """Show a bar while the block runs; gives the function that moves it (0..1).

    The bar is drawn from the first report on, vanishes at the end, and is left out where
    stderr is no terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=1.0, visible=False)
        yield lambda part: bar.update(task, completed=part, visible=True)


def open_with_progress(
    path: Path,
    *,
    votes: Path | None = None,
    strict: bool = False,
    size: int = 48,
    largest: int | None = None,
    seed: int = 0,
) -> FaceDataset:
    """Open a dataset as `mien.data.open_dataset` does, with a progress bar where it takes long.

    Raises:
        DatasetError: As `open_dataset`.
    """
    from mien.data import open_dataset

    with progress_bar(f"reading {path.name or path}") as report:
        return open_dataset(
            path,
            votes=votes,
            strict=strict,
            size=size,
            largest=largest,
            seed=seed,
            progress=report,
        )
