"""Which parts of a face spoke for an answer: parts are hidden in turn, and the model asked again.

The method is occlusion sensitivity (Zeiler and Fergus, "Visualizing and Understanding
Convolutional Networks", 2014), shaped for inputs of 44 to 64 pixels:

- RISE (Petsiuk et al., "RISE: Randomized Input Sampling for Explanation of Black-box Models",
  2018) estimates by some thousand random masks, which differ from run to run. On an input this
  small all patches that matter can be tried: 244 of them, about a tenth of the time, and the
  same answer at every run.
- A patch of plain gray has edges and a tone of its own, which such a model reads as an open mouth
  or dark glasses. Here a part is replaced by the face's own blur (Fong and Vedaldi,
  "Interpretable Explanations of Black Boxes by Meaningful Perturbation", 2017) through a window
  with soft edges: the light on the face stays, its features go.
- One size of patch answers for one size of feature. An eye is about a sixth of the face's width
  and a mouth a third, so patches of a sixth, a quarter and a third of the crop's side, each in
  steps of half its size, count alike.

What is measured is the drop of the label's log-odds, ln(p / (1 - p)), not of its probability,
which hardly moves where a model is certain: 0.69 (ln 2) says that the odds are twice as high with
the part in sight as with it hidden. Positive values spoke for the label, negative ones against.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.imaging import CropSquare, cut_square
from mien.core.types import Face
from mien.recognition.explanation import Explanation

UInt8Array = NDArray[np.uint8]
FloatArray = NDArray[np.float32]
Classify = Callable[[UInt8Array], FloatArray]

# Side of the picture about the face that an explanation keeps.
VIEW_PX = 432
# How much more than the model's square it shows, of the square's side.
_VIEW_MARGIN = 1.12

# How many patches lie side by side where each overlaps the next by half.
_PATCHES_ACROSS = (12, 8, 6)
# Of the crop's side; wide enough that an eye or a mouth leaves no trace.
_BLUR_SIGMA = 1 / 6
# Keeps the log-odds of a probability that underflowed finite.
_TINY = 1e-30


def log_odds(probabilities: FloatArray, class_id: int) -> NDArray[np.float64]:
    """Return ln(p / (1 - p)) of one column, (n,), for rows of probabilities (n, labels).

    The rest is summed, not subtracted from 1, so that it stays exact where p is nearly 1.
    """
    own = probabilities[:, class_id].astype(np.float64)
    rest = np.delete(probabilities.astype(np.float64), class_id, axis=1).sum(axis=1)
    return np.asarray(np.log(np.maximum(own, _TINY)) - np.log(np.maximum(rest, _TINY)))


def occlusion_map(classify: Classify, crop_gray: UInt8Array, class_id: int) -> FloatArray:
    """Return how much each part of a crop spoke for one label; see the module for the method.

    Args:
        classify: Crops (n, h, w) uint8 to probabilities (n, labels) float32, rows sum to 1, such
            as `Recognizer.classify` or `Bundle.predict_probabilities`.
        crop_gray: The face as the model sees it, (h, w) uint8.
        class_id: The label's column.

    Returns:
        (h, w) float32 in units of natural log-odds: for each pixel the mean drop over the
        patches that hide it, weighted by how far they do.

    Raises:
        ShapeError: If the crop is not (h, w) uint8.
    """
    if crop_gray.ndim != 2 or crop_gray.dtype != np.uint8 or crop_gray.size == 0:
        raise ShapeError(
            f"expected an (h, w) uint8 crop, got {crop_gray.dtype} of shape {crop_gray.shape}"
        )
    height, width = crop_gray.shape
    scales = [_windows(height, width, across) for across in _PATCHES_ACROSS]
    hidden = [_hide(crop_gray, windows) for windows in scales]
    odds = log_odds(classify(np.concatenate([crop_gray[None], *hidden])), class_id)
    drops = np.split(odds[0] - odds[1:], np.cumsum([len(each) for each in hidden])[:-1])
    maps = [
        np.tensordot(drop, windows, axes=1) / windows.sum(axis=0)
        for drop, windows in zip(drops, scales, strict=True)
    ]
    return np.asarray(np.mean(maps, axis=0), np.float32)


@lru_cache(maxsize=16)
def _windows(height: int, width: int, across: int) -> FloatArray:
    """Return how far each patch hides each pixel: (across ** 2, height, width), 0..1.

    A patch is two steps wide where it hides half, nearly all inside and nearly nothing outside.
    """
    profiles = []
    for length in (height, width):
        step = length / across
        centres = (np.arange(across) + 0.5) * step
        away = (np.arange(length) + 0.5 - centres[:, None]) / step
        profiles.append(0.5 ** (away**4))
    every_pair = np.einsum("ay,bx->abyx", *profiles).reshape(-1, height, width)
    windows = np.asarray(every_pair, np.float32)
    windows.flags.writeable = False
    return windows


def _hide(crop_gray: UInt8Array, windows: FloatArray) -> UInt8Array:
    """Return a copy of the crop for each window, (n, h, w), with the face's blur in its place."""
    sigmas = [_BLUR_SIGMA * length for length in crop_gray.shape]
    face = crop_gray.astype(np.float32)
    blurred = cv2.GaussianBlur(
        face, (0, 0), sigmaX=sigmas[1], sigmaY=sigmas[0], borderType=cv2.BORDER_REPLICATE
    )
    return np.asarray(face + windows * (blurred - face) + 0.5, np.uint8)


def explain_face(
    classify: Classify,
    image_bgr: UInt8Array,
    face: Face,
    crop_gray: UInt8Array,
    square: CropSquare,
    *,
    label: str,
    bundle: str,
) -> Explanation:
    """Explain one label of one face.

    Args:
        classify: As for `occlusion_map`, columns in the order of the face's expression.
        image_bgr: The whole picture, HW3 uint8.
        face: The face with its expression.
        crop_gray: The face as the model sees it, (s, s) uint8.
        square: Where that crop lies in the picture.
        label: One of the expression's labels.
        bundle: The model's name.
    """
    view_bgr, view_square = cut_view(image_bgr, square)
    return Explanation(
        face=face,
        label=label,
        map=occlusion_map(classify, crop_gray, list(face.expression).index(label)),
        crop_gray=crop_gray,
        square=square,
        picture_size=(image_bgr.shape[1], image_bgr.shape[0]),
        view_bgr=view_bgr,
        view_square=view_square,
        bundle=bundle,
    )


def cut_view(image_bgr: UInt8Array, square: CropSquare) -> tuple[UInt8Array, CropSquare]:
    """Return the picture about a square, (VIEW_PX, VIEW_PX, 3) uint8 and upright, and its place."""
    roll = math.radians(square.roll_degrees)
    reach = square.side_px * (abs(math.cos(roll)) + abs(math.sin(roll)))
    view = CropSquare(square.centre_x, square.centre_y, _VIEW_MARGIN * reach)
    channels = (cv2.extractChannel(image_bgr, channel) for channel in range(3))
    cut = [cut_square(np.asarray(channel, np.uint8), view, VIEW_PX) for channel in channels]
    return np.dstack(cut), view
