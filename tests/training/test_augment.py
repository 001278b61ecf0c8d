from __future__ import annotations

import pytest
import torch

from mien.training.augment import Augment, mixup, resize
from mien.training.recipe import AugmentRecipe

EVERYTHING = AugmentRecipe(
    flip=0.5,
    rotation_degrees=15.0,
    shift=0.1,
    zoom=0.15,
    shear_degrees=5.0,
    brightness=0.2,
    contrast=0.2,
    erasing=0.5,
)


def test_an_empty_recipe_changes_nothing() -> None:
    faces = torch.rand(4, 1, 48, 48)
    assert torch.equal(Augment(AugmentRecipe())(faces, 48), faces)


def test_augmented_faces_stay_in_range_and_take_the_size_asked_for() -> None:
    torch.manual_seed(0)
    out = Augment(EVERYTHING)(torch.rand(16, 1, 48, 48), 32)
    assert out.shape == (16, 1, 32, 32)
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1


def test_one_seed_gives_one_batch_and_another_a_different_one() -> None:
    faces, augment = torch.rand(8, 1, 48, 48), Augment(EVERYTHING)
    torch.manual_seed(5)
    first = augment(faces, 48)
    torch.manual_seed(5)
    assert torch.equal(augment(faces, 48), first)
    assert not torch.equal(augment(faces, 48), first)


def test_flip_mirrors_left_and_right() -> None:
    faces = torch.rand(4, 1, 48, 48)
    assert torch.equal(Augment(AugmentRecipe(flip=1.0))(faces, 48), faces.flip(-1))


@pytest.mark.parametrize("light", ["brightness", "contrast"])
def test_light_is_changed_about_1_and_not_darkened_on_average(light: str) -> None:
    torch.manual_seed(0)
    faces = torch.full((2000, 1, 4, 4), 0.4)
    out = Augment(AugmentRecipe(**{light: 0.2}))(faces, 4)
    assert float(out.mean()) == pytest.approx(0.4, abs=0.01)
    assert float(out.std()) > 0.01


def test_erasing_touches_about_the_share_of_faces_it_is_told() -> None:
    torch.manual_seed(0)
    out = Augment(AugmentRecipe(erasing=0.3))(torch.zeros(1000, 1, 24, 24), 24)
    touched = (out > 0).flatten(1).any(1).float().mean()
    assert float(touched) == pytest.approx(0.3, abs=0.06)


def test_shrinking_averages_instead_of_skipping_pixels() -> None:
    board = (torch.arange(48)[:, None] + torch.arange(48)[None]) % 2
    small = resize(board.float()[None, None], 16)
    assert float((small - 0.5).abs().max()) < 0.15


def test_mixup_mixes_faces_and_targets_by_the_same_share() -> None:
    torch.manual_seed(1)
    images = torch.arange(4.0).reshape(4, 1, 1, 1)
    targets = {"fer2013": torch.eye(4)}
    mixed, labels = mixup(images, targets, 0.4)
    # A face's value is its own number, so the mix of labels must predict the mix of faces.
    predicted = labels["fer2013"] @ torch.arange(4.0)
    assert torch.allclose(mixed.flatten(), predicted)
