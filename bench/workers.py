"""Processes that take turns: each stays open, and computes only when it is told to.

The other end of the line is `serve_turns`, which the process calls itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[1]
ENDS_WITHIN_S = 20

# Is called before each turn with the figure of the one before, None at first, and once more at
# the end; returns when the turn may begin.
BeforeTurn = Callable[[float | None], None]


class WorkerError(Exception):
    """A process ended before its time; `exit_code` and its last words say why."""

    def __init__(self, exit_code: int, last_words: str) -> None:
        super().__init__(last_words)
        self.exit_code = exit_code


def serve_turns(facts: Mapping[str, str]) -> BeforeTurn:
    """Return what this process calls before each turn; take standard output away from others.

    Args:
        facts: What the other end should know before the first turn.
    """
    # What libraries print must not come between the lines that the other end reads.
    sys.stdout.flush()
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def before_turn(figure: float | None) -> None:
        channel.write(json.dumps({"figure": figure, "facts": dict(facts)}) + "\n")
        channel.flush()
        if not sys.stdin.readline():
            raise SystemExit(0)

    return before_turn


class Worker:
    """A process that waits for its first turn; leaving the context ends it.

    Args:
        command: Of a program that calls `serve_turns`.
        environment: Added to this process's.

    Attributes:
        facts: What it said of itself.

    Raises:
        WorkerError: If it ended before its first turn.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._words = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            command,
            cwd=REPO,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            text=True,
        )
        try:
            self.facts: dict[str, str] = self._read()["facts"]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def turn(self) -> float:
        """Let it compute for a turn, and return its figure.

        Raises:
            WorkerError: If it ended instead.
        """
        try:
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            # It is gone; reading tells why.
            pass
        return float(self._read()["figure"])

    def close(self) -> None:
        """End the process: by closing its input, or else by force."""
        try:
            self._process.communicate(timeout=ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._words.close()

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            self._words.seek(0)
            lines = self._words.read().strip().splitlines()
            raise WorkerError(code, (lines or ["it said nothing"])[-1])
        message: dict[str, Any] = json.loads(line)
        return message
