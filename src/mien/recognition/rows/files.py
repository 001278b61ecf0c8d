"""Tables of results on disk: which kind a file is, writing one, and reading it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from mien.core.errors import ConfigError
from mien.core.types import FrameResult
from mien.recognition.rows.parquet import ParquetRowWriter, parts_folder, read_parquet
from mien.recognition.rows.rows import Row, results_of
from mien.recognition.rows.text import CsvForm, JsonLinesForm, TextForm, TextRowWriter
from mien.recognition.rows.writer import IfThere, RowWriter

RowFormat = Literal["parquet", "csv", "jsonl"]
# The first of each is the usual one.
SUFFIXES: dict[str, RowFormat] = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}
TEXT_FORMS: dict[str, TextForm] = {"csv": CsvForm(), "jsonl": JsonLinesForm()}


@dataclass(frozen=True)
class RowFile:
    """A table of results on disk, there or to come.

    Attributes:
        path: The file.
        format: How rows are kept in it.
    """

    path: Path
    format: RowFormat

    @classmethod
    def named(cls, path: Path, format: RowFormat | None = None) -> Self:
        """Return the table of a name, in the format of its suffix where none is given.

        Raises:
            ConfigError: If the suffix says none.
        """
        found = format or SUFFIXES.get(path.suffix.lower())
        if found is None:
            raise ConfigError(
                f"cannot tell what kind of table {path} is; expected a name that ends in "
                f"{', '.join(SUFFIXES)}, or a format"
            )
        return cls(path, found)

    @property
    def exists(self) -> bool:
        """Whether there is such a table, finished or not."""
        return self.path.exists() or parts_folder(self.path).exists()

    def open(self, labels: Sequence[str], *, if_there: IfThere = "refuse") -> RowWriter:
        """Return a writer.

        Args:
            labels: The expressions that faces are read in.
            if_there: `refuse` or `replace` a file of this name, or `go-on` after its last whole
                frame; that one is then in `rows` no more if it could not be told from a torn one.

        Raises:
            TableWriteError: If it cannot be written there, or not gone on with.
        """
        if self.format == "parquet":
            return ParquetRowWriter(self.path, labels, if_there=if_there)
        return TextRowWriter(self.path, TEXT_FORMS[self.format], labels, if_there=if_there)

    def rows(self) -> Iterator[Row]:
        """Give the rows one by one; of an unfinished table those that are whole."""
        if self.format == "parquet":
            yield from read_parquet(self.path)
            return
        with self.path.open("rb") as stream:
            for row, _ in TEXT_FORMS[self.format].records(stream):
                yield row

    def results(
        self, *, size: tuple[int, int] = (0, 0), uncertain_below: float = 0.0
    ) -> Iterator[FrameResult]:
        """Give the results that it was written from, one by one; see `results_of`."""
        return results_of(self.rows(), size=size, uncertain_below=uncertain_below)
