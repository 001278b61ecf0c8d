"""Which perturbations are measured, at which strengths: the rows of the robustness table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from mien.evaluation.perturbations import (
    EYES,
    MOUTH,
    Perturbation,
    Rectangle,
    blur,
    change_contrast,
    change_gamma,
    compress_jpeg,
    cover,
    light_from_side,
    lose_resolution,
    roll_face,
    scale_crop,
    shift_crop,
)

# Most of the accuracy that a face cut a little wide, tight or tilted may cost: detectors
# frame that differently all the time.
GOAL = 0.03


@dataclass(frozen=True)
class Condition:
    """One row: a kind of perturbation at one strength.

    Attributes:
        family: The kind, e.g. `roll`.
        strength: How strong, in the unit that `text` shows; of a covered part, its share of
            the picture.
        text: How the strength is written, e.g. `15°`.
        ways: Direction to function, e.g. `clockwise` and the function that rolls so. What has
            no direction has one way, called as the condition is. A row counts every face once
            in each direction, since no camera prefers one.
        limit: The most accuracy that may be lost by the project's own goal, 0..1, or None.
    """

    family: str
    strength: float
    text: str
    ways: Mapping[str, Perturbation]
    limit: float | None = None

    @property
    def name(self) -> str:
        """Family and strength: `roll 15°`."""
        return f"{self.family} {self.text}"


def _one(
    family: str, strength: float, text: str, function: Perturbation, limit: float | None = None
) -> Condition:
    return Condition(family, strength, text, {f"{family} {text}": function}, limit)


def _scale(scale: float) -> Condition:
    limit = GOAL if 0.85 <= scale <= 1.2 else None
    return _one("crop scale", scale, f"{scale:g}", partial(scale_crop, scale=scale), limit)


def _shift(share: float) -> Condition:
    # Named by where the face goes; the crop goes the other way.
    ways = {
        "left": partial(shift_crop, right=share),
        "right": partial(shift_crop, right=-share),
        "up": partial(shift_crop, down=share),
        "down": partial(shift_crop, down=-share),
    }
    return Condition("shift", share, f"{share:.0%}", ways)


def _roll(degrees: float) -> Condition:
    ways = {
        "clockwise": partial(roll_face, degrees=degrees),
        "anticlockwise": partial(roll_face, degrees=-degrees),
    }
    return Condition("roll", degrees, f"{degrees:g}°", ways, GOAL if degrees <= 10 else None)


def _side_light(strength: float) -> Condition:
    ways = {
        "from the left": partial(light_from_side, strength=-strength),
        "from the right": partial(light_from_side, strength=strength),
    }
    # The brighter side over the darker one, as photographers give it.
    ratio = (1 + strength) / (1 - strength)
    return Condition("side light", strength, f"{ratio:.2g}:1", ways)


def _covered(what: str, part: Rectangle) -> Condition:
    area = (part.right - part.left) * (part.bottom - part.top)
    return _one("covered", round(area, 4), what, partial(cover, part=part))


CONDITIONS: tuple[Condition, ...] = (
    *(_scale(scale) for scale in (0.8, 0.85, 0.9, 1.1, 1.2, 1.25)),
    *(_shift(share) for share in (0.05, 0.1)),
    *(_roll(degrees) for degrees in (5, 10, 15, 20)),
    *(_one("blur", px, f"{px:g} px", partial(blur, sigma_px=px)) for px in (1, 2)),
    *(_one("size", px, f"{px} px", partial(lose_resolution, side_px=px)) for px in (24, 16)),
    _one("JPEG", 30, "30", partial(compress_jpeg, quality=30)),
    *(_one("contrast", by, f"{by:g}", partial(change_contrast, factor=by)) for by in (0.5, 1.5)),
    *(_one("gamma", by, f"{by:g}", partial(change_gamma, gamma=by)) for by in (0.5, 2)),
    _side_light(0.6),
    _covered("eyes", EYES),
    _covered("mouth", MOUTH),
)
