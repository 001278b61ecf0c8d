"""Pictures to arrays, and arrays to what a model sees.

The one owner of colour order, EXIF turning, gray conversion, face crop geometry, resizing
and normalisation: training, evaluation and serving all come through here, so a face looks
the same to a model wherever it is met. Pictures are uint8 arrays, HWC in BGR order
(OpenCV's) or HW gray, values 0..255, unless a name says otherwise.
"""

from __future__ import annotations

import io
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from mien.core.errors import ImageError, ShapeError
from mien.core.jpeg import check_scans
from mien.core.types import Box

UInt8Array = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
ColourOrder = Literal["bgr", "rgb"]

# Large enough for nearly every camera, small enough to refuse a decompression bomb before a
# byte of it is decoded; Pillow begins to warn of bombs just above.
MAX_PIXELS = 89_000_000

# Side of the largest grid that a face is sampled on before it is averaged down.
_FINEST_SIDE = 4096


@dataclass(frozen=True)
class CropFrame:
    """How the square that a model wants lies about the box that a detector draws.

    Measured per detector by running it over training faces (`mien.faces.framing`).

    Attributes:
        scale: Side of the square over the box's mean side, sqrt(width * height).
        shift_x: Square's centre minus box's centre, in box widths, along the face's own right.
        shift_y: The same, in box heights, along the face's own downward direction.
        align: Whether to turn the face upright by its eyes where landmarks are known.
    """

    scale: float = 1.0
    shift_x: float = 0.0
    shift_y: float = 0.0
    align: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class CropSquare:
    """The square of a picture that a crop shows.

    Coordinates are those of `Box`: a pixel's centre lies at +0.5, in crop and picture alike.

    Attributes:
        centre_x: Its middle in the picture, in pixels.
        centre_y: The same, downward.
        side_px: Its side in pixels of the picture.
        roll_degrees: How far it is turned, clockwise as seen.
    """

    centre_x: float
    centre_y: float
    side_px: float
    roll_degrees: float = 0.0

    def to_picture(self, size: int) -> NDArray[np.float64]:
        """Return the (3, 3) matrix from points (x, y, 1) of the crop to the picture's.

        Args:
            size: Side of the crop in its own pixels.
        """
        roll, step = math.radians(self.roll_degrees), self.side_px / size
        across, down = step * math.cos(roll), step * math.sin(roll)
        turn = np.array([[across, -down], [down, across]])
        moved = np.array([self.centre_x, self.centre_y]) - turn @ (size / 2, size / 2)
        return np.vstack([np.column_stack([turn, moved]), (0.0, 0.0, 1.0)])

    def to_dict(self) -> dict[str, float]:
        """Return centre and side in pixels and the roll in degrees, rounded."""
        return {name: round(value, 2) for name, value in asdict(self).items()}


def decode_image(data: bytes, *, max_pixels: int = MAX_PIXELS) -> UInt8Array:
    """Decode an encoded picture (JPEG, PNG, WebP, TIFF, BMP, GIF's first frame, ...).

    The size is read from the header, and the scans of a JPEG are counted, before any pixel is
    decoded; EXIF orientation is applied, transparency is laid on white, 16-bit gray is scaled.

    Args:
        data: The file's bytes.
        max_pixels: Largest width times height to accept.

    Returns:
        The upright picture, HWC uint8 in BGR order.

    Raises:
        ImageError: If the bytes are no picture, are cut off, or the picture is too large or takes
            too much work.
    """
    if not data:
        raise ImageError("the picture is empty (0 bytes)")
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > max_pixels:
                raise ImageError(
                    f"the picture is {image.width} x {image.height} pixels, more than the "
                    f"{max_pixels / 1e6:g} megapixels accepted; scale it down first"
                )
            if image.format in ("JPEG", "MPO"):
                check_scans(data)
            if image.format == "JPEG" and image.mode in ("RGB", "L"):
                image.verify()
                # OpenCV decodes JPEG about twice as fast as Pillow and turns it by EXIF too.
                decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
                if decoded is not None:
                    return np.asarray(decoded, np.uint8)
                raise ImageError("the JPEG cannot be decoded; the file is damaged")
            return pil_to_bgr(image)
    except UnidentifiedImageError as error:
        raise ImageError("not a picture in any format that can be read here") from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"the picture is too large to open safely: {error}") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"the picture is damaged: {error}") from error


def read_image(path: Path | str, *, max_pixels: int = MAX_PIXELS) -> UInt8Array:
    """Read a picture file; see `decode_image`.

    Raises:
        ImageError: If the file is missing, unreadable or no picture; the text has the path.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ImageError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        return decode_image(data, max_pixels=max_pixels)
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from error


def pil_to_bgr(image: Image.Image) -> UInt8Array:
    """Return a Pillow picture as upright HWC uint8 in BGR order.

    Raises:
        ImageError: If it holds floating-point values.
    """
    upright = ImageOps.exif_transpose(image)
    if upright.mode == "F":
        raise ImageError("a floating-point picture has no known range; save it with 8 or 16 bits")
    if upright.mode in ("I;16", "I;16B", "I;16L", "I"):
        values = np.asarray(upright, np.float64)
        scale = 255.0 / 65535.0 if values.max(initial=0) > 255 else 1.0
        gray = np.clip(values * scale + 0.5, 0, 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    if upright.has_transparency_data:
        rgba = upright.convert("RGBA")
        ground = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        upright = Image.alpha_composite(ground, rgba)
    rgb = np.asarray(upright.convert("RGB"), np.uint8)
    return np.ascontiguousarray(rgb[:, :, ::-1])


def as_bgr(
    image: UInt8Array | Image.Image | bytes | Path | str, *, colour_order: ColourOrder = "bgr"
) -> UInt8Array:
    """Return any picture that mien takes as HWC uint8 in BGR order.

    Args:
        image: A path, encoded bytes, a Pillow picture, or an array: HW or HW1 gray, HW3
            colour, HW4 colour with alpha (dropped), uint8 of 0..255.
        colour_order: The channel order of an array; ignored for everything else.

    Raises:
        ImageError: If a file or its bytes cannot be read.
        ShapeError: If an array has another shape or dtype.
    """
    if isinstance(image, (str, Path)):
        return read_image(image)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return decode_image(bytes(image))
    if isinstance(image, Image.Image):
        return pil_to_bgr(image)
    if not isinstance(image, np.ndarray):
        raise ShapeError(
            f"expected a path, bytes, a Pillow picture or an array, got {type(image).__name__}"
        )
    return _array_as_bgr(image, colour_order)


def _array_as_bgr(image: UInt8Array, colour_order: ColourOrder) -> UInt8Array:
    if image.dtype != np.uint8:
        raise ShapeError(
            f"expected a uint8 array with values 0..255, got {image.dtype}; "
            "scale a 0..1 picture with (image * 255).astype('uint8')"
        )
    if colour_order not in ("bgr", "rgb"):
        raise ShapeError(f"colour_order must be 'bgr' or 'rgb', got {colour_order!r}")
    if image.ndim == 3 and image.shape[2] == 1:
        image = image[:, :, 0]
    if image.size == 0:
        raise ShapeError(f"the picture is empty: shape {image.shape}")
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    if image.ndim != 3 or image.shape[2] not in (3, 4):
        raise ShapeError(f"expected shape (h, w), (h, w, 3) or (h, w, 4), got {image.shape}")
    colour = np.ascontiguousarray(image[:, :, :3])
    # OpenCV swaps channels some twenty times as fast as a strided copy does.
    return colour if colour_order == "bgr" else swap_red_and_blue(colour)


def swap_red_and_blue(image: UInt8Array) -> UInt8Array:
    """Return an HW3 RGB picture as BGR, or a BGR one as RGB, in memory of its own."""
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2BGR), np.uint8)


def to_gray(image: UInt8Array, *, colour_order: ColourOrder = "bgr") -> UInt8Array:
    """Return the ITU-R BT.601 luma of an HW3 picture, or a gray HW picture as it is."""
    if image.ndim == 2:
        return image
    how = cv2.COLOR_BGR2GRAY if colour_order == "bgr" else cv2.COLOR_RGB2GRAY
    return np.asarray(cv2.cvtColor(image, how), np.uint8)


def resize_gray(gray: UInt8Array, size: int) -> UInt8Array:
    """Resize an HW picture to size x size: area average to shrink, linear to enlarge."""
    if gray.shape == (size, size):
        return gray
    shrinks = gray.shape[0] > size or gray.shape[1] > size
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(gray, (size, size), interpolation=how), np.uint8)


def eye_roll_degrees(landmarks: tuple[tuple[float, float], ...] | None) -> float:
    """Return by how many degrees a face is rolled, clockwise as seen, from its eyes.

    Args:
        landmarks: As in `Face.landmarks`: the person's right eye first, then the left, which
            in an upright picture is further right. None gives 0.
    """
    if landmarks is None:
        return 0.0
    (right_x, right_y), (left_x, left_y) = landmarks[0], landmarks[1]
    return math.degrees(math.atan2(left_y - right_y, left_x - right_x))


def crop_square(
    box: Box, frame: CropFrame, landmarks: tuple[tuple[float, float], ...] | None = None
) -> CropSquare:
    """Return where the square that a model wants lies about one detected face.

    Args:
        box: The detector's box, xyxy in pixels.
        frame: The detector's crop frame.
        landmarks: As in `Face.landmarks`; turns the square if `frame.align`.

    Raises:
        ShapeError: If the box has no area.
    """
    if not (box.width > 0 and box.height > 0):
        raise ShapeError(f"expected a box with an area, got {box}")
    roll_degrees = eye_roll_degrees(landmarks) if frame.align else 0.0
    roll = math.radians(roll_degrees)
    cos, sin = math.cos(roll), math.sin(roll)
    offset_x, offset_y = frame.shift_x * box.width, frame.shift_y * box.height
    return CropSquare(
        centre_x=box.centre[0] + cos * offset_x - sin * offset_y,
        centre_y=box.centre[1] + sin * offset_x + cos * offset_y,
        side_px=frame.scale * math.sqrt(box.width * box.height),
        roll_degrees=roll_degrees,
    )


def crop_face(
    image: UInt8Array,
    box: Box,
    *,
    size: int,
    frame: CropFrame,
    landmarks: tuple[tuple[float, float], ...] | None = None,
    colour_order: ColourOrder = "bgr",
) -> UInt8Array:
    """Cut the square that a model wants about one detected face, turned upright.

    What lies outside the picture repeats its edge. Large faces are averaged down, not
    sampled, so that a 400 px face shows a 48 px model no aliasing.

    Args:
        image: The whole picture, HW gray or HW3, uint8.
        box: The detector's box, xyxy in pixels.
        size: Side of the crop in pixels.
        frame: The detector's crop frame.
        landmarks: As in `Face.landmarks`; turns the crop if `frame.align`.
        colour_order: The channel order of an HW3 picture.

    Returns:
        The gray crop, (size, size) uint8.

    Raises:
        ShapeError: If the picture is not HW or HW3 uint8, or the box has no area.
    """
    if image.dtype != np.uint8 or not (
        image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)
    ):
        raise ShapeError(
            f"expected an HW or HW3 uint8 picture, got {image.dtype} of shape {image.shape}"
        )
    return cut_square(image, crop_square(box, frame, landmarks), size, colour_order=colour_order)


def cut_square(
    image: UInt8Array, square: CropSquare, size: int, *, colour_order: ColourOrder = "bgr"
) -> UInt8Array:
    """Return what a square of an HW or HW3 uint8 picture shows, in gray; see `crop_face`."""
    roll, side = math.radians(square.roll_degrees), square.side_px
    cos, sin = math.cos(roll), math.sin(roll)
    centre_x, centre_y = square.centre_x, square.centre_y
    # Sample at a whole multiple of the wanted size, then average down: warpAffine alone
    # would skip pixels of a large face.
    multiple = max(1, min(math.ceil(side / size - 0.25), _FINEST_SIDE // size))
    fine = size * multiple
    step = side / fine
    matrix = np.array(
        [
            [cos * step, -sin * step, centre_x - (cos - sin) * step * (fine - 1) / 2],
            [sin * step, cos * step, centre_y - (sin + cos) * step * (fine - 1) / 2],
        ]
    )
    # Pixel centres lie at +0.5 in box coordinates and at whole numbers in warpAffine's.
    matrix[:, 2] -= 0.5
    # OpenCV refuses pictures of 32,767 px and more, so it is shown only what it samples.
    reach = side * (abs(cos) + abs(sin)) / 2
    x0, x1 = _span(centre_x, reach, image.shape[1])
    y0, y1 = _span(centre_y, reach, image.shape[0])
    matrix[:, 2] -= (x0, y0)
    warped = cv2.warpAffine(
        # Gray where it is looked at, and not all of a large picture.
        to_gray(image[y0:y1, x0:x1], colour_order=colour_order),
        matrix,
        (fine, fine),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return resize_gray(np.asarray(warped, np.uint8), size)


def _span(centre: float, reach: float, length: int) -> tuple[int, int]:
    """Return the pixels (first, past the last) within `reach` of `centre`, at least one."""
    first = min(max(math.floor(centre - reach) - 2, 0), length - 1)
    return first, min(max(math.ceil(centre + reach) + 2, first + 1), length)


def sharpness(face_gray: UInt8Array) -> float:
    """Return the variance of the Laplacian of a face, in squared gray levels.

    Less is more blurred. It grows with contrast and depends on the size in pixels, so it ranks
    crops of one size, such as a model's. A measure of focus since Pech-Pacheco et al. (2000);
    LAP4 in the comparison of Pertuz et al. (2013).

    Args:
        face_gray: (h, w) uint8.
    """
    return float(cv2.Laplacian(face_gray, cv2.CV_64F).var())


def normalise(crops_gray: UInt8Array, *, mean: float, std: float) -> FloatArray:
    """Turn crops into a model's input.

    Args:
        crops_gray: (n, h, w) uint8, 0..255; n may be 0.
        mean: Subtracted after scaling to 0..1.
        std: Divided by after that.

    Returns:
        (n, 1, h, w) float32.

    Raises:
        ShapeError: If the crops are not (n, h, w) uint8.
    """
    if crops_gray.ndim != 3 or crops_gray.dtype != np.uint8:
        raise ShapeError(
            f"expected (n, h, w) uint8 crops, got {crops_gray.dtype} of shape {crops_gray.shape}"
        )
    scaled = crops_gray[:, None].astype(np.float32) / np.float32(255.0)
    return (scaled - np.float32(mean)) / np.float32(std)
