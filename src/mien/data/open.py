"""One door to every dataset: a CSV file, a folder that holds one, or folders of faces."""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import DatasetError
from mien.data.csv_rows import Progress
from mien.data.dataset import FaceDataset
from mien.data.fer2013 import FER2013_SIZE, read_fer2013
from mien.data.ferplus import FERPLUS_FILE

# Best known first: where a folder has several, the whole dataset beats a part of it.
_CSV_NAMES = ("fer2013", "icml_face_data", "train")
_CSV_SUFFIXES = (".csv", ".csv.xz", ".csv.gz", ".csv.zip", ".tar.gz", ".zip")


def open_dataset(
    path: Path | str,
    *,
    votes: Path | str | None = None,
    strict: bool = False,
    cache_dir: Path | str | None = None,
    size: int = FER2013_SIZE,
    seed: int = 0,
    progress: Progress | None = None,
) -> FaceDataset:
    """Open a dataset, whatever form it has.

    Args:
        path: A CSV file in any form that `mien.data.csv_rows` knows; or a folder that holds
            fer2013.csv (or .xz, .gz, .zip), with fer2013new.csv joined if it lies beside; or
            a tree of class folders, see `mien.data.folders`.
        votes: FER+ votes to join, where they do not lie beside the CSV file.
        strict: Whether the first bad row or file is an error; else it is skipped and listed
            in `problems`.
        cache_dir: Where parsed CSV files are kept; None for the user's cache.
        size: Width and height of the faces in pixels; pictures in folders are resized to it.
        seed: Decides how a folder that has no splits is split.
        progress: Is told the part that is done, 0..1.

    Raises:
        DatasetError: If there is nothing there that can be read as a dataset.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise DatasetError(f"there is no file or folder {place}")
    csv = place if place.is_file() else find_csv(place)
    if csv is None:
        raise DatasetError(f"{place}: found neither fer2013.csv nor class folders")
    if votes is None and place.is_dir() and (place / FERPLUS_FILE).is_file():
        votes = place / FERPLUS_FILE
    return read_fer2013(
        csv, votes=votes, strict=strict, cache_dir=cache_dir, size=size, progress=progress
    )


def find_csv(folder: Path) -> Path | None:
    """Return the best known CSV file of faces in a folder, or None."""
    for name in _CSV_NAMES:
        for suffix in _CSV_SUFFIXES:
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    return None
