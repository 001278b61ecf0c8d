"""Which pictures a command line means, and what files made of them are called."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".avif"}
)
STDIN = "-"


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
        name = os.fsencode(key).decode("utf-8", "backslashreplace")
        data = sys.stdin.buffer.read() if path is None else path
        found[key] = PictureSource(name, data, _unused(relative, taken), missing)
    return list(found.values())


def _expand(arguments: Iterable[str]) -> Iterator[tuple[Path | None, Path, str | None]]:
    for argument in arguments:
        # A file may be called ~photo.jpg, and a shell's own pattern passes such names on.
        known = os.path.lexists(argument)
        path = Path(argument if known else os.path.expanduser(argument))  # noqa: PTH111
        if argument == STDIN:
            yield None, Path("stdin.png"), None
        # Unlike pathlib's, the questions of os.path have an answer for every name, however odd.
        elif os.path.isdir(path):  # noqa: PTH112
            yield from _below(path)
        elif known or not glob.has_magic(argument):
            yield path, Path(path.name), None
        else:
            matches = [Path(found) for found in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
            files = [match for match in matches if match.is_file()]
            yield from ((match, Path(match.name), None) for match in files)
            if not files:
                yield path, Path(path.name), "no file matches this pattern"


def _below(folder: Path) -> Iterator[tuple[Path, Path, str | None]]:
    pictures = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    yield from ((path, path.relative_to(folder), None) for path in pictures)
    if not pictures:
        kinds = " ".join(sorted(suffix.lstrip(".") for suffix in SUFFIXES))
        yield folder, Path(folder.name), f"no pictures in this folder or below ({kinds})"


def _unused(relative: Path, taken: set[Path]) -> Path:
    """Return a path that no other picture has, by a number before the suffix if need be."""
    unused, number = relative, 1
    while unused in taken:
        number += 1
        unused = relative.with_name(f"{relative.stem}-{number}{relative.suffix}")
    taken.add(unused)
    return unused
