"""Where the probabilities of an audit come from: a model that never saw the split, or a file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mien.core.errors import DatasetError
from mien.core.labels import LabelSet
from mien.data import SPLITS, FaceDataset, canonical_split, training_overlap
from mien.evaluation.predictors import Predictor
from mien.evaluation.views import Progress, predict_views

# Rounding to a few decimals is fine, another sum is no distribution.
_SUM_TOLERANCE = 0.01
_EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class JudgedFaces:
    """Which faces of a split can be judged.

    Attributes:
        split: Its name in `SPLITS`.
        indices: (m,) int64, their places in the dataset.
        n_split: Faces in the split.
        unlabelled: How many of these have no label.
        seen: How many labelled ones are left out since they, or nearly they, are among the training
            images.
    """

    split: str
    indices: NDArray[np.int64]
    n_split: int
    unlabelled: int
    seen: int


def choose_judged(dataset: FaceDataset, split: str, *, leave_out_seen: bool) -> JudgedFaces:
    """Return the labelled faces of a split.

    Args:
        dataset: The whole dataset.
        split: In any of the usual spellings.
        leave_out_seen: Whether a face that shows the same picture as a training image, or nearly,
            is left out: a model that was trained on it has learned its label.

    Raises:
        DatasetError: If the split is empty, or no face of it can be judged.
    """
    split = canonical_split(split)
    in_split = dataset.splits == SPLITS.index(split)
    if not in_split.any():
        raise DatasetError(
            f"{dataset!r} has no face in split {split}; audit another one with --split"
        )
    labelled = in_split & (dataset.class_ids >= 0)
    if not labelled.any():
        raise DatasetError(f"no face of split {split} has a label, so there is none to judge")
    overlap = training_overlap(dataset, split) if leave_out_seen else None
    judged = labelled if overlap is None else labelled & ~overlap.alike
    if not judged.any():
        raise DatasetError(
            f"every face of split {split} is among the training images, too, so the model has "
            "seen them all; audit the split train without a run"
        )
    return JudgedFaces(
        split=split,
        indices=np.flatnonzero(judged).astype(np.int64),
        n_split=int(in_split.sum()),
        unlabelled=int((in_split & ~labelled).sum()),
        seen=int((labelled & ~judged).sum()),
    )


def check_head(heads: tuple[str, ...], labels: LabelSet, name: str) -> None:
    """Refuse a model that does not answer in the label set of the labels to judge.

    Raises:
        DatasetError: If it does not.
    """
    if labels.name not in heads:
        raise DatasetError(
            f"the labels to judge are of {labels.name}, and {name} answers in "
            f"{', '.join(heads)}; take a model with a {labels.name} head"
        )


def ask_model(
    predictor: Predictor,
    dataset: FaceDataset,
    indices: NDArray[np.int64],
    *,
    batch_size: int = 256,
    on_progress: Progress | None = None,
) -> NDArray[np.float64]:
    """Return probabilities (m, classes): the mean over each face and its mirror image.

    Args:
        predictor: It answers in the dataset's label set.
        dataset: Where the faces are.
        indices: (m,) which of them.
        batch_size: Faces at once.
        on_progress: Told how far it is.

    Raises:
        DatasetError: If the model answers in other label sets.
        ShapeError: If it answers in another shape than its label sets say.
    """
    labels = dataset.label_set
    check_head(tuple(predictor.label_sets), labels, predictor.name)
    both = predict_views(
        predictor, dataset, indices, [labels.name], batch_size=batch_size, on_progress=on_progress
    )
    return np.asarray(both[labels.name].mean(axis=0), np.float64)


def read_answers(path: Path | str, faces: FaceDataset) -> NDArray[np.float64]:
    """Read the probabilities of faces from a CSV file.

    It has a row for each face: `source`, its row number or path in the dataset, and `p_<label>`
    for every label. Other columns and faces are ignored, so `audit.csv` itself is such a file.

    Args:
        path: The file.
        faces: Those to judge.

    Returns:
        (m, classes) float64 in the order of the faces' label set; rows sum to 1.

    Raises:
        DatasetError: If the file cannot be read, lacks a column or a face, or its numbers are no
            probabilities.
    """
    columns = [f"p_{label}" for label in faces.label_set.labels]
    table = _read_table(path)
    missing = [name for name in ("source", *columns) if name not in table]
    if missing:
        raise DatasetError(
            f"{path} has no predictions of {faces.label_set.name}: missing column"
            f"{'s' if len(missing) > 1 else ''} {', '.join(missing)}"
        )
    if table["source"].duplicated().any():
        twice = table["source"][table["source"].duplicated()].tolist()
        raise DatasetError(f"{path} has more than one row for {_named(twice)}")
    wanted = [str(source) for source in faces.sources]
    absent = sorted(set(wanted) - set(table["source"]))
    if absent:
        raise DatasetError(
            f"{path} has no predictions for {len(absent):,} of {len(wanted):,} faces "
            f"({_named(absent)}); it needs a row for every labelled face of the split"
        )
    rows = table.set_index("source").loc[wanted]
    values = rows[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    with np.errstate(invalid="ignore"):
        sums = values.sum(axis=1)
        wrong = ~((values >= 0).all(axis=1) & (np.abs(sums - 1) <= _SUM_TOLERANCE))
    if wrong.any():
        bad = [source for source, is_wrong in zip(wanted, wrong, strict=True) if is_wrong]
        raise DatasetError(
            f"{path}: expected probabilities from 0 to 1 that sum to 1, which {len(bad):,} rows "
            f"are not ({_named(bad)})"
        )
    return np.asarray(values / sums[:, None], np.float64)


def _read_table(path: Path | str) -> pd.DataFrame:
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except OSError as error:
        raise DatasetError(f"cannot read {path}: {error.strerror or error}") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path} is no CSV file: {str(error).strip()}") from error


def _named(sources: list[str]) -> str:
    more = ", ..." if len(sources) > _EXAMPLES else ""
    return f"source {', '.join(sources[:_EXAMPLES])}{more}"
