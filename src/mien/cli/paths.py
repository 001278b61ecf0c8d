"""What the files, folders and patterns of a command line stand for."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

STDIN = "-"


def expand(
    argument: str, suffixes: frozenset[str], kind: str
) -> Iterator[tuple[Path, Path, str | None]]:
    """Give the files that an argument stands for, a folder for all below it by their suffixes.

    Args:
        argument: A file, a folder or a pattern.
        suffixes: Of what to take from folders, in lower case.
        kind: What that is, in words: `pictures`.

    Yields:
        A path, the path below an output folder for what is made of it, and why there is nothing
        behind it, in words that fit better than what reading it says, or None.
    """
    # A file may be called ~photo.jpg, and a shell's own pattern passes such names on.
    known = os.path.lexists(argument)
    path = Path(argument if known else os.path.expanduser(argument))  # noqa: PTH111
    # Unlike pathlib's, the questions of os.path have an answer for every name, however odd.
    if os.path.isdir(path):  # noqa: PTH112
        yield from _below(path, suffixes, kind)
    elif known or not glob.has_magic(argument):
        yield path, Path(path.name), None
    else:
        matches = [Path(found) for found in sorted(glob.glob(str(path), recursive=True))]  # noqa: PTH207
        files = [match for match in matches if match.is_file()]
        yield from ((match, Path(match.name), None) for match in files)
        if not files:
            yield path, Path(path.name), "no file matches this pattern"


def as_text(path: Path | str) -> str:
    """Return a name that every output can hold: bytes that are no text are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def unused(relative: Path, taken: set[Path]) -> Path:
    """Return a path that no other has, by a number before the suffix if need be, and take it."""
    free, number = relative, 1
    while free in taken:
        number += 1
        free = relative.with_name(f"{relative.stem}-{number}{relative.suffix}")
    taken.add(free)
    return free


def _below(
    folder: Path, suffixes: frozenset[str], kind: str
) -> Iterator[tuple[Path, Path, str | None]]:
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in suffixes and path.is_file()
    ]
    yield from ((path, path.relative_to(folder), None) for path in found)
    if not found:
        kinds = " ".join(sorted(suffix.lstrip(".") for suffix in suffixes))
        yield folder, Path(folder.name), f"no {kind} in this folder or below ({kinds})"
