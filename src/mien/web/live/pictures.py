"""Small pictures of faces at their strongest moments, for a session that is to have them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2

from mien.core.errors import ImageError
from mien.core.imaging import decode_image
from mien.core.types import Box, FrameResult
from mien.reports.thumbnails import cut_face
from mien.store import Store

KIND = "thumbnail"
NEUTRAL = "neutral"
SIDE_PX = 160
JPEG_QUALITY = 82
# One picture a person and stretch. Stretches get longer, so that pictures of a long session are
# spread over all of it: with one person, 400 last for more than two hours.
MOST_PICTURES = 400
FIRST_STRETCH_S = 5.0
PICTURES_OF_A_LENGTH = 100


@dataclass(frozen=True)
class Peak:
    """The strongest moment of one person in a stretch of time.

    Attributes:
        track_id: Who.
        begun_s: When the stretch began, on the session's clock.
        timestamp_s: When the moment was.
        probability: Of the expression that was most probable then, 0..1.
        box: Where the face is in the picture.
        picture: The whole frame, encoded, as it came.
    """

    track_id: int
    begun_s: float
    timestamp_s: float
    probability: float
    box: Box
    picture: bytes


class PeakPictures:
    """Chooses the moments whose pictures are kept; a frame at a time, without decoding any.

    Nobody's picture is kept for looking neutral.
    """

    def __init__(self, kept: int = 0) -> None:
        """Begin; `kept` is how many pictures the session has already."""
        self._kept = kept
        self._strongest: dict[int, Peak] = {}

    def add(self, frame: FrameResult, picture: bytes) -> list[Peak]:
        """Take the next frame and return the moments that are to be kept now.

        Args:
            frame: On the session's clock, its faces followed and smoothed.
            picture: The frame as it came, encoded.
        """
        now_s = frame.timestamp_s
        stretch_s = FIRST_STRETCH_S * 2 ** (self._kept // PICTURES_OF_A_LENGTH)
        over = [peak for peak in self._strongest.values() if now_s - peak.begun_s >= stretch_s]
        for peak in over:
            del self._strongest[peak.track_id]
        for face in frame.faces:
            looks = face.smoothed or face.expression
            if face.track_id is None or looks.dominant == NEUTRAL or looks.uncertain:
                continue
            before = self._strongest.get(face.track_id)
            if before is None or looks.confidence > before.probability:
                begun_s = now_s if before is None else before.begun_s
                self._strongest[face.track_id] = Peak(
                    face.track_id, begun_s, now_s, looks.confidence, face.box, picture
                )
        return self._at_most(over)

    def rest(self) -> list[Peak]:
        """Return the moments of the stretches that are not over yet, at the session's end."""
        left, self._strongest = list(self._strongest.values()), {}
        return self._at_most(left)

    def _at_most(self, peaks: list[Peak]) -> list[Peak]:
        room = max(0, MOST_PICTURES - self._kept)
        taken = sorted(peaks, key=lambda peak: peak.timestamp_s)[:room]
        self._kept += len(taken)
        return taken


def keep_peak(store: Store, session_id: int, peak: Peak, *, max_pixels: int) -> None:
    """Cut a face out of its frame and keep it with a session; waits for the disk.

    Raises:
        ImageError: If the frame cannot be decoded.
        StoreError: If it cannot be kept.
    """
    image_bgr = decode_image(peak.picture, max_pixels=max_pixels)
    face_bgr = cut_face(image_bgr, peak.box, SIDE_PX)
    done, jpeg = cv2.imencode(".jpg", face_bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ImageError(f"OpenCV could not encode a face of {SIDE_PX} px as JPEG")
    store.media.add(
        session_id,
        jpeg.tobytes(),
        kind=KIND,
        suffix=".jpg",
        timestamp_s=peak.timestamp_s,
        track_id=peak.track_id,
    )
