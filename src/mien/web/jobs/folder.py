"""A job's files: what was sent, how far it is, and the results of photos.

Each job has a folder of its own, named by its id, that nobody but its user may look into; deleting
it leaves nothing behind. No name in it comes from a client.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from pydantic import ValidationError

from mien.web.jobs.job import Job

_RECORD, _RESULTS, _LOCK = "job.json", "results.jsonl", ".lock"


class JobFolder:
    """The folder of one job."""

    def __init__(self, root: Path, job_id: str) -> None:
        """Name it; nothing is made yet.

        Args:
            root: Where all jobs are.
            job_id: A UUID.
        """
        self.job_id = str(uuid.UUID(job_id))
        self.path = root / self.job_id

    def make(self) -> None:
        """Make the folder.

        Raises:
            OSError: If it cannot be made.
        """
        self.path.mkdir(parents=True, mode=0o700)

    def upload(self, number: int) -> Path:
        """Return where a file that was sent lies."""
        return self.path / f"upload-{number}"

    def open_upload(self, number: int) -> IO[bytes]:
        """Make a file for what is being sent, which its user alone may read.

        Raises:
            OSError: If it cannot be made.
        """
        return open_private(self.upload(number), "xb")

    def save(self, job: Job) -> None:
        """Write how far the job is, all or nothing.

        Raises:
            OSError: If it cannot be written.
        """
        fresh = self.path / f"{_RECORD}.part"
        try:
            with open_private(fresh, "wb") as stream:
                stream.write(job.model_dump_json(indent=1).encode())
            fresh.replace(self.path / _RECORD)
        except OSError:
            with suppress(OSError):
                fresh.unlink(missing_ok=True)
            raise

    def load(self) -> Job | None:
        """Return the job as it was last written; None if there is none that can be read."""
        try:
            return Job.model_validate_json((self.path / _RECORD).read_bytes())
        except (OSError, ValidationError):
            return None

    def results(self) -> Iterator[dict[str, Any]]:
        """Give the results of photos that are whole on disk, in order, as `to_dict` made them."""
        try:
            with (self.path / _RESULTS).open("rb") as stream:
                for line in stream:
                    if line.endswith(b"\n"):
                        yield json.loads(line)
        except FileNotFoundError:
            return

    def append_results(self) -> IO[bytes]:
        """Open the file of results to add to it, without a torn last line.

        Raises:
            OSError: If it cannot be opened.
        """
        path = self.path / _RESULTS
        with suppress(FileNotFoundError), path.open("rb+") as stream:
            whole = sum(len(line) for line in stream if line.endswith(b"\n"))
            stream.truncate(whole)
        return open_private(path, "ab")

    def drop_uploads(self) -> None:
        """Delete what was sent."""
        for path in self.path.glob("upload-*"):
            path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete everything.

        Raises:
            OSError: If it cannot be deleted.
        """
        with suppress(FileNotFoundError):
            shutil.rmtree(self.path)


def folders_in(root: Path) -> list[JobFolder]:
    """Return the folders of all jobs."""
    found = []
    for path in sorted(root.iterdir()) if root.is_dir() else []:
        with suppress(ValueError):
            if path.is_dir() and str(uuid.UUID(path.name)) == path.name:
                found.append(JobFolder(root, path.name))
    return found


def open_private(path: Path, mode: str) -> IO[bytes]:
    """Open a file for writing bytes; a new one is for its user alone.

    Raises:
        OSError: If it cannot be opened.
    """

    def opener(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    return open(path, mode, opener=opener)


class FolderLock:
    """The right to read the jobs of a folder, which one server has at a time.

    The system takes it back when the process ends, however it does.
    """

    def __init__(self, root: Path) -> None:
        """Take it.

        Raises:
            BlockingIOError: If another server has it.
            OSError: If the folder cannot be made or written.
        """
        root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = open_private(root / _LOCK, "ab")
        try:
            _lock(self._file.fileno())
        except OSError:
            self._file.close()
            raise

    def give_back(self) -> None:
        """Let another server have it."""
        self._file.close()


def _lock(file: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
