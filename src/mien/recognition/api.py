"""The one-line door: `mien.analyze`.

The recognizers behind it are kept, so that a second call does not load the model again.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path

from mien.bundle.prior import DEFAULT_PRIOR, PriorLike
from mien.core.imaging import ColourOrder
from mien.core.types import FrameResult
from mien.faces.detector import DEFAULT_MIN_FACE_PX
from mien.faces.registry import resolve_name
from mien.recognition.recognizer import Picture, Recognizer

# Two threads that ask for the same recognizer at once must not load it twice.
_opening = threading.Lock()


@lru_cache(maxsize=4)
def _open(
    bundle: str | Path, detector: str, label_set: str | None, min_face_px: float, threads: int
) -> Recognizer:
    return Recognizer(
        bundle, detector, label_set=label_set, min_face_px=min_face_px, threads=threads
    )


def analyze(
    image: Picture,
    *,
    detector: str = "auto",
    bundle: str | Path = "mien-s",
    label_set: str | None = None,
    colour_order: ColourOrder = "bgr",
    min_face_px: float = DEFAULT_MIN_FACE_PX,
    threads: int = 1,
    prior: PriorLike = DEFAULT_PRIOR,
    prior_strength: float | None = None,
    uncertain_below: float = 0.0,
) -> FrameResult:
    """Find the faces of a picture and read their expressions.

    For many pictures, or other settings, make a `Recognizer`.

    Args:
        image: A path, encoded bytes, a Pillow picture or a uint8 array (HW gray or HW3).
        detector: `auto` (yunet where its weights are installed, else blazeface), or any name
            that `mien.faces.open_detector` takes; `full` where the picture is a face already.
        bundle: Name or folder of the model.
        label_set: One of the bundle's label sets; None for its default.
        colour_order: The channel order of an array: `bgr` (OpenCV) or `rgb`.
        min_face_px: Smallest face to read: mean side of the detector's box, in pixels.
        threads: CPU threads.
        prior: How common each expression is taken to be: `default`, the bundle's own choice;
            `natural`, as in its training set; `balanced`, all equally; or a mapping with a
            share for each expression.
        prior_strength: How far answers go from the training shares to those, 0..1; None is
            the bundle's own for `default`, else 1.
        uncertain_below: Answers with a lower confidence are flagged as uncertain, 0..1; 0
            flags none.

    Returns:
        The faces, largest first; iterate over it. Empty where there is no face.

    Raises:
        ImageError: If the picture cannot be read.
        ShapeError: If an array is not a uint8 picture.
        DetectorError: If the detector is unknown or cannot run here.
        BundleError: If the bundle cannot be loaded or lacks the label set.
        ConfigError: If prior, strength or `uncertain_below` cannot be used.
    """
    with _opening:
        recognizer = _open(bundle, resolve_name(detector), label_set, min_face_px, threads)
    if (prior, prior_strength, uncertain_below) != (DEFAULT_PRIOR, None, 0.0):
        recognizer = recognizer.answering(
            prior=prior, prior_strength=prior_strength, uncertain_below=uncertain_below
        )
    return recognizer.analyze(image, colour_order=colour_order)
