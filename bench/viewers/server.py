"""A real `mien serve` in a process of its own, and the processor time that it takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

STARTS_WITHIN_S, ENDS_WITHIN_S = 180.0, 20.0
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


class ServerFailedError(Exception):
    """The server did not start; its last words say why."""


class MeasuredServer:
    """A server on a free port, as the command line starts it; leaving the context ends it.

    Attributes:
        url: Its address.
    """

    def __init__(self, *options: str, environment: dict[str, str]) -> None:
        """Start it and wait for its address.

        Args:
            options: Of `mien serve`.
            environment: Added to this process's.

        Raises:
            ServerFailedError: If it ends, or says no address in time.
        """
        mien = str(Path(sys.executable).with_name("mien"))
        self._words = tempfile.NamedTemporaryFile("r", suffix=".txt")  # noqa: SIM115
        with open(self._words.name, "w", encoding="utf-8") as out:  # noqa: PTH123
            self._process = subprocess.Popen(
                [mien, "serve", "--port", "0", "--no-open", *options],
                env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        try:
            self.url = self._wait_for_address()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def cpu_s(self) -> float | None:
        """Return the processor time that it took so far, or None where the system has no /proc."""
        stat = Path(f"/proc/{self._process.pid}/stat")
        if not stat.is_file():
            return None
        # After the name in brackets, which may hold anything: fields 14 and 15 of proc(5).
        fields = stat.read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End it, by force if it will not."""
        self._process.terminate()
        try:
            self._process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._words.close()

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            words = Path(self._words.name).read_text(encoding="utf-8", errors="replace")
            if found := ADDRESS.search(words):
                return found[0]
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        raise ServerFailedError((words.strip().splitlines() or ["it said nothing"])[-1])
