from __future__ import annotations

import pytest
import torch

from mien.training.augment import Augment, RandomDownscale, cutmix, mixup, resize
from mien.training.recipe import AugmentRecipe

EVERYTHING = AugmentRecipe(
    flip=0.5,
    rotation_degrees=15.0,
    shift=0.1,
    zoom=0.15,
    shear_degrees=5.0,
    brightness=0.2,
    contrast=0.2,
    blur=0.5,
    downscale=0.5,
    erasing=0.5,
)


def test_an_empty_recipe_changes_nothing() -> None:
    faces, augment = torch.rand(4, 1, 48, 48), Augment(AugmentRecipe())
    assert torch.equal(augment.lose(augment.change(faces)), faces)


def test_augmented_faces_stay_in_range_and_keep_their_shape() -> None:
    torch.manual_seed(0)
    augment = Augment(EVERYTHING)
    out = augment.lose(augment.change(torch.rand(16, 1, 48, 48)))
    assert out.shape == (16, 1, 48, 48)
    assert float(out.min()) >= 0
    assert float(out.max()) <= 1 + 1e-6


def test_one_seed_gives_one_batch_and_another_a_different_one() -> None:
    faces, augment = torch.rand(8, 1, 48, 48), Augment(EVERYTHING)
    torch.manual_seed(5)
    first = augment.change(faces)
    torch.manual_seed(5)
    assert torch.equal(augment.change(faces), first)
    assert not torch.equal(augment.change(faces), first)


def test_flip_mirrors_left_and_right() -> None:
    faces = torch.rand(4, 1, 48, 48)
    assert torch.equal(Augment(AugmentRecipe(flip=1.0)).change(faces), faces.flip(-1))


@pytest.mark.parametrize("light", ["brightness", "contrast"])
def test_light_is_changed_about_1_and_not_darkened_on_average(light: str) -> None:
    torch.manual_seed(0)
    faces = torch.full((2000, 1, 4, 4), 0.4)
    out = Augment(AugmentRecipe(**{light: 0.2})).change(faces)
    assert float(out.mean()) == pytest.approx(0.4, abs=0.01)
    assert float(out.std()) > 0.01


def test_erasing_touches_about_the_share_of_faces_it_is_told() -> None:
    torch.manual_seed(0)
    out = Augment(AugmentRecipe(erasing=0.3)).lose(torch.zeros(1000, 1, 24, 24))
    touched = (out > 0).flatten(1).any(1).float().mean()
    assert float(touched) == pytest.approx(0.3, abs=0.06)


@pytest.mark.parametrize("loss", ["blur", "downscale"])
def test_sharpness_is_taken_from_the_share_of_faces_it_is_told(loss: str) -> None:
    torch.manual_seed(0)
    faces = torch.rand(1000, 1, 24, 24)
    out = Augment(AugmentRecipe(**{loss: 0.3})).lose(faces)
    touched = (out != faces).flatten(1).any(1)
    assert float(touched.float().mean()) == pytest.approx(0.3, abs=0.06)
    # What is lost is contrast between neighbours; the mean stays.
    assert float(out[touched].std()) < 0.8 * float(faces[touched].std())
    assert float(out.mean()) == pytest.approx(float(faces.mean()), abs=0.01)


def test_a_downscaled_face_holds_no_more_than_its_pixels() -> None:
    torch.manual_seed(0)
    out = RandomDownscale((0.25, 0.25), 1.0)(torch.rand(8, 1, 24, 24))
    frequencies = torch.fft.fft2(out[:, 0]).abs()
    # 24 px from 6: nothing above the sixth's own highest frequency is left but the ringing of
    # linear interpolation.
    assert float(frequencies[:, 9:16, 9:16].mean()) < 0.05 * float(frequencies[:, :3, :3].mean())


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


def test_cutmix_mixes_targets_by_the_area_that_is_covered() -> None:
    images = torch.arange(4.0).reshape(4, 1, 1, 1).expand(4, 1, 12, 10)
    targets = {"fer2013": torch.eye(4)}
    areas = set()
    for seed in range(20):
        torch.manual_seed(seed)
        pasted, labels = cutmix(images, targets, 1.0)
        # The mean over a face's pixels, which are its own number, is what its labels predict.
        predicted = labels["fer2013"] @ torch.arange(4.0)
        assert torch.allclose(pasted.mean((1, 2, 3)), predicted, atol=1e-5)
        # One rectangle of one other face: each row and each column of a face is of one kind.
        changed = (pasted != images)[:, 0]
        boxes = changed.any(2)[:, :, None] & changed.any(1)[:, None]
        assert torch.equal(changed, boxes)
        areas.add(round(float(changed.float().mean()), 3))
    assert len(areas) > 5
    assert torch.equal(images[3], torch.full((1, 12, 10), 3.0)), "the batch itself stays"
