from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mien.core.errors import DatasetError
from mien.core.labels import FER2013, FERPLUS
from mien.data import FaceDataset
from mien.training.module import FaceModule
from mien.training.recipe import HeadRecipe, parse_recipe
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


def rare_disgust(faces: FaceDataset) -> FaceDataset:
    """Return ten faces: seven happy, two neutral, one disgusted."""
    names = ["happiness"] * 7 + ["neutral"] * 2 + ["disgust"]
    labels = np.array([FER2013.labels.index(name) for name in names])
    return replace(
        faces,
        images_gray=faces.images_gray[:10],
        splits=faces.splits[:10],
        class_ids=labels,
        votes=None,
        sources=faces.sources[:10],
    )


def test_without_weights_the_prior_that_is_taught_is_the_mean_target(faces: FaceDataset) -> None:
    targets = head_targets(rare_disgust(faces), "fer2013", HeadRecipe("labels"))
    taught = dict(zip(FER2013.labels, targets.priors, strict=True))
    shares = {"happiness": 0.7, "neutral": 0.2, "disgust": 0.1}
    assert taught == pytest.approx({label: shares.get(label, 0.0) for label in FER2013.labels})


def test_balanced_weights_teach_equal_shares_of_what_there_is(faces: FaceDataset) -> None:
    recipe = HeadRecipe("labels", class_weights="balanced")
    taught = head_targets(rare_disgust(faces), "fer2013", recipe).priors
    present = [share for share in taught if share > 0]
    # Weights are 10 / (7 x count), so each of the three weighs 10 / 7 in all.
    assert present == pytest.approx([1 / 3] * 3, abs=1e-6)


def test_smoothing_and_weights_together_teach_what_is_worked_out_by_hand(
    faces: FaceDataset,
) -> None:
    recipe = HeadRecipe("labels", label_smoothing=0.7, class_weights="balanced")
    taught = head_targets(rare_disgust(faces), "fer2013", recipe).priors
    # Smoothing leaves 0.3 of each count and adds 10 x 0.7 / 7 = 1 to each class: counts of 3.1,
    # 1.6, 1.3 and four times 1. The weights 10 / (7 x max(1, count)) go as 1/7, 1/2, 1, and 1.
    products = {"happiness": 3.1 / 7, "neutral": 1.6 / 2, "disgust": 1.3}
    total = sum(products.values()) + 4
    expected = [products.get(label, 1.0) / total for label in FER2013.labels]
    assert taught == pytest.approx(expected, abs=1e-6)


def test_logit_adjustment_leaves_less_of_the_shares_to_be_learned(faces: FaceDataset) -> None:
    whole, half = (
        head_targets(rare_disgust(faces), "fer2013", HeadRecipe("labels", logit_adjustment=tau))
        for tau in (1.0, 0.5)
    )
    # Of 7, 2 and 1 in ten nothing is left to learn, or their roots; what nobody has stays 0.
    assert [share for share in whole.priors if share > 0] == pytest.approx([1 / 3] * 3, abs=1e-6)
    roots = {"happiness": 0.7**0.5, "neutral": 0.2**0.5, "disgust": 0.1**0.5}
    expected = [roots.get(label, 0.0) / sum(roots.values()) for label in FER2013.labels]
    assert half.priors == pytest.approx(expected, abs=1e-6)
    happiness = FER2013.labels.index("happiness")
    assert float(whole.logit_offsets[happiness]) == pytest.approx(np.log(0.7), rel=1e-5)
    assert float(half.logit_offsets[happiness]) == pytest.approx(np.log(0.7) / 2, rel=1e-5)


@pytest.mark.parametrize("logit_adjustment", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_faces_that_tell_nothing_are_answered_with_the_prior_that_is_taught(
    faces: FaceDataset, class_weights: Literal["none", "balanced"], logit_adjustment: float
) -> None:
    """What a network says that sees no difference between faces, trained with its own loss."""
    values = {
        "name": "blind",
        "model": {"name": "cnn6"},
        "heads": {
            "fer2013": {
                "target": "labels",
                "label_smoothing": 0.2,
                "class_weights": class_weights,
                "logit_adjustment": logit_adjustment,
            }
        },
    }
    recipe = parse_recipe(values)
    targets = {"fer2013": head_targets(rare_disgust(faces), "fer2013", recipe.heads["fer2013"])}
    blind = Blind()
    module = FaceModule(blind, recipe, targets, targets)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    optimiser = torch.optim.LBFGS(blind.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def step() -> Tensor:
        optimiser.zero_grad()
        chosen = {"fer2013": targets["fer2013"].distributions}
        loss, _ = module._losses("train", torch.zeros(10, 1, 24, 24), chosen)
        loss.backward()
        return loss

    optimiser.step(step)
    answer = torch.softmax(blind.logits.detach(), 0).tolist()
    assert answer == pytest.approx(targets["fer2013"].priors, abs=1e-3)


class Blind(nn.Module):
    """A network that gives every face the same answer."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(len(FER2013)))

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        return {"fer2013": self.logits.expand(len(images), -1)}


def test_focal_loss_is_what_its_formula_says(faces: FaceDataset) -> None:
    values = {
        "name": "blind",
        "model": {"name": "cnn6"},
        "heads": {"fer2013": {"target": "labels", "focal_gamma": 2.0}},
    }
    recipe = parse_recipe(values)
    targets = {"fer2013": head_targets(rare_disgust(faces), "fer2013", recipe.heads["fer2013"])}
    blind = Blind()
    happiness = FER2013.labels.index("happiness")
    blind.logits.data[happiness] = 2.0
    module = FaceModule(blind, recipe, targets, targets)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    chosen = {"fer2013": targets["fer2013"].distributions}
    loss, _ = module._losses("train", torch.zeros(10, 1, 24, 24), chosen)
    p = np.exp([2.0, 0.0]) / (np.exp(2.0) + 6)
    by_hand = -(np.array([0.7, 0.3]) * (1 - p) ** 2 * np.log(p)).sum()
    assert float(loss.detach()) == pytest.approx(by_hand, rel=1e-5)


def test_votes_are_asked_for_where_they_are_missing(faces: FaceDataset) -> None:
    with pytest.raises(DatasetError, match=r"fer2013new\.csv"):
        head_targets(replace(faces, votes=None), "ferplus", HeadRecipe("soft"))


def test_a_dataset_without_any_usable_label_is_refused(faces: FaceDataset) -> None:
    blank = replace(faces, class_ids=np.full(len(faces), -1, np.int64))
    with pytest.raises(DatasetError, match="no face"):
        head_targets(blank, "fer2013", HeadRecipe("labels"))
