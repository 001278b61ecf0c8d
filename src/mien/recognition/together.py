"""Faces that several recognizers found, read in one run of each model that they share."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mien.core.types import FrameResult
from mien.recognition.recognizer import Recognizer
from mien.recognition.results import Located


@dataclass(frozen=True)
class Seen:
    """A picture whose faces are found but not read yet; its length is their number.

    Attributes:
        recognizer: Who reads it: with which model, label set and prior.
        located: As its `locate` returned it.
    """

    recognizer: Recognizer
    located: Located

    def __len__(self) -> int:
        return len(self.located.faces)


def read_together(seen: Sequence[Seen]) -> list[FrameResult]:
    """Read the faces of pictures, those of one model in one run; each gets its own answer.

    All heads of a model come out of a run, so that label sets and priors may differ.

    Args:
        seen: Any number of pictures.

    Returns:
        One result for each picture, in order; the time of a run is shared out among its faces.
    """
    # By identity: models of one name can differ.
    by_model: dict[int, list[int]] = {}
    for number, one in enumerate(seen):
        by_model.setdefault(id(one.recognizer.bundle), []).append(number)
    results: dict[int, FrameResult] = {}
    for numbers in by_model.values():
        batch = [seen[number] for number in numbers]
        started_s = time.perf_counter()
        crops_gray = np.concatenate([one.located.crops_gray for one in batch])
        logits = batch[0].recognizer.bundle.predict_logits(crops_gray)
        face_ms = 1000 * (time.perf_counter() - started_s) / max(1, len(crops_gray))
        start = 0
        for number, one in zip(numbers, batch, strict=True):
            rows = logits[one.recognizer.label_set][start : start + len(one)]
            start += len(one)
            results[number] = one.recognizer.answer(
                one.located, rows, classify_ms=face_ms * len(one)
            )
    return [results[number] for number in range(len(seen))]
