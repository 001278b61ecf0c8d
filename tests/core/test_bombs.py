"""Pictures made to use up memory or time are refused before a pixel of them is decoded."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from mien.core.errors import ImageError
from mien.core.imaging import decode_image
from mien.core.jpeg import MAX_JPEG_SCANS, count_scans

SIDE = 12_000  # 144 megapixels: 432 MB of colour, below what Pillow refuses by itself


def encoded(kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    chance = np.random.default_rng(3)
    pixels = chance.integers(0, 256, (48, 64, 3), np.uint8)
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def patched(data: bytes, at: int, form: str, *values: int) -> bytes:
    size = struct.calcsize(form)
    return data[:at] + struct.pack(form, *values) + data[at + size :]


def jpeg_bomb() -> bytes:
    data = encoded("JPEG")
    return patched(data, data.index(b"\xff\xc0") + 5, ">HH", SIDE, SIDE)


def png_bomb() -> bytes:
    """All of its 144 megapixels are there, in less than 500 KB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    packer = zlib.compressobj(9)
    row = bytes(SIDE + 1)
    body = b"".join(packer.compress(row) for _ in range(SIDE)) + packer.flush()
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def webp_bomb() -> bytes:
    data = encoded("WEBP", lossless=True)
    at = data.index(b"VP8L") + 9
    return patched(data, at, "<I", (SIDE - 1) | (SIDE - 1) << 14)


def gif_bomb() -> bytes:
    data = patched(encoded("GIF"), 6, "<HH", SIDE, SIDE)
    return patched(data, data.index(b",\0\0\0\0") + 5, "<HH", SIDE, SIDE)


def tiff_bomb() -> bytes:
    """A real one: one bit a pixel, 18 MB in a few KB, and 432 MB as colour."""
    out = io.BytesIO()
    Image.new("1", (SIDE, SIDE)).save(out, "TIFF", compression="group4")
    return out.getvalue()


BOMBS = {
    "JPEG": jpeg_bomb,
    "PNG": png_bomb,
    "WEBP": webp_bomb,
    "GIF": gif_bomb,
    "TIFF": tiff_bomb,
}

# A process of its own, since the most memory that a process ever had never goes down.
MEASURE = """
import json, resource, sys
from mien.core.errors import ImageError
from mien.core.imaging import decode_image

bomb = sys.stdin.buffer.read()
def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
try:  # what every decoder brings with it is not the bomb's
    decode_image(b"no picture")
except ImageError:
    pass
before_mb = peak_mb()
try:
    words = str(decode_image(bomb, max_pixels=50_000_000).shape)
except ImageError as error:
    words = str(error)
print(json.dumps({"words": words, "grew_mb": peak_mb() - before_mb}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="measures memory as Unix does")
@pytest.mark.parametrize("kind", BOMBS)
def test_a_bomb_is_refused_by_its_header_with_memory_staying_low(kind: str) -> None:
    bomb = BOMBS[kind]()
    assert len(bomb) < 1_000_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], input=bomb, capture_output=True, check=True, timeout=120
    )
    told = json.loads(done.stdout)
    assert f"{SIDE} x {SIDE} pixels, more than the 50 megapixels" in told["words"]
    assert told["grew_mb"] < 40, told


def many_scans(scans: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    data = encoded("JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (scans - count_scans(data, 100)) + b"\xff\xd9"


def test_scans_of_a_jpeg_are_counted_as_they_are_written() -> None:
    assert count_scans(encoded("JPEG"), 100) == 1
    # Pillow's encoder is libjpeg, whose default script for colour has ten scans.
    assert count_scans(encoded("JPEG", progressive=True), 100) == 10
    assert count_scans(many_scans(37), 100) == 37
    assert count_scans(many_scans(37), 20) == 21


def test_what_lies_in_a_segment_or_after_the_picture_is_no_scan() -> None:
    """Phones hide thumbnails in the header and films behind the picture."""
    scans = b"\xff\xda\x00\x02" * 500
    data = encoded("JPEG", exif=b"Exif\0\0" + scans) + scans
    assert count_scans(data, 100) == 1
    assert decode_image(data).shape == (48, 64, 3)


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8\xff\xe0", b"\xff\xe0\x00\x00" * 9])
def test_a_damaged_jpeg_can_be_counted(data: bytes) -> None:
    assert count_scans(data, 100) == 0


def test_a_jpeg_of_endless_scans_is_refused_at_once() -> None:
    bomb = many_scans(400_000)
    started_s = time.process_time()
    with pytest.raises(ImageError, match=f"more than {MAX_JPEG_SCANS} times"):
        decode_image(bomb)
    assert time.process_time() - started_s < 1
    assert decode_image(encoded("JPEG", progressive=True)).shape == (48, 64, 3)
