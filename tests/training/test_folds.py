"""Every training face is judged by a model that learned neither from it nor from its likes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from mien.core.errors import ConfigError, DatasetError
from mien.data import FaceDataset
from mien.evaluation.audit import judge_labels
from mien.training import folds as module
from mien.training.folds import (
    FoldPlan,
    ask_folds,
    describe_folds,
    fold_folder,
    plan_folds,
    train_folds,
)
from mien.training.predictor import load_run_predictor
from mien.training.recipe import Recipe, parse_recipe
from mien.training.train import train
from mislabelled import make_mislabelled

QUIET = Console(file=StringIO())


def recipe_for_stripes(**changes: Any) -> Recipe:
    values = {
        "name": "stripes",
        "seed": 3,
        "model": {
            "name": "residual",
            "options": {"widths": [8, 16], "blocks": [1, 1], "stem_kernel": 5},
        },
        "input": {"size": 24},
        "heads": {"fer2013": {"target": "labels"}},
        "optimiser": {"name": "adam", "learning_rate": 0.01, "weight_decay": 0.0},
        "loop": {"epochs": 6, "batch_size": 16, "precision": "fp32"},
    }
    return parse_recipe({**values, **changes})


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, ...]]:
    """Stripes with one label in ten wrong, and what three folds say of them."""
    faces, true = make_mislabelled()
    out = tmp_path_factory.mktemp("audit") / "folds"
    plan, shown = plan_folds(recipe_for_stripes(), faces, folds=3), StringIO()
    train_folds(plan, faces, out, console=Console(file=shown, width=200), command="mien data audit")
    yield faces, true, plan, out, ask_folds(plan, faces, out), shown.getvalue()


def test_planted_wrong_labels_are_found(judged: tuple[Any, ...]) -> None:
    faces, true, plan, _, answers, _ = judged
    audit = judge_labels(faces.subset(plan.indices), answers)
    wrong = (faces.class_ids != true)[plan.indices]
    assert wrong.sum() == 36
    recall, precision = audit.disputed[wrong].mean(), wrong[audit.disputed].mean()
    assert recall > 0.85 and precision > 0.85, (recall, precision)
    found = wrong & audit.disputed
    assert (audit.likely == true[plan.indices])[found].mean() > 0.9
    assert audit.estimated_noise == pytest.approx(0.1, abs=0.04)


def test_answers_of_a_face_are_those_of_the_run_of_its_fold(judged: tuple[Any, ...]) -> None:
    faces, _, plan, out, answers, _ = judged
    for fold in (1, 2, 3):
        held_out = np.flatnonzero(plan.folds == fold)[:20]
        images = faces.images_gray[plan.indices[held_out]]
        predictor = load_run_predictor(fold_folder(out, fold))
        both = [
            np.exp(predictor.predict_logits(np.ascontiguousarray(way))["fer2013"].astype(float))
            for way in (images, images[:, :, ::-1])
        ]
        expected = np.mean([way / way.sum(axis=1, keepdims=True) for way in both], axis=0)
        np.testing.assert_allclose(answers[held_out], expected, atol=1e-5)


def test_runs_learned_every_face_but_those_of_their_fold(judged: tuple[Any, ...]) -> None:
    _, _, plan, out, _, shown = judged
    for fold in (1, 2, 3):
        info = json.loads((fold_folder(out, fold) / "run.json").read_text())
        held_out = int((plan.folds == fold).sum())
        assert info["data"]["faces"] == {"train": 360 - held_out, "validation": 60}
        assert info["environment"]["command"] == "mien data audit"
        assert f"fold {fold} of 3: learns {360 - held_out} faces, {held_out} are held out" in shown
    # Two folds are done, so one knows how long the third takes.
    assert shown.count("left for all folds") == 2
    told = describe_folds(plan, out)
    assert (told["folds"], sum(told["faces_by_fold"]), told["seed"]) == (3, 360, 3)
    assert min(told["validation_scores"]) > 0.9


def test_folds_that_are_done_are_not_trained_again(
    judged: tuple[Any, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, _, plan, out, answers, _ = judged

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("trained again")

    monkeypatch.setattr(module, "train", refuse)
    train_folds(plan, faces, out, resume=True, console=QUIET)
    np.testing.assert_array_equal(ask_folds(plan, faces, out), answers)


def test_a_stopped_audit_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces, _ = make_mislabelled(60, n_validation=20)
    recipe = recipe_for_stripes(loop={"epochs": 2, "batch_size": 16, "precision": "fp32"})
    plan = plan_folds(recipe, faces, folds=2)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train_folds(plan, faces, whole, console=QUIET)
    started: list[Path] = []

    def stop_in_the_second(recipe: Recipe, data: FaceDataset, out: Path, **how: Any) -> Any:
        started.append(out)
        if len(started) == 2:
            # As Ctrl-C does it: an epoch is done, the run is not.
            train(recipe, data, out, **how, max_epochs_now=1)
            (out / "report.json").unlink()
            raise KeyboardInterrupt
        return train(recipe, data, out, **how)

    monkeypatch.setattr(module, "train", stop_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        train_folds(plan, faces, broken, console=QUIET)
    train_folds(plan, faces, broken, console=QUIET, resume=True)
    assert [folder.name for folder in started] == ["fold-1", "fold-2", "fold-2"]
    np.testing.assert_array_equal(ask_folds(plan, faces, broken), ask_folds(plan, faces, whole))


def test_a_folder_of_folds_is_neither_overwritten_nor_mixed(judged: tuple[Any, ...]) -> None:
    faces, _, plan, out, _, _ = judged
    with pytest.raises(ConfigError, match="holds folds already; go on with --resume"):
        train_folds(plan, faces, out, console=QUIET)
    other = plan_folds(recipe_for_stripes(seed=4), faces, folds=3)
    with pytest.raises(ConfigError, match="started with another recipe and sha256"):
        train_folds(other, faces, out, resume=True, console=QUIET)
    relabelled = replace(faces, class_ids=np.roll(faces.class_ids, 1))
    changed = plan_folds(recipe_for_stripes(), relabelled, folds=3)
    with pytest.raises(ConfigError, match="started with another sha256"):
        train_folds(changed, relabelled, out, resume=True, console=QUIET)


def test_folds_have_the_same_mix_of_labels_and_the_seed_decides_them() -> None:
    faces, _ = make_mislabelled()
    plans = [plan_folds(recipe_for_stripes(seed=seed), faces, folds=5) for seed in (1, 1, 2)]
    np.testing.assert_array_equal(plans[0].folds, plans[1].folds)
    assert plans[0].sha256 == plans[1].sha256 != plans[2].sha256
    assert (plans[0].folds != plans[2].folds).any()
    given = faces.class_ids[plans[0].indices]
    for class_id in np.unique(given):
        counts = np.bincount(plans[0].folds[given == class_id], minlength=6)[1:]
        assert counts.max() - counts.min() <= 2
    np.testing.assert_array_equal(plans[0].indices, np.arange(360))


def plan_with_copies() -> tuple[FaceDataset, FoldPlan]:
    faces, _ = make_mislabelled(300)
    images, class_ids = faces.images_gray.copy(), faces.class_ids.copy()
    images[100:140], class_ids[100:140] = images[:40], class_ids[:40]
    images[140:170], class_ids[140:170] = images[40:70, :, ::-1], class_ids[40:70]
    images[170:200] = np.clip(images[70:100].astype(int) + 3, 0, 255)
    copied = replace(faces, images_gray=images, class_ids=class_ids)
    return copied, plan_folds(recipe_for_stripes(), copied, folds=5)


def test_copies_mirrored_ones_and_near_ones_share_a_fold() -> None:
    _, plan = plan_with_copies()
    np.testing.assert_array_equal(plan.folds[100:200], plan.folds[:100])


def test_unlabelled_faces_are_neither_learned_nor_judged() -> None:
    faces, _ = make_mislabelled()
    class_ids = faces.class_ids.copy()
    class_ids[5:9] = -1
    plan = plan_folds(recipe_for_stripes(), replace(faces, class_ids=class_ids), folds=3)
    assert len(plan.indices) == 356 and not set(range(5, 9)) & set(plan.indices.tolist())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_from": "runs/old"}, "runs/old, which may have learned the very faces"),
        ({"teacher": {"runs": ["runs/a"]}}, "runs/a, which may have learned the very faces"),
        ({"corrections": "audit.csv"}, "corrects labels by audit.csv"),
        ({"heads": {"ferplus": {"target": "soft"}}}, r"needs \[heads.fer2013\] with target"),
    ],
)
def test_recipes_that_know_the_faces_or_learn_no_labels_are_refused(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_folds(recipe_for_stripes(**changes), make_mislabelled(40)[0], folds=2)


def test_faces_that_cannot_be_dealt_are_refused() -> None:
    faces, _ = make_mislabelled(40)
    recipe = recipe_for_stripes()
    with pytest.raises(DatasetError, match="no face in split train"):
        plan_folds(recipe, faces.select_split("validation"), folds=2)
    with pytest.raises(DatasetError, match=r"all .* the same label"):
        plan_folds(recipe, faces.subset(faces.class_ids == 0), folds=2)
    with pytest.raises(DatasetError, match="no face of split train has a label"):
        plan_folds(recipe, replace(faces, class_ids=np.full(100, -1)), folds=2)
    with pytest.raises(ConfigError, match="at least 2 folds"):
        plan_folds(recipe, faces, folds=1)
    class_ids = faces.class_ids.copy()
    class_ids[:3] = 1
    few = replace(faces, class_ids=class_ids)
    with pytest.raises(DatasetError, match=r"disgust has 3 different faces.*--folds 3"):
        plan_folds(recipe, few, folds=4)
    images = faces.images_gray.copy()
    images[1:3] = images[0]
    with pytest.raises(DatasetError, match=r"disgust has 1 different face in.*more faces of it"):
        plan_folds(recipe, replace(few, images_gray=images), folds=2)
