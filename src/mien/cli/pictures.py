"""Which pictures a command line means, and what files made of them are called."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mien.cli.paths import STDIN, as_text, expand, unused

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}
)


@dataclass(frozen=True)
class PictureSource:
    """One picture that was asked for.

    Attributes:
        name: How it is called in results: the path as the user would write it, or `-`. Bytes
            that are no text are escaped, so that every output can hold it.
        data: What to read: a path, or the bytes that came by standard input.
        relative: Path below the output folder for files made of it; no two are the same.
        missing: Why there is no picture behind an argument, in words that fit it better than
            what reading `data` says; None where there may be one.
    """

    name: str
    data: Path | bytes
    relative: Path
    missing: str | None = None


def find_pictures(arguments: Iterable[str]) -> list[PictureSource]:
    """Return the pictures that files, folders, globs and `-` stand for, each once, in order.

    A folder stands for every picture below it, by suffix. What stands for no picture is kept,
    so that it becomes a row with its error like any other that cannot be read.
    """
    found: dict[str, PictureSource] = {}
    taken: set[Path] = set()
    for path, relative, missing in _expand(arguments):
        key = STDIN if path is None else str(path)
        if key in found:
            continue
        data = sys.stdin.buffer.read() if path is None else path
        found[key] = PictureSource(as_text(key), data, unused(relative, taken), missing)
    return list(found.values())


def _expand(arguments: Iterable[str]) -> Iterator[tuple[Path | None, Path, str | None]]:
    for argument in arguments:
        if argument == STDIN:
            yield None, Path("stdin.png"), None
        else:
            yield from expand(argument, SUFFIXES, "pictures")
