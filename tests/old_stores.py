"""Databases of sessions as older versions of mien left them, with something in every table.

One function for each revision, in plain SQL: what `mien.store` writes today is no witness of what
it wrote then. `EXPECTED` says what must be found after any upgrade.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, text

EXPECTED: dict[str, Any] = {
    "title": "Kept since 0001",
    "consent_text": "I agree.",
    "started_at": "2026-01-02T03:04:05.678+00:00",
    "label_set": "fer2013",
    "frames": 2,
    "observations": 2,
    "name": "Ann",
    "word": "slide 2",
    "media": "1/abc.jpg",
    "happiness": (0.9312, 0.5),
}

# In the order of the columns of 0001.
_LABELS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")


def fill_0001(connection: Connection) -> None:
    """Two frames of one person, the second without landmarks and not yet tracked."""
    moment = "2026-01-02 03:04:05.678000"
    if connection.dialect.name == "postgresql":
        moment += "+00"
    _insert(
        connection,
        "sessions",
        title="Kept since 0001",
        source="camera",
        note="",
        consent_text="I agree.",
        consent_at=moment,
        bundle="mien-s",
        detector="yunet",
        label_set="fer2013",
        reading='{"detector_threshold": 0.6, "detector_sha256": null, "prior": "natural", '
        '"prior_strength": 0.0, "uncertain_below": 0.0}',
        settings='{"smoothing_s": 0.35}',
        started_at=moment,
        alive_at=moment,
        ended_at=moment,
        first_s=0.0,
        last_s=0.1,
        frames=2,
        observations=2,
    )
    _insert(connection, "people", session_id=1, track_id=1, name="Ann", hidden=False)
    for number, happiness in ((0, 9312), (1, 5000)):
        _insert(
            connection,
            "frames",
            session_id=1,
            number=number,
            frame_index=number,
            timestamp_s=0.1 * number,
            width=640,
            height=480,
        )
        shares = dict.fromkeys((f"p_{label}" for label in _LABELS), 0)
        shares |= {"p_contempt": None, "p_happiness": happiness, "p_neutral": 10_000 - happiness}
        tracked: dict[str, Any] = {} if number else {"track_id": 1, "sharpness": 1234}
        _insert(
            connection,
            "observations",
            session_id=1,
            number=number,
            face_index=0,
            predicted=False,
            x1=100,
            y1=200,
            x2=1100,
            y2=1200,
            detector_confidence=9000,
            **shares,
            **tracked,
        )
    _insert(connection, "markers", session_id=1, timestamp_s=0.05, word="slide 2")
    _insert(connection, "media", session_id=1, kind="thumbnail", file="1/abc.jpg", bytes=3)


# Every revision needs one: a test compares them with the migrations that there are.
FILLERS: Mapping[str, Callable[[Connection], None]] = {"0001": fill_0001}


def _insert(connection: Connection, table: str, **values: object) -> None:
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"insert into {table} ({names}) values ({places})"), values)
