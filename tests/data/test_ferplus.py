from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from fer2013_files import VOTE_HEADER, write_small_fer2013, write_votes
from mien.core.errors import DatasetError
from mien.core.labels import FERPLUS, FERPLUS_VOTE_COLUMNS
from mien.data import (
    FERPLUS_RULES,
    ferplus_targets,
    label_by_votes,
    open_dataset,
    read_ferplus_votes,
)

# neutral happiness surprise sadness anger disgust fear contempt unknown NF
VOTES = np.array(
    [
        [6, 0, 1, 1, 0, 0, 0, 0, 2, 0],  # single votes out: 6 of 8 neutral
        [4, 4, 0, 0, 0, 0, 0, 0, 2, 0],  # no majority; neutral comes first
        [0, 0, 0, 3, 0, 0, 0, 0, 7, 0],  # top one is unknown
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],  # no face, no vote for an expression
        [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],  # nothing but single votes
        [0, 0, 5, 0, 0, 0, 0, 0, 5, 0],  # half is not over half; surprise comes first
        [0, 0, 0, 0, 1, 0, 0, 5, 4, 0],  # single vote out: 5 of 9 contempt
    ],
    np.uint8,
)


@pytest.mark.parametrize(
    ("rule", "class_ids"),
    [
        ("majority", [0, -1, -1, -1, -1, -1, 7]),
        ("argmax10", [0, 0, -1, -1, 0, 2, 7]),
        ("argmax8", [0, 0, 3, -1, 0, 2, 7]),
        ("soft", [0, 0, -1, -1, -1, 2, 7]),
    ],
)
def test_rules_on_votes_made_by_hand(rule: str, class_ids: list[int]) -> None:
    targets = ferplus_targets(VOTES, rule)
    assert targets.class_ids.tolist() == class_ids
    assert targets.keep.tolist() == [class_id >= 0 for class_id in class_ids]


def test_single_votes_leave_the_distribution_where_the_rule_says_so() -> None:
    row = VOTES[:1]
    for rule in ("majority", "soft"):
        np.testing.assert_array_equal(ferplus_targets(row, rule).distributions, [np.eye(8)[0]])
    for rule in ("argmax10", "argmax8"):
        expected = np.array([[6, 0, 1, 1, 0, 0, 0, 0]], np.float32) / 8
        np.testing.assert_allclose(ferplus_targets(row, rule).distributions, expected)


def by_the_book(row: list[int], rule: str) -> int:
    """The rules once more, one row at a time and without arrays; -1 for a dropped row."""
    if rule in ("majority", "soft"):
        row = [0 if count == 1 else count for count in row]
    if sum(row[:8]) == 0:
        return -1
    if rule == "argmax8":
        return row.index(max(row[:8]))
    top = row.index(max(row))
    if FERPLUS_VOTE_COLUMNS[top] in ("unknown", "NF"):
        return -1
    if rule == "majority" and not max(row) / sum(row) > 0.5:
        return -1
    return top


@given(
    npst.arrays(np.uint8, (7, 10), elements=st.integers(0, 10)),
    st.sampled_from(FERPLUS_RULES),
)
def test_rules_agree_with_a_plain_reading(votes: np.ndarray, rule: str) -> None:
    targets = ferplus_targets(votes, rule)
    assert targets.class_ids.tolist() == [by_the_book(row, rule) for row in votes.tolist()]
    assert (targets.distributions >= 0).all()
    sums = targets.distributions.sum(axis=1)
    np.testing.assert_allclose(sums, targets.keep.astype(float), atol=1e-6)
    kept = targets.distributions[targets.keep]
    best = kept[np.arange(len(kept)), targets.class_ids[targets.keep]]
    np.testing.assert_array_equal(best, kept.max(axis=1, initial=0))


def test_rules_take_no_votes_at_all() -> None:
    for rule in FERPLUS_RULES:
        targets = ferplus_targets(np.empty((0, 10), np.uint8), rule)
        assert targets.distributions.shape == (0, 8)


def test_unknown_rule_and_wrong_shape_are_refused() -> None:
    with pytest.raises(DatasetError, match=r"unknown FER\+ rule 'max'; available: majority"):
        ferplus_targets(VOTES, "max")
    with pytest.raises(DatasetError, match=r"\(n, 10\) votes, got an array of shape \(7, 8\)"):
        ferplus_targets(VOTES[:, :8], "soft")


def test_votes_are_read_by_column_name(tmp_path: Path) -> None:
    names = VOTE_HEADER.split(",")
    path = tmp_path / "shuffled.csv"
    lines = [",".join(reversed(names))]
    lines += [",".join(reversed(["PublicTest", "", *map(str, row)])) for row in VOTES.tolist()]
    path.write_text("\n".join(lines))
    ferplus = read_ferplus_votes(path)
    np.testing.assert_array_equal(ferplus.votes, VOTES)
    assert ferplus.splits.tolist() == [1] * 7
    assert ferplus.image_names[3] == "fer0000003.png"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "missing columns Usage, neutral"),
        (VOTE_HEADER.replace(",NF", "") + "\n", "missing column NF"),
        (VOTE_HEADER + "\nTraining,x,1,2\n", "row 0 must have"),
        (VOTE_HEADER + "\nTraining,x,a,0,0,0,0,0,0,0,0,0\n", "row 0 must have"),
        (VOTE_HEADER + "\nHoliday,x,1,0,0,0,0,0,0,0,0,0\n", "unknown split 'Holiday'"),
        (VOTE_HEADER + "\nTraining,x,-1,0,0,0,0,0,0,0,0,0\n", r"row 0: votes must lie in 0..255"),
    ],
)
def test_bad_votes_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "votes.csv"
    path.write_text(text)
    with pytest.raises(DatasetError, match=reason):
        read_ferplus_votes(path)


def test_missing_and_binary_votes_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot read .*: No such file"):
        read_ferplus_votes(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DatasetError, match="not a CSV file"):
        read_ferplus_votes(tmp_path / "binary.csv")


def test_label_by_votes_keeps_only_what_the_rule_keeps(tmp_path: Path) -> None:
    path = write_small_fer2013(tmp_path, 7)
    usages = [line.rsplit(",", 1)[1] for line in path.read_text().splitlines()[1:]]
    write_votes(tmp_path / "fer2013new.csv", VOTES.tolist(), usages)
    dataset = open_dataset(tmp_path)
    labelled = label_by_votes(dataset, "majority")
    assert labelled.label_set is FERPLUS
    assert labelled.class_ids.tolist() == [0, 7]
    assert labelled.sources == (0, 6)
    with pytest.raises(DatasetError, match="needs FER\\+ votes and fer2013 has none"):
        label_by_votes(open_dataset(write_small_fer2013(tmp_path / "bare")), "majority")
