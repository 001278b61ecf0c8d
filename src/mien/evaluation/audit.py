"""Which labels are likely wrong: what a model that never saw the faces says, and what voters say.

Confident learning (Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in
Dataset Labels", 2021) as cleanlab has it decides which labels a model disputes; FER+ votes, where
there are any, are a second witness.
"""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.core.errors import ConfigError, DatasetError, MissingExtraError, ShapeError
from mien.core.labels import FERPLUS_VOTE_COLUMNS
from mien.data import FaceDataset
from mien.data.corrections import SUGGESTIONS

RELABEL_FROM = 0.8


@dataclass(frozen=True, eq=False)
class VoterView:
    """What FER+'s voters say of the judged faces; rows without any vote are all 0.

    Attributes:
        cast: (m,) int64, votes on each face, refusals counted.
        given: (m,) int64, of them for the label that it has.
        likely: (m,) int64, of them for the likely label.
        top: (m,) int64, index into `FERPLUS_VOTE_COLUMNS` of the one with the most votes; the
            first of those that tie, -1 without votes.
        likely_wins: (m,) bool, whether the likely label has more votes than the given one, and
            nothing has more than it.
    """

    cast: NDArray[np.int64]
    given: NDArray[np.int64]
    likely: NDArray[np.int64]
    top: NDArray[np.int64]
    likely_wins: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Audit:
    """The labels of some faces, judged.

    Attributes:
        faces: The m judged faces, in the order of everything below.
        probabilities: (m, classes) float64, of a model that did not learn from the face.
        likely: (m,) int64, the most probable class.
        disputed: (m,) bool, whether cleanlab counts the label among the issues.
        quality: (m,) float64, 0..1, cleanlab's score of the label: 0 is surely wrong.
        suggestions: (m,) int64, index into `SUGGESTIONS`.
        noise: (classes,) float64, estimated share of wrong labels among those given; nan where
            no face has the label.
        voters: What the voters say, or None where the data has no votes.
        relabel_from: Without votes, the probability from which a label is replaced.
    """

    faces: FaceDataset
    probabilities: NDArray[np.float64]
    likely: NDArray[np.int64]
    disputed: NDArray[np.bool_]
    quality: NDArray[np.float64]
    suggestions: NDArray[np.int64]
    noise: NDArray[np.float64]
    voters: VoterView | None
    relabel_from: float

    @property
    def given(self) -> NDArray[np.int64]:
        """(m,) int64, the labels as they are."""
        return self.faces.class_ids

    def count(self, suggestion: str) -> int:
        """Return how many faces have this suggestion."""
        return int((self.suggestions == SUGGESTIONS.index(suggestion)).sum())

    @property
    def estimated_noise(self) -> float:
        """Estimated share of wrong labels among all that were judged, 0..1."""
        counts = np.bincount(self.given, minlength=len(self.noise))
        return float(np.nansum(self.noise * counts) / counts.sum())

    def pairs(self) -> list[tuple[int, int, NDArray[np.int64]]]:
        """Return (given, likely, disputed faces, worst label first), largest group first."""
        worst = np.argsort(self.quality, kind="stable")
        members: dict[tuple[int, int], list[int]] = {}
        for face in worst[self.disputed[worst]].tolist():
            members.setdefault((int(self.given[face]), int(self.likely[face])), []).append(face)
        ordered = sorted(members.items(), key=lambda item: (-len(item[1]), item[0]))
        return [(*pair, np.array(faces, np.int64)) for pair, faces in ordered]


def judge_labels(
    faces: FaceDataset, probabilities: NDArray[np.float64], *, relabel_from: float = RELABEL_FROM
) -> Audit:
    """Say of every face whether its label should be kept, replaced or left out.

    A label that cleanlab does not dispute is kept. So is a disputed one that more than half of
    the voters gave. Else the likely label takes its place where most voters say so too, or, on
    a face without votes, where its probability is `relabel_from` at least; and the face is to be
    dropped where nobody knows.

    Args:
        faces: Labelled, all of them.
        probabilities: (m, classes), rows sum to 1, of a model that did not learn from the face.
        relabel_from: See above, 0..1.

    Raises:
        ConfigError: If `relabel_from` is not in 0..1.
        DatasetError: If there are no faces, or all have the same label.
        MissingExtraError: If cleanlab is not installed.
        ShapeError: If the probabilities are not of these faces and their label set.
    """
    _check(faces, probabilities, relabel_from)
    likely = probabilities.argmax(axis=1)
    disputed, quality, noise = _confident_learning(faces.class_ids, probabilities)
    # The likely label is the one to name, so a dispute needs it to be another.
    disputed &= likely != faces.class_ids
    voters = None if faces.votes is None else _hear(faces, likely)
    certain = probabilities.max(axis=1) >= relabel_from
    confirmed = np.zeros(len(faces), np.bool_)
    if voters is not None:
        certain = np.where(voters.cast > 0, voters.likely_wins, certain)
        confirmed = 2 * voters.given > voters.cast
    suggestions = np.full(len(faces), SUGGESTIONS.index("keep"), np.int64)
    suggestions[disputed & ~confirmed] = SUGGESTIONS.index("drop")
    suggestions[disputed & ~confirmed & certain] = SUGGESTIONS.index("relabel")
    return Audit(
        faces=faces,
        probabilities=probabilities,
        likely=likely.astype(np.int64),
        disputed=disputed,
        quality=quality,
        suggestions=suggestions,
        noise=noise,
        voters=voters,
        relabel_from=relabel_from,
    )


def voters_agree(audit: Audit) -> dict[str, dict[str, Any]]:
    """Return how voters judge the labels that the model disputes, and those it does not.

    For `disputed` and `undisputed`: `n`, faces with votes; `given` and `likely`, the share of
    them whose top vote is that label. Empty without votes.
    """
    if audit.voters is None:
        return {}
    names = (*FERPLUS_VOTE_COLUMNS, "")
    top = np.array([names[i] for i in audit.voters.top])
    labels = np.array(audit.faces.label_set.labels)
    shares = {}
    for name, part in (("disputed", audit.disputed), ("undisputed", ~audit.disputed)):
        heard = part & (audit.voters.cast > 0)
        n = int(heard.sum())
        shares[name] = {
            "n": n,
            "given": float((top == labels[audit.given])[heard].mean()) if n else None,
            "likely": float((top == labels[audit.likely])[heard].mean()) if n else None,
        }
    return shares


def _check(faces: FaceDataset, probabilities: NDArray[np.float64], relabel_from: float) -> None:
    if not 0 <= relabel_from <= 1:
        raise ConfigError(f"expected a probability of 0 to 1 to relabel from, got {relabel_from}")
    expected = (len(faces), len(faces.label_set))
    if probabilities.shape != expected:
        raise ShapeError(f"expected probabilities of shape {expected}, got {probabilities.shape}")
    if not len(faces) or (faces.class_ids < 0).any():
        raise DatasetError(f"expected labelled faces to judge, got {len(faces)} of {faces.name}")
    check_classes(faces)


def check_classes(faces: FaceDataset) -> None:
    """Refuse faces that all have one label: there is nothing that it could be taken for.

    Raises:
        DatasetError: If they do.
    """
    present = Counter(faces.class_ids.tolist())
    if len(present) < 2:
        only = ", ".join(faces.label_set.labels[i] for i in present)
        raise DatasetError(
            f"all {len(faces):,} faces have the same label ({only}); an audit compares labels "
            "with what else they could be, so it needs faces of at least two expressions"
        )


def require_cleanlab() -> None:
    """Refuse to go on without cleanlab; worth asking before hours of training.

    Raises:
        MissingExtraError: If it is not installed.
    """
    try:
        import cleanlab  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"judging labels needs {error.name}, which is not installed; pip install 'mien[train]'"
        ) from error


def _confident_learning(
    given: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Return which labels are disputed, their quality, and the estimated noise by class."""
    require_cleanlab()
    from cleanlab.count import compute_confident_joint, estimate_joint
    from cleanlab.filter import find_label_issues
    from cleanlab.rank import get_label_quality_scores

    joint_counts = compute_confident_joint(given, probabilities)
    # (classes given, classes true), sums to 1.
    joint = estimate_joint(given, probabilities, confident_joint=joint_counts)
    totals = joint.sum(axis=1)
    noise = np.full(len(joint), np.nan)
    seen = totals > 0
    noise[seen] = 1 - joint.diagonal()[seen] / totals[seen]
    with warnings.catch_warnings():
        # Of an expression without faces, or with one, there is none that could be flagged.
        warnings.filterwarnings("ignore", message="May not flag all label issues in class")
        disputed = find_label_issues(given, probabilities, confident_joint=joint_counts, n_jobs=1)
    quality = get_label_quality_scores(given, probabilities, method="self_confidence")
    return np.asarray(disputed, np.bool_), np.asarray(quality, np.float64), noise


def _hear(faces: FaceDataset, likely: NDArray[np.intp]) -> VoterView:
    """Return what the voters of FER+ say of the given and the likely labels."""
    votes = np.asarray(faces.votes, np.int64)
    columns = np.array([FERPLUS_VOTE_COLUMNS.index(label) for label in faces.label_set.labels])
    rows = np.arange(len(faces))
    for_given, for_likely = votes[rows, columns[faces.class_ids]], votes[rows, columns[likely]]
    cast = votes.sum(axis=1)
    return VoterView(
        cast=cast,
        given=for_given,
        likely=for_likely,
        top=np.where(cast > 0, votes.argmax(axis=1), -1),
        likely_wins=(for_likely > for_given) & (for_likely == votes.max(axis=1)),
    )
