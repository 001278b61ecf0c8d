"""How much work a JPEG asks for, told without decoding it."""

from __future__ import annotations

import re

from mien.core.errors import ImageError

# Encoders write at most about ten; each costs as much as decoding the whole picture once more.
MAX_JPEG_SCANS = 60

# A marker, among entropy-coded data too: there 0xFF is followed by 0x00, and restart markers
# (D0 to D7) end nothing. ITU-T T.81, B.1.1.
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_START_OF_SCAN, _END_OF_IMAGE, _START_OF_IMAGE, _TEMPORARY = 0xDA, 0xD9, 0xD8, 0x01


def check_scans(data: bytes) -> None:
    """Let pass only a JPEG that is decoded in a bounded time.

    Raises:
        ImageError: If it goes over its picture more than `MAX_JPEG_SCANS` times.
    """
    if count_scans(data, MAX_JPEG_SCANS) > MAX_JPEG_SCANS:
        raise ImageError(
            f"the JPEG goes over its picture more than {MAX_JPEG_SCANS} times, which no camera or "
            "program does; save it anew"
        )


def count_scans(data: bytes, most: int) -> int:
    """Count the scans of a JPEG's first picture, or stop one past `most`.

    A progressive JPEG goes over the whole picture once for each scan. A scan of nothing takes
    some 70 bytes and, at 50 megapixels, 40 ms; so a file of a few megabytes can keep a core for
    hours. Thumbnails and pictures that follow the first one are not counted: decoders read
    neither.

    Args:
        data: The file's bytes.
        most: Where counting may end.
    """
    scans = position = 0
    while scans <= most and (marker := _MARKER.search(data, position)):
        position = marker.end()
        kind = marker[0][1]
        if kind == _END_OF_IMAGE:
            break
        if kind in (_START_OF_IMAGE, _TEMPORARY):
            continue
        scans += kind == _START_OF_SCAN
        # The segment's length counts its own two bytes; what it holds is not looked into.
        position += max(2, int.from_bytes(data[position : position + 2], "big"))
    return scans
