"""Rows of an FER2013-like CSV file, in every form in which it is handed about.

Plain, xz, gzip, zip or tar.gz (told by their first bytes, not by the name), streamed, so
that 300 MB of text never lie in memory. Columns are found by name, case and blanks aside:
`pixels` must be there; without `emotion` all rows are unlabelled (the competition's
test.csv), without `Usage` they belong to one split (its train.csv).
"""

from __future__ import annotations

import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

import numpy as np

from mien.core.errors import DatasetError, LabelError
from mien.core.labels import FER2013
from mien.data.dataset import SPLITS, Int64Array, Problem, UInt8Array, canonical_split

Progress = Callable[[float], None]
"""Takes the part that is done, 0..1, as often as there is news."""

_ROWS_PER_REPORT = 256
# How much of a bad value is shown: swapped columns would put 2304 numbers into a message.
_SHOWN = 20
_SPACE, _ZERO = ord(" "), ord("0")


@dataclass(frozen=True, eq=False)
class CsvColumns:
    """All columns but the pixels, for the rows that can be used.

    Attributes:
        rows: (n,) int64, row number from 0, after the header; skipped rows count.
        splits: (n,) int8, an index into `SPLITS`.
        class_ids: (n,) int64 in the order of `FER2013`, -1 where unlabelled.
        row_count: All rows, skipped ones too.
        problems: The skipped rows.
    """

    rows: Int64Array
    splits: np.ndarray[tuple[int, ...], np.dtype[np.int8]]
    class_ids: Int64Array
    row_count: int
    problems: tuple[Problem, ...]


class _RowError(Exception):
    """A row that cannot be used; carries the `Problem`'s kind and reason."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True)
class _Layout:
    """Which field of a line holds what; -1 where the file has no such column."""

    pixels: int
    emotion: int
    usage: int
    fields: int

    @classmethod
    def of_header(cls, line: bytes, path: Path) -> _Layout:
        names = [_text(field).lower() for field in line.removeprefix(b"\xef\xbb\xbf").split(b",")]
        if "pixels" not in names:
            raise DatasetError(
                f"{path}: expected a CSV whose first line names the columns emotion, pixels and "
                f"Usage (pixels at least), got {line[:60].decode(errors='replace')!r}"
            )
        found = {name: names.index(name) if name in names else -1 for name in ("emotion", "usage")}
        return cls(names.index("pixels"), found["emotion"], found["usage"], len(names))

    def parse(self, line: bytes, pixel_count: int) -> tuple[UInt8Array, int, int]:
        """Return pixels, split and class id of one line, or raise `_RowError`."""
        fields = line.split(b",")
        if len(fields) != self.fields:
            raise _RowError("columns", f"expected {self.fields} columns, got {len(fields)}")
        class_id = -1 if self.emotion < 0 else _parse_class_id(_text(fields[self.emotion]))
        if self.usage >= 0:
            split = _parse_split(_text(fields[self.usage]))
        else:
            split = SPLITS.index("test" if self.emotion < 0 else "train")
        return parse_pixels(fields[self.pixels].strip(b' "\t\r\n'), pixel_count), split, class_id


def parse_csv(
    path: Path, images: BinaryIO, *, size: int, progress: Progress | None = None
) -> CsvColumns:
    """Read every row, writing the usable images to `images` as they come.

    Args:
        path: The file, in any of the forms that this module knows.
        images: Takes size * size bytes for each usable row.
        size: Width and height of the faces in pixels.
        progress: Is told how much of the file is read.

    Raises:
        DatasetError: If the file is missing, damaged, has no `pixels` column, or not one of
            its rows can be used.
    """
    rows: list[int] = []
    splits: list[int] = []
    class_ids: list[int] = []
    problems: list[Problem] = []
    number = -1
    with open_lines(path) as (lines, done):
        header = next(lines, b"")
        if not header:
            raise DatasetError(f"{path} is empty; fetch it again")
        layout = _Layout.of_header(header, path)
        for number, line in enumerate(line for line in lines if line.strip()):
            try:
                pixels, split, class_id = layout.parse(line, size * size)
            except _RowError as error:
                problems.append(Problem(number, error.kind, str(error)))
                continue
            images.write(pixels.tobytes())
            rows.append(number)
            splits.append(split)
            class_ids.append(class_id)
            if progress and number % _ROWS_PER_REPORT == 0:
                progress(done())
    if not rows:
        why = f"; the first: {problems[0]}" if problems else ""
        raise DatasetError(f"{path}: none of its {number + 1} rows can be used{why}")
    if progress:
        progress(1.0)
    return CsvColumns(
        np.array(rows, np.int64),
        np.array(splits, np.int8),
        np.array(class_ids, np.int64),
        number + 1,
        tuple(problems),
    )


@contextmanager
def open_lines(path: Path) -> Iterator[tuple[Iterator[bytes], Callable[[], float]]]:
    """Open a CSV file, unpacked, as its lines and a function that says how much is read.

    Raises:
        DatasetError: If the file is missing, damaged, or an archive without a CSV file; also
            while it is read.
    """
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            total = max(path.stat().st_size, 1)
            yield iter(_unpack(raw, path, stack)), lambda: min(raw.tell() / total, 1.0)
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise DatasetError(f"{path} is damaged or cut off ({error}); fetch it again") from error
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        raise DatasetError(f"{path} is a damaged archive ({error}); fetch it again") from error
    except FileNotFoundError as error:
        raise DatasetError(f"there is no file {path}") from error


def _unpack(raw: IO[bytes], path: Path, stack: ExitStack) -> Iterable[bytes]:
    magic = raw.read(6)
    raw.seek(0)
    if magic.startswith(b"PK\x03\x04"):
        archive = stack.enter_context(zipfile.ZipFile(raw))
        name = _pick_csv(archive.namelist(), path)
        try:
            return stack.enter_context(archive.open(name))
        except (RuntimeError, NotImplementedError) as error:
            # What zipfile raises for a password, and for a compression that it does not know.
            raise DatasetError(
                f"cannot unpack {path} ({error}); unpack it by other means"
            ) from error
    buffered = io.BufferedReader(_decompressed(raw, magic), 1 << 16)  # type: ignore[type-var]
    if buffered.peek(262)[257:262] != b"ustar":
        return buffered
    # Kaggle's first release of FER2013 is a tar.gz.
    tar = stack.enter_context(tarfile.TarFile.open(fileobj=buffered, mode="r|"))
    for member in tar:
        if member.isfile() and member.name.lower().endswith(".csv"):
            extracted = tar.extractfile(member)
            if extracted is not None:
                return extracted
    raise DatasetError(f"{path} is an archive without a CSV file")


def _decompressed(raw: IO[bytes], magic: bytes) -> IO[bytes] | gzip.GzipFile | lzma.LZMAFile:
    if magic == b"\xfd7zXZ\x00":
        return lzma.LZMAFile(raw)
    return gzip.GzipFile(fileobj=raw) if magic.startswith(b"\x1f\x8b") else raw


def _pick_csv(names: list[str], path: Path) -> str:
    found = [n for n in names if n.lower().endswith(".csv") and not n.startswith("__MACOSX")]
    for wanted in ("fer2013.csv", "icml_face_data.csv"):
        for name in found:
            if name.lower().rsplit("/", 1)[-1] == wanted:
                return name
    if len(found) != 1:
        raise DatasetError(
            f"{path}: expected one CSV file in the archive, or one called fer2013.csv, got "
            f"{', '.join(found) or 'none'}"
        )
    return found[0]


def parse_pixels(text: bytes, pixel_count: int) -> UInt8Array:
    """Turn `70 80 82 ...` into pixels, (pixel_count,) uint8."""
    values = _parse_digits(text)
    if values is None:
        values = _parse_words(text)
    if len(values) != pixel_count:
        raise _RowError("pixel_count", f"expected {pixel_count} pixels, got {len(values)}")
    if len(values) and values.max() > 255:
        raise _RowError("pixel_value", f"pixels must lie in 0..255, got {values.max()}")
    return values.astype(np.uint8)


def _parse_digits(text: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]] | None:
    """Parse whole numbers of 1 to 3 digits with single blanks between; None if it is not so.

    Arithmetic on the bytes, 4 times as fast as splitting and converting words.
    """
    codes = np.frombuffer(text, np.uint8)
    blanks = np.flatnonzero(codes == _SPACE)
    digits = (codes - _ZERO).astype(np.int16)
    if np.count_nonzero(digits <= 9) != len(codes) - len(blanks):
        return None
    ends = np.append(blanks, len(codes))
    lengths = np.diff(ends, prepend=-1) - 1
    if lengths.min() < 1 or lengths.max() > 3:
        return None
    ones = digits[ends - 1]
    # Before the text's first digits there is nothing to index; `where` drops what it gives.
    tens = np.where(lengths >= 2, digits[np.maximum(ends - 2, 0)], 0)
    hundreds = np.where(lengths == 3, digits[np.maximum(ends - 3, 0)], 0)
    return np.asarray(ones + 10 * tens + 100 * hundreds, np.int16)


def _parse_words(text: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    words = text.split()
    values = np.zeros(len(words), np.int16)
    for place, word in enumerate(words):
        # The length first: Python refuses to read numbers of thousands of digits.
        if not word.isdigit() or len(word) > _SHOWN or int(word) > 255:
            shown = _shortened(word.decode(errors="replace"))
            raise _RowError(
                "pixel_value",
                f"pixels must be whole numbers in 0..255, got {shown!r} as pixel {place}",
            )
        values[place] = int(word)
    return values


def _parse_class_id(text: str) -> int:
    if not text:
        return -1
    if text.isascii() and text.isdigit() and len(text) < _SHOWN and int(text) < len(FER2013):
        return int(text)
    try:
        return FER2013.index(text)
    except LabelError as error:
        raise _RowError(
            "label",
            f"expected an emotion in 0..{len(FER2013) - 1} or its name, got {_shortened(text)!r}",
        ) from error


def _parse_split(text: str) -> int:
    try:
        return SPLITS.index(canonical_split(_shortened(text)))
    except DatasetError as error:
        raise _RowError("split", str(error)) from error


def _shortened(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _text(field: bytes) -> str:
    return field.decode(errors="replace").strip(' "\t\r\n')
