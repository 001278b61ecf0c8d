"""What spoke for and against an expression: a map over the face, in absolute units.

Made by `mien.recognition.explain`, drawn by `mien.recognition.drawing.explanation`.
"""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.core.imaging import CropSquare
from mien.core.types import Face

UInt8Array = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

METHOD = "occlusion, soft patches of 1/6, 1/4 and 1/3 of the side replaced by the blurred face"
UNIT = "drop of the label's log-odds, ln(p / (1 - p)), when the part is hidden"

# Where no part changes the odds by this factor, all are told as one.
WEAK_FACTOR = 1.5


@dataclass(frozen=True, eq=False)
class Explanation:
    """What spoke for and against one label of one face.

    Attributes:
        face: The face, with its expression.
        label: The expression that is explained.
        map: (s, s) float32, read-only, over the crop that the model saw: the drop of the label's
            log-odds (natural logarithm) where a part is hidden. Positive spoke for the label.
        crop_gray: That crop, (s, s) uint8, read-only.
        square: Where the crop lies in the picture.
        picture_size: (width, height) of the picture in pixels, upright.
        view_bgr: The picture about the face, upright, (v, v, 3) uint8, read-only.
        view_square: Where `view_bgr` lies in the picture.
        bundle: The model's name.
    """

    face: Face
    label: str
    map: FloatArray
    crop_gray: UInt8Array
    square: CropSquare
    picture_size: tuple[int, int]
    view_bgr: UInt8Array
    view_square: CropSquare
    bundle: str

    def __post_init__(self) -> None:
        for array in (self.map, self.crop_gray, self.view_bgr):
            array.flags.writeable = False

    @property
    def probability(self) -> float:
        """The label's probability with nothing hidden, 0..1."""
        return self.face.expression[self.label]

    @property
    def strongest(self) -> float:
        """The value of the map that is furthest from 0, with its sign."""
        return float(self.map.flat[np.abs(self.map).argmax()])

    @property
    def is_weak(self) -> bool:
        """Whether no part changes the odds by a factor of 1.5: there is little to tell."""
        return abs(self.strongest) < math.log(WEAK_FACTOR)

    @property
    def parts(self) -> Mapping[str, float]:
        """The map at `right eye`, `left eye` (the person's own), `nose` and `mouth`.

        Empty where the detector has no landmarks.
        """
        marks = self.face.landmarks
        if marks is None:
            return MappingProxyType({})
        mouth = ((marks[3][0] + marks[4][0]) / 2, (marks[3][1] + marks[4][1]) / 2)
        points = dict(
            zip(("right eye", "left eye", "nose", "mouth"), (*marks[:3], mouth), strict=True)
        )
        last = len(self.map) - 1
        to_crop = np.linalg.inv(self.square.to_picture(len(self.map)))
        found = {}
        for name, (x, y) in points.items():
            column, row = np.clip(np.floor(to_crop[:2] @ (x, y, 1.0)), 0, last).astype(int)
            found[name] = float(self.map[row, column])
        return MappingProxyType(found)

    def on_picture(self) -> FloatArray:
        """Return the map laid over the whole picture, (height, width) float32.

        NaN where the model saw nothing. A picture of 12 megapixels takes about 0.3 GB.
        """
        return project(self.map, self.square, np.eye(3), self.picture_size)

    def on_view(self) -> FloatArray:
        """Return the map laid over `view_bgr`, (v, v) float32, NaN where nothing was seen."""
        side = len(self.view_bgr)
        to_view = np.asarray(np.linalg.inv(self.view_square.to_picture(side)), np.float64)
        return project(self.map, self.square, to_view, (side, side))

    def to_image(self) -> Image.Image:
        """Return the face with the map laid over it, its label and a legend, as an RGB picture."""
        from mien.recognition.drawing.explanation import draw_explanation

        return draw_explanation(self)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it but the pictures, as JSON-ready values."""
        return {
            "label": self.label,
            "probability": round(self.probability, 4),
            "bundle": self.bundle,
            "method": METHOD,
            "unit": UNIT,
            "strongest": round(self.strongest, 4),
            "is_weak": self.is_weak,
            "words": self.to_words(),
            "parts": {name: round(value, 4) for name, value in self.parts.items()},
            "map": np.round(self.map.astype(np.float64), 4).tolist(),
            "square": self.square.to_dict(),
            "face": self.face.to_dict(),
        }

    def to_words(self) -> str:
        """Return the parts and how much each changed the odds, the strongest first."""
        if self.is_weak:
            return f"no part matters much: each changes the odds by less than x{WEAK_FACTOR:g}"
        if not self.parts:
            side = "for" if self.strongest > 0 else "against"
            return f"strongest part {side} it, {times(self.strongest)}"
        ranked = sorted(self.parts.items(), key=lambda part: -abs(part[1]))
        return ", ".join(f"{name} {times(value)}" for name, value in ranked)

    def __repr__(self) -> str:
        return f"Explanation({self.label} {self.probability:.0%}: {self.to_words()})"

    def _repr_html_(self) -> str:
        out = io.BytesIO()
        self.to_image().save(out, "PNG")
        told = html.escape(f"{self.label} {self.probability:.0%}; {self.to_words()}", quote=True)
        data = base64.b64encode(out.getvalue()).decode("ascii")
        return f'<img style="max-width:100%" alt="{told}" src="data:image/png;base64,{data}">'


def project(
    values: FloatArray, square: CropSquare, to_view: NDArray[np.float64], size: tuple[int, int]
) -> FloatArray:
    """Lay a crop's values over a view of the picture that the crop is of.

    Args:
        values: (s, s) float32, one for each pixel of the crop.
        square: Where the crop lies in the picture.
        to_view: (3, 3) from points (x, y, 1) of the picture to the view's, in the coordinates
            of `CropSquare`; the identity for the whole picture.
        size: (width, height) of the view in pixels.

    Returns:
        (height, width) float32, NaN where the crop shows nothing.
    """
    side = len(values)
    to_crop = np.linalg.inv(to_view @ square.to_picture(side))
    # Pixel centres lie at +0.5 here and at whole numbers in warpAffine.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    laid = cv2.warpAffine(
        values,
        (np.linalg.inv(half) @ to_crop @ half)[:2],
        size,
        flags=cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    xs, ys = np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5
    outside = np.zeros((size[1], size[0]), np.bool_)
    for row in to_crop[:2]:
        place = row[0] * xs + row[1] * ys[:, None] + row[2]
        outside |= (place < 0) | (place > side)
    # A cubic may swing past the values that it joins; nothing is shown that was not measured.
    held = np.clip(np.asarray(laid, np.float32), values.min(), values.max())
    return np.where(outside, np.float32(np.nan), held)


def times(value: float) -> str:
    """Return a drop of log-odds as the factor of the odds that it is: `x2.7`, `x0.5`, `x1/12`.

    Told up to a thousand; in plain letters, since the typeface of the pictures has no others.
    """
    factor = math.exp(min(abs(value), math.log(1000)))
    if factor >= 10:
        return f"x{factor:.0f}" if value > 0 else f"x1/{factor:.0f}"
    return f"x{math.exp(value):.2g}"
