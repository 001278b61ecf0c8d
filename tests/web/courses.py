"""Recorded sessions whose course is known: who looked how, and when, by a formula."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sqlalchemy import update

from mien.core.labels import FERPLUS
from mien.core.types import Box, Expression, Face, FrameResult
from mien.store import Store
from mien.store.models import sessions
from tests.recordings import make_frame

ADA, BEN, BEN_AGAIN = 1, 2, 3
# In parts of the whole: Ben comes, leaves, and comes back under a new number; then nobody is there.
BEN_COMES, BEN_LEAVES, BEN_RETURNS = 0.08, 0.55, 0.62
NOBODY_FROM, NOBODY_TO = 0.8, 0.86
# Who, expression, when in parts of the whole, how long it lasts, how strong it is.
BUMPS = (
    (ADA, "happiness", 0.2, 0.06, 4.5),
    (ADA, "surprise", 0.42, 0.025, 4.0),
    (ADA, "happiness", 0.7, 0.08, 3.5),
    (ADA, "sadness", 0.93, 0.04, 3.2),
    (BEN, "happiness", 0.24, 0.05, 3.8),
    (BEN, "anger", 0.45, 0.03, 3.6),
    (BEN_AGAIN, "surprise", 0.69, 0.03, 4.2),
    (BEN_AGAIN, "happiness", 0.9, 0.05, 4.2),
)
Float64Array = NDArray[np.float64]


def probabilities_at(track: int, times: Float64Array) -> Float64Array:
    """Return (n, labels) probabilities of a track at times in parts of the whole."""
    scores = np.zeros((len(times), len(FERPLUS)))
    scores[:, FERPLUS.index("neutral")] = 2.2 + 0.5 * np.sin(40 * times + track)
    for column in range(len(FERPLUS)):
        scores[:, column] += 0.35 * np.sin(times * (90 + 37 * column) + 5 * track + column)
    for who, label, middle, width, strength in BUMPS:
        bump = np.exp(-(((times - middle) / width) ** 2))
        scores[:, FERPLUS.index(label)] += (who == track) * strength * bump
    powers = np.exp(scores)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def tracks_at(part: float) -> tuple[int, ...]:
    """Return who is in view at a time in parts of the whole."""
    if NOBODY_FROM <= part < NOBODY_TO:
        return ()
    if BEN_COMES <= part < BEN_LEAVES:
        return (ADA, BEN)
    return (ADA, BEN_AGAIN) if part >= BEN_RETURNS else (ADA,)


def course(frames: int, step_s: float) -> Iterator[FrameResult]:
    """Give the frames of a course."""
    parts = np.linspace(0, 1, frames, endpoint=False)
    of_track = {track: probabilities_at(track, parts) for track in (ADA, BEN, BEN_AGAIN)}
    for number, part in enumerate(parts.tolist()):
        faces = [
            Face(
                Box(300.0 * track, 200.0, 300.0 * track + 160, 380.0),
                0.9,
                Expression(
                    dict(zip(FERPLUS.labels, of_track[track][number].tolist(), strict=True)),
                    FERPLUS.name,
                ),
                track_id=track,
            )
            for track in tracks_at(part)
        ]
        yield make_frame(number, faces, step_s=step_s)


def record_course(
    store: Store, title: str = "A course", *, frames: int = 600, step_s: float = 0.1, **about: Any
) -> int:
    """Record a course and return its session's number; step_s in seconds."""
    given = {"source": "camera 0", "consent": "I agree.", "bundle": "mien-s", **about}
    with store.record(title=title, **given) as recording:
        for frame in course(frames, step_s):
            recording.add(frame)
    return recording.session_id


def keep_faces(
    store: Store, session_id: int, picture_bgr: NDArray[np.uint8], every_s: float
) -> None:
    """Keep a small picture of the face for Ada, every so often, a little different each time."""
    session = store.session(session_id)
    face = cv2.resize(picture_bgr[40:200, 150:310], (96, 96))
    for number, when_s in enumerate(np.arange(0, session.duration_s, every_s).tolist()):
        shade = cv2.convertScaleAbs(face, alpha=0.75 + 0.05 * (number % 8))
        content = cv2.imencode(".jpg", shade)[1].tobytes()
        store.media.add(
            session_id, content, kind="thumbnail", suffix=".jpg", timestamp_s=when_s, track_id=ADA
        )


def backdate(store: Store, session_id: int, began: datetime) -> None:
    """Let a session have begun at another time, for lists whose order is known."""
    with store._database.writing() as connection:
        values = {"started_at": began.astimezone(UTC)}
        connection.execute(update(sessions).where(sessions.c.id == session_id).values(values))


def record_shown(store: Store, picture_bgr: NDArray[np.uint8]) -> list[int]:
    """Record sessions to be looked at and return their numbers: two takes of a talk come first."""
    first = record_course(
        store,
        "Rehearsal of the talk, first take",
        frames=1800,
        note="Slides 1 to 14. The joke on slide 5 works.",
        consent="I agree that my expressions are recorded, and kept for 30 days.",
        keep_days=30,
    )
    second = record_course(store, "Rehearsal of the talk, second take", frames=2100, keep_days=30)
    for session_id, words in (
        (first, {12.0: "begin", 36.2: "joke", 75.0: "slide 9", 126.0: "question"}),
        (second, {8.0: "begin", 44.0: "joke"}),
    ):
        for timestamp_s, word in words.items():
            store.markers.add(session_id, timestamp_s, word)
        store.people.name(session_id, ADA, "Ada")
        store.people.name(session_id, BEN, "Ben")
    keep_faces(store, first, picture_bgr, 5.0)
    others = [
        record_course(store, f"Usability test {number}", frames=60 * number, keep_days=90)
        for number in range(1, 6)
    ]
    began = datetime.now(UTC) - timedelta(days=9)
    for number, session_id in enumerate(others):
        backdate(store, session_id, began + timedelta(days=number, minutes=37 * number))
    return [first, second, *others]
