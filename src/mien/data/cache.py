"""Parsed CSV files, kept so that the second open takes a moment instead of a minute.

    <cache>/files/<path hash>.json     what a file looked like when it was parsed
    <cache>/rows/<sha256>-48px-v1/     its images as raw bytes, and all other columns

A file is known again by size, modification and change time; where one of them differs (it
was copied, touched, or really changed) its sha256 decides. Entries are named by content,
written under another name and renamed when whole, so a kill or a full disk leaves none
that is half.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from mien.core.errors import DatasetError
from mien.data.csv_rows import CsvColumns
from mien.data.dataset import Problem, UInt8Array

# Raise it when the meaning of a cached entry changes: older ones are then not found.
_FORMAT = 1
# A file written this shortly before it was fingerprinted may change again within the
# file system's clock tick, unseen by its times; its sha256 is compared until then.
_SETTLED_NS = 2_000_000_000
_STALE_S = 3600.0


def default_cache_folder() -> Path:
    """Return `MIEN_CACHE`, else `$XDG_CACHE_HOME/mien`, else `~/.cache/mien`; not created."""
    own = os.environ.get("MIEN_CACHE", "")
    if own:
        return Path(own).expanduser().absolute()
    # The XDG specification says to ignore a relative path.
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "mien"


@dataclass(frozen=True)
class _Fingerprint:
    """What a file looked like when its sha256 was taken; times in nanoseconds."""

    path: str
    size: int
    modified_ns: int
    changed_ns: int
    taken_ns: int
    sha256: str

    def settled_match(self, other: _Fingerprint) -> bool:
        """Whether size and times alone say that the file is the same."""
        same = (self.path, self.size, self.modified_ns, self.changed_ns) == (
            other.path,
            other.size,
            other.modified_ns,
            other.changed_ns,
        )
        return same and self.taken_ns - self.changed_ns > _SETTLED_NS


class RowCache:
    """The cached rows of one CSV file.

    Args:
        folder: The cache folder; made when first written to.
        source: The CSV file.
        size: Width and height of the faces in pixels.
    """

    def __init__(self, folder: Path, source: Path, *, size: int) -> None:
        self._folder = folder
        self._source = source.resolve()
        self._size = size
        name = hashlib.sha256(str(self._source).encode()).hexdigest()[:16]
        self._index = folder / "files" / f"{name}.json"

    def load(self) -> tuple[UInt8Array, CsvColumns] | None:
        """Return the images as a read-only memory map and the columns; None if unknown.

        Raises:
            DatasetError: If the source file cannot be read.
        """
        known = self._read_index()
        if known is None:
            return None
        seen = self._look(known.sha256)
        if not known.settled_match(seen):
            seen = self._look(_sha256(self._source))
            if seen.sha256 != known.sha256:
                return None
        entry = self._entry(seen.sha256)
        loaded = self._read_entry(entry)
        if loaded is not None and seen.taken_ns != known.taken_ns and not known.settled_match(seen):
            self._try_write_index(seen)
        return loaded

    def store(self, parse: Callable[[BinaryIO], CsvColumns]) -> tuple[UInt8Array, CsvColumns]:
        """Parse the file into the cache, and return what `load` does.

        Args:
            parse: Writes the images to the file that it is given and returns the columns.

        Raises:
            OSError: If the cache cannot be written; nothing is left behind.
        """
        seen = self._look(_sha256(self._source))
        entry = self._entry(seen.sha256)
        loaded = self._read_entry(entry)
        if loaded is None:
            entry.parent.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(entry.parent)
            part = Path(tempfile.mkdtemp(prefix="part-", dir=entry.parent))
            try:
                _write_entry(part, parse)
                _publish(part, entry)
            finally:
                shutil.rmtree(part, ignore_errors=True)
            loaded = self._read_entry(entry)
            if loaded is None:
                raise OSError(f"{entry} cannot be read back")
        self._forget_former(seen.sha256)
        _write_json(self._index, asdict(seen))
        return loaded

    def _look(self, sha256: str) -> _Fingerprint:
        try:
            stat = self._source.stat()
        except OSError as error:
            raise DatasetError(f"cannot read {self._source}: {error.strerror}") from error
        return _Fingerprint(
            path=str(self._source),
            size=stat.st_size,
            modified_ns=stat.st_mtime_ns,
            changed_ns=stat.st_ctime_ns,
            taken_ns=time.time_ns(),
            sha256=sha256,
        )

    def _entry(self, sha256: str) -> Path:
        return self._folder / "rows" / f"{sha256[:24]}-{self._size}px-v{_FORMAT}"

    def _read_index(self) -> _Fingerprint | None:
        try:
            return _Fingerprint(**json.loads(self._index.read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            # Missing, or of another version: the file is parsed again.
            return None

    def _try_write_index(self, seen: _Fingerprint) -> None:
        try:
            _write_json(self._index, asdict(seen))
        except OSError:
            # A cache that can only be read is still a cache; the sha256 is just taken again.
            return

    def _read_entry(self, entry: Path) -> tuple[UInt8Array, CsvColumns] | None:
        side = self._size
        try:
            rows, splits, class_ids = np.load(entry / "columns.npy", allow_pickle=False)
            about = json.loads((entry / "about.json").read_text("utf-8"))
            problems = tuple(Problem(**problem) for problem in about["problems"])
            row_count = int(about["row_count"])
            if (entry / "images.u8").stat().st_size != len(rows) * side * side:
                return None
            shape = (len(rows), side, side)
            images = np.memmap(entry / "images.u8", np.uint8, "r", shape=shape)
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            # Damaged, or removed by another process: the file is parsed again.
            return None
        return images, CsvColumns(rows, splits.astype(np.int8), class_ids, row_count, problems)

    def _forget_former(self, sha256: str) -> None:
        """Remove the entry of this file's former content, unless another file has it too."""
        former = self._read_index()
        if former is None or former.sha256 == sha256:
            return
        others = (p for p in self._index.parent.glob("*.json") if p != self._index)
        if not any(former.sha256 in p.read_text("utf-8") for p in others):
            shutil.rmtree(self._entry(former.sha256), ignore_errors=True)


def _write_entry(folder: Path, parse: Callable[[BinaryIO], CsvColumns]) -> None:
    with (folder / "images.u8").open("wb", buffering=1 << 20) as images:
        columns = parse(images)
    np.save(folder / "columns.npy", np.stack([columns.rows, columns.splits, columns.class_ids]))
    about = {
        "row_count": columns.row_count,
        "problems": [problem.to_dict() for problem in columns.problems],
    }
    (folder / "about.json").write_text(json.dumps(about), "utf-8")


def _publish(part: Path, entry: Path) -> None:
    try:
        part.rename(entry)
    except OSError:
        if not entry.is_dir():
            raise
        # Another process was first, or an entry is there that could not be read.
        doomed = part.with_name(f"{part.name}-old")
        entry.rename(doomed)
        part.rename(entry)
        shutil.rmtree(doomed, ignore_errors=True)


def _remove_leftovers(folder: Path) -> None:
    """Remove what killed processes left behind."""
    for part in folder.glob("part-*"):
        if time.time() - part.stat().st_mtime > _STALE_S:
            shutil.rmtree(part, ignore_errors=True)


def _write_json(path: Path, values: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(values, file)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror}") from error
