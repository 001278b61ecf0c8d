"""Learning from trained networks beside the labels."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from torch import Tensor, nn

from mien.core.errors import ConfigError
from mien.data import FaceDataset
from mien.training.augment import resize
from mien.training.export import export_run
from mien.training.recipe import InputRecipe, parse_recipe
from mien.training.run import load_run_model, read_checkpoint, read_run
from mien.training.teacher import Teacher, load_teachers, taught
from mien.training.train import train

QUIET = Console(file=StringIO())


@pytest.fixture
def teacher_run(faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path) -> Path:
    values = {**recipe_values, "seed": 7, "loop": {"epochs": 6, "batch_size": 8}}
    train(parse_recipe(values), faces, tmp_path / "teacher", console=QUIET)
    return tmp_path / "teacher"


class Mean(nn.Module):
    """Answers by the mean of what it is shown, and remembers the shape."""

    shape: tuple[int, ...] = ()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        self.shape = tuple(images.shape)
        return {"fer2013": images.mean((1, 2, 3))[:, None] * torch.tensor([[0.0, 1.0]])}


class Fixed(nn.Module):
    """Finds every expression as likely as any other."""

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        count = len(images)
        return {"fer2013": torch.zeros(count, 7), "ferplus": torch.zeros(count, 8)}


def test_a_teacher_sees_faces_at_its_own_size_and_scale() -> None:
    network = Mean()
    answer = Teacher(network, InputRecipe(size=24, mean=0.5, std=0.25))(
        torch.full((3, 1, 48, 48), 0.75)
    )["fer2013"]
    assert network.shape == (3, 1, 24, 24)
    assert torch.allclose(answer[:, 1], torch.sigmoid(torch.tensor(1.0)).expand(3))


def test_targets_and_answers_are_blended_by_the_share() -> None:
    targets = {"fer2013": torch.tensor([[1.0, 0.0], [0.0, 0.0]])}
    answers = {"fer2013": torch.tensor([[0.2, 0.8], [0.3, 0.7]]), "other": torch.ones(2, 3)}
    blended = taught(targets, answers, 0.75)
    # A face without a label is the teacher's alone.
    assert torch.allclose(blended["fer2013"], torch.tensor([[0.4, 0.6], [0.3, 0.7]]))
    assert list(blended) == ["fer2013"]


def test_a_student_comes_to_answer_as_its_teacher_does(
    faces: FaceDataset, recipe_values: dict[str, Any], teacher_run: Path, tmp_path: Path
) -> None:
    recipe_values["teacher"] = {"runs": [str(teacher_run)], "share": 1.0}
    recipe_values["augment"] = {}
    recipe_values["loop"].update(epochs=20, batch_size=8)
    recipe = parse_recipe(recipe_values)
    train(recipe, faces, tmp_path / "student", console=QUIET)
    images = torch.from_numpy(faces.images_gray.copy())[:, None].float() / 255
    teacher = load_teachers(recipe)[0](images)["fer2013"]
    network = load_run_model(tmp_path / "student", checkpoint="last")[0]
    with torch.no_grad():
        small = (resize(images, recipe.input.size) - recipe.input.mean) / recipe.input.std
        student = network(small)["fer2013"].softmax(1)
    assert float((student.argmax(1) == teacher.argmax(1)).float().mean()) > 0.7


@pytest.mark.parametrize("mirrored", [True, False])
def test_every_other_round_of_teachers_is_shown_mirror_images(
    faces: FaceDataset,
    recipe_values: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    mirrored: bool,
) -> None:
    lit_from_the_left = np.zeros_like(faces.images_gray)
    lit_from_the_left[:, :, : lit_from_the_left.shape[2] // 2] = 255
    seen: list[tuple[int, bool]] = []

    class Watching(Teacher):
        def __call__(self, shown: Tensor) -> dict[str, Tensor]:
            half = shown.shape[3] // 2
            seen.append((id(self), bool(shown[..., :half].mean() > shown[..., half:].mean())))
            return super().__call__(shown)

    fixed = [Watching(Fixed(), InputRecipe(size=24)) for _ in range(2)]
    monkeypatch.setattr("mien.training.train.load_teachers", lambda recipe: fixed)
    recipe_values["teacher"] = {"runs": ["a", "b"], "mirrored": mirrored}
    recipe_values["augment"] = {}
    recipe_values["loop"].update(epochs=1, batch_size=4)
    train(
        parse_recipe(recipe_values),
        replace(faces, images_gray=lit_from_the_left),
        tmp_path / "run",
        console=QUIET,
    )
    first, second = (id(each) for each in fixed)
    assert len(seen) >= 6
    assert seen[:2] == [(first, True), (second, True)]
    assert seen[2:4] == [(first, not mirrored), (second, not mirrored)]
    assert seen[4:6] == [(first, True), (second, True)]


def test_teachers_are_named_in_the_run_and_no_part_of_its_checkpoint(
    faces: FaceDataset, recipe_values: dict[str, Any], teacher_run: Path, tmp_path: Path
) -> None:
    recipe_values["teacher"] = {"runs": [str(teacher_run)]}
    recipe_values["loop"].update(epochs=1, ema_decay=0.9)
    train(parse_recipe(recipe_values), faces, tmp_path / "run", console=QUIET)
    assert read_run(tmp_path / "run").recipe.teacher.runs == (str(teacher_run),)
    keys = read_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")["state_dict"].keys()
    own = load_run_model(tmp_path / "run")[0].state_dict().keys()
    assert {key.removeprefix("model.") for key in keys if key.startswith("model.")} == own
    assert not any("teacher" in key for key in keys)


def test_a_teacher_that_lacks_a_head_is_refused(
    recipe_values: dict[str, Any],
    faces: FaceDataset,
    tmp_path: Path,
) -> None:
    one = {**recipe_values, "heads": {"fer2013": {"target": "labels"}}}
    one["loop"] = {"epochs": 1, "batch_size": 8}
    train(parse_recipe(one), faces, tmp_path / "one", console=QUIET)
    recipe_values["teacher"] = {"runs": [str(tmp_path / "one")]}
    with pytest.raises(ConfigError, match="cannot teach ferplus; it knows fer2013"):
        load_teachers(parse_recipe(recipe_values))


def test_a_bundle_teaches_as_the_run_that_it_was_made_from(
    recipe_values: dict[str, Any], teacher_run: Path, tmp_path: Path
) -> None:
    bundle = export_run(teacher_run, tmp_path / "bundle")
    recipe_values["teacher"] = {"runs": [str(teacher_run), str(bundle)]}
    by_run, by_bundle = load_teachers(parse_recipe(recipe_values))
    faces = torch.rand(5, 1, 48, 48, generator=torch.Generator().manual_seed(4))
    for head, answers in by_run(faces).items():
        # Bundles round weights to 16 bits.
        torch.testing.assert_close(by_bundle(faces)[head], answers, atol=5e-4, rtol=0)
        assert float(answers.std()) > 0.05, "answers that are all alike compare nothing"
    assert by_bundle.input == by_run.input
    assert not by_bundle.network.training


def test_the_bundles_in_the_package_teach(recipe_values: dict[str, Any]) -> None:
    recipe_values["teacher"] = {"runs": ["mien-s", "mien-m"]}
    for teacher in load_teachers(parse_recipe(recipe_values)):
        answers = teacher(torch.rand(2, 1, 48, 48))
        assert {head: values.shape for head, values in answers.items()} == {
            "fer2013": (2, 7),
            "ferplus": (2, 8),
        }


def test_what_is_neither_run_nor_bundle_is_named(recipe_values: dict[str, Any]) -> None:
    recipe_values["teacher"] = {"runs": ["no-such-model"]}
    with pytest.raises(ConfigError, match=r"teacher\.runs: 'no-such-model' is neither a run nor"):
        load_teachers(parse_recipe(recipe_values))


@pytest.mark.parametrize(
    ("architecture", "reason"),
    [
        ({"options": {"widths": [8, 16, 32], "blocks": [1, 1, 1]}}, "lacks weights of its network"),
        ({"options": {"widths": [8, 24], "blocks": [1, 1]}}, "lacks weights of its network"),
        ({"name": "pretrained", "options": {"backbone": "far/away"}}, "name the run"),
    ],
    ids=["deeper", "wider", "on a trunk"],
)
def test_a_bundle_that_is_not_its_whole_network_cannot_teach(
    recipe_values: dict[str, Any],
    teacher_run: Path,
    tmp_path: Path,
    architecture: dict[str, Any],
    reason: str,
) -> None:
    bundle = export_run(teacher_run, tmp_path / "bundle")
    config = json.loads((bundle / "config.json").read_text())
    config["architecture"].update(architecture)
    (bundle / "config.json").write_text(json.dumps(config))
    recipe_values["teacher"] = {"runs": [str(bundle)]}
    with pytest.raises(ConfigError, match=reason):
        load_teachers(parse_recipe(recipe_values))
