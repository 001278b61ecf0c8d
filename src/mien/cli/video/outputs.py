"""Where `mien video` puts what it makes of each video, by what was asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mien.cli.paths import STDIN
from mien.cli.video.choices import VideoOutputs
from mien.cli.video.videos import VideoInput
from mien.core.errors import ConfigError
from mien.recognition.rows.files import SUFFIXES, RowFile, RowFormat

_TABLE: dict[RowFormat, str] = {"parquet": ".parquet", "csv": ".csv", "jsonl": ".jsonl"}
# Between the name of a video and the suffix of what is made of it.
_MADE = ".faces"


@dataclass(frozen=True)
class Wanted:
    """What was asked for.

    Attributes:
        out: A table, a folder, or `-` to print rows; None for beside each video.
        format: Of tables; None for what the name says, or Parquet.
        annotate: A video, or a folder; None for none.
        report: A page, or a folder; None for none.
    """

    out: str | None = None
    format: RowFormat | None = None
    annotate: Path | None = None
    report: Path | None = None


def plan_outputs(
    videos: Sequence[VideoInput], wanted: Wanted, *, is_job: bool
) -> list[VideoOutputs]:
    """Return where what is made of each video goes, and make the folders.

    Args:
        videos: One or more.
        wanted: What was asked for.
        is_job: Whether there may be several, so that everything goes into folders.

    Raises:
        ConfigError: If what was asked for does not fit, or would be written over a video.
        DatasetError: If a folder cannot be made.
    """
    if wanted.out == STDIN:
        return [_printed(wanted, is_job)]
    outputs = [
        VideoOutputs(
            rows=_table(video, wanted, is_job),
            annotated=_file(video, wanted.annotate, ".mp4", "--annotate", is_job),
            report=_file(video, wanted.report, ".html", "--report", is_job),
        )
        for video in videos
    ]
    _spare_sources(videos, outputs)
    _make_folders(outputs)
    return outputs


def _printed(wanted: Wanted, is_job: bool) -> VideoOutputs:
    if is_job or wanted.format == "parquet":
        raise ConfigError("--out - prints the rows of one video as jsonl or csv; name a file")
    printed: Literal["csv", "jsonl"] = wanted.format or "jsonl"
    outputs = VideoOutputs(None, wanted.annotate, wanted.report, printed)
    _make_folders([outputs])
    return outputs


def _table(video: VideoInput, wanted: Wanted, is_job: bool) -> RowFile:
    suffix = _TABLE[wanted.format or "parquet"]
    if wanted.out is None:
        if is_job:
            raise ConfigError("several videos need a folder for their tables: give --out FOLDER")
        return RowFile.named(_with(video.beside, suffix), wanted.format)
    out = Path(wanted.out)
    is_table = out.suffix.lower() in SUFFIXES and not out.is_dir()
    if is_job and is_table:
        raise ConfigError(f"--out {out} is one table; several videos need a folder")
    if is_job or out.is_dir() or wanted.out.endswith(os.sep) or not out.suffix:
        return RowFile.named(out / _with(video.relative, suffix), wanted.format)
    return RowFile.named(out, wanted.format)


def _file(
    video: VideoInput, asked: Path | None, suffix: str, option: str, is_job: bool
) -> Path | None:
    if asked is None:
        return None
    if asked.suffix.lower() == suffix and not asked.is_dir():
        if is_job:
            raise ConfigError(f"{option} {asked} is one file; several videos need a folder")
        return asked
    if asked.suffix and not is_job and not asked.is_dir():
        raise ConfigError(f"{option} takes a folder or a name that ends in {suffix}, got {asked}")
    return asked / _with(video.relative, suffix)


def _with(path: Path, suffix: str) -> Path:
    return path.with_name(f"{path.name}{_MADE}{suffix}")


def _spare_sources(videos: Sequence[VideoInput], outputs: Sequence[VideoOutputs]) -> None:
    sources = {video.path.resolve() for video in videos if video.path is not None}
    for path in _paths(outputs):
        if path.resolve() in sources:
            raise ConfigError(f"{path} is one of the videos, which is not written over")


def _make_folders(outputs: Sequence[VideoOutputs]) -> None:
    from mien.cli.loading import make_folder

    for folder in dict.fromkeys(path.parent for path in _paths(outputs)):
        make_folder(folder)


def _paths(outputs: Sequence[VideoOutputs]) -> list[Path]:
    tables = (one.rows.path if one.rows else None for one in outputs)
    others = (path for one in outputs for path in (one.annotated, one.report))
    return [path for path in (*tables, *others) if path is not None]
