"""How often a face is looked at before an answer counts: once, mirrored too, or ten times."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.labels import label_set
from mien.data import FaceDataset
from mien.evaluation.predictors import Predictor

# `single`, one look at each face; `flip`, the mean of the probabilities of the face and of its
# mirror image; `ten`, that of five crops and their mirror images.
Crops = Literal["single", "flip", "ten"]
# Told after each batch: looks that are done, looks in all (each face counts once a look).
Progress = Callable[[int, int], None]

# Corners and middle (Krizhevsky et al., 2012) of 44 of 48 pixels, as is the habit on FER2013.
CROP_SHARE = 44 / 48


def predict_views(
    predictor: Predictor,
    dataset: FaceDataset,
    indices: NDArray[np.int64],
    heads: Collection[str],
    *,
    ten_crops: bool = False,
    batch_size: int,
    on_progress: Progress | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Return the probabilities of faces, of their mirror images, and the mean over ten crops.

    Args:
        predictor: The model.
        dataset: Where the faces are.
        indices: (m,) which of them.
        heads: The label sets to keep.
        ten_crops: Whether there is a third view.
        batch_size: Faces at once.
        on_progress: Told how far it is.

    Returns:
        Label set name to (views, m, classes) float64; the faces, their mirrors and, if asked
        for, the mean of the probabilities over ten crops.

    Raises:
        ShapeError: If the model answers in another shape than its label sets say.
    """
    looks = 12 if ten_crops else 2
    found = {name: np.zeros((2 + ten_crops, len(indices), len(label_set(name)))) for name in heads}
    done = 0
    for start in range(0, len(indices), batch_size):
        batch = slice(start, min(start + batch_size, len(indices)))
        faces = np.ascontiguousarray(dataset.images_gray[indices[batch]])
        views = [(0, 1.0, faces), (1, 1.0, _mirror(faces))]
        if ten_crops:
            crops = five_crops(faces)
            views += [(2, 0.1, view) for view in (*crops, *map(_mirror, crops))]
        for place, share, images in views:
            logits = predict_checked(predictor, images, heads)
            for name, probabilities in found.items():
                probabilities[place, batch] += share * softmax(logits[name])
            done += len(images)
            if on_progress is not None:
                on_progress(done, looks * len(indices))
    return found


def mean_by_crops(views: NDArray[np.float64]) -> dict[Crops, NDArray[np.float64]]:
    """Return the answers (m, classes) that count, by crops, from (views, m, classes)."""
    means: dict[Crops, NDArray[np.float64]] = {"single": views[0], "flip": views[:2].mean(axis=0)}
    if len(views) > 2:
        means["ten"] = views[2]
    return means


def five_crops(faces: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """Return corners and middle of faces (n, h, w) uint8, enlarged to their size again."""
    height, width = faces.shape[1:]
    h, w = round(CROP_SHARE * height), round(CROP_SHARE * width)
    bottom, right = height - h, width - w
    corners = ((0, 0), (0, right), (bottom, 0), (bottom, right), (bottom // 2, right // 2))
    return [
        np.stack(
            [
                np.asarray(cv2.resize(face[top : top + h, left : left + w], (width, height)))
                for face in faces
            ]
        ).astype(np.uint8)
        for top, left in corners
    ]


def _mirror(faces: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(faces[:, :, ::-1])


def predict_checked(
    predictor: Predictor, images_gray: NDArray[np.uint8], heads: Collection[str]
) -> dict[str, NDArray[np.float32]]:
    """Return the logits of some heads, of the shape that their label sets say.

    Raises:
        ShapeError: If the model answers in another shape.
    """
    logits = predictor.predict_logits(images_gray)
    for name in heads:
        expected = (len(images_gray), len(label_set(name)))
        if logits[name].shape != expected:
            raise ShapeError(
                f"expected logits of shape {expected} from head {name} of "
                f"{predictor.name}, got {logits[name].shape}"
            )
    return {name: logits[name] for name in heads}


def softmax(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the softmax of each row of (n, classes) logits, in float64."""
    values = logits.astype(np.float64)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)
