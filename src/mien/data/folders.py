"""Folders of faces: one folder a class, with or without one folder a split above them.

    train|validation|test/<class>/picture.*        splits as they are
    <class>/picture.*                              to be split, stratified and seeded

Class folders go by any usual spelling of the expression, by FER2013's digits 0 to 6, or by
`unlabelled`. Pictures may have any size and colour; they come through `core.imaging`, upright
and gray, on the same path as a picture that is a face already has when it is read.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.core.errors import DatasetError, ImageError, LabelError
from mien.core.imaging import CropFrame, crop_face, read_image, to_gray
from mien.core.labels import FER2013, FERPLUS, LabelSet, canonical_label
from mien.core.types import Box
from mien.data.csv_rows import Progress
from mien.data.dataset import SPLITS, FaceDataset, Int64Array, Problem, UInt8Array, canonical_split
from mien.data.ferplus import votes_by_name
from mien.data.splits import split_counts, stratified_splits

UNLABELLED_FOLDER = "unlabelled"
# Pictures whose size is looked at, out of all.
_SAMPLE = 500

_UNLABELLED_NAMES = frozenset({UNLABELLED_FOLDER, "unlabeled"})
# FER2013's Training, and its PublicTest and PrivateTest in one.
_MERGED_TEST_COUNTS = (28_709, 7_178)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Picture:
    """A file with the split and class that its folders say; None where they say nothing."""

    path: Path
    split: str | None
    label: str | None


def has_class_folders(folder: Path) -> bool:
    """Whether `read_folders` can make something of the folder."""
    return any(_split_name(p.name) or _is_class(p.name) for p in _subfolders(_descend(folder)))


def read_folders(
    folder: Path | str,
    *,
    votes: Path | str | None = None,
    strict: bool = False,
    size: int = 48,
    largest: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> FaceDataset:
    """Read a tree of class folders.

    Args:
        folder: The tree's top, or a folder that holds nothing but it.
        votes: FER+ votes, joined by the pictures' names (`fer0000012.png`), or None.
        strict: Whether the first file that cannot be used is an error.
        size: Width and height in pixels that every picture is brought to.
        largest: Where most pictures are larger than `size`, they are brought to their middle
            size instead, or to this where that is less. None for `size` whatever they are.
        seed: Decides the split where the tree has none.
        progress: Is told the part that is read.

    Raises:
        DatasetError: If there are no class folders or no readable pictures in them, or
            `strict` and a file cannot be used.
    """
    top = _descend(Path(folder))
    pictures, problems = _find_pictures(top)
    if strict and problems:
        raise DatasetError(str(problems[0]))
    if largest is not None:
        size = _middle_size(pictures, size, largest)
    images, kept = _read_pictures(pictures, problems, size, strict, progress)
    if not kept:
        why = f"; the first: {problems[0]}" if problems else ""
        raise DatasetError(f"{top}: no picture in its class folders can be read{why}")
    label_set = _label_set_of(kept)
    class_ids = np.array(
        [-1 if p.label is None else label_set.index(p.label) for p in kept], np.int64
    )
    splits, notes = _splits_of(kept, class_ids, seed)
    if problems:
        notes.append(f"{top}: {len(problems)} files or folders skipped; the first: {problems[0]}")
    for note in notes:
        _log.warning("%s", note)
    return FaceDataset(
        name=top.resolve().name,
        images_gray=images,
        splits=splits,
        class_ids=class_ids,
        label_set=label_set,
        votes=None if votes is None else votes_by_name(votes, [p.path.stem for p in kept]),
        sources=tuple(str(p.path) for p in kept),
        problems=tuple(problems),
        notes=tuple(notes),
    )


def _descend(folder: Path) -> Path:
    """Step into a folder that holds nothing but one other, as archives unpack to."""
    while True:
        inner = _subfolders(folder)
        if len(inner) != 1 or _split_name(inner[0].name) or _is_class(inner[0].name):
            return folder
        folder = inner[0]


def _find_pictures(top: Path) -> tuple[list[_Picture], list[Problem]]:
    pictures: list[_Picture] = []
    problems: list[Problem] = []
    folders = _subfolders(top)
    split_folders = [p for p in folders if _split_name(p.name)]
    tops = [(_split_name(p.name), p) for p in split_folders] or [(None, top)]
    for split, place in tops:
        classes = _subfolders(place)
        _refuse_other_digits(place, [p.name for p in classes])
        for class_folder in classes:
            if not _is_class(class_folder.name):
                known = "an expression's name, a digit 0..6 or `unlabelled`"
                problems.append(
                    Problem(str(class_folder), "label", f"expected a folder named by {known}")
                )
                continue
            label = _label_of(class_folder.name)
            pictures += [_Picture(path, split, label) for path in _files_below(class_folder)]
    if split_folders:
        strays = [p for p in folders if not _split_name(p.name)]
        problems += [
            Problem(str(p), "split", "expected a folder named by a split, as others here are")
            for p in strays
        ]
    if not pictures:
        raise DatasetError(
            f"{top}: expected class folders (angry, happy, ... or 0..6) with pictures, alone or "
            f"under train, validation and test; got {_listing(top)}"
        )
    return pictures, problems


def _refuse_other_digits(place: Path, names: list[str]) -> None:
    """Refuse digits that are not FER2013's: RAF-DB's 1..7 mean other expressions."""
    digits = [int(name) for name in names if name.isascii() and name.isdigit()]
    if any(digit >= len(FER2013) for digit in digits):
        order = ", ".join(f"{i} {label}" for i, label in enumerate(FER2013.labels))
        raise DatasetError(
            f"{place}: folders named by digit must be FER2013's ({order}), got up to "
            f"{max(digits)}. RAF-DB's 1..7 are surprise, fear, disgust, happiness, sadness, "
            "anger, neutral: rename the folders so"
        )


def _middle_size(pictures: list[_Picture], smallest: int, largest: int) -> int:
    """Return the median of the pictures' shorter sides, by a sample of them, within bounds."""
    sides = []
    for picture in pictures[:: max(1, len(pictures) // _SAMPLE)]:
        # What cannot be opened is named when all are read.
        with (
            suppress(OSError, ValueError, Image.DecompressionBombError),
            Image.open(picture.path) as opened,
        ):
            sides.append(min(opened.size))
    middle = int(np.median(sides)) if sides else smallest
    return max(smallest, min(middle, largest))


def _read_pictures(
    pictures: list[_Picture],
    problems: list[Problem],
    size: int,
    strict: bool,
    progress: Progress | None,
) -> tuple[UInt8Array, list[_Picture]]:
    """Read all files; what cannot be read is added to `problems`."""
    images = np.empty((len(pictures), size, size), np.uint8)
    kept: list[_Picture] = []

    def read(picture: _Picture) -> UInt8Array | ImageError:
        try:
            return _read_face(picture.path, size)
        except ImageError as error:
            return error

    # Decoding releases the interpreter's lock, so threads do read in parallel.
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for number, (picture, face) in enumerate(
            zip(pictures, pool.map(read, pictures), strict=True), 1
        ):
            if isinstance(face, ImageError):
                if strict:
                    raise DatasetError(str(face)) from face
                reason = str(face).removeprefix(f"{picture.path}: ")
                problems.append(Problem(str(picture.path), "unreadable", reason))
            else:
                images[len(kept)] = face
                kept.append(picture)
            if progress:
                progress(number / len(pictures))
    return images[: len(kept)], kept


def _read_face(path: Path, size: int) -> UInt8Array:
    gray = to_gray(read_image(path))
    height, width = gray.shape
    # The `full` frame: the picture is the face. A square of the wanted size stays as it is.
    return crop_face(gray, Box(0, 0, width, height), size=size, frame=CropFrame())


def _splits_of(
    kept: list[_Picture], class_ids: Int64Array, seed: int
) -> tuple[NDArray[np.int8], list[str]]:
    if kept[0].split is None:
        return stratified_splits(class_ids, seed=seed), []
    names = [p.split or "" for p in kept]
    splits = np.array([SPLITS.index(name) for name in names], np.int8)
    counts = split_counts(splits)
    test = [p.path.stem for p, name in zip(kept, names, strict=True) if name == "test"]
    public = np.array([p.path.stem.lower().startswith("publictest") for p in kept])
    if counts["validation"] == 0 and test and public.any():
        told = sum(stem.lower().startswith(("publictest", "privatetest")) for stem in test)
        if told == len(test):
            splits[public] = SPLITS.index("validation")
            return splits, [
                f"the test folder is FER2013's PublicTest and PrivateTest in one; by their names "
                f"{int(public.sum())} of its {len(test)} pictures are PublicTest and are taken "
                "as validation, so that figures can be compared with published ones"
            ]
    if counts["validation"] == 0 and (counts["train"], counts["test"]) == _MERGED_TEST_COUNTS:
        return splits, [
            "this is the copy of FER2013 whose test folder has PublicTest and PrivateTest in "
            "one (7,178 pictures, as Kaggle's msambare/fer2013): figures on it compare with no "
            "published ones, and there is nothing to select a model on but the test itself; "
            "use fer2013.csv instead"
        ]
    return splits, []


def _label_set_of(pictures: list[_Picture]) -> LabelSet:
    return FERPLUS if any(p.label == "contempt" for p in pictures) else FER2013


def _split_name(name: str) -> str | None:
    try:
        return canonical_split(name)
    except DatasetError:
        return None


def _is_class(name: str) -> bool:
    try:
        _label_of(name)
    except LabelError:
        return False
    return True


def _label_of(name: str) -> str | None:
    """Return the expression that a folder is named by, None for `unlabelled`."""
    if name.strip().lower() in _UNLABELLED_NAMES:
        return None
    if name.isascii() and name.isdigit() and int(name) < len(FER2013):
        return FER2013.labels[int(name)]
    return canonical_label(name)


def _subfolders(folder: Path) -> list[Path]:
    hidden = (".", "__MACOSX")
    return sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(hidden))


def _files_below(folder: Path) -> Iterator[Path]:
    for place, inner, names in os.walk(folder):
        inner.sort()
        yield from (Path(place) / name for name in sorted(names) if not name.startswith("."))


def _listing(folder: Path) -> str:
    names = sorted(p.name for p in folder.iterdir())
    shown = ", ".join(names[:6]) + (", ..." if len(names) > 6 else "")
    return shown or "an empty folder"
