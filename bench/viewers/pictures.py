"""What simulated cameras see: one face each, of another size and place, that moves a little."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np

REPO = Path(__file__).resolve().parents[2]
PHOTO = REPO / "tests" / "assets" / "astronaut.png"
WIDTH, HEIGHT = 640, 480
JPEG_QUALITY = 85
# The middle of the face in the photo, (x, y) in pixels; it is some 110 px wide.
FACE_MIDDLE = (225.0, 120.0)
# A camera's pictures begin anew after so many, without a jump.
LOOP_FRAMES = 30


def camera_pictures(camera: int, *, frames: int = LOOP_FRAMES) -> list[bytes]:
    """Return the JPEGs of one camera, the same at every call and others for every camera.

    Args:
        camera: Its number; decides on size, place, motion, light and which way it is mirrored.
        frames: In a loop.

    Raises:
        FileNotFoundError: If the public picture of the tests is not there.
    """
    photo_bgr = cv2.imread(str(PHOTO))
    if photo_bgr is None:
        raise FileNotFoundError(PHOTO)
    chance = np.random.default_rng(camera)
    zoom = chance.uniform(0.9, 1.4)
    middle_x, middle_y = chance.uniform(250, 390), chance.uniform(210, 270)
    sway_x, sway_y = chance.uniform(10, 40), chance.uniform(4, 15)
    light = chance.uniform(0.8, 1.15)
    is_mirrored = bool(chance.integers(2))
    pictures = []
    for number in range(frames):
        turn = 2 * math.pi * number / frames
        x, y = middle_x + sway_x * math.sin(turn), middle_y + sway_y * math.sin(2 * turn)
        face_x, face_y = FACE_MIDDLE
        moved = np.array([[zoom, 0, x - zoom * face_x], [0, zoom, y - zoom * face_y]])
        picture = cv2.warpAffine(
            photo_bgr, moved, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT_101
        )
        picture = cv2.convertScaleAbs(picture[:, ::-1] if is_mirrored else picture, alpha=light)
        done, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        if not done:
            raise RuntimeError("the picture cannot be encoded")
        pictures.append(encoded.tobytes())
    return pictures
