"""Draw a folder of faces to try the notebooks with, where there is no dataset yet.

    python notebooks/drawn_faces.py FOLDER                   1,200 faces
    python notebooks/drawn_faces.py FOLDER --faces 200 --seed 1

The faces are cartoons of 48 x 48 pixels, gray: an oval with brows, eyes, a nose and a mouth. They
are as uneven in number as FER2013's, many of them half-hearted, so that a model has something to
be wrong about. They say nothing about real faces, and may be shown to anybody.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import astuple, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

SIDE_PX = 48
# Drawn larger and averaged down, as lines of a pixel would not be smooth.
OVERSAMPLING = 8
CANVAS_PX = SIDE_PX * OVERSAMPLING
# Faces by expression in FER2013's training split, which is what ours are in proportion to.
FER2013_COUNTS = {
    "anger": 3995,
    "disgust": 436,
    "fear": 4097,
    "happiness": 7215,
    "sadness": 4830,
    "surprise": 3171,
    "neutral": 4965,
}
SPLIT_SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}
FEWEST = 4


@dataclass(frozen=True)
class Looks:
    """How far each part of a face is from its rest, in shares of half a face's width.

    Attributes:
        brow_height: Both brows up.
        brow_slant: The inner ends of the brows up.
        eye_height: Half the height of an open eye.
        mouth_curve: The corners of the mouth up.
        mouth_open: Half the height of an open mouth.
        mouth_width: Half the width of the mouth.
        nose_wrinkle: How strong the folds beside the nose are, 0..1.
    """

    brow_height: float = 0.0
    brow_slant: float = 0.0
    eye_height: float = 0.1
    mouth_curve: float = 0.0
    mouth_open: float = 0.0
    mouth_width: float = 0.32
    nose_wrinkle: float = 0.0


AT_REST = Looks()
LOOKS = {
    "anger": Looks(-0.1, -0.2, 0.07, -0.07, 0.0, 0.27),
    "disgust": Looks(-0.07, -0.1, 0.05, -0.1, 0.05, 0.3, 1.0),
    "fear": Looks(0.08, 0.17, 0.15, -0.05, 0.1, 0.36),
    "happiness": Looks(0.02, 0.0, 0.08, 0.17, 0.06, 0.4),
    "sadness": Looks(-0.02, 0.17, 0.08, -0.14, 0.0, 0.28),
    "surprise": Looks(0.17, 0.02, 0.16, 0.0, 0.2, 0.18),
    "neutral": AT_REST,
}


def draw_face(expression: str, chance: np.random.Generator) -> NDArray[np.uint8]:
    """Draw a face of somebody else each time.

    Args:
        expression: A key of `LOOKS`.
        chance: Decides person, strength of the expression, place, tilt, light and noise.

    Returns:
        (48, 48) uint8, gray.
    """
    strength = chance.uniform(0.35, 1.1)
    rest, full = np.array(astuple(AT_REST)), np.array(astuple(LOOKS[expression]))
    spread = np.array([0.03, 0.03, 0.015, 0.02, 0.01, 0.03, 0.1])
    looks = Looks(*(rest + strength * (full - rest) + chance.normal(0, 0.6, 7) * spread))
    skin, ground = chance.uniform(120, 215), chance.uniform(30, 230)
    pen = _Pen(
        canvas=np.full((CANVAS_PX, CANVAS_PX), ground, np.float32),
        half_width=CANVAS_PX * chance.uniform(0.36, 0.42),
        centre=CANVAS_PX * (0.5 + chance.uniform(-0.04, 0.04, 2)),
        roll=chance.normal(0, 0.12),
    )
    _draw(pen, looks, skin=skin, ink=skin * chance.uniform(0.2, 0.45), chance=chance)
    shade = np.linspace(-1, 1, CANVAS_PX, dtype=np.float32) * chance.normal(0, 0.15)
    lit = pen.canvas * (1 + (shade if chance.random() < 0.5 else shade[:, None]))
    small = cv2.resize(lit, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    noisy = small + chance.normal(0, chance.uniform(1, 6), small.shape)
    return np.clip(np.round(noisy), 0, 255).astype(np.uint8)


@dataclass
class _Pen:
    """Draws in a face's own coordinates: x to the right and y down, 1 is half its width."""

    canvas: NDArray[np.float32]
    half_width: float
    centre: NDArray[np.float64]
    roll: float

    def place(self, points_xy: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return points (n, 2) of the face in pixels of the canvas."""
        turn = np.array(
            [[np.cos(self.roll), np.sin(self.roll)], [-np.sin(self.roll), np.cos(self.roll)]]
        )
        placed = points_xy @ turn * self.half_width + self.centre
        return np.round(placed).astype(np.int32)

    def oval(self, x: float, y: float, width: float, height: float, gray: float) -> None:
        """Fill an oval of half axes `width` and `height` about (x, y)."""
        angle = np.linspace(0, 2 * np.pi, 60)
        edge = np.stack([x + width * np.cos(angle), y + height * np.sin(angle)], axis=1)
        cv2.fillPoly(self.canvas, [self.place(edge)], gray, cv2.LINE_AA)

    def line(self, points_xy: NDArray[np.float64], gray: float, thickness: float) -> None:
        """Draw a line through points, as thick as a share of half a face's width."""
        px = max(1, round(thickness * self.half_width))
        cv2.polylines(self.canvas, [self.place(points_xy)], False, gray, px, cv2.LINE_AA)


def _draw(pen: _Pen, looks: Looks, *, skin: float, ink: float, chance: np.random.Generator) -> None:
    hair, length = ink * chance.uniform(0.4, 1.4), chance.uniform(1.15, 1.35)
    pen.oval(0, -0.25, 1.08, length, hair)
    pen.oval(0, 0.08, 0.95, 1.15, skin)
    apart = chance.uniform(0.36, 0.46)
    for side in (-1, 1):
        _draw_eye(pen, looks, x=side * apart, side=side, ink=ink)
        if looks.nose_wrinkle > 0.2:
            fold = np.array([[side * 0.14, 0.1], [side * 0.24, 0.2], [side * 0.3, 0.38]])
            pen.line(fold, skin - 0.5 * looks.nose_wrinkle * (skin - ink), 0.04)
    nose = np.array([[0.02, -0.05], [-0.08, 0.27], [0.07, 0.28]])
    pen.line(nose, 0.75 * skin, 0.05)
    across = np.linspace(-1, 1, 21)
    middle = 0.62 + looks.mouth_curve * (0.5 - across**2)
    opened = max(looks.mouth_open, 0) * np.sqrt(1 - across**2)
    upper, lower = (
        np.stack([looks.mouth_width * across, middle + way * opened], axis=1) for way in (-1, 1)
    )
    cv2.fillPoly(pen.canvas, [pen.place(np.concatenate([upper, lower[::-1]]))], 0.5 * ink)
    for lip in (upper, lower):
        pen.line(lip, ink, 0.055)


def _draw_eye(pen: _Pen, looks: Looks, *, x: float, side: int, ink: float) -> None:
    """Draw an eye and its brow; `side` is -1 on the left of the picture and 1 on the right."""
    height = max(looks.eye_height, 0.02)
    pen.oval(x, -0.12, 0.17, height, 245)
    pen.oval(x, -0.12, min(0.085, height), min(0.085, height), 0.4 * ink)
    along = np.linspace(-1, 1, 9)
    # -1 is the outer end on the left and the inner one on the right.
    inner = -side * along
    brow = -0.36 - looks.brow_height - looks.brow_slant * inner + 0.05 * along**2
    pen.line(np.stack([x + 0.2 * along, brow], axis=1), ink, 0.075)


def write_faces(folder: Path, faces: int, seed: int) -> int:
    """Write a tree of split and class folders that mien reads as a dataset.

    Args:
        folder: New, or empty.
        faces: About how many; the rarest expression has some in every split whatever that is.
        seed: Of all that is drawn.

    Returns:
        How many there are.
    """
    chance = np.random.default_rng(seed)
    total, written = sum(FER2013_COUNTS.values()), 0
    for split, share in SPLIT_SHARES.items():
        for expression, count in FER2013_COUNTS.items():
            place = folder / split / expression
            place.mkdir(parents=True)
            for number in range(max(FEWEST, round(faces * share * count / total))):
                path = place / f"{number:04}.png"
                if not cv2.imwrite(str(path), draw_face(expression, chance)):
                    raise OSError(f"cannot write {path}")
                written += 1
    return written


def main() -> int:
    """Draw and write the faces; return 2 on wrong use."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="where they go; must not exist or be empty")
    parser.add_argument("--faces", type=int, default=1200, help="about how many")
    parser.add_argument("--seed", type=int, default=0)
    wanted = parser.parse_args()
    if wanted.folder.exists() and (not wanted.folder.is_dir() or any(wanted.folder.iterdir())):
        parser.error(f"{wanted.folder} is there already; name a new folder")
    written = write_faces(wanted.folder, wanted.faces, wanted.seed)
    sys.stdout.write(f"{written:,} drawn faces in {wanted.folder}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
