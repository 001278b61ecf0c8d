"""Clips of made-up people: results of any length without a model."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable

from mien.core.labels import FERPLUS
from mien.core.types import Box, Expression, Face, FrameResult

BOX = Box(40, 30, 104, 94)


def expression(label: str, strength: float, labels: Iterable[str] = FERPLUS.labels) -> Expression:
    """One expression of some strength, what is left shared out among the others."""
    names = list(labels)
    rest = (1 - strength) / (len(names) - 1)
    return Expression({name: strength if name == label else rest for name in names}, "ferplus")


def face(
    track_id: int | None,
    shown: Expression,
    *,
    smoothed: Expression | None = None,
    box: Box = BOX,
) -> Face:
    return Face(box, 0.9, shown, track_id=track_id, smoothed=smoothed)


def frame(
    timestamp_s: float, *faces: Face, index: int = 0, source: str | None = "clip.mp4"
) -> FrameResult:
    return FrameResult(
        index, timestamp_s, (320, 240), faces, "fake", {}, source=source, detector_threshold=0.6
    )


def any_clip(frames: int = 200, people: int = 3, *, seed: int = 3) -> list[FrameResult]:
    """People who come and go, at an uneven rate and with one hole of 9 s."""
    dice = random.Random(seed)
    now_s, clip = 0.5, []
    for index in range(frames):
        now_s += 9.0 if index == frames // 2 else dice.choice([0.04, 0.1, 0.3])
        seen = []
        for who in range(1, people + 1):
            if math.sin(now_s / 4 + who) > -0.6:
                raw = expression(dice.choice(FERPLUS.labels[:4]), dice.uniform(0.3, 0.99))
                calm = expression(
                    FERPLUS.labels[(who + int(now_s / 3)) % 4], dice.uniform(0.3, 0.99)
                )
                seen.append(face(who, raw, smoothed=calm))
        if dice.random() < 0.1:
            seen.append(face(None, expression("fear", 0.7)))
        clip.append(frame(now_s, *seen, index=index))
    return clip
