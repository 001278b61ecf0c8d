"""Writing rows as results come: in constant memory, and valid whatever happens next."""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from types import TracebackType
from typing import Literal, Self

from mien.core.errors import TableWriteError
from mien.core.types import FrameResult
from mien.recognition.rows.rows import Row, rows_of

_log = logging.getLogger(__name__)

IfThere = Literal["refuse", "replace", "go-on"]

# Rows are kept in memory up to this many, however fast they come.
_FLUSH_ROWS = 4096


class RowWriter(ABC):
    """Writes a row for each face of frame after frame; a context manager, for one thread.

    Rows reach the disk whole frames at a time, every few seconds. What is there stays readable
    if the process is killed or the disk runs full.

    Attributes:
        kept_until_s: The time of the last frame that is on disk; None if there is none yet.
    """

    def __init__(self, where: str, flush_s: float) -> None:
        """Prepare to write.

        Args:
            where: The file's name, for words.
            flush_s: Rows wait in memory for so long, at most.
        """
        self.kept_until_s: float | None = None
        self._where = where
        self._flush_s = flush_s
        self._flushed_at = time.monotonic()
        self._waiting: list[Row] = []
        self._last_s = 0.0
        self._is_closed = False

    def write(self, result: FrameResult) -> bool:
        """Add a frame and say whether it, and all before it, are on disk now.

        Raises:
            TableWriteError: If that cannot be written; what was before is kept.
        """
        self._waiting += rows_of(result)
        self._last_s = result.timestamp_s
        is_due = time.monotonic() - self._flushed_at >= self._flush_s
        if is_due or len(self._waiting) >= _FLUSH_ROWS:
            self.flush()
        return not self._waiting

    def flush(self) -> None:
        """Bring all frames so far to disk.

        Raises:
            TableWriteError: If they cannot be written; what was before is kept.
        """
        if self._waiting:
            try:
                self._keep(self._waiting)
            except BrokenPipeError:
                raise
            except OSError as error:
                raise self._failed(error) from error
            self._waiting = []
            self.kept_until_s = self._last_s
        self._flushed_at = time.monotonic()

    def close(self) -> None:
        """Bring everything to disk and finish the file; may be called again.

        Raises:
            TableWriteError: If that cannot be written; what was before is kept.
        """
        if self._is_closed:
            return
        self.flush()
        self._is_closed = True
        try:
            self._finish()
        except OSError as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except TableWriteError as problem:
            if error is None:
                raise
            # The error that is on its way says more.
            _log.warning("%s", problem)

    @abstractmethod
    def _keep(self, rows: Sequence[Row]) -> None:
        """Bring rows to disk, all or nothing."""

    @abstractmethod
    def _finish(self) -> None:
        """Finish the file."""

    @abstractmethod
    def _release(self) -> None:
        """Let go of the file as it is, after an error."""

    def _places(self) -> str:
        """Return where what was written lies, while the file is not finished."""
        return self._where

    def _failed(self, error: OSError) -> TableWriteError:
        self._is_closed = True
        self._release()
        kept = "nothing was written before"
        if self.kept_until_s is not None:
            kept = f"the frames up to {self.kept_until_s:.3f} s are kept in {self._places()}"
        return TableWriteError(f"cannot write {self._where}: {error.strerror or error}; {kept}")


def refusal(where: str) -> TableWriteError:
    """Return the error for a file that is there and must not be written over."""
    return TableWriteError(
        f"{where} is there already; give another name, go on with it (--resume) or replace it "
        "(--overwrite)"
    )
