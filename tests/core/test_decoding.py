"""Encoded pictures of every kind become upright BGR, or an error that says what is wrong."""

from __future__ import annotations

import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.core.errors import ImageError, MienError, ShapeError
from mien.core.imaging import MAX_PIXELS, as_bgr, decode_image, pil_to_bgr, read_image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

# EXIF orientation to the operations that undo it, by the EXIF standard (0th row and column).
UPRIGHT_FROM = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 1),
}


def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def quarters() -> NDArray[np.uint8]:
    """A 32 x 48 RGB picture: red, green above blue, white, so every turn of it differs."""
    rgb = np.empty((32, 48, 3), np.uint8)
    rgb[:16, :24], rgb[:16, 24:], rgb[16:, :24], rgb[16:, 24:] = RED, GREEN, BLUE, WHITE
    return rgb


def quarters_of(image_bgr: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """The RGB colours in the middles of the four quarters, top left first, row by row."""
    h, w = image_bgr.shape[:2]
    spots = [(h // 4, w // 4), (h // 4, 3 * w // 4), (3 * h // 4, w // 4), (3 * h // 4, 3 * w // 4)]
    return [tuple(int(v) for v in image_bgr[y, x, ::-1]) for y, x in spots]


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "PPM", "TGA"])
def test_lossless_formats_decode_to_the_very_pixels(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    decoded = decode_image(encode(Image.fromarray(quarters()), kind, **options))
    assert decoded.dtype == np.uint8
    np.testing.assert_array_equal(decoded[:, :, ::-1], quarters())


@pytest.mark.parametrize("kind", ["JPEG", "MPO"])
def test_jpeg_decodes_to_nearly_the_same_colours(kind: str) -> None:
    decoded = decode_image(encode(Image.fromarray(quarters()), kind, quality=95))
    np.testing.assert_allclose(
        quarters_of(decoded), [RED, GREEN, BLUE, WHITE], atol=6, err_msg="colour order or layout"
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(quarters())
    decoded = decode_image(encode(stored, kind, exif=exif))
    expected = UPRIGHT_FROM[orientation](quarters())
    assert decoded.shape == expected.shape
    np.testing.assert_allclose(quarters_of(decoded), quarters_of(expected[:, :, ::-1]), atol=12)


def test_pillow_picture_with_orientation_is_turned_like_its_file() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encode(Image.fromarray(quarters()), "PNG", exif=exif)
    with Image.open(io.BytesIO(data)) as picture:
        np.testing.assert_array_equal(pil_to_bgr(picture), decode_image(data))


def test_transparency_is_laid_on_white() -> None:
    rgba = np.zeros((8, 8, 4), np.uint8)
    rgba[:, :4] = (*BLUE, 255)
    rgba[:, 4:] = (*RED, 0)
    rgba[0, 0] = (0, 0, 0, 128)
    decoded = decode_image(encode(Image.fromarray(rgba), "PNG"))
    assert tuple(decoded[4, 1]) == BLUE[::-1]
    assert tuple(decoded[4, 6]) == WHITE
    assert abs(int(decoded[0, 0, 0]) - 127) <= 1  # half black on white


def test_gray_with_alpha_and_transparent_palette_are_laid_on_white() -> None:
    gray_alpha = Image.merge("LA", (Image.new("L", (8, 8), 40), Image.new("L", (8, 8), 0)))
    assert (decode_image(encode(gray_alpha, "PNG")) == 255).all()
    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([*RED, *GREEN])
    palette.putpixel((0, 0), 0)
    decoded = decode_image(encode(palette, "PNG", transparency=0))
    assert tuple(decoded[0, 0]) == WHITE
    assert tuple(decoded[4, 4]) == GREEN[::-1]


def test_palette_and_one_bit_pictures_become_colour() -> None:
    gif = decode_image(encode(Image.fromarray(quarters()), "GIF"))
    np.testing.assert_array_equal(gif[:, :, ::-1], quarters())
    one_bit = decode_image(encode(Image.new("1", (9, 5), 1), "PNG"))
    assert one_bit.shape == (5, 9, 3)
    assert (one_bit == 255).all()


def test_animation_gives_its_first_frame() -> None:
    first, second = Image.new("RGB", (8, 8), RED), Image.new("RGB", (8, 8), BLUE)
    data = encode(first, "GIF", save_all=True, append_images=[second])
    assert tuple(decode_image(data)[0, 0]) == RED[::-1]


def test_16_bit_gray_is_scaled_not_cut() -> None:
    values = np.array([[0, 257, 32896, 65535]], np.uint16).repeat(4, axis=0)
    decoded = decode_image(encode(Image.fromarray(values), "PNG"))
    assert decoded.shape == (4, 4, 3)
    np.testing.assert_array_equal(decoded[0, :, 0], [0, 1, 128, 255])


def test_cmyk_jpeg_keeps_its_colours() -> None:
    cmyk = Image.fromarray(quarters()).convert("CMYK")
    decoded = decode_image(encode(cmyk, "JPEG", quality=95))
    np.testing.assert_allclose(quarters_of(decoded), [RED, GREEN, BLUE, WHITE], atol=12)


def test_gray_jpeg_becomes_three_equal_channels() -> None:
    decoded = decode_image(encode(Image.new("L", (16, 16), 77), "JPEG"))
    assert decoded.shape == (16, 16, 3)
    assert (decoded == 77).all()


def test_floating_point_picture_is_refused() -> None:
    values = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    with pytest.raises(ImageError, match="floating-point"):
        decode_image(encode(Image.fromarray(values), "TIFF"))


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few dozen bytes whose header promises width x height pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = zlib.compress(b"\0" * 64)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


def test_too_many_pixels_are_refused_with_the_size_and_the_limit() -> None:
    with pytest.raises(ImageError, match=r"100 x 60 pixels.*0\.005 megapixels"):
        decode_image(encode(Image.new("L", (100, 60)), "PNG"), max_pixels=5000)
    assert decode_image(encode(Image.new("L", (100, 50)), "PNG"), max_pixels=5000).shape[0] == 50


@pytest.mark.parametrize("side", [60_000, 2_000_000])
def test_decompression_bomb_is_refused_from_its_header(side: int) -> None:
    with pytest.raises(ImageError, match=r"too large|megapixels"):
        decode_image(png_that_claims(side, side))


def test_largest_accepted_picture_is_below_the_size_at_which_pillow_warns() -> None:
    assert Image.MAX_IMAGE_PIXELS is not None
    assert MAX_PIXELS <= Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"not a picture at all", "not a picture"),
        (b"\xff\xd8\xff\xe0", "not a picture|damaged"),
        (b"%PDF-1.7\n", "not a picture"),
    ],
)
def test_what_is_no_picture_is_an_image_error(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        decode_image(data)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about the tags that are missing
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "GIF", "BMP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_file_that_is_cut_off_is_an_image_error(
    kind: str, share: float, astronaut_path: Path
) -> None:
    with Image.open(astronaut_path) as picture:
        data = encode(picture.convert("RGB").resize((96, 96)), kind)
    with pytest.raises(ImageError):
        decode_image(data[: int(len(data) * share)])


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about the metadata we damage
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP"])
def test_damaged_bytes_never_raise_anything_but_an_image_error(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"exif": exif} if kind in ("JPEG", "PNG", "WEBP") else {}
    sound = encode(Image.fromarray(quarters()), kind, **options)
    chance = random.Random(kind)
    refused = 0
    for _ in range(150):
        damaged = bytearray(sound)
        for _ in range(chance.choice((1, 4, 12))):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        try:
            assert decode_image(bytes(damaged)).ndim == 3
        except ImageError:
            refused += 1
    assert refused > 0, "the damage was too light to test anything"


def test_read_image_names_the_file_in_every_error(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"missing\.jpg.*No such file"):
        read_image(tmp_path / "missing.jpg")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"GIF89a")
    with pytest.raises(ImageError, match=r"broken\.png"):
        read_image(broken)
    with pytest.raises(ImageError, match=str(tmp_path)):
        read_image(tmp_path)


def test_every_way_to_hand_over_a_picture_gives_the_same_array(
    astronaut_path: Path, astronaut_bgr: NDArray[np.uint8]
) -> None:
    data = astronaut_path.read_bytes()
    rgb = np.ascontiguousarray(astronaut_bgr[:, :, ::-1])
    for given in (astronaut_path, str(astronaut_path), data, bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(as_bgr(given), astronaut_bgr)
    with Image.open(astronaut_path) as picture:
        np.testing.assert_array_equal(as_bgr(picture), astronaut_bgr)
    np.testing.assert_array_equal(as_bgr(astronaut_bgr), astronaut_bgr)
    np.testing.assert_array_equal(as_bgr(rgb, colour_order="rgb"), astronaut_bgr)


def test_gray_and_alpha_arrays_are_taken() -> None:
    gray = np.arange(12, dtype=np.uint8).reshape(3, 4)
    for given in (gray, gray[:, :, None]):
        np.testing.assert_array_equal(as_bgr(given), np.repeat(gray[:, :, None], 3, axis=2))
    bgra = np.dstack([quarters(), np.zeros((32, 48), np.uint8)])
    np.testing.assert_array_equal(as_bgr(bgra), quarters())
    np.testing.assert_array_equal(as_bgr(bgra, colour_order="rgb"), quarters()[:, :, ::-1])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.zeros((4, 4, 3), np.float32), r"uint8.*float32.*255"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((2, 4, 4, 3), np.uint8), r"\(2, 4, 4, 3\)"),
        (np.zeros((0, 4, 3), np.uint8), "empty"),
        (42, "int"),
        (None, "NoneType"),
    ],
)
def test_what_is_no_picture_array_is_a_shape_error(given: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        as_bgr(given)


def test_unknown_colour_order_is_refused() -> None:
    with pytest.raises(MienError, match=r"'bgr' or 'rgb'.*'gbr'"):
        as_bgr(quarters(), colour_order="gbr")  # type: ignore[arg-type]
