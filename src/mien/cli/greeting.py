"""Keeping a native library's greeting off the command line's standard error."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate"


@contextmanager
def without_greeting() -> Iterator[None]:
    """Drop LiteRT's greeting from standard error; all else that is written passes, at the end.

    The library prints it once a process, when the first model is loaded, and has no switch for
    it (running without its XNNPACK delegate would, but takes more than four times as long).
    This turns file descriptor 2 aside for the whole process, so it is for a command that has
    not started any threads yet: no library and no running server may do so.
    """
    try:
        stderr = os.dup(2)
    except OSError:  # closed, as in a service: there is nothing to keep clean
        yield
        return
    # A file, since a pipe that nobody reads meanwhile would block or lose what is written.
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            aside.seek(0)
            for line in aside:
                if not line.startswith(_GREETING):
                    os.write(2, line)
