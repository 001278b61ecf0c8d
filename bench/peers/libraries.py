"""Whose networks are measured, in which order they name expressions, and what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ShapeError
from mien.core.labels import LabelSet, canonical_label

_FER2013_ORDER = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@dataclass(frozen=True)
class Peer:
    """A network in a package.

    Attributes:
        name: As in the tables.
        runs_in: What runs it.
        package: Where it is had from, `pip install` or `npm install`.
        labels: Its answers in its own order and words.
        network: What is known of it and of what it was trained on.
    """

    name: str
    runs_in: Literal["python", "node"]
    package: str
    labels: tuple[str, ...]
    network: str


# By the name that `answer.py` or `answer.mjs` has for it.
PEERS = {
    "fer": Peer(
        "fer",
        "python",
        "fer",
        _FER2013_ORDER,
        "oarriaga's mini-XCEPTION in 8 bits, which is what `FER()` runs; its epoch was chosen on "
        "PublicTest and PrivateTest together",
    ),
    "fer-keras": Peer(
        "fer (float32)",
        "python",
        "fer",
        _FER2013_ORDER,
        "the same network in float32, which `FER(use_tflite=False)` runs",
    ),
    "human": Peer(
        "@vladmandic/human",
        "node",
        "@vladmandic/human",
        _FER2013_ORDER,
        "a larger network of oarriaga's, by its layers' names big_XCEPTION; chosen in the same way "
        "if it was made by the same program",
    ),
    "face-api": Peer(
        "@vladmandic/face-api",
        "node",
        "@vladmandic/face-api",
        ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised"),
        "the network of face-api.js, which does not name the faces that it learned from",
    ),
    "pyemotion": Peer(
        "PyEmotion",
        "python",
        "PyEmotion",
        _FER2013_ORDER,
        "a plain network of six layers, which is also in facial-emotion-recognition; neither says "
        "how it was trained",
    ),
}


def answers_in(
    label_set: LabelSet, scores: NDArray[np.floating], labels: tuple[str, ...]
) -> NDArray[np.float64]:
    """Return a library's answers in the order of a label set, as certain as they can be.

    The answer is the highest score, the first of equal ones in the library's own order, as it
    would be there. Some networks' scores are no probabilities, so nothing else is kept of them.

    Args:
        label_set: In what order; an expression that the library does not know is never the answer.
        scores: (n, len(labels)), the higher the more likely.
        labels: The library's expressions in its order, in any usual spelling.

    Returns:
        (n, len(label_set)), a 1 in each row.

    Raises:
        ShapeError: If there are not as many scores as labels, or one is no number.
        LabelError: If the library knows an expression that the label set does not have.
    """
    if scores.ndim != 2 or scores.shape[1] != len(labels):
        raise ShapeError(f"expected scores of shape (n, {len(labels)}), got {scores.shape}")
    if not np.isfinite(scores).all():
        raise ShapeError("expected scores that are finite numbers, got some that are not")
    columns = np.array([label_set.index(canonical_label(label)) for label in labels])
    return np.eye(len(label_set))[columns[scores.argmax(axis=1)]]
