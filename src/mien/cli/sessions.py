"""`mien sessions`: what was recorded; look at it, take it along, delete it."""

from __future__ import annotations

import json
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from mien.core.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from mien.store import Session, Store

app = typer.Typer(
    name="sessions",
    help="List, show, export and delete recorded sessions.",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

DatabaseOption = Annotated[
    str | None,
    typer.Option(
        help="File or address of the sessions. [default: MIEN_DATABASE_URL, or sessions.db in "
        "mien's folder of your data]",
        show_default=False,
    ),
]
SessionArgument = Annotated[
    int, typer.Argument(metavar="SESSION", help="Number of a session.", show_default=False)
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Order(StrEnum):
    """What a list can be sorted by, as `Store.sessions` has it."""

    STARTED = "started"
    TITLE = "title"
    DURATION = "duration"
    FACES = "faces"


@app.command("list")
def list_(
    search: Annotated[
        str, typer.Argument(help="Words that title, note or source must have.", show_default=False)
    ] = "",
    sort: Annotated[Order, typer.Option(help="What to sort by.")] = Order.STARTED,
    limit: Annotated[int, typer.Option(min=1, help="So many at most.")] = 50,
    offset: Annotated[int, typer.Option(min=0, help="Leave so many out at the beginning.")] = 0,
    database: DatabaseOption = None,
    as_json: JsonOption = False,
) -> None:
    """List sessions, the last first; by title from A to Z."""
    from mien.store import open_store

    with open_store(database) as store:
        descending = sort is not Order.TITLE
        found = store.sessions(
            search=search, order=sort.value, descending=descending, limit=limit, offset=offset
        )
        total, name = store.count(search=search), store.name
    if as_json:
        print(json.dumps({"total": total, "sessions": [one.to_dict() for one in found]}, indent=2))
        return
    console = Console(highlight=False)
    console.print(_table(found) if found else f"No sessions in {name}.", soft_wrap=not found)
    if total > len(found):
        console.print(f"{len(found)} of {total}; --limit and --offset show the others")


@app.command()
def show(
    session: SessionArgument, database: DatabaseOption = None, as_json: JsonOption = False
) -> None:
    """Show a session: what was said of it, who is in it, how they looked, and its markers."""
    from mien.recognition.summary.summary import summary
    from mien.store import open_store

    with open_store(database) as store:
        about = store.session(session)
        people, markers = store.people.of(session), store.markers.of(session)
        media = store.media.of(session)
        told = summary(store.frames(session))
    if as_json:
        whole = {
            "session": about.to_dict(),
            "people": [person.to_dict() for person in people],
            "markers": [marker.to_dict() for marker in markers],
            "media": [file.to_dict() for file in media],
            "summary": told.to_dict(),
        }
        print(json.dumps(whole, indent=2))
        return
    from mien.reports.words import clock

    console = Console(highlight=False, soft_wrap=True)
    for name, value in _facts(about).items():
        console.print(f"{name:<10}{value}", markup=False)
    names = {person.track_id: person.name for person in people if person.name}
    hidden = sum(person.hidden for person in people)
    console.print()
    for person in [told.overall, *told.people]:
        if person is not None:
            given = names.get(person.track_id or 0)
            console.print(f"{person}" + (f" ({given})" if given else ""), markup=False)
    if hidden:
        console.print(f"{hidden} tracks are hidden")
    for marker in markers:
        console.print(f"{clock(marker.timestamp_s, digits=1):>10}  {marker.word}", markup=False)
    if media:
        console.print(f"{len(media)} files kept, {sum(file.bytes for file in media):,} bytes")


@app.command()
def export(
    session: SessionArgument,
    out: Annotated[
        list[Path],
        typer.Argument(
            help="Files to write: .csv, .parquet or .jsonl for a row a face; .json for all of "
            "the session in one document; .html or .pdf for a report to read.",
            show_default=False,
        ),
    ],
    overwrite: Annotated[bool, typer.Option(help="Write over files that are there.")] = False,
    as_recorded: Annotated[
        bool, typer.Option(help="Leave tracks as they came: nobody merged, nobody hidden.")
    ] = False,
    database: DatabaseOption = None,
) -> None:
    """Write a session to files: the rows that every table of mien has, or a report.

    Example: mien sessions export 3 talk.csv talk.html talk.pdf
    """
    from mien.reports.session_export import export_session
    from mien.store import open_store

    console = Console(stderr=True, highlight=False, soft_wrap=True)
    with open_store(database) as store:
        for path in out:
            faces = export_session(
                store, session, path, overwrite=overwrite, as_recorded=as_recorded
            )
            console.print(f"{path}: {faces:,} faces", markup=False)


@app.command()
def edit(
    session: SessionArgument,
    title: Annotated[str | None, typer.Option(help="What to call it.")] = None,
    note: Annotated[str | None, typer.Option(help="Anything to say about it.")] = None,
    keep_days: Annotated[
        int | None, typer.Option(min=1, help="Keep it so many days from its start.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep it until it is deleted.")] = False,
    database: DatabaseOption = None,
) -> None:
    """Change a session's title or note, or how long it is kept."""
    from mien.store import open_store

    if keep and keep_days is not None:
        raise ConfigError("--keep keeps a session for good; give it or --keep-days, not both")
    with open_store(database) as store:
        changed = store.edit(session, title=title, note=note)
        if keep or keep_days is not None:
            changed = store.keep(session, keep_days)
    console = Console(highlight=False, soft_wrap=True)
    for name, value in _facts(changed).items():
        console.print(f"{name:<10}{value}", markup=False)


@app.command()
def delete(
    sessions: Annotated[
        list[int],
        typer.Argument(metavar="SESSION...", help="Numbers of sessions.", show_default=False),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    database: DatabaseOption = None,
) -> None:
    """Delete sessions with all that was kept of them, and wipe their traces off the files."""
    from mien.store import open_store

    with open_store(database) as store:
        found = [store.session(number) for number in dict.fromkeys(sessions)]
        if not yes:
            console = Console(highlight=False)
            console.print(_table(found))
            typer.confirm("Delete for good?", abort=True)
        _delete(store, found)


@app.command()
def purge(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list what would be deleted.")
    ] = False,
    database: DatabaseOption = None,
) -> None:
    """Delete the sessions whose time to be kept is over; fit to run every day by itself."""
    from mien.store import open_store

    console = Console(highlight=False)
    with open_store(database) as store:
        due = store.due() if dry_run else store.purge()
    if due:
        console.print(_table(due))
    words = "would be deleted" if dry_run else "deleted"
    console.print(f"{len(due)} {'session' if len(due) == 1 else 'sessions'} {words}")


def _delete(store: Store, found: list[Session]) -> None:
    store.delete(*(session.id for session in found))
    titles = ", ".join(f"{session.id} ({session.title})" for session in found)
    Console(highlight=False, soft_wrap=True).print(f"deleted {titles}", markup=False)


def _local(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone():%Y-%m-%d %H:%M}"


def _table(sessions: list[Session]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from mien.reports.words import length

    table = Table(box=box.SIMPLE_HEAD)
    for heading in ("", "title", "started", "length", "faces", "kept until", ""):
        table.add_column(heading, justify="right" if heading in ("length", "faces") else "left")
    for session in sessions:
        table.add_row(
            str(session.id),
            Text(session.title),
            _local(session.started_at),
            length(session.duration_s),
            f"{session.observations:,}",
            _local(session.keep_until) or "deleted",
            "" if session.state == "ended" else session.state,
        )
    return table


def _facts(session: Session) -> dict[str, str]:
    """Return what there is to say of a session, in words."""
    from mien.reports.words import length

    consent = f"{_local(session.consent_at)}: {session.consent_text}"
    return {
        "session": f"{session.id}, {session.title}",
        **({"note": session.note} if session.note else {}),
        **({"source": session.source} if session.source else {}),
        "started": _local(session.started_at),
        "ended": f"{_local(session.ended_at)} ({session.state})".strip(),
        "length": f"{length(session.duration_s)}, {session.frames:,} frames, "
        f"{session.observations:,} faces",
        "read by": ", ".join(
            part for part in (session.bundle, session.label_set, session.detector) if part
        ),
        "consent": consent if session.consent_text else "nobody was asked",
        "kept": f"until {_local(session.keep_until)}" if session.keep_until else "until deleted",
    }
