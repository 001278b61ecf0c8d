"""Drawn people as video files: H.264, with the noise of a camera, or as small as can be."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from bench.tracks.pictures import Painter
from bench.tracks.truth import HEIGHT, WIDTH, TrueFace, TrueFrame
from mien.core.types import Box
from mien.media import VideoWriter

# In gray levels, for some 4 Mbit/s; without it the decoder has hardly anything to do.
NOISE = 4.0
NOISE_FRAMES = 12
# Left of the middle and how far it goes, the height of its way, seconds a turn, side of the face.
WALKS = ((330, 190, 60, 6.0, 165), (930, 180, 80, 4.5, 185))
SMALL = (320, 180)

UInt8Array = NDArray[np.uint8]


def two_faces(seconds: float, rate_hz: float) -> Iterator[TrueFrame]:
    """Yield frames of two people who sway to and fro, never off the picture nor into each other."""
    for number in range(round(seconds * rate_hz)):
        now_s = number / rate_hz
        faces = []
        for who, (middle, reach, height, turn_s, side) in enumerate(WALKS):
            phase = 2 * math.pi * now_s / turn_s
            x, y = middle + reach * math.sin(phase), 360 + height * math.sin(2 * phase)
            grown = side * (1 + 0.12 * math.sin(0.7 * phase))
            box = Box(x - grown / 2, y - grown / 2, x + grown / 2, y + grown / 2)
            faces.append(TrueFace(who, who, box, 1.0))
        yield TrueFrame(now_s, tuple(faces))


def make_clip(path: Path, seconds: float, rate_hz: float = 30.0) -> Path:
    """Write a 720p clip of two moving faces."""
    painter = Painter(len(WALKS), seed=0)
    rng = np.random.default_rng(0)
    shape = (NOISE_FRAMES, HEIGHT, WIDTH, 3)
    noise = np.rint(rng.standard_normal(shape, np.float32) * NOISE).astype(np.int8)
    with VideoWriter(path, quality=20) as writer:
        for number, frame in enumerate(two_faces(seconds, rate_hz)):
            noisy = painter.draw(frame).astype(np.int16) + noise[number % NOISE_FRAMES]
            image_bgr = np.clip(noisy, 0, 255).astype(np.uint8)
            writer.write(np.ascontiguousarray(image_bgr[:, :, ::-1]), frame.timestamp_s)
    return path


def make_long(path: Path, seconds: float, rate_hz: float) -> Path:
    """Write a small film of any length: the same ten seconds of two faces again and again."""
    painter = Painter(len(WALKS), seed=0)
    pictures: list[UInt8Array] = [
        np.asarray(cv2.resize(painter.draw(frame)[:, :, ::-1], SMALL), np.uint8)
        for frame in two_faces(10, rate_hz)
    ]
    with VideoWriter(path, preset="ultrafast") as writer:
        for number in range(round(seconds * rate_hz)):
            writer.write(pictures[number % len(pictures)], number / rate_hz)
    return path
