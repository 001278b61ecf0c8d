"""A recorded session as a file to take along: a table of rows, or one JSON document of it all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from mien.core.errors import TableWriteError
from mien.core.labels import FERPLUS, label_set
from mien.core.types import FrameResult
from mien.recognition.rows.files import RowFile
from mien.recognition.rows.rows import rows_of
from mien.store import Store

JSON_SUFFIX = ".json"


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
    writes. One that ends in `.json` gets the session, its people, its markers and those rows.

    Args:
        store: Where the session is.
        session_id: Its number.
        path: The file.
        overwrite: Whether to write over one that is there.
        as_recorded: Whether to leave tracks as they came, with nobody merged and nobody hidden.

    Raises:
        ConfigError: If the name does not say what kind of file it is to be.
        TableWriteError: If it is there already, or cannot be written.
        StoreError: If the session cannot be read.
    """
    session = store.session(session_id)
    frames = store.frames(session_id, as_recorded=as_recorded)
    if path.suffix.lower() == JSON_SUFFIX:
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
    try:
        with path.open("w" if overwrite else "x", encoding="utf-8") as stream:
            return write_session_json(store, session_id, frames, stream)
    except FileExistsError as error:
        raise TableWriteError(
            f"{path} is there already; give another name or replace it (--overwrite)"
        ) from error
    except OSError as error:
        raise TableWriteError(f"cannot write {path}: {error.strerror or error}") from error
