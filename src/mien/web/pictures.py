"""Pictures as clients send them, and which of their faces is meant."""

from __future__ import annotations

from collections.abc import Sequence

from mien.core.errors import FaceError, ImageError
from mien.core.types import Box
from mien.faces import DetectedFace


class UnsupportedPictureError(ImageError):
    """The bytes are not of a kind of picture that the server takes."""


def choose_face(faces: Sequence[DetectedFace], which: int | Box) -> DetectedFace:
    """Return the face at a place, largest first, or the one that overlaps a box most.

    Raises:
        FaceError: If there is none.
    """
    if not faces:
        raise FaceError("no face was found in the picture")
    if isinstance(which, Box):
        overlaps = [which.iou(face.box) for face in faces]
        best = max(range(len(faces)), key=overlaps.__getitem__)
        if overlaps[best] == 0:
            raise FaceError(
                f"none of the {len(faces)} faces found lies in the box {which.to_dict()}"
            )
        return faces[best]
    if not 0 <= which < len(faces):
        raise FaceError(f"expected a face from 0 to {len(faces) - 1}, got {which}")
    return faces[which]


def check_kind(picture: bytes) -> None:
    """Let pass only what browsers write, whose decoders are the most beaten on.

    Raises:
        UnsupportedPictureError: If the bytes do not begin as a JPEG, PNG or WebP does.
    """
    webp = picture[:4] == b"RIFF" and picture[8:12] == b"WEBP"
    if not webp and not picture.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise UnsupportedPictureError(
            f"expected a JPEG, PNG or WebP picture, got {len(picture)} bytes that begin as none"
        )
