"""Rows as lines of text: CSV and JSON Lines, appended whole frames at a time."""

from __future__ import annotations

import csv
import io
import json
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from mien.core.errors import TableWriteError
from mien.recognition.rows.rows import Row, columns, kind
from mien.recognition.rows.writer import IfThere, RowWriter, refusal

# Often enough to watch a file grow.
_FLUSH_S = 1.0


class TextForm(ABC):
    """How rows are lines."""

    @abstractmethod
    def head(self, names: Sequence[str]) -> str:
        """Return what a file of these columns begins with."""

    @abstractmethod
    def lines(self, rows: Sequence[Row], names: Sequence[str]) -> str:
        """Return rows as text, each with its line end."""

    @abstractmethod
    def records(self, stream: BinaryIO) -> Iterator[tuple[Row, int]]:
        """Give each whole row of a file and the byte at which it ends; a torn last one is left."""


class CsvForm(TextForm):
    """A heading, then a line a row; what is empty is nothing between two commas."""

    def head(self, names: Sequence[str]) -> str:
        """Return the heading."""
        return self._written([names])

    def lines(self, rows: Sequence[Row], names: Sequence[str]) -> str:
        """Return rows as text, each with its line end."""
        return self._written([[row.get(name) for name in names] for row in rows])

    def records(self, stream: BinaryIO) -> Iterator[tuple[Row, int]]:
        """Give each whole row and where it ends; a name may hold line ends of its own."""
        read = 0

        def whole_lines() -> Iterator[str]:
            nonlocal read
            for line in stream:
                read += len(line)
                if line.endswith(b"\n"):
                    yield line.decode("utf-8", "replace")

        cells_of = csv.reader(whole_lines(), strict=True)
        names = next(cells_of, [])
        # The reader's word for a quoted cell that is torn off.
        with suppress(csv.Error):
            for cells in cells_of:
                if len(cells) != len(names):
                    return
                yield {n: _value(n, cell) for n, cell in zip(names, cells, strict=True)}, read

    @staticmethod
    def _written(rows: Sequence[Sequence[Any]]) -> str:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue()


class JsonLinesForm(TextForm):
    """An object a line, in plain ASCII, with all columns."""

    def head(self, names: Sequence[str]) -> str:
        """Return nothing: every line says its columns."""
        return ""

    def lines(self, rows: Sequence[Row], names: Sequence[str]) -> str:
        """Return rows as text, each with its line end."""
        return "".join(json.dumps({n: row.get(n) for n in names}) + "\n" for row in rows)

    def records(self, stream: BinaryIO) -> Iterator[tuple[Row, int]]:
        """Give each whole row and where it ends."""
        end = 0
        for line in stream:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield json.loads(line), end


class TextRowWriter(RowWriter):
    """Appends lines to a file."""

    def __init__(
        self, path: Path, form: TextForm, labels: Sequence[str], *, if_there: IfThere = "refuse"
    ) -> None:
        """Open a file.

        Going on with one takes its last frame off, of which only some faces may be there.

        Args:
            path: The file; its folder must be there.
            form: CSV or JSON Lines.
            labels: The expressions that faces are read in.
            if_there: What to do with a file of this name.

        Raises:
            TableWriteError: If it cannot be opened, must not be written over, or to go on with it
                has other columns.
        """
        super().__init__(str(path), _FLUSH_S)
        self._form, self._names = form, columns(labels)
        head = form.head(self._names).encode()
        try:
            if if_there == "go-on" and path.is_file():
                os.truncate(path, _whole_frames(path, form, self._names, head))
            elif if_there == "refuse" and path.exists():
                raise refusal(str(path))
            mode = "ab" if if_there == "go-on" else "wb"
            # Unbuffered, so that what reaches the disk is whole frames.
            self._stream = path.open(mode, buffering=0)
            if mode == "wb" or not self._stream.tell():
                self._append(head)
        except OSError as error:
            raise TableWriteError(f"cannot write {path}: {error.strerror or error}") from error

    def _keep(self, rows: Sequence[Row]) -> None:
        self._append(self._form.lines(rows, self._names).encode())

    def _append(self, data: bytes) -> None:
        # A pipe has no place in it to come back to.
        start = self._stream.tell() if self._stream.seekable() else None
        left = memoryview(data)
        try:
            while left:
                left = left[self._stream.write(left) :]
        except OSError:
            # What a full disk had room for may be half a line.
            with suppress(OSError):
                self._stream.truncate(start)
            raise

    def _finish(self) -> None:
        self._stream.close()

    def _release(self) -> None:
        self._stream.close()


class StreamRowWriter(RowWriter):
    """Prints rows to an open stream, frame by frame."""

    def __init__(self, stream: TextIO, form: TextForm, labels: Sequence[str]) -> None:
        """Begin to print.

        Args:
            stream: Such as standard output; stays open.
            form: CSV or JSON Lines.
            labels: The expressions that faces are read in.
        """
        super().__init__("standard output", 0.0)
        self._stream, self._form, self._names = stream, form, columns(labels)
        stream.write(form.head(self._names))

    def _keep(self, rows: Sequence[Row]) -> None:
        self._stream.write(self._form.lines(rows, self._names))
        self._stream.flush()

    def _finish(self) -> None:
        self._stream.flush()

    def _release(self) -> None:
        """Leave the stream to its owner."""


def _whole_frames(path: Path, form: TextForm, names: Sequence[str], head: bytes) -> int:
    """Return how many bytes of a file hold frames that are certainly whole.

    Raises:
        TableWriteError: If it has other columns, or is damaged elsewhere than at its end.
    """
    with path.open("rb") as stream:
        found = stream.read(len(head))
        if not head.startswith(found):
            raise _other_columns(path)
        stream.seek(0)
        end = frame_begin = len(found) if found == head else 0
        last: tuple[Any, Any] | None = None
        for row, row_end in form.records(stream):
            if list(row) != list(names):
                raise _other_columns(path)
            frame = (row["source"], row["frame_index"])
            if frame != last:
                last, frame_begin = frame, end
            end = row_end
        stream.seek(end)
        # What is torn is the last line, and a name may hold a line end; all else was not torn.
        if stream.read().count(b"\n") > 1:
            raise TableWriteError(
                f"{path} is damaged in its middle, {end:,} bytes from its start; mend it, or give "
                "another name"
            )
    return frame_begin


def _other_columns(path: Path) -> TableWriteError:
    return TableWriteError(
        f"{path} has other columns than what would be written, so nothing can go on there; give "
        "another name"
    )


def _value(column: str, cell: str) -> Any:
    if not cell:
        return None
    match kind(column):
        case "whole":
            return int(cell)
        case "decimal":
            return float(cell)
        case "flag":
            return cell == "True"
        case "text":
            return cell
