"""Augmentation of whole batches on the device that trains, by Kornia.

Every photometric range is centred on 1: a range that only darkens is known to ruin a model
of this field. Faces are moved with their edges repeated, as crops at the picture's edge are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import kornia.augmentation as K
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mien.training.recipe import AugmentRecipe


class Augment(nn.Module):
    """Mirrors, moves, lights, blurs and erases faces, each differently.

    In two steps, so that a teacher can be shown the whole face of which its student is to
    read what is left.

    Args:
        recipe: What to do, and how much.
    """

    def __init__(self, recipe: AugmentRecipe) -> None:
        super().__init__()
        self.changes = nn.Sequential(*_geometry(recipe), *_light(recipe))
        self.losses = nn.Sequential(*_sharpness(recipe), *_erasing(recipe))

    @torch.no_grad()
    def change(self, faces: Tensor) -> Tensor:
        """Mirror, move and light faces (n, 1, h, w), float32, 0..1; the same comes out."""
        out: Tensor = self.changes(faces)
        return out

    @torch.no_grad()
    def lose(self, faces: Tensor) -> Tensor:
        """Take from faces (n, 1, h, w), float32, 0..1: sharpness, pixels, a rectangle."""
        out: Tensor = self.losses(faces)
        return out


def resize(faces: Tensor, size: int) -> Tensor:
    """Resize faces (n, 1, h, w) to size x size; shrinking averages, so nothing aliases."""
    if faces.shape[-1] == size:
        return faces
    return F.interpolate(
        faces, size=(size, size), mode="bilinear", antialias=True, align_corners=False
    )


def mixup(
    images: Tensor, targets: Mapping[str, Tensor], alpha: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Mix each face and its targets with another's (Zhang et al., 2018).

    Args:
        images: (n, 1, h, w).
        targets: Head name to distributions (n, classes); a row of zeros is a face that the
            head does not learn from, and mixes as such.
        alpha: Of the beta distribution that the share is drawn from, once a batch.

    Returns:
        Mixed images and targets.
    """
    share = float(torch.distributions.Beta(alpha, alpha).sample())
    order = torch.randperm(len(images), device=images.device)
    mixed = {name: share * t + (1 - share) * t[order] for name, t in targets.items()}
    return share * images + (1 - share) * images[order], mixed


def cutmix(
    images: Tensor, targets: Mapping[str, Tensor], alpha: float
) -> tuple[Tensor, dict[str, Tensor]]:
    """Paste a rectangle of another face over each, and mix targets by area (Yun et al., 2019).

    Args:
        images: (n, 1, h, w).
        targets: As `mixup` takes them.
        alpha: Of the beta distribution that the share of the area is drawn from, once a batch.

    Returns:
        Images and mixed targets.
    """
    covered = 1 - float(torch.distributions.Beta(alpha, alpha).sample())
    order = torch.randperm(len(images), device=images.device)
    rows, columns = (_piece(side, covered**0.5) for side in images.shape[2:])
    pasted = images.clone()
    pasted[:, :, rows, columns] = images[order][:, :, rows, columns]
    # What is cut off at the face's edge does not count.
    height, width = images.shape[2:]
    other = (rows.stop - rows.start) * (columns.stop - columns.start) / (height * width)
    return pasted, {name: (1 - other) * t + other * t[order] for name, t in targets.items()}


def _piece(side: int, share: float) -> slice:
    """Return a piece of a side, about a middle drawn at random."""
    middle, half = int(torch.randint(side, ())), round(side * share) / 2
    return slice(max(0, round(middle - half)), min(side, round(middle + half)))


def _geometry(recipe: AugmentRecipe) -> list[nn.Module]:
    steps: list[nn.Module] = []
    if recipe.flip:
        steps.append(K.RandomHorizontalFlip(p=recipe.flip))
    if recipe.rotation_degrees or recipe.shift or recipe.zoom or recipe.shear_degrees:
        steps.append(
            K.RandomAffine(
                degrees=recipe.rotation_degrees,
                translate=(recipe.shift, recipe.shift) if recipe.shift else None,
                scale=(1 - recipe.zoom, 1 + recipe.zoom) if recipe.zoom else None,
                shear=recipe.shear_degrees or None,
                padding_mode="border",
                p=1.0,
            )
        )
    return steps


def _light(recipe: AugmentRecipe) -> list[nn.Module]:
    steps: list[nn.Module] = []
    if recipe.brightness:
        steps.append(
            K.RandomBrightness(brightness=(1 - recipe.brightness, 1 + recipe.brightness), p=1.0)
        )
    if recipe.contrast:
        steps.append(K.RandomContrast(contrast=(1 - recipe.contrast, 1 + recipe.contrast), p=1.0))
    return steps


class RandomDownscale(nn.Module):
    """Shrinks some faces of a batch, all to one size, and enlarges them again.

    Args:
        shares: Smallest and largest share of the side that is left in between.
        p: Probability for each face.
    """

    def __init__(self, shares: tuple[float, float], p: float) -> None:
        super().__init__()
        self.shares, self.p = shares, p

    def forward(self, faces: Tensor) -> Tensor:
        """Return faces (n, 1, h, w) of the same shape and range."""
        chosen = torch.rand(len(faces), device=faces.device) < self.p
        lowest, highest = self.shares
        share = lowest + (highest - lowest) * float(torch.rand(()))
        small = resize(faces[chosen], max(1, round(share * faces.shape[-1])))
        out = faces.clone()
        out[chosen] = resize(small, faces.shape[-1])
        return out


def _sharpness(recipe: AugmentRecipe) -> list[nn.Module]:
    steps: list[nn.Module] = []
    if recipe.blur:
        # Three sigma either way hold all that a Gaussian weighs.
        side = 2 * math.ceil(3 * recipe.blur_px[1]) + 1
        steps.append(K.RandomGaussianBlur((side, side), recipe.blur_px, p=recipe.blur))
    if recipe.downscale:
        steps.append(RandomDownscale(recipe.downscale_to, recipe.downscale))
    return steps


def _erasing(recipe: AugmentRecipe) -> list[nn.Module]:
    if not recipe.erasing:
        return []
    # Mid-gray: a black patch would be read as contrast by a net that standardises.
    return [K.RandomErasing(scale=recipe.erasing_area, value=0.5, p=recipe.erasing)]
