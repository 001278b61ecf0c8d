"""Compose a clip to try a video with, where there is none that may be shown to anybody.

    python notebooks/composed_clip.py clip.mp4

The face is the one of the repository that anybody may see (Eileen Collins, NASA, public domain),
twice, with mouths drawn over it that change. It shows nobody's real expressions, and the same face
twice says nothing about two people.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from mien.media import VideoWriter

PORTRAIT = Path(__file__).resolve().parents[1] / "tests" / "assets" / "astronaut.png"
SIZE = (640, 320)
GROUND = "#c9ced6"
FADE_S = 0.5
# Of the face, 256 px wide, that is cut out of the portrait: left, top, right, bottom.
FACE, MOUTH = (92, 0, 348, 256), (98, 126, 172, 168)
# From which second on somebody has which face.
Script = Sequence[tuple[float, str]]
LEFT: Script = ((0, "smile"), (3, "open"), (5, "smile"), (7.5, "closed"))
RIGHT: Script = ((0, "closed"), (2, "smile"), (8, "open"), (9.5, "smile"))
RIGHT_AWAY_S = (4.0, 6.5)


def faces() -> dict[str, Image.Image]:
    """Return the portrait as it is and with other mouths."""
    portrait = Image.open(PORTRAIT).convert("RGB").crop(FACE)
    return {
        "smile": portrait,
        "open": _with_mouth(portrait, lambda pen: pen.ellipse((25, 8, 49, 38), fill="#3c1419")),
        "closed": _with_mouth(
            portrait, lambda pen: pen.arc((16, 20, 58, 56), 200, 340, fill="#6e3232", width=4)
        ),
    }


def scene(cast: dict[str, Image.Image], at_s: float) -> Image.Image:
    """Return one frame: the left one stays and sways, the right one leaves and comes back."""
    frame = Image.new("RGB", SIZE, GROUND)
    left = _acting(cast, LEFT, at_s).resize((256, 256))
    frame.paste(left, (40 + round(20 * math.sin(at_s)), 40))
    if not RIGHT_AWAY_S[0] <= at_s < RIGHT_AWAY_S[1]:
        right = ImageOps.mirror(_acting(cast, RIGHT, at_s))
        frame.paste(ImageEnhance.Brightness(right).enhance(0.9).resize((230, 230)), (370, 60))
    return frame


def write_clip(path: Path | str, *, length_s: float = 12.0, frames_per_s: float = 10.0) -> None:
    """Write the clip as a video."""
    cast = faces()
    with VideoWriter(path) as writer:
        for number in range(round(length_s * frames_per_s)):
            at_s = number / frames_per_s
            writer.write(np.asarray(scene(cast, at_s)), at_s)


def _with_mouth(portrait: Image.Image, draw: Callable[[ImageDraw.ImageDraw], None]) -> Image.Image:
    """Return the portrait with a mouth softly laid over its own."""
    part = portrait.crop(MOUTH).filter(ImageFilter.GaussianBlur(12))
    draw(ImageDraw.Draw(part))
    seam = Image.new("L", part.size, 0)
    seam.paste(255, (6, 6, part.width - 6, part.height - 6))
    face = portrait.copy()
    seam = seam.filter(ImageFilter.GaussianBlur(3))
    face.paste(part.filter(ImageFilter.GaussianBlur(1.2)), MOUTH[:2], seam)
    return face


def _acting(cast: dict[str, Image.Image], script: Script, at_s: float) -> Image.Image:
    """Return the face that a script has at a time, cross-faded from the one before."""
    begun = [step for step in script if step[0] <= at_s]
    (_, before), (begin_s, now) = begun[-2:][0], begun[-1]
    return Image.blend(cast[before], cast[now], min(1.0, (at_s - begin_s) / FADE_S))


def main() -> int:
    """Write the clip to the path that is given."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("path", type=Path)
    write_clip(parser.parse_args().path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
