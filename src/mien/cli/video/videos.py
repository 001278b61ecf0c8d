"""Which videos a command line means, and what files made of them are called."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from mien.cli.paths import STDIN, as_text, expand, unused
from mien.core.errors import ConfigError

# What a folder is searched for; a file that is named may be of any kind.
SUFFIXES = frozenset(
    {
        ".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".mts",
        ".mxf", ".ogv", ".ts", ".vob", ".webm", ".wmv",
    }
)  # fmt: skip
_URL = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_NO_FILE_NAME = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class VideoInput:
    """One video that was asked for.

    Attributes:
        name: How it is called in results: the path as the user would write it, an address
            without its password, or `-`.
        source: What `Recognizer.video` takes.
        path: The file, folder or pattern; None for standard input and addresses.
        relative: Path below an output folder for files made of it, without suffix; no two
            are the same.
        missing: Why there is no video behind an argument, or None where there may be one.
    """

    name: str
    source: str
    path: Path | None
    relative: Path
    missing: str | None = None

    @property
    def beside(self) -> Path:
        """Path for files made of it where no output folder is given, without suffix."""
        return self.relative if self.path is None else self.path.parent / self.relative.name


def find_videos(arguments: Iterable[str], *, of_pictures: bool = False) -> list[VideoInput]:
    """Return the videos that files, folders, patterns, addresses and `-` stand for, each once.

    Args:
        arguments: As they were given.
        of_pictures: Whether a folder or pattern is one video whose frames are pictures, and not
            a number of videos.

    Raises:
        ConfigError: If one is a camera.
    """
    found: dict[str, tuple[str, Path | None, Path, str | None]] = {}
    for argument in arguments:
        for one in _expand(argument, of_pictures):
            found.setdefault(one[0], one)
    # `clip.mp4` and `clip.mkv` keep their suffixes, whichever others there are.
    stems = Counter(relative.with_suffix("") for _, _, relative, _ in found.values())
    taken: set[Path] = set()
    inputs = []
    for source, path, relative, missing in found.values():
        stem = relative.with_suffix("")
        distinct = unused(stem if stems[stem] == 1 else relative, taken)
        name = _without_password(source) if path is None else as_text(source)
        inputs.append(VideoInput(name, source, path, distinct, missing))
    return inputs


def _expand(
    argument: str, of_pictures: bool
) -> Iterator[tuple[str, Path | None, Path, str | None]]:
    if argument == STDIN:
        yield argument, None, Path("stdin.video"), None
    elif _URL.match(argument):
        yield argument, None, _name_of_address(argument), None
    elif _is_camera(argument):
        raise ConfigError(
            f"{argument} is a camera; `mien webcam --source {argument} --record OUT.parquet` "
            "reads it and keeps the rows"
        )
    elif of_pictures:
        yield argument, Path(argument), _name_of_pictures(argument), None
    else:
        for path, relative, missing in expand(argument, SUFFIXES, "videos"):
            yield str(path), path, relative, missing


def _is_camera(argument: str) -> bool:
    is_number = argument.isdecimal() and not Path(argument).exists()
    return is_number or argument.startswith(("camera:", "/dev/video"))


def _name_of_address(address: str) -> Path:
    parts = urlsplit(address)
    name = _NO_FILE_NAME.sub("-", Path(parts.path).name or parts.hostname or "stream")
    # A dot in a host's name begins no suffix.
    return Path(name if Path(parts.path).name else f"{name}.stream")


def _name_of_pictures(argument: str) -> Path:
    path = Path(argument)
    name = path.name if not set("*?[") & set(path.name) else path.absolute().parent.name
    # As below: what looks like a suffix of a folder is none.
    return Path(f"{name or 'pictures'}.pictures")


def _without_password(source: str) -> str:
    if source == STDIN:
        return source
    parts = urlsplit(source)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
