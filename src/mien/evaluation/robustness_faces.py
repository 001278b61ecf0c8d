"""What every condition does to one face: a contact sheet, as pictures and as one PNG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mien.core.errors import ShapeError
from mien.evaluation.perturbations import UInt8Array
from mien.evaluation.robustness_conditions import Condition

_GROUND, _INK = 255, 35
_FACE_PX, _GAP_PX, _MARGIN_PX, _LINE_PX, _FONT_PX = 108, 12, 20, 17, 13


def changed_faces(
    face_gray: UInt8Array, conditions: Sequence[Condition]
) -> Iterator[tuple[str, str, UInt8Array]]:
    """Yield a face as it is, then in every direction of every condition.

    Args:
        face_gray: (h, w) uint8.
        conditions: What is done to it.

    Yields:
        Name of the condition, name of the direction (empty where there is none), and the
        face, (h, w) uint8.

    Raises:
        ShapeError: If it is not one gray face.
    """
    if face_gray.ndim != 2:
        raise ShapeError(f"expected one gray face (h, w), got shape {face_gray.shape}")
    faces = np.ascontiguousarray(face_gray)[None]
    yield "unchanged", "", faces[0]
    for condition in conditions:
        for way, change in condition.ways.items():
            yield condition.name, way if len(condition.ways) > 1 else "", change(faces)[0]


def encode_png(face_gray: UInt8Array) -> bytes:
    """Return a gray picture as the bytes of a PNG."""
    _, data = cv2.imencode(".png", face_gray)
    return data.tobytes()


def draw_faces(
    face_gray: UInt8Array, conditions: Sequence[Condition], *, columns: int = 9
) -> Image.Image:
    """Draw the contact sheet as one gray picture, each face with its condition below.

    Args:
        face_gray: (h, w) uint8.
        conditions: What is done to it.
        columns: Faces in a row.

    Raises:
        ShapeError: If it is not one gray face.
    """
    cells = list(changed_faces(face_gray, conditions))
    across, down = _FACE_PX + _GAP_PX, _FACE_PX + 2 * _LINE_PX + _GAP_PX
    rows = -(-len(cells) // columns)
    size = (2 * _MARGIN_PX + columns * across - _GAP_PX, 2 * _MARGIN_PX + rows * down - _GAP_PX)
    sheet = Image.new("L", size, _GROUND)
    draw = ImageDraw.Draw(sheet)
    # Pillow's own font: the same picture on every machine.
    font = ImageFont.load_default(_FONT_PX)
    for place, (name, way, face) in enumerate(cells):
        left = _MARGIN_PX + place % columns * across
        top = _MARGIN_PX + place // columns * down
        enlarged = Image.fromarray(face).resize((_FACE_PX, _FACE_PX), Image.Resampling.BICUBIC)
        sheet.paste(enlarged, (left, top))
        draw.text((left, top + _FACE_PX + 3), name, fill=_INK, font=font)
        draw.text((left, top + _FACE_PX + 3 + _LINE_PX), way, fill=_INK, font=font)
    return sheet
