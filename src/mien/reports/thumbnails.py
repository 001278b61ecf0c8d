"""Small pictures of faces, kept while a video is read: the best of each person and expression.

A face is cut out only where it may be wanted at the end, so what is kept has a bound, and the video
need not be read twice. Nothing is kept of people without an id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, ImageError, ShapeError
from mien.core.types import Box, Face, FrameResult

UInt8Array = NDArray[np.uint8]

SIDE_PX = 96
# Of the best JPEG that OpenCV writes; of a face of 96 px this gives some 2 to 3 kB.
_JPEG_QUALITY = 82
# Side of the square that is cut out, over the longer side of the detector's box.
_MARGIN = 1.3
# One picture is kept for each so long a stretch, in which a face hardly changes.
SLOT_S = 0.25
# Three moments, each ruling out 1 s before and after it, may lie in 19 slots; and some to spare.
SLOTS = 24
MOST_PICTURES = 2000


@dataclass(frozen=True)
class Thumbnail:
    """A face at one moment.

    Attributes:
        timestamp_s: When.
        probability: Of the expression it is kept for, 0..1.
        jpeg: The picture, square, as the bytes of a JPEG file.
    """

    timestamp_s: float
    probability: float
    jpeg: bytes


class FacePictures(Protocol):
    """Small pictures of faces, to be asked for by who shows what and when."""

    def portrait(self, track_id: int) -> bytes | None:
        """Return a clear view of a person as a JPEG, or None."""

    def picture(self, track_id: int, label: str, timestamp_s: float) -> Thumbnail | None:
        """Return the picture of a person showing an expression at about a time, or None."""


@dataclass
class _Person:
    """What is kept of one person."""

    sightings: int = 0
    # Expression to slot of time to the strongest moment in it.
    moments: dict[str, dict[int, Thumbnail]] = field(default_factory=dict)
    portrait: bytes | None = None
    portrait_score: float = 0.0

    @property
    def pictures(self) -> int:
        return sum(len(slots) for slots in self.moments.values()) + (self.portrait is not None)


class PeakCollector:
    """Keeps small pictures of faces at the moments when an expression was strongest.

    Feed it every frame with its result; it keeps a bounded number of JPEGs in memory. Where there
    are more people than it has room for, it keeps those who were seen most often.
    """

    def __init__(
        self,
        *,
        side_px: int = SIDE_PX,
        slots: int = SLOTS,
        most_pictures: int = MOST_PICTURES,
        smoothed: bool = True,
    ) -> None:
        """Set how much to keep.

        Args:
            side_px: Width and height of the pictures.
            slots: Moments of each person and expression, at most.
            most_pictures: Of everybody, at most.
            smoothed: Whether to go by smoothed expressions, where faces have them.

        Raises:
            ConfigError: If a number is not positive.
        """
        if min(side_px, slots, most_pictures) < 1:
            raise ConfigError(
                "side_px, slots and most_pictures must be 1 or more, got "
                f"{side_px}, {slots} and {most_pictures}"
            )
        self._side_px, self._slots, self._most = side_px, slots, most_pictures
        self._smoothed = smoothed
        self._people: dict[int, _Person] = {}
        self._pictures = 0

    def add(self, image_rgb: UInt8Array, result: FrameResult) -> None:
        """Take the next frame.

        Args:
            image_rgb: The picture that was read, (h, w, 3) uint8 RGB, 0..255, upright.
            result: What was read in it, with track ids.

        Raises:
            ShapeError: If the picture is not of this kind.
        """
        if image_rgb.ndim != 3 or image_rgb.shape[2] != 3 or image_rgb.dtype != np.uint8:
            raise ShapeError(
                "expected a picture of shape (h, w, 3) and uint8, got "
                f"{image_rgb.shape} and {image_rgb.dtype}"
            )
        for face in result.faces:
            if face.track_id is not None:
                person = self._people.setdefault(face.track_id, _Person())
                person.sightings += 1
                self._keep_portrait(person, face, image_rgb)
                self._keep_moment(person, face, image_rgb, result.timestamp_s)

    def portrait(self, track_id: int) -> bytes | None:
        """Return the clearest view of a person as a JPEG, or None."""
        person = self._people.get(track_id)
        return person.portrait if person else None

    def picture(
        self, track_id: int, label: str, timestamp_s: float, *, within_s: float = SLOT_S
    ) -> Thumbnail | None:
        """Return the picture of a person showing an expression that is nearest to a time.

        Args:
            track_id: The person.
            label: What they show in it.
            timestamp_s: When.
            within_s: How far from there it may be.

        Returns:
            None where there is none so near.
        """
        person = self._people.get(track_id)
        kept = person.moments.get(label, {}).values() if person else ()
        near = [one for one in kept if abs(one.timestamp_s - timestamp_s) <= within_s]
        return min(near, key=lambda one: abs(one.timestamp_s - timestamp_s), default=None)

    def __len__(self) -> int:
        """How many pictures are kept."""
        return self._pictures

    def _keep_portrait(self, person: _Person, face: Face, image_rgb: UInt8Array) -> None:
        # Large and surely a face; twice the size of the picture is as good as larger still.
        score = face.confidence * min(face.box.side, 2 * self._side_px)
        # A little better is not worth cutting it out again in every frame of somebody coming near.
        if score > 1.05 * person.portrait_score:
            self._pictures += person.portrait is None
            person.portrait, person.portrait_score = self._cut(image_rgb, face.box), score
            self._hold_the_bound()

    def _keep_moment(
        self, person: _Person, face: Face, image_rgb: UInt8Array, timestamp_s: float
    ) -> None:
        expression = face.smoothed if self._smoothed and face.smoothed else face.expression
        label, probability = expression.dominant, expression.confidence
        kept = person.moments.setdefault(label, {})
        slot = int(timestamp_s // SLOT_S)
        there = kept.get(slot)
        if there is not None:
            if probability <= there.probability:
                return
        elif len(kept) >= self._slots:
            # Of equal ones the latest goes, as in `mien.recognition.summary.moments`.
            weakest = min(kept, key=lambda one: (kept[one].probability, -one))
            if probability <= kept[weakest].probability:
                return
            del kept[weakest]
            self._pictures -= 1
        kept[slot] = Thumbnail(timestamp_s, probability, self._cut(image_rgb, face.box))
        self._pictures += there is None
        self._hold_the_bound()

    def _hold_the_bound(self) -> None:
        """Drop the pictures of whoever was seen least, if there are too many."""
        if self._pictures > self._most:
            shown = [person for person in self._people.values() if person.pictures]
            least = min(shown, key=lambda person: person.sightings)
            self._pictures -= least.pictures
            least.moments, least.portrait, least.portrait_score = {}, None, 0.0

    def _cut(self, image_rgb: UInt8Array, box: Box) -> bytes:
        """Return a face as a JPEG."""
        small_bgr = cv2.cvtColor(cut_face(image_rgb, box, self._side_px), cv2.COLOR_RGB2BGR)
        done, jpeg = cv2.imencode(
            ".jpg",
            small_bgr,
            [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY, cv2.IMWRITE_JPEG_OPTIMIZE, 1],
        )
        if not done:
            raise ImageError(f"OpenCV could not encode a face of {self._side_px} px as JPEG")
        return jpeg.tobytes()


def cut_face(image_rgb: UInt8Array, box: Box, side_px: int) -> UInt8Array:
    """Return a square around a face; what lies beyond the picture is its edge.

    Args:
        image_rgb: (h, w, 3) uint8.
        box: The face as the detector found it.
        side_px: Width and height of the square that is returned.

    Returns:
        (side_px, side_px, 3) uint8, in the same order of colours.
    """
    height, width = image_rgb.shape[:2]
    side = max(1, round(_MARGIN * max(box.width, box.height)))
    centre_x, centre_y = box.centre
    left, top = round(centre_x - side / 2), round(centre_y - side / 2)
    inside = image_rgb[
        max(0, min(top, height - 1)) : max(1, top + side),
        max(0, min(left, width - 1)) : max(1, left + side),
    ]
    lacking = (
        min(max(0, -top), side - 1),
        min(max(0, top + side - height), side - 1),
        min(max(0, -left), side - 1),
        min(max(0, left + side - width), side - 1),
    )
    square = cv2.copyMakeBorder(inside, *lacking, cv2.BORDER_REPLICATE)
    finer = cv2.INTER_AREA if side > side_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(square, (side_px, side_px), interpolation=finer), np.uint8)
