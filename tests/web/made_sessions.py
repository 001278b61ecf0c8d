"""Sessions that were recorded before a test asks a server for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from mien.store import Store
from recordings import make_face, make_frame

# Tracks 1 and 2 are in view together; 3 comes when 1 has gone, as somebody who comes back does.
TOGETHER, COMES_BACK = (1, 2), 3
FRAMES = 40


@dataclass(frozen=True)
class Made:
    """The numbers of a session and of what is in it."""

    session_id: int
    marker_id: int
    media_id: int

    @property
    def url(self) -> str:
        return f"/v1/sessions/{self.session_id}"


def make_session(store: Store, title: str = "A talk", **about: Any) -> Made:
    """Record 4 s: tracks 1 and 2 for half of it, then 3 and 2; with a marker and a kept face."""
    chance = np.random.default_rng(7)
    given = {"source": "camera", "consent": "I agree.", "bundle": "tiny", **about}
    with store.record(title=title, **given) as recording:
        for number in range(FRAMES):
            tracks = TOGETHER if number < FRAMES // 2 else (2, COMES_BACK)
            recording.add(make_frame(number, [make_face(chance, track) for track in tracks]))
    marker = store.markers.add(recording.session_id, 1.25, "slide 2")
    face_bgr = np.full((96, 96, 3), (40, 120, 200), np.uint8)
    file = store.media.add(
        recording.session_id,
        cv2.imencode(".jpg", face_bgr)[1].tobytes(),
        kind="thumbnail",
        suffix=".jpg",
        timestamp_s=1.0,
        track_id=1,
    )
    return Made(recording.session_id, marker.id, file.id)
