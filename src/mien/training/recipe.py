"""Recipes: everything that decides how a model comes out, as frozen dataclasses from TOML.

A recipe file has a table for each class below, named after its field in `Recipe`. Unknown
keys and unusable values are all reported at once. Functions elsewhere take plain values or
one of these parts, never a dictionary.
"""

from __future__ import annotations

import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from mien.core.errors import ConfigError
from mien.training.recipe_ranges import range_faults
from mien.training.settings import apply_settings

Target = Literal["labels", "soft", "majority", "sampled"]


@dataclass(frozen=True)
class HeadRecipe:
    """What one head learns.

    Attributes:
        target: `labels` are FER2013's (or a folder's); from FER+ votes come `soft`
            distributions, the `majority` label, or labels `sampled` anew at each epoch.
        weight: The head's share in the sum of losses.
        label_smoothing: Probability spread evenly over all classes.
        class_weights: `none`, or `balanced`: n / (classes * count), by what is trained on.
        logit_adjustment: Logits learn beside this many times the log of each class's share, so
            that they need not know it themselves: 1 is the balanced softmax (Menon et al., 2021;
            Ren et al., 2020), 0 leaves the shares to be learned.
        focal_gamma: How much less a class counts that is answered well already: its term of the
            loss is multiplied by (1 - p) to this power (Lin et al., 2017); 0 for no such thing.
    """

    target: Target
    weight: float = 1.0
    label_smoothing: float = 0.0
    class_weights: Literal["none", "balanced"] = "none"
    logit_adjustment: float = 0.0
    focal_gamma: float = 0.0


@dataclass(frozen=True)
class InputRecipe:
    """How faces become a model's input.

    Attributes:
        size: Side in pixels.
        mean: Subtracted from values scaled to 0..1.
        std: Divided by after that.
    """

    size: int = 48
    mean: float = 0.5
    std: float = 0.25


@dataclass(frozen=True)
class AugmentRecipe:
    """What is done to each batch of faces before the network sees it.

    Attributes:
        flip: Probability of a mirror image.
        rotation_degrees: Largest rotation either way.
        shift: Largest shift, as a share of the side.
        zoom: Largest relative change of scale either way.
        shear_degrees: Largest shear either way.
        brightness: Largest relative change of brightness, centred on 1.
        contrast: Largest relative change of contrast, centred on 1.
        blur: Probability of a Gaussian blur.
        blur_px: Smallest and largest sigma of the blur, in pixels of the training faces.
        downscale: Probability that a face is shrunk and enlarged again, as far faces are.
        downscale_to: Smallest and largest share of its side that a face is shrunk to.
        erasing: Probability that a rectangle is erased.
        erasing_area: Smallest and largest share of the face that a rectangle covers.
        mixup: Alpha of the beta distribution that mixes pairs of faces; 0 for none.
        cutmix: Alpha of the beta distribution of how much of a face is covered by a piece of
            another; 0 for none. Where there is mixup too, batches get one or the other by turns.
    """

    flip: float = 0.0
    rotation_degrees: float = 0.0
    shift: float = 0.0
    zoom: float = 0.0
    shear_degrees: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    blur: float = 0.0
    blur_px: tuple[float, float] = (0.5, 2.0)
    downscale: float = 0.0
    downscale_to: tuple[float, float] = (0.33, 0.8)
    erasing: float = 0.0
    erasing_area: tuple[float, float] = (0.02, 0.2)
    mixup: float = 0.0
    cutmix: float = 0.0


@dataclass(frozen=True)
class OptimiserRecipe:
    """The optimiser and its schedule.

    Attributes:
        name: `sgd` has Nesterov momentum.
        learning_rate: The highest rate.
        momentum: For `sgd`.
        weight_decay: For `sgd` and `adamw`, on weights of two and more dimensions only:
            biases and batch norms are left alone.
        schedule: `onecycle` rises and then falls by cosine, stepped at each batch; `cosine`
            only falls; `plateau` multiplies by `plateau_factor` when the validation loss has
            not fallen for `plateau_patience` epochs.
        warmup_share: Share of all steps in which `onecycle` rises.
        plateau_factor: See `schedule`.
        plateau_patience: See `schedule`.
        clip_norm: Largest norm of the gradient; 0 for no clipping.
        sam_rho: How far each step climbs before it descends (sharpness-aware minimisation), a
            length over all weights together, 0.05 to 0.2 as a rule; 0 for no such thing.
        sam_share: Share of each batch that the climb follows: 1 nearly doubles a step's time.
    """

    name: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    schedule: Literal["constant", "cosine", "onecycle", "plateau"] = "onecycle"
    warmup_share: float = 0.15
    plateau_factor: float = 0.5
    plateau_patience: int = 5
    clip_norm: float = 0.0
    sam_rho: float = 0.0
    sam_share: float = 0.5


@dataclass(frozen=True)
class LoopRecipe:
    """How long to train, in what precision, and which epoch to keep.

    Attributes:
        epochs: Passes over the training split.
        batch_size: Faces a step, over all devices together.
        precision: `auto` is bf16 where the hardware has it, else fp32.
        ema_decay: Decay a step of the averaged weights, which are then what is validated and
            kept, see `mien.training.averaging`; 0 for none.
        early_stop_patience: Epochs without a better validation score before stopping; 0 to
            train to the end.
        sizes: Pairs (share of training, side in pixels): from that share on, faces are
            resized to that side. Smaller faces first saves time (progressive resizing).
        monitor: Which epoch is best, and kept as that: by `score`, the mean of the heads'
            validation accuracies; by `loss`; or simply the `last`, for runs that learn what
            validation faces do not ask for, such as blurred ones.
    """

    epochs: int = 50
    batch_size: int = 128
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    ema_decay: float = 0.0
    early_stop_patience: int = 0
    sizes: tuple[tuple[float, int], ...] = ()
    monitor: Literal["score", "loss", "last"] = "score"


@dataclass(frozen=True)
class TeacherRecipe:
    """Trained networks whose answers are learned beside the labels (Hinton et al., 2015).

    Attributes:
        runs: Run folders, of which the best checkpoints teach, or bundles by name or path; they
            need every head of the recipe. None for no teacher.
        share: Their answer's share in each target, in 0..1; the rest is the label or votes. A
            face that a head has no label for is taught by the teacher alone.
        mirrored: Whether every other time they are shown a face's mirror image, so that what is
            learned is the mean of their answers to both, which is right more often than either.
    """

    runs: tuple[str, ...] = ()
    share: float = 0.7
    mirrored: bool = False


@dataclass(frozen=True)
class ModelRecipe:
    """Which network.

    Attributes:
        name: As `mien.models.build_model` knows it.
        options: The architecture's own options.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """A whole recipe; see the parts.

    Attributes:
        name: The model's name, e.g. `mien-s`.
        description: What it is and where it comes from.
        model: The network.
        heads: Label set name to what its head learns.
        seed: Decides initial weights, order, augmentation and dropout.
        start_from: A run folder, a bundle or published weights (`dlib-faces`,
            `efficientnet-lite0`) that training begins with, where they fit; empty for fresh ones.
        corrections: A file that drops or relabels training faces, as `mien data audit` writes;
            empty for the labels as they are.
        input: The model's input.
        augment: Augmentation.
        teacher: Networks to learn from.
        optimiser: Optimiser and schedule.
        loop: Length, precision, selection.
    """

    name: str
    model: ModelRecipe
    heads: Mapping[str, HeadRecipe]
    description: str = ""
    seed: int = 0
    start_from: str = ""
    corrections: str = ""
    input: InputRecipe = InputRecipe()
    augment: AugmentRecipe = AugmentRecipe()
    teacher: TeacherRecipe = TeacherRecipe()
    optimiser: OptimiserRecipe = OptimiserRecipe()
    loop: LoopRecipe = LoopRecipe()

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON-ready values, all defaults filled in."""
        return asdict(self)


def find_recipe(recipe: Path | str) -> Path:
    """Return the file of a recipe that is given by its path, or by its name.

    A name is looked for in `recipes/` here, then among the recipes that mien brings.

    Raises:
        ConfigError: If there is none; the text names those there are.
    """
    path = Path(recipe)
    if path.suffix or path.exists():
        if path.is_file():
            return path
        raise ConfigError(f"no recipe at {path}; by name there are: {_known_recipes()}")
    for folder in _recipe_folders():
        if (folder / f"{path}.toml").is_file():
            return folder / f"{path}.toml"
    raise ConfigError(f"no recipe {str(path)!r}; there are: {_known_recipes()}, or give a file")


def _recipe_folders() -> list[Path]:
    """Return where recipes are: here, in an installed mien, in the checkout it runs from."""
    package = Path(__file__).parents[1]
    return [Path("recipes"), package / "recipes", package.parents[1] / "recipes"]


def _known_recipes() -> str:
    names = {path.stem for folder in _recipe_folders() for path in folder.glob("*.toml")}
    return ", ".join(sorted(names)) or "none"


def load_recipe(recipe: Path | str, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe that is given by its path, or by its name; see `find_recipe`.

    Args:
        recipe: Path or name.
        settings: Dotted key to value, instead of what the file says; as from `parse_settings`.

    Raises:
        ConfigError: If there is no such file, or it is no recipe; all faults are listed.
    """
    path = find_recipe(recipe)
    try:
        with path.open("rb") as file:
            values = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read recipe {path}: {error}") from error
    if not settings:
        return parse_recipe(values, where=str(path))
    return parse_recipe(apply_settings(values, settings), where=f"{path} with --set")


def parse_recipe(values: Mapping[str, Any], *, where: str = "recipe") -> Recipe:
    """Build a recipe from plain values, as TOML and JSON give them.

    Raises:
        ConfigError: If keys are unknown or missing, or values unusable; all are listed.
    """
    faults: list[str] = []
    recipe = _parse(Recipe, values, "", faults)
    if not faults:
        faults += range_faults(recipe)
    if faults:
        raise ConfigError(f"{where} cannot be used:\n" + "\n".join(f"  - {f}" for f in faults))
    return typing.cast(Recipe, recipe)


def _parse(kind: type, values: Any, path: str, faults: list[str]) -> Any:
    """Build dataclass `kind` from a mapping; append what is wrong to `faults`."""
    if not isinstance(values, Mapping):
        faults.append(f"{path or 'recipe'}: expected a table, got {values!r}")
        return None
    hints = typing.get_type_hints(kind)
    known = {f.name: f for f in fields(kind)}
    dot = f"{path}." if path else ""
    faults += [
        f"{dot}{key}: unknown key; known: {', '.join(known)}" for key in values if key not in known
    ]
    built: dict[str, Any] = {}
    for name, spec in known.items():
        if name in values:
            built[name] = _value(hints[name], values[name], f"{dot}{name}", faults)
        elif spec.default is MISSING and spec.default_factory is MISSING:
            faults.append(f"{dot}{name}: missing")
    # With any fault the recipe is refused as a whole, so what is built no longer matters.
    return None if faults else kind(**built)


def _value(hint: Any, value: Any, path: str, faults: list[str]) -> Any:
    """Return `value` as `hint` wants it; append what is wrong to `faults`."""
    origin = get_origin(hint)
    if is_dataclass(hint):
        return _parse(typing.cast(type, hint), value, path, faults)
    if origin is Literal:
        if value not in get_args(hint):
            faults.append(f"{path}: expected one of {', '.join(get_args(hint))}, got {value!r}")
        return value
    if origin is not None and issubclass(origin, Mapping):
        if not isinstance(value, Mapping):
            faults.append(f"{path}: expected a table, got {value!r}")
            return {}
        inner = get_args(hint)[1]
        return {k: _value(inner, v, f"{path}.{k}", faults) for k, v in value.items()}
    if origin is tuple:
        return _tuple(get_args(hint), value, path, faults)
    if hint is Any:
        return value
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(hint, types.UnionType) or type(value) is not hint:
        faults.append(f"{path}: expected {getattr(hint, '__name__', hint)}, got {value!r}")
    return value


def _tuple(inner: tuple[Any, ...], value: Any, path: str, faults: list[str]) -> Any:
    """Return a list as the tuple that `inner` describes."""
    if not isinstance(value, (list, tuple)):
        faults.append(f"{path}: expected a list, got {value!r}")
        return ()
    if len(inner) == 2 and inner[1] is Ellipsis:
        kinds = [inner[0]] * len(value)
    elif len(inner) == len(value):
        kinds = list(inner)
    else:
        faults.append(f"{path}: expected {len(inner)} values, got {len(value)}")
        return ()
    return tuple(
        _value(kind, part, f"{path}[{number}]", faults)
        for number, (kind, part) in enumerate(zip(kinds, value, strict=True))
    )
