"""What is kept of the reading of one video beside its rows: how it was made and how it ended.

It lies in `ROWS.run.json`. `--resume` goes by it, and who finds the rows later can tell what made
them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

from mien import __version__
from mien.core.errors import MienError, TableWriteError
from mien.core.types import ROW_VERSION

# `running` is what a kill leaves behind.
Status = Literal["running", "done", "damaged", "stopped", "failed"]
FINISHED: frozenset[Status] = frozenset({"done", "damaged"})

_SAMPLE_BYTES = 1 << 20


@dataclass
class Outcome:
    """How far the reading of one video came.

    Attributes:
        file: The video, as it is called in results.
        status: `done`; `damaged`, if something of it could not be read; `running`, `stopped` by
            the user, or `failed`.
        out: The table, or None where the rows were printed.
        annotated: The video with what was read drawn in, or None.
        report: The page, or None.
        width: Of its frames, in pixels; 0 where it is not known.
        height: The same.
        seconds: How much of its time was read.
        wall_s: How long that took, stops left out.
        frames: Frames read.
        faces: Faces in them.
        people: Ids given to them.
        left_out: Frames that were damaged.
        dropped: Frames of a live source that were dropped to keep up.
        breaks: Where the source broke off, in words with the time.
        error: Why it failed, or None.
        skipped: Whether it had been read before and was left as it is.
        summary: As `mien.summary` gives it, once it is done or stopped.
    """

    file: str
    status: Status = "running"
    out: str | None = None
    annotated: str | None = None
    report: str | None = None
    width: int = 0
    height: int = 0
    seconds: float = 0.0
    wall_s: float = 0.0
    frames: int = 0
    faces: int = 0
    people: int = 0
    left_out: int = 0
    dropped: int = 0
    breaks: list[str] = field(default_factory=list)
    error: str | None = None
    skipped: bool = False
    summary: dict[str, Any] | None = None

    @property
    def speed(self) -> float:
        """Seconds of video read in a second."""
        return self.seconds / self.wall_s if self.wall_s else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values."""
        return {**asdict(self), "seconds": round(self.seconds, 4), "wall_s": round(self.wall_s, 2)}

    def to_row(self) -> dict[str, Any]:
        """Return what a table of videos has of it."""
        left = {"width", "height", "summary", "breaks"}
        row = {name: value for name, value in self.to_dict().items() if name not in left}
        return {**row, "breaks": "; ".join(self.breaks)}


@dataclass
class RunRecord:
    """What `ROWS.run.json` has.

    Attributes:
        fingerprint: Of the video's content.
        settings: All that the rows depend on, JSON-ready.
        outcome: How far it came.
        mien: The version that read it.
        row_version: Of the columns.
        begun: When, ISO 8601 in UTC.
    """

    fingerprint: Mapping[str, Any]
    settings: Mapping[str, Any]
    outcome: Outcome
    mien: str = __version__
    row_version: int = ROW_VERSION
    begun: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def save(self, path: Path) -> None:
        """Write it, all or nothing.

        Raises:
            TableWriteError: If it cannot be written.
        """
        fresh = path.with_name(f".{path.name}.part")
        text = json.dumps({**vars(self), "outcome": self.outcome.to_dict()}, indent=1)
        try:
            fresh.write_text(text + "\n", encoding="utf-8")
            fresh.replace(path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise TableWriteError(f"cannot write {path}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read it.

        Raises:
            MienError: If it is no such file.
        """
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            return cls(**{**known, "outcome": Outcome(**known["outcome"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise MienError(
                f"{path} does not say how the rows beside it were made ({error}); read the video "
                "again with --overwrite"
            ) from error

    def differences(self, other: RunRecord) -> list[str]:
        """Return what is not the same in another, in words."""
        pairs = [
            ("mien", self.mien, other.mien),
            ("columns", self.row_version, other.row_version),
            *_pairs("video", self.fingerprint, other.fingerprint),
            *_pairs("", self.settings, other.settings),
        ]
        return [f"{name}: {then} then, {now} now" for name, then, now in pairs if then != now]


def record_path(rows: Path) -> Path:
    """Return where the record of a table lies."""
    return rows.with_name(f"{rows.name}.run.json")


def fingerprint(paths: Sequence[Path]) -> dict[str, Any]:
    """Return what tells one video's files from another's: their sizes, and a hash of samples.

    The first and last MiB of the first and last file are hashed, and no name or time, so that files
    may be moved; what was changed in between, with every size kept, is not found.

    Raises:
        MienError: If one cannot be read.
    """
    digest, size = hashlib.sha256(), 0
    for path in paths:
        try:
            length = path.stat().st_size
            if path in (paths[0], paths[-1]):
                with path.open("rb") as file:
                    digest.update(file.read(_SAMPLE_BYTES))
                    file.seek(max(length - _SAMPLE_BYTES, 0))
                    digest.update(file.read(_SAMPLE_BYTES))
        except OSError as error:
            raise MienError(f"cannot read {path}: {error.strerror or error}") from error
        digest.update(f"{length};".encode())
        size += length
    return {"bytes": size, "sha256_of_samples": digest.hexdigest()}


def _pairs(
    prefix: str, then: Mapping[str, Any], now: Mapping[str, Any]
) -> list[tuple[str, Any, Any]]:
    names = dict.fromkeys([*then, *now])
    return [(f"{prefix} {name}".strip(), then.get(name), now.get(name)) for name in names]
