"""From a dataset to files, and so from CSV to folders and back, with nothing lost.

Folders: `<split>/<class>/fer0000012.png`, the number being the row, as FER+ names its
pictures; PNG keeps every pixel. CSV: FER2013's three columns, in the order of the numbers in
the names where all have one. FER+ votes go beside either as `fer2013new.csv`.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import re
import shutil
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from mien.core.errors import DatasetError
from mien.core.labels import FER2013, FERPLUS_VOTE_COLUMNS
from mien.data.csv_rows import Progress
from mien.data.dataset import SPLITS, FaceDataset, Int64Array, UInt8Array
from mien.data.ferplus import FERPLUS_FILE, face_file_name, read_ferplus_votes
from mien.data.folders import UNLABELLED_FOLDER

# What FER2013 calls its splits, in the order of `SPLITS`.
USAGES = ("Training", "PublicTest", "PrivateTest")

_ROWS_PER_REPORT = 64
_NUMBER = re.compile(r"(\d+)$")
_CSV_SUFFIXES = (".csv", ".csv.gz", ".csv.xz", ".csv.zip")
# Row v holds the digits of v and a blank, zeros after them.
_DIGITS = np.frombuffer(b"".join((b"%d " % v).ljust(4, b"\0") for v in range(256)), "V4")


def is_csv_name(path: Path | str) -> bool:
    """Whether a path names a CSV file that `write_csv` can write, by its suffix."""
    return str(path).lower().endswith(_CSV_SUFFIXES)


def write_folders(
    dataset: FaceDataset, folder: Path | str, *, progress: Progress | None = None
) -> Path:
    """Write every face as a gray PNG into `folder/<split>/<class>/`.

    The tree is written under another name and renamed when whole.

    Args:
        dataset: What to write; where `sources` are row numbers, they become the names.
        folder: Where; must not exist, or be empty.
        progress: Is told the part that is written.

    Returns:
        The folder.

    Raises:
        DatasetError: If something is there already, or it cannot be written.
    """
    target = Path(folder)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DatasetError(f"{target} is there already and not empty; choose another folder")
    rows = row_numbers(dataset)
    labels = (*dataset.label_set.labels, UNLABELLED_FOLDER)  # class id -1 is the last
    with _whole_folder(target) as part:
        for split in np.unique(dataset.splits):
            for class_id in np.unique(dataset.class_ids[dataset.splits == split]):
                (part / SPLITS[split] / labels[class_id]).mkdir(parents=True)
        for index, image in enumerate(dataset.images_gray):
            place = part / SPLITS[dataset.splits[index]] / labels[dataset.class_ids[index]]
            Image.fromarray(np.asarray(image)).save(place / face_file_name(int(rows[index])))
            if progress and index % _ROWS_PER_REPORT == 0:
                progress(index / len(dataset))
        if dataset.votes is not None:
            _write_votes(dataset, part / FERPLUS_FILE, np.arange(len(dataset)), rows)
    return target


def write_csv(dataset: FaceDataset, path: Path | str, *, progress: Progress | None = None) -> Path:
    """Write a CSV file with the columns emotion, pixels and Usage, packed as its suffix says.

    FER+ votes go beside it as fer2013new.csv; one that is there already and says the same,
    such as the one that the votes came from, is left as it is.

    Args:
        dataset: What to write; unlabelled faces get an empty emotion.
        path: `.csv`, `.csv.gz`, `.csv.xz` or `.csv.zip`; replaced when the new one is whole.
        progress: Is told the part that is written.

    Returns:
        The path.

    Raises:
        DatasetError: If there are faces that FER2013 has no label for, the suffix is another,
            other votes lie beside, or it cannot be written.
    """
    target = Path(path)
    if not is_csv_name(target):
        raise DatasetError(f"expected a name ending in {', '.join(_CSV_SUFFIXES)}, got {target}")
    height, width = dataset.image_size
    if height != width:
        raise DatasetError(f"FER2013's CSV has square faces, these are {width} x {height}")
    emotions = _fer2013_emotions(dataset)
    rows = row_numbers(dataset)
    order = np.argsort(rows, kind="stable")
    votes_file = target.parent / FERPLUS_FILE
    votes_are_there = votes_file.exists() and _has_votes(votes_file, dataset, order)
    with _whole_file(target) as part, _packed(part, target) as file:
        file.write(b"emotion,pixels,Usage\n")
        for done, index in enumerate(order.tolist()):
            pixels = _pixel_text(dataset.images_gray[index])
            usage = USAGES[dataset.splits[index]]
            file.write(b"%s,%s,%s\n" % (emotions[index].encode(), pixels, usage.encode()))
            if progress and done % _ROWS_PER_REPORT == 0:
                progress(done / len(dataset))
    if dataset.votes is not None and not votes_are_there:
        with _whole_file(votes_file) as part:
            # Rows of the new file are counted afresh, and the votes are joined by row.
            _write_votes(dataset, part, order, np.argsort(order))
    return target


def row_numbers(dataset: FaceDataset) -> Int64Array:
    """Return a number for each face: its row, or the one that its file name ends in.

    Where not every source has one, or two have the same, faces are numbered as they come.
    """
    numbers: list[int] = []
    for source in dataset.sources:
        if isinstance(source, int):
            numbers.append(source)
            continue
        found = _NUMBER.search(Path(source).stem)
        if found is None or len(found[1]) > 15:
            break
        numbers.append(int(found[1]))
    if len(numbers) < len(dataset) or len(set(numbers)) < len(numbers):
        return np.arange(len(dataset), dtype=np.int64)
    return np.array(numbers, np.int64)


def _fer2013_emotions(dataset: FaceDataset) -> list[str]:
    """Return each face's emotion as FER2013's digit, empty where unlabelled."""
    labels = dataset.label_set.labels
    foreign = [i for i, label in enumerate(labels) if label not in FER2013.labels]
    count = int(np.isin(dataset.class_ids, foreign).sum())
    if count:
        names = ", ".join(labels[i] for i in foreign)
        raise DatasetError(
            f"FER2013's CSV has no label {names}, and {count} faces have it; "
            "take them out or keep them in folders"
        )
    digits = {i: str(FER2013.index(label)) for i, label in enumerate(labels) if i not in foreign}
    return ["" if i < 0 else digits[i] for i in dataset.class_ids.tolist()]


def _pixel_text(face: UInt8Array) -> bytes:
    """Return `70 80 82 ...` row by row, 10 times as fast as joining words."""
    codes: UInt8Array = _DIGITS[face.ravel()].view(np.uint8)
    return bytes(codes[codes != 0][:-1])


def _has_votes(path: Path, dataset: FaceDataset, order: Int64Array) -> bool:
    """Whether a votes file that lies where ours would go says the same; refuse other votes."""
    if dataset.votes is None:
        return False
    there = read_ferplus_votes(path)
    same = np.array_equal(there.votes, dataset.votes[order])
    if not (same and np.array_equal(there.splits, dataset.splits[order])):
        raise DatasetError(
            f"{path} has other votes than those of {dataset.name}, and is not replaced; "
            "write into another folder"
        )
    return True


def _write_votes(dataset: FaceDataset, path: Path, order: Int64Array, rows: Int64Array) -> None:
    votes = dataset.votes
    if votes is None:
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["Usage", "Image name", *FERPLUS_VOTE_COLUMNS])
        for index in order.tolist():
            name = face_file_name(int(rows[index]))
            writer.writerow([USAGES[dataset.splits[index]], name, *votes[index].tolist()])


@contextmanager
def _packed(part: Path, target: Path) -> Iterator[BinaryIO | lzma.LZMAFile | gzip.GzipFile]:
    name = target.name.lower()
    if name.endswith(".xz"):
        with lzma.open(part, "wb", preset=1) as packed:
            yield packed
    elif name.endswith(".gz"):
        with gzip.open(part, "wb", compresslevel=3) as packed_gz:
            yield packed_gz
    elif name.endswith(".zip"):
        inner = target.name[: -len(".zip")]
        with (
            zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open(inner, "w", force_zip64=True) as member,
            io.BufferedWriter(member, 1 << 20) as buffered,
        ):
            yield buffered
    else:
        with part.open("wb", buffering=1 << 20) as plain:
            yield plain


@contextmanager
def _whole_file(target: Path) -> Iterator[Path]:
    """Give a path to write to, and put it in place of `target` only when all went well."""
    part = _part_name(target)
    try:
        yield part
        part.replace(target)
    except OSError as error:
        raise DatasetError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def _whole_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill, and put it in place of `target` only when all went well."""
    part = _part_name(target)
    try:
        part.mkdir()
        yield part
        if target.is_dir():
            target.rmdir()
        part.rename(target)
    except OSError as error:
        raise DatasetError(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _part_name(target: Path) -> Path:
    """Return a name of its own beside the target, making the folder where it lies."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatasetError(f"cannot write {target}: {error.strerror or error}") from error
    return target.with_name(f".{target.name}-{uuid.uuid4().hex[:12]}")
