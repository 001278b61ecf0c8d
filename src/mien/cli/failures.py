"""What `mien robustness --picture` does: one photo's face, changed until the answer is another."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from mien.bundle.config import GRAPH_FILE, PICTURE_FILE
from mien.bundle.picture import encode_picture
from mien.cli.greeting import without_greeting
from mien.core.errors import ConfigError, DatasetError
from mien.core.imaging import read_image
from mien.evaluation.breaking_picture import draw_breaking_points
from mien.evaluation.breaking_points import BreakingPoint, find_breaking_points
from mien.recognition.recognizer import Recognizer


def open_recognizer(
    model: str, detector: str, threads: int, prior: str, prior_strength: float | None
) -> Recognizer:
    """Return what finds and reads the face of the photo.

    Raises:
        BundleError: If there is no such bundle, or it has no frame for the detector.
        ConfigError: If it is a run, or the prior cannot be used.
    """
    if (Path(model) / "run.json").is_file():
        raise ConfigError(
            f"{model} is a run, which does not know how a detector frames faces; --picture needs "
            "a bundle: `mien export` makes one"
        )
    with without_greeting():
        return Recognizer(
            model, detector, threads=threads, prior=prior, prior_strength=prior_strength
        )


def draw_failures(recognizer: Recognizer, photo: Path, out: Path) -> tuple[Table, Path]:
    """Draw where the answers to a photo's face break; return them in words, and the file.

    Raises:
        FaceError: If no face is found.
        ImageError: If the photo cannot be read.
        DatasetError: If the picture cannot be written.
    """
    points = find_breaking_points(recognizer, read_image(photo))
    name = recognizer.bundle.name
    prior = "" if recognizer.prior.strength == 0 else f", prior {recognizer.prior}"
    sheet = draw_breaking_points(
        points,
        title=f"How far a face can be changed until {name} answers otherwise",
        note=(
            "Each change was made stronger step by step; shown is the first step with another "
            f"answer, in red. {recognizer.label_set}{prior}; face found by "
            f"{recognizer.detector.name}."
        ),
    )
    path = out / PICTURE_FILE
    try:
        path.write_bytes(encode_picture(sheet, recognizer.bundle.config.files[GRAPH_FILE].sha256))
    except OSError as error:
        raise DatasetError(f"cannot write {path}: {error.strerror or error}") from error
    return _table(points, title=f"{name}, {photo.name}"), path


def _table(points: Sequence[BreakingPoint], *, title: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1), title=title, title_justify="left")
    for heading in ("change", "held up to", "then", "answered"):
        table.add_column(heading, no_wrap=True)
    for point in points:
        said = f"{point.label} {point.probabilities[point.label]:.0%}"
        then = point.strength if point.breaks else ""
        table.add_row(point.kind, point.held_to or "", then, said)
    return table
