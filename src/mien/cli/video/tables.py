"""What videos came to, as tables and lines for people and as files for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from mien.cli.video.progress import found
from mien.cli.video.record import Outcome
from mien.core.errors import TableWriteError
from mien.core.labels import COLOURS
from mien.reports.words import clock, length

# Of the JSON of a job; goes up when a field changes its meaning.
JOB_VERSION = 1
# A crowd's table; the longest in view are shown, and `--json` has them all.
_MOST_PEOPLE = 20
_MOMENTS = 3
# Nobody looks for the moment of the most neutral face.
_UNREMARKABLE = "neutral"
_LEAST_SHARE = 0.005
_COLOURS = {"done": "green", "damaged": "yellow", "failed": "red", "stopped": "yellow"}


def people_table(outcome: Outcome) -> Table | None:
    """Return how long each person was in view and how they looked; None if nobody was."""
    summary = outcome.summary or {}
    overall = summary.get("overall")
    if not overall:
        return None
    people = sorted(summary["people"], key=lambda person: -person["visible_s"])
    table = Table(box=box.SIMPLE_HEAD, title=Text(outcome.file), title_justify="left")
    table.add_column("person")
    table.add_column("in view", justify="right")
    table.add_column("from - to")
    table.add_column("share of that time")
    table.add_column("strongest moments")
    for person in people[:_MOST_PEOPLE]:
        table.add_row(str(person["track_id"]), *_cells(person))
    if len(people) != 1:
        table.add_row("all", *_cells(overall))
    if len(people) > _MOST_PEOPLE:
        left_out = len(people) - _MOST_PEOPLE
        table.caption = f"{left_out:,} people more, in view for less long: --json has them all"
    return table


def _cells(person: Mapping[str, Any]) -> tuple[str | Text, ...]:
    return (
        length(person["visible_s"]),
        f"{clock(person['first_s'], digits=1)} - {clock(person['last_s'], digits=1)}",
        _shares(person["shares"]),
        _moments(person["peaks"]),
    )


def _shares(shares: Mapping[str, float]) -> Text:
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    words = Text()
    for label, share in ranked:
        if share >= _LEAST_SHARE:
            words.append(", " if words else "")
            words.append(label, COLOURS.get(label, ""))
            words.append(f" {share:.0%}")
    return words


def _moments(peaks: Mapping[str, Sequence[Mapping[str, Any]]]) -> Text:
    """Return the strongest moment of each expression, of those that were the strongest."""
    every = [
        (moments[0]["probability"], label, moments[0]["timestamp_s"])
        for label, moments in peaks.items()
        if moments and label != _UNREMARKABLE
    ]
    words = Text()
    for probability, label, at_s in sorted(every, reverse=True)[:_MOMENTS]:
        words.append(", " if words else "")
        words.append(label, COLOURS.get(label, ""))
        words.append(f" {probability:.0%} at {clock(at_s, digits=1)}")
    return words


def job_table(outcomes: Sequence[Outcome]) -> Table:
    """Return a row for each video of a job."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("video", overflow="fold")
    table.add_column("")
    for heading in ("read", "speed", "faces", "people"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for one in outcomes:
        status = "done before" if one.skipped else one.status
        table.add_row(
            Text(one.file),
            Text(status, _COLOURS.get(one.status, "")),
            clock(one.seconds),
            f"{one.speed:.1f}x" if one.speed else "",
            f"{one.faces:,}",
            f"{one.people:,}",
            Text(one.error or "; ".join(losses(one))),
        )
    return table


def ending(outcome: Outcome) -> str:
    """Return in a line what was read, how fast, and where it is."""
    if outcome.skipped:
        return f"{outcome.file}: read before, {outcome.out} is as it was"
    words = [f"{clock(outcome.seconds)} read", *found(outcome)]
    if outcome.wall_s:
        words.append(f"{outcome.speed:.1f}x real time")
    places = [place for place in (outcome.out, outcome.annotated, outcome.report) if place]
    where = f" -> {', '.join(places)}" if places else ""
    return f"{outcome.file}: {', '.join(words)}{where}"


def losses(outcome: Outcome) -> list[str]:
    """Return what was not read, each in words."""
    words = list(outcome.breaks)
    if outcome.left_out:
        were = "frame or packet was" if outcome.left_out == 1 else "frames or packets were"
        words.append(f"{outcome.left_out:,} damaged {were} left out")
    if outcome.dropped:
        words.append(f"{outcome.dropped:,} frames dropped to keep up")
    return words


def job_json(outcomes: Sequence[Outcome]) -> str:
    """Return all that is known of the videos of a job."""
    known = {"version": JOB_VERSION, "videos": [one.to_dict() for one in outcomes]}
    return json.dumps(known, indent=1) + "\n"


def write_job(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write `summary.json` and `summary.csv`, a row for each video, errors among them.

    Raises:
        TableWriteError: If they cannot be written.
    """
    table = io.StringIO()
    rows = [one.to_row() for one in outcomes]
    writer = csv.DictWriter(table, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    for path, text in zip(job_files(folder), (job_json(outcomes), table.getvalue()), strict=True):
        fresh = path.with_name(f".{path.name}.part")
        try:
            fresh.write_text(text, encoding="utf-8", newline="")
            fresh.replace(path)
        except OSError as error:
            raise TableWriteError(f"cannot write {path}: {error.strerror or error}") from error


def job_files(folder: Path) -> tuple[Path, Path]:
    """Return where a job's summary lies."""
    return folder / "summary.json", folder / "summary.csv"
