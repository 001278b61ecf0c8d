"""Pictures on their way to a server, as bytes of a kind that it takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ImageError
from mien.core.imaging import ColourOrder, as_bgr

if TYPE_CHECKING:
    from PIL.Image import Image

UInt8Array = NDArray[np.uint8]
Picture = UInt8Array | bytes | Path | str
JPEG_QUALITY = 90


def encode_picture(
    picture: Picture | Image,
    *,
    colour_order: ColourOrder = "bgr",
    kind: Literal["png", "jpeg"] = "png",
) -> bytes:
    """Return a picture as a server takes it; a JPEG, PNG or WebP stays as it is.

    Args:
        picture: A path, encoded bytes, a Pillow picture or an array, as `mien.analyze` takes it.
        colour_order: The channel order of an array.
        kind: What anything else becomes: PNG, which loses nothing, or JPEG, which is quick.

    Raises:
        ImageError: If a file cannot be read, or is no picture.
        ShapeError: If an array has another shape or dtype.
    """
    if isinstance(picture, (str, Path)):
        path = Path(picture)
        try:
            picture = path.read_bytes()
        except OSError as error:
            raise ImageError(f"cannot read {path}: {error.strerror or error}") from error
    if isinstance(picture, (bytes, bytearray, memoryview)):
        picture = bytes(picture)
        if _is_taken(picture):
            return picture
    image_bgr = as_bgr(picture, colour_order=colour_order)
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if kind == "jpeg" else []
    done, encoded = cv2.imencode(".jpg" if kind == "jpeg" else ".png", image_bgr, options)
    if not done:
        raise ImageError(f"a picture of {image_bgr.shape[1]}x{image_bgr.shape[0]} is no {kind}")
    return encoded.tobytes()


def _is_taken(data: bytes) -> bool:
    webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return webp or data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"))
