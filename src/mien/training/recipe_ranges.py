"""What the types of a recipe cannot say: ranges, and parts that do not fit one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

from mien.core.labels import LABEL_SETS

if TYPE_CHECKING:
    from mien.training.recipe import Recipe

_ABOVE_0 = ("input.std", "loop.epochs", "optimiser.learning_rate")
_NOT_NEGATIVE = (
    "augment.rotation_degrees",
    "augment.shear_degrees",
    "augment.mixup",
    "augment.cutmix",
    "optimiser.weight_decay",
    "optimiser.clip_norm",
    "optimiser.sam_rho",
    "optimiser.plateau_patience",
    "loop.early_stop_patience",
)
_IN_0_TO_1 = (
    "augment.flip",
    "augment.blur",
    "augment.downscale",
    "augment.erasing",
    "teacher.share",
)
_BELOW_1 = (
    "augment.shift",
    "augment.zoom",
    "augment.brightness",
    "augment.contrast",
    "optimiser.momentum",
    "loop.ema_decay",
)


def range_faults(recipe: Recipe) -> list[str]:
    """Return every fault of a recipe whose types are right; empty for a sound one."""
    augment, loop, optimiser = recipe.augment, recipe.loop, recipe.optimiser
    shares = [share for share, _ in loop.sizes]
    checks = [
        (bool(recipe.heads), "heads: at least one is needed"),
        (
            all(name in LABEL_SETS for name in recipe.heads),
            f"heads: names are {' and '.join(LABEL_SETS)}",
        ),
        (
            all(h.target == "labels" or n == "ferplus" for n, h in recipe.heads.items()),
            "heads: only ferplus can learn votes (soft, majority, sampled)",
        ),
        (
            all(h.weight > 0 for h in recipe.heads.values()),
            "heads: weight must be above 0",
        ),
        (
            all(0 <= h.label_smoothing < 1 for h in recipe.heads.values()),
            "heads: label_smoothing must be in 0..1",
        ),
        (
            all(0 <= h.logit_adjustment <= 2 for h in recipe.heads.values()),
            "heads: logit_adjustment must be in 0..2",
        ),
        (
            all(h.focal_gamma >= 0 for h in recipe.heads.values()),
            "heads: focal_gamma must not be negative",
        ),
        (
            not any(h.target == "sampled" and h.label_smoothing for h in recipe.heads.values()),
            "heads: a sampled label is drawn as voted; label_smoothing does not go with it",
        ),
        (recipe.input.size >= 16, "input.size: must be at least 16 pixels"),
        (loop.batch_size > 1, "loop.batch_size: must be above 1"),
        (
            not shares or (shares[0] == 0 and shares == sorted(shares) and shares[-1] < 1),
            "loop.sizes: shares must begin at 0, rise, and stay below 1",
        ),
        (
            not loop.sizes or loop.sizes[-1][1] == recipe.input.size,
            "loop.sizes: the last size must be input.size, which is what the model is used at",
        ),
        (all(size >= 16 for _, size in loop.sizes), "loop.sizes: at least 16 pixels"),
        (
            loop.monitor != "last" or not loop.early_stop_patience,
            "loop.early_stop_patience: needs a monitor of score or loss to stop by",
        ),
        (0 < optimiser.warmup_share < 1, "optimiser.warmup_share: must be in 0..1"),
        (0 < optimiser.sam_share <= 1, "optimiser.sam_share: must be above 0 and at most 1"),
        (0 < optimiser.plateau_factor < 1, "optimiser.plateau_factor: must be in 0..1"),
        (
            0 < augment.erasing_area[0] <= augment.erasing_area[1] < 1,
            "augment.erasing_area: must be two shares in 0..1, the smaller first",
        ),
        (
            0 < augment.downscale_to[0] <= augment.downscale_to[1] <= 1,
            "augment.downscale_to: must be two shares in 0..1, the smaller first",
        ),
        (
            0 < augment.blur_px[0] <= augment.blur_px[1],
            "augment.blur_px: must be two lengths above 0, the smaller first",
        ),
        *_checks(recipe, "must be above 0", lambda v: v > 0, _ABOVE_0),
        *_checks(recipe, "must not be negative", lambda v: v >= 0, _NOT_NEGATIVE),
        *_checks(recipe, "must be in 0..1", lambda v: 0 <= v <= 1, _IN_0_TO_1),
        *_checks(recipe, "must be at least 0 and below 1", lambda v: 0 <= v < 1, _BELOW_1),
    ]
    return [fault for fine, fault in checks if not fine]


def _checks(
    recipe: Recipe, rule: str, fits: Callable[[float], bool], paths: Sequence[str]
) -> list[tuple[bool, str]]:
    """Return (whether it fits, the fault if not) for each value that a dotted path names."""
    return [(fits(attrgetter(path)(recipe)), f"{path}: {rule}") for path in paths]
