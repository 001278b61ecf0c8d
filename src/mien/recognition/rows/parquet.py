"""Rows as Parquet, which stays readable while it grows.

A Parquet file has its index at the end and is nothing without it. So rows are written as small
files of their own, each complete under its name or not there at all, in a folder beside the file
to come (`NAME.parts`, which pandas, DuckDB and Arrow read as one table); at the end they are
joined, some row groups at a time, and the folder is removed. A kill costs the last seconds and
never what was before, and no row is held in memory for long.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.errors import TableWriteError
from mien.recognition.rows.rows import Row, arrow_schema
from mien.recognition.rows.writer import IfThere, RowWriter, refusal

if TYPE_CHECKING:
    import pyarrow as pa

# A part costs some 15 KB beside its rows.
_FLUSH_S = 10.0
# Of the finished file: large enough to be read quickly, some 10 MB of memory.
_GROUP_ROWS = 32_768
_READ_ROWS = 1024


class ParquetRowWriter(RowWriter):
    """Writes parts, and joins them at the end."""

    def __init__(self, path: Path, labels: Sequence[str], *, if_there: IfThere = "refuse") -> None:
        """Make the folder for the parts.

        Args:
            path: The file to come; its folder must be there.
            labels: The expressions that faces are read in.
            if_there: What to do with a file or parts of this name.

        Raises:
            TableWriteError: If they cannot be written, must not be written over, or to go on
                with have other columns.
        """
        super().__init__(str(path), _FLUSH_S)
        self._path, self._parts = path, parts_folder(path)
        self._schema = arrow_schema(labels)
        if if_there == "refuse" and (path.exists() or self._parts.exists()):
            raise refusal(str(path))
        try:
            if if_there == "replace":
                path.unlink(missing_ok=True)
                _remove(self._parts)
            self._number = self._take_up()
        except OSError as error:
            raise TableWriteError(f"cannot write {path}: {error.strerror or error}") from error

    def _take_up(self) -> int:
        """Make a folder of whole parts from what is there, and return the next one's number."""
        if self._path.exists():
            # Joined already; the process ended before it could clean up.
            _remove(self._parts)
        self._parts.mkdir(exist_ok=True)
        for unfinished in self._parts.glob(".*"):
            unfinished.unlink()
        if self._path.exists():
            self._check_columns(self._path)
            self._path.replace(self._part(0))
        known = _parts_in(self._parts)
        if known:
            self._check_columns(known[0])
        return int(known[-1].stem) + 1 if known else 0

    def _check_columns(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            found = pq.read_schema(path)
        except pa.ArrowInvalid as error:
            raise TableWriteError(f"{path} is no Parquet file: {error}") from error
        if not found.equals(self._schema):
            raise TableWriteError(
                f"{path} has other columns than what would be written, so nothing can go on "
                "there; give another name"
            )

    def _part(self, number: int) -> Path:
        return self._parts / f"{number:08}.parquet"

    def _keep(self, rows: Sequence[Row]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        part = self._part(self._number)
        # Readers of a folder pass over names that begin with a dot.
        fresh = part.with_name(f".{part.name}")
        with fresh.open("wb") as stream:
            pq.write_table(pa.Table.from_pylist(list(rows), schema=self._schema), stream)
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(part)
        self._number += 1

    def _finish(self) -> None:
        import pyarrow.parquet as pq

        joined = self._parts / ".joined.parquet"
        try:
            with joined.open("wb") as stream:
                with pq.ParquetWriter(stream, self._schema) as writer:
                    for table in _large_groups(_parts_in(self._parts)):
                        writer.write_table(table)
                stream.flush()
                os.fsync(stream.fileno())
        except OSError:
            joined.unlink(missing_ok=True)
            raise
        joined.replace(self._path)
        _remove(self._parts)

    def _release(self) -> None:
        """Leave the parts, none of which is open."""

    def _places(self) -> str:
        return f"{self._parts}{os.sep}"


def parts_folder(path: Path) -> Path:
    """Return where the parts of a Parquet file lie while it is written."""
    return path.with_name(f"{path.name}.parts")


def read_parquet(path: Path) -> Iterator[Row]:
    """Give the rows of a finished file, or of the parts of an unfinished one."""
    import pyarrow.parquet as pq

    for one in [path] if path.exists() else _parts_in(parts_folder(path)):
        with pq.ParquetFile(one) as opened:
            for batch in opened.iter_batches(batch_size=_READ_ROWS):
                yield from batch.to_pylist()


def _large_groups(parts: Sequence[Path]) -> Iterator[pa.Table]:
    """Give the rows of parts in order, many at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    waiting: list[pa.Table] = []
    for part in parts:
        with pq.ParquetFile(part) as opened:
            for group in range(opened.num_row_groups):
                waiting.append(opened.read_row_group(group))
                if sum(table.num_rows for table in waiting) >= _GROUP_ROWS:
                    yield pa.concat_tables(waiting)
                    waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _parts_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.parquet"))


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
