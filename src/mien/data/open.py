"""One door to every dataset: a CSV file, a folder that holds one, or folders of faces."""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import DatasetError
from mien.data.csv_rows import Progress
from mien.data.dataset import FaceDataset
from mien.data.fer2013 import FER2013_SIZE, read_fer2013
from mien.data.ferplus import FERPLUS_FILE
from mien.data.folders import has_class_folders, read_folders

# Best known first: where a folder has several, the whole dataset beats a part of it.
_CSV_NAMES = ("fer2013", "icml_face_data")
_PART_NAMES = ("train.csv", "test.csv")
_CSV_SUFFIXES = (".csv", ".csv.xz", ".csv.gz", ".csv.zip", ".tar.gz", ".zip")


def open_dataset(
    path: Path | str,
    *,
    votes: Path | str | None = None,
    strict: bool = False,
    cache_dir: Path | str | None = None,
    size: int = FER2013_SIZE,
    largest: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> FaceDataset:
    """Open a dataset, whatever form it has.

    Args:
        path: A CSV file in any form that `mien.data.csv_rows` knows; or a folder that holds
            fer2013.csv (or .xz, .gz, .zip), with fer2013new.csv joined if it lies beside; or
            a tree of class folders, see `mien.data.folders`.
        votes: FER+ votes to join. None joins a fer2013new.csv that lies beside the CSV file
            or in the tree, if it fits.
        strict: Whether the first bad row or file is an error; else it is skipped and listed
            in `problems`.
        cache_dir: Where parsed CSV files are kept; None for the user's cache.
        size: Width and height of the faces in pixels; pictures in folders are resized to it.
        largest: Pictures in folders that are larger are brought to at most this size instead,
            see `mien.data.folders.read_folders`; None for `size`.
        seed: Decides how a folder that has no splits is split.
        progress: Is told the part that is done, 0..1.

    Raises:
        DatasetError: If there is nothing there that can be read as a dataset.
    """
    place = Path(path).expanduser()
    if not place.exists():
        raise DatasetError(f"there is no file or folder {place}")
    csv = place if place.is_file() else _choose_csv(place)
    if csv is not None:
        beside = csv.parent / FERPLUS_FILE
        return read_fer2013(
            csv,
            votes=votes or (beside if beside.is_file() else None),
            votes_must_fit=votes is not None,
            strict=strict,
            cache_dir=cache_dir,
            size=size,
            progress=progress,
        )
    beside = place / FERPLUS_FILE
    return read_folders(
        place,
        votes=votes or (beside if beside.is_file() else None),
        strict=strict,
        size=size,
        largest=largest,
        seed=seed,
        progress=progress,
    )


def _choose_csv(folder: Path) -> Path | None:
    """Return the best known CSV file of faces in a folder, or None for its class folders."""
    for name in _CSV_NAMES:
        for suffix in _CSV_SUFFIXES:
            if (folder / f"{name}{suffix}").is_file():
                return folder / f"{name}{suffix}"
    if has_class_folders(folder):
        return None
    # The competition's parts; beside class folders, a train.csv is likely a list of files.
    for name in _PART_NAMES:
        if (folder / name).is_file():
            return folder / name
    return None
