"""`mien frames`: measure how each detector's boxes lie about the faces of a dataset."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from mien.cli.options import ThreadsOption

DEFAULT_DETECTORS = ["blazeface", "yunet", "haar"]


def frames(
    data: Annotated[
        Path,
        typer.Option(help="A dataset, in any form that `mien data` reads.", show_default=False),
    ],
    out: Annotated[Path, typer.Option(help="The JSON file to write.")] = Path("crop_frames.json"),
    detector: Annotated[
        list[str] | None,
        typer.Option(help="Detector to measure; repeat for several. [default: all three]"),
    ] = None,
    count: Annotated[int, typer.Option(min=30, help="How many training faces to show.")] = 1500,
    seed: Annotated[int, typer.Option(help="Chooses the faces.")] = 0,
    threads: ThreadsOption = 1,
) -> None:
    """Measure the crop frame of each detector over training faces.

    A detector frames a face in its own way, a dataset in another: this measures the scale and
    shift between the two, which `mien export` keeps in the bundle.
    """
    import numpy as np

    from mien.cli.greeting import without_greeting
    from mien.cli.opening import open_with_progress
    from mien.data import SPLITS
    from mien.faces import open_detector
    from mien.faces.framing import measure_frame, write_frames

    console = Console(stderr=True)
    # Opened first: one that cannot run should say so before any waiting.
    with without_greeting():
        opened = [open_detector(name, threads=threads) for name in detector or DEFAULT_DETECTORS]
    dataset = open_with_progress(data)
    rows = np.flatnonzero(dataset.splits == SPLITS.index("train"))
    chosen = np.random.default_rng(seed).choice(rows, min(count, len(rows)), replace=False)
    faces_gray = dataset.images_gray[np.sort(chosen)]
    measurements = []
    with Progress(console=console, transient=True) as progress:
        for one in opened:
            task = progress.add_task(one.name, total=len(faces_gray))
            measurements.append(
                measure_frame(one, faces_gray, on_face=partial(progress.advance, task))
            )
    write_frames(out, measurements, data=f"{len(faces_gray)} training faces, seed {seed}")
    table = Table("detector", "scale", "shift x", "shift y", "recall", "n")
    for m in measurements:
        table.add_row(
            m.detector,
            f"{m.frame.scale:.3f} ± {m.spread_scale:.3f}",
            f"{m.frame.shift_x:+.3f} ± {m.spread_x:.3f}",
            f"{m.frame.shift_y:+.3f} ± {m.spread_y:.3f}",
            f"{m.recall:.3f}",
            str(m.n),
        )
    Console().print(table)
    console.print(f"written to {out}")
