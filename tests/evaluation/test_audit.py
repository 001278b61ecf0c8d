"""Wrong labels are found, estimated and judged as an independent truth and the votes say."""

from __future__ import annotations

import builtins
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mien.core.errors import ConfigError, DatasetError, MissingExtraError, ShapeError
from mien.core.labels import FERPLUS_VOTE_COLUMNS
from mien.data import FaceDataset
from mien.data.corrections import SUGGESTIONS
from mien.evaluation.audit import Audit, judge_labels, voters_agree
from mislabelled import answers_for, make_mislabelled, votes_for

N = 2000


@pytest.fixture(scope="module")
def case() -> tuple[FaceDataset, np.ndarray[Any, Any], Audit]:
    """2,000 faces, one label in ten wrong, judged by a model that is mostly right."""
    faces, true = make_mislabelled(N, n_validation=0)
    return faces, true, judge_labels(faces, answers_for(true))


def suggestions_of(audit: Audit) -> list[str]:
    return [SUGGESTIONS[i] for i in audit.suggestions]


def test_wrong_labels_are_found_and_right_ones_left_alone(
    case: tuple[FaceDataset, Any, Audit],
) -> None:
    faces, true, audit = case
    wrong = faces.class_ids != true
    assert wrong.sum() == N // 10
    assert audit.disputed[wrong].mean() > 0.9
    assert wrong[audit.disputed].mean() > 0.9
    relabelled = audit.suggestions == SUGGESTIONS.index("relabel")
    assert (audit.likely == true)[relabelled].mean() > 0.98
    # Every wrong label scores below nearly every right one.
    assert np.median(audit.quality[wrong]) < np.quantile(audit.quality[~wrong], 0.01)


def test_estimated_noise_is_the_share_of_wrong_labels_by_class(
    case: tuple[FaceDataset, Any, Audit],
) -> None:
    faces, true, audit = case
    assert audit.estimated_noise == pytest.approx(0.1, abs=0.02)
    for class_id in range(7):
        here = faces.class_ids == class_id
        if here.any():
            share = (true != faces.class_ids)[here].mean()
            assert audit.noise[class_id] == pytest.approx(share, abs=0.03)
        else:
            assert np.isnan(audit.noise[class_id])


def test_quality_is_the_probability_of_the_given_label(
    case: tuple[FaceDataset, Any, Audit],
) -> None:
    faces, _, audit = case
    given = audit.probabilities[np.arange(N), faces.class_ids]
    np.testing.assert_allclose(audit.quality, given)


def test_pairs_hold_every_disputed_face_once_worst_first(
    case: tuple[FaceDataset, Any, Audit],
) -> None:
    faces, _, audit = case
    pairs = audit.pairs()
    together = np.concatenate([members for _, _, members in pairs])
    assert sorted(together.tolist()) == np.flatnonzero(audit.disputed).tolist()
    sizes = [len(members) for _, _, members in pairs]
    assert sizes == sorted(sizes, reverse=True)
    for given, likely, members in pairs:
        assert given != likely
        assert set(faces.class_ids[members].tolist()) == {given}
        assert set(audit.likely[members].tolist()) == {likely}
        assert (np.diff(audit.quality[members]) >= 0).all()


def test_without_votes_only_sure_answers_relabel(case: tuple[FaceDataset, Any, Audit]) -> None:
    _, _, audit = case
    disputed = np.flatnonzero(audit.disputed)
    for face in disputed.tolist():
        sure = audit.probabilities[face].max() >= 0.8
        assert suggestions_of(audit)[face] == ("relabel" if sure else "drop")
    strict = judge_labels(audit.faces, audit.probabilities, relabel_from=1.0)
    assert strict.count("relabel") == 0
    assert strict.count("drop") == len(disputed)
    loose = judge_labels(audit.faces, audit.probabilities, relabel_from=0.0)
    assert loose.count("drop") == 0


def test_voters_overrule_the_model_and_decide_what_becomes_of_a_face(
    case: tuple[FaceDataset, Any, Audit],
) -> None:
    faces, _, audit = case
    confirmed, sided, split, silent = np.flatnonzero(audit.disputed)[:4].tolist()
    votes = votes_for(faces.class_ids, 4)
    votes[confirmed] = votes_for(faces.class_ids[[confirmed]], 6)[0]
    votes[sided] = votes_for(audit.likely[[sided]], 9)[0]
    # The likely label has more votes than the given one, but most cannot tell.
    votes[split] = votes_for(audit.likely[[split]], 3)[0]
    votes[silent] = 0
    heard = judge_labels(replace(faces, votes=votes), audit.probabilities)
    said = suggestions_of(heard)
    assert (said[confirmed], said[sided], said[split]) == ("keep", "relabel", "drop")
    assert said[silent] == suggestions_of(audit)[silent]
    assert heard.voters is not None
    assert heard.voters.top[silent] == -1
    assert FERPLUS_VOTE_COLUMNS[heard.voters.top[split]] == "unknown"
    assert (heard.voters.cast[sided], heard.voters.likely[sided], heard.voters.given[sided]) == (
        10,
        9,
        0,
    )
    undisputed = ~audit.disputed
    assert (heard.suggestions[undisputed] == SUGGESTIONS.index("keep")).all()


def test_voters_shares_are_those_counted_by_hand(case: tuple[FaceDataset, Any, Audit]) -> None:
    faces, true, audit = case
    heard = judge_labels(replace(faces, votes=votes_for(true)), audit.probabilities)
    shares = voters_agree(heard)
    for name, part in (("disputed", audit.disputed), ("undisputed", ~audit.disputed)):
        assert shares[name]["n"] == part.sum()
        assert shares[name]["given"] == pytest.approx((faces.class_ids == true)[part].mean())
        assert shares[name]["likely"] == pytest.approx((audit.likely == true)[part].mean())
    assert voters_agree(audit) == {}


def test_what_cannot_be_judged_is_refused(case: tuple[FaceDataset, Any, Audit]) -> None:
    faces, true, audit = case
    with pytest.raises(ShapeError, match=r"expected probabilities of shape \(2000, 7\)"):
        judge_labels(faces, audit.probabilities[:, :6])
    one = faces.subset(faces.class_ids == 3)
    with pytest.raises(DatasetError, match=r"same label \(happiness\)"):
        judge_labels(one, answers_for(true[faces.class_ids == 3]))
    with pytest.raises(DatasetError, match="expected labelled faces"):
        judge_labels(replace(faces, class_ids=np.full(N, -1)), audit.probabilities)
    with pytest.raises(ConfigError, match="0 to 1 to relabel from"):
        judge_labels(faces, audit.probabilities, relabel_from=1.5)


def test_without_cleanlab_the_extra_is_named(
    case: tuple[FaceDataset, Any, Audit], monkeypatch: pytest.MonkeyPatch
) -> None:
    importing = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name.startswith("cleanlab"):
            raise ModuleNotFoundError("No module named 'cleanlab'", name="cleanlab")
        return importing(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=r"needs cleanlab.*pip install 'mien\[train\]'"):
        judge_labels(case[0], case[2].probabilities)
