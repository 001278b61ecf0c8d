"""A recorded session as a file to take along: rows, one JSON document, or a report to read."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from mien.core.errors import ConfigError, TableWriteError
from mien.core.labels import FERPLUS, label_set
from mien.core.types import FrameResult
from mien.recognition.rows.files import RowFile
from mien.recognition.rows.rows import rows_of
from mien.reports.session_page import render_session_page
from mien.store import Session, Store

JSON_SUFFIX = ".json"
# Of reports to read.
PAGE_SUFFIX, PAPER_SUFFIX = ".html", ".pdf"
# Of a title in the name of a file.
_MOST_CHARACTERS = 60


def export_name(session: Session, suffix: str) -> str:
    """Return what to call an export: letters and digits of the title, and the session's number.

    It is fit for every file system, whatever the title is.
    """
    plain = unicodedata.normalize("NFC", session.title)
    words = re.sub(r"[^\w]+|_+", "-", plain)[:_MOST_CHARACTERS].strip("-")
    return f"{words or 'session'}-{session.id}{suffix}"


def export_session(
    store: Store,
    session_id: int,
    path: Path,
    *,
    overwrite: bool = False,
    as_recorded: bool = False,
) -> int:
    """Write a session to a file, in constant memory, and return how many faces are in it.

    A name that ends in `.csv`, `.parquet`, `.jsonl` and the like gets the rows that `mien video`
    writes. One that ends in `.json` gets the session, its people, its markers and those rows. One
    that ends in `.html` or `.pdf` is a report to read, in one file that asks for nothing.

    Args:
        store: Where the session is.
        session_id: Its number.
        path: The file.
        overwrite: Whether to write over one that is there.
        as_recorded: Whether to leave tracks as they came, with nobody merged and nobody hidden;
            not for a report.

    Raises:
        ConfigError: If the name does not say what kind of file it is to be, or a report is to be
            as recorded.
        TableWriteError: If it is there already, or cannot be written.
        StoreError: If the session cannot be read.
    """
    session = store.session(session_id)
    suffix = path.suffix.lower()
    if suffix in (PAGE_SUFFIX, PAPER_SUFFIX):
        if as_recorded:
            raise ConfigError(f"a report shows people as they were merged and hidden; got {path}")
        return _write_report(store, session_id, path, overwrite)
    frames = store.frames(session_id, as_recorded=as_recorded)
    if suffix == JSON_SUFFIX:
        return _write_document(store, session_id, frames, path, overwrite)
    labels = label_set(session.label_set or FERPLUS.name).labels
    table = RowFile.named(path)
    faces = 0
    with table.open(labels, if_there="replace" if overwrite else "refuse") as writer:
        for frame in frames:
            writer.write(frame)
            faces += len(frame)
    return faces


def write_session_json(
    store: Store, session_id: int, frames: Iterator[FrameResult], stream: TextIO
) -> int:
    """Write a session as one JSON document, a row a line, and return how many faces are in it."""
    head: dict[str, Any] = {
        "session": store.session(session_id).to_dict(),
        "people": [person.to_dict() for person in store.people.of(session_id)],
        "markers": [marker.to_dict() for marker in store.markers.of(session_id)],
    }
    # The list of rows is written one by one into the place that the head leaves for it.
    stream.write(json.dumps(head, ensure_ascii=False, indent=1)[:-2] + ',\n "rows": [')
    faces, before = 0, "\n  "
    for frame in frames:
        for row in rows_of(frame):
            stream.write(before + json.dumps(row, ensure_ascii=False))
            before = ",\n  "
        faces += len(frame)
    stream.write("\n ]\n}\n")
    return faces


def _write_document(
    store: Store, session_id: int, frames: Iterator[FrameResult], path: Path, overwrite: bool
) -> int:
    with _writing(path, overwrite) as stream, io.TextIOWrapper(stream, "utf-8") as text:
        return write_session_json(store, session_id, frames, text)


def _write_report(store: Store, session_id: int, path: Path, overwrite: bool) -> int:
    if path.suffix.lower() == PAPER_SUFFIX:
        # Takes a while to import, and few who export need it.
        from mien.reports.session_pdf import render_session_pdf

        written, faces = render_session_pdf(store, session_id)
    else:
        page, faces = render_session_page(store, session_id)
        written = page.encode()
    with _writing(path, overwrite) as stream:
        stream.write(written)
    return faces


@contextmanager
def _writing(path: Path, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a new file.

    Raises:
        TableWriteError: If there is one already, or it cannot be written.
    """
    try:
        with path.open("wb" if overwrite else "xb") as stream:
            yield stream
    except FileExistsError as error:
        raise TableWriteError(
            f"{path} is there already; give another name or replace it (--overwrite)"
        ) from error
    except OSError as error:
        raise TableWriteError(f"cannot write {path}: {error.strerror or error}") from error
