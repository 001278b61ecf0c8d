from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mien.core.errors import DatasetError
from mien.core.labels import FER2013, FERPLUS
from mien.data import FaceDataset
from mien.training.recipe import HeadRecipe
from mien.training.targets import head_targets, sample_labels


def test_labels_go_to_the_column_of_their_name_in_either_label_set(faces: FaceDataset) -> None:
    as_ferplus = head_targets(faces, "ferplus", HeadRecipe("labels")).distributions
    for row, class_id in enumerate(faces.class_ids[:20]):
        label = FER2013.labels[class_id]
        assert FERPLUS.labels[int(as_ferplus[row].argmax())] == label


def test_smoothing_spreads_its_share_over_all_classes(faces: FaceDataset) -> None:
    targets = head_targets(faces, "fer2013", HeadRecipe("labels", label_smoothing=0.1))
    row = targets.distributions[0]
    assert float(row.max()) == pytest.approx(0.9 + 0.1 / 7)
    assert float(row.min()) == pytest.approx(0.1 / 7)


def test_faces_that_annotators_refused_teach_the_head_nothing(faces: FaceDataset) -> None:
    targets = head_targets(faces, "ferplus", HeadRecipe("soft"))
    assert torch.equal(targets.distributions[0], torch.zeros(8))
    assert targets.usable == len(faces) - len(faces) // 20


def test_soft_targets_are_the_votes_and_majority_their_top(faces: FaceDataset) -> None:
    soft = head_targets(faces, "ferplus", HeadRecipe("soft")).distributions[1]
    assert sorted(soft.tolist())[-2:] == pytest.approx([0.3, 0.7])
    top = head_targets(faces, "ferplus", HeadRecipe("majority")).distributions[1]
    assert float(top.max()) == 1
    assert int(top.argmax()) == int(soft.argmax())


def test_sampled_labels_follow_the_votes() -> None:
    torch.manual_seed(0)
    votes = torch.tensor([[0.7, 0.3, 0.0], [0.0, 0.0, 0.0]]).repeat(4000, 1)
    drawn = sample_labels(votes)
    assert set(drawn[0::2].sum(1).tolist()) == {1.0}
    assert float(drawn[1::2].abs().sum()) == 0
    # Standard error of a share of 0.7 over 4,000 draws is 0.0072.
    assert float(drawn[0::2].mean(0)[0]) == pytest.approx(0.7, abs=0.03)


def test_balanced_class_weights_make_every_class_count_the_same(faces: FaceDataset) -> None:
    targets = head_targets(faces, "fer2013", HeadRecipe("labels", class_weights="balanced"))
    shares = targets.distributions.sum(0) * targets.class_weights
    assert shares.tolist() == pytest.approx([len(faces) / 7] * 7, rel=1e-5)


def test_votes_are_asked_for_where_they_are_missing(faces: FaceDataset) -> None:
    with pytest.raises(DatasetError, match=r"fer2013new\.csv"):
        head_targets(replace(faces, votes=None), "ferplus", HeadRecipe("soft"))


def test_a_dataset_without_any_usable_label_is_refused(faces: FaceDataset) -> None:
    blank = replace(faces, class_ids=np.full(len(faces), -1, np.int64))
    with pytest.raises(DatasetError, match="no face"):
        head_targets(blank, "fer2013", HeadRecipe("labels"))
