"""Which pictures a command line means, and what files made of them are called."""

from __future__ import annotations

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
        name: How it is called in results: the path as the user would write it, or `-`.
        data: What to read: a path, or the bytes that came by standard input.
        relative: Path below the output folder for files made of it; no two are the same.
    """

    name: str
    data: Path | bytes
    relative: Path


def find_pictures(arguments: Iterable[str]) -> list[PictureSource]:
    """Return the pictures that files, folders, globs and `-` stand for, each once, in order.

    A folder stands for every picture below it, by suffix. What matches nothing is kept as it
    is: reading it then gives the error that belongs to it.
    """
    found: dict[str, PictureSource] = {}
    taken: set[Path] = set()
    for path, relative in _expand(arguments):
        name = STDIN if path is None else str(path)
        if name in found:
            continue
        data = sys.stdin.buffer.read() if path is None else path
        found[name] = PictureSource(name, data, _unused(relative, taken))
    return list(found.values())


def _expand(arguments: Iterable[str]) -> Iterator[tuple[Path | None, Path]]:
    for argument in arguments:
        path = Path(argument).expanduser()
        if argument == STDIN:
            yield None, Path("stdin.png")
        elif path.is_dir():
            yield from _below(path)
        elif path.exists() or not any(sign in argument for sign in "*?["):
            yield path, Path(path.name)
        else:
            # pathlib takes no absolute pattern, but one below a root.
            pattern = str(path.relative_to(path.anchor))
            matches = [
                match for match in sorted(Path(path.anchor).glob(pattern)) if match.is_file()
            ]
            yield from ((match, Path(match.name)) for match in matches or [path])


def _below(folder: Path) -> Iterator[tuple[Path, Path]]:
    pictures = [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    yield from ((path, path.relative_to(folder)) for path in pictures)
    if not pictures:
        yield folder, Path(folder.name)


def _unused(relative: Path, taken: set[Path]) -> Path:
    """Return a path that no other picture has, by a number before the suffix if need be."""
    unused, number = relative, 1
    while unused in taken:
        number += 1
        unused = relative.with_name(f"{relative.stem}-{number}{relative.suffix}")
    taken.add(unused)
    return unused
