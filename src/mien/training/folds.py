"""Out-of-fold answers: what models say of training faces that they did not learn from.

The labelled faces of the training split are dealt into folds; for each fold a recipe is trained on
the others, as a run of its own, and asked about this one. The folds lie in one folder:

folds/
  folds.json          recipe, data and folds, so that only the same audit goes on
  fold-1/ ...         a run folder each, see `mien.training.run`
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from sklearn.model_selection import StratifiedGroupKFold

from mien.core.errors import ConfigError, DatasetError
from mien.core.labels import LabelSet
from mien.data import SPLITS, FaceDataset
from mien.data.near_duplicates import alike_groups
from mien.evaluation.audit import check_classes
from mien.evaluation.audit_answers import ask_model, choose_judged
from mien.evaluation.run import fingerprint_faces
from mien.training.predictor import load_run_predictor
from mien.training.recipe import Recipe
from mien.training.run import read_report, read_run
from mien.training.train import train

PLAN_FILE = "folds.json"


@dataclass(frozen=True, eq=False)
class FoldPlan:
    """Which face is held out when.

    Attributes:
        recipe: What is trained, once for each fold.
        indices: (m,) int64, the labelled training faces, as places in the dataset.
        folds: (m,) int64, from 1, the fold of each.
        count: Number of folds.
        sha256: Of the faces, labels, votes and folds, in hexadecimal.
    """

    recipe: Recipe
    indices: NDArray[np.int64]
    folds: NDArray[np.int64]
    count: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return what must be the same for an audit to go on, JSON-ready."""
        return {
            "recipe": json.loads(json.dumps(self.recipe.to_dict())),
            "folds": self.count,
            "faces": len(self.indices),
            "sha256": self.sha256,
        }


def plan_folds(recipe: Recipe, dataset: FaceDataset, *, folds: int) -> FoldPlan:
    """Deal the labelled training faces into folds: stratified, and seeded by the recipe's seed.

    Pictures that are the same, nearly, or mirrored stay in one fold (`alike_groups`): a model
    that learned one of them would know the label of the other.

    Args:
        recipe: What will be trained; it must start from nothing that has seen the faces.
        dataset: The whole dataset.
        folds: How many, 2 at least.

    Raises:
        ConfigError: If the recipe cannot be used, or there is but one fold.
        DatasetError: If the split is empty, all faces have one label, or an expression has fewer
            different faces than there are folds.
    """
    check_audit_recipe(recipe, dataset.label_set)
    if folds < 2:
        raise ConfigError(f"expected at least 2 folds, one to ask and one to learn, got {folds}")
    indices = choose_judged(dataset, "train", leave_out_seen=False).indices
    faces = dataset.subset(indices)
    check_classes(faces)
    groups = alike_groups(np.asarray(faces.images_gray))
    _check_fold_count(faces, groups, folds)
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=recipe.seed)
    dealt = np.zeros(len(indices), np.int64)
    for number, (_, held_out) in enumerate(dealer.split(indices, faces.class_ids, groups), 1):
        dealt[held_out] = number
    judged = np.zeros(len(dataset), np.bool_)
    judged[indices] = True
    data = fingerprint_faces(dataset, judged) + dealt.astype("<i8").tobytes().hex()
    return FoldPlan(recipe, indices, dealt, folds, hashlib.sha256(data.encode()).hexdigest())


def train_folds(
    plan: FoldPlan,
    dataset: FaceDataset,
    out: Path,
    *,
    resume: bool = False,
    command: str = "",
    recipe_file: Path | None = None,
    console: Console | None = None,
) -> None:
    """Train the recipe once for each fold, without the faces of that fold.

    What is stopped leaves whole runs: with `resume`, folds that are at their end are not trained
    again, and the one that was stopped goes on after its last whole epoch.

    Args:
        plan: As from `plan_folds` with this dataset.
        dataset: The whole dataset; its validation split chooses each run's epoch.
        out: Folder for the runs, new, or with `resume` one of the same plan.
        resume: Go on.
        command: What was typed, for the record.
        recipe_file: Copied into each run folder.
        console: Where progress goes; None for the terminal's standard error.

    Raises:
        ConfigError: If `out` holds folds and `resume` is not set, or folds of another plan.
        DatasetError: As `train`.
    """
    console = console or Console(stderr=True)
    _open_folder(plan, out, resume=resume)
    fold_of = np.zeros(len(dataset), np.int64)
    fold_of[plan.indices] = plan.folds
    validation = dataset.splits == SPLITS.index("validation")
    seconds: list[float] = []
    for fold in range(1, plan.count + 1):
        folder = fold_folder(out, fold)
        report = read_report(folder)
        if not report.get("finished"):
            learned = (fold_of > 0) & (fold_of != fold)
            console.print(_say_fold(plan, fold, seconds), highlight=False, soft_wrap=True)
            report = train(
                plan.recipe,
                dataset.subset(learned | validation),
                folder,
                resume=(folder / "run.json").is_file(),
                command=command,
                recipe_file=recipe_file,
                console=console,
            )
        seconds.append(float(report["seconds"]))


def ask_folds(
    plan: FoldPlan,
    dataset: FaceDataset,
    out: Path,
    *,
    batch_size: int = 256,
    on_progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float64]:
    """Return what the model of each fold says of the faces that it did not learn from.

    Args:
        plan: As from `plan_folds` with this dataset.
        dataset: The whole dataset.
        out: The folder of `train_folds`.
        batch_size: Faces at once.
        on_progress: Told faces and mirror images that are done, and all of them.

    Returns:
        (m, classes) float64 in the order of `plan.indices`: the mean over face and mirror image.

    Raises:
        ConfigError: If a run is not there.
        DatasetError: If a run has no usable checkpoint.
    """
    answers = np.zeros((len(plan.indices), len(dataset.label_set)))
    done = 0

    def progress(part: int, _: int) -> None:
        if on_progress is not None:
            on_progress(done + part, 2 * len(answers))

    for fold in range(1, plan.count + 1):
        held_out = plan.folds == fold
        answers[held_out] = ask_model(
            load_run_predictor(fold_folder(out, fold)),
            dataset,
            plan.indices[held_out],
            batch_size=batch_size,
            on_progress=progress,
        )
        done += 2 * int(held_out.sum())
    return answers


def describe_folds(plan: FoldPlan, out: Path) -> dict[str, Any]:
    """Return where the answers come from, for the audit's record."""
    reports = [read_report(fold_folder(out, fold)) for fold in range(1, plan.count + 1)]
    commit = read_run(fold_folder(out, 1)).environment.get("git_commit")
    return {
        "from": "models that were trained without the face, fold by fold",
        "recipe": plan.recipe.name,
        "seed": plan.recipe.seed,
        "folds": plan.count,
        "epochs": plan.recipe.loop.epochs,
        "faces_by_fold": np.bincount(plan.folds)[1:].tolist(),
        "validation_scores": [round(float(r["best"]["val/score"]), 4) for r in reports],
        "plan_sha256": plan.sha256,
        "git_commit": commit or "unknown",
        "runs": str(out),
    }


def fold_folder(out: Path, fold: int) -> Path:
    """Return the run folder of a fold, which is counted from 1."""
    return out / f"fold-{fold}"


def check_audit_recipe(recipe: Recipe, labels: LabelSet) -> None:
    """Refuse a recipe whose models would have seen the faces, or do not learn the labels.

    Raises:
        ConfigError: If it starts from or learns from other models, corrects labels, or has no head
            that learns them.
    """
    sources = [source for source in (recipe.start_from, *recipe.teacher.runs) if source]
    if sources:
        raise ConfigError(
            f"recipe {recipe.name} begins with or learns from {', '.join(sources)}, which may have "
            "learned the very faces that are to be judged; an audit needs a recipe that starts "
            "fresh, such as mien-s-quick"
        )
    if recipe.corrections:
        raise ConfigError(
            f"recipe {recipe.name} corrects labels by {recipe.corrections}, and an audit judges "
            "labels as they are; leave out corrections"
        )
    head = recipe.heads.get(labels.name)
    if head is None or head.target != "labels":
        raise ConfigError(
            f"the labels to judge are of {labels.name}, and recipe {recipe.name} has no head that "
            f'learns them; it needs [heads.{labels.name}] with target = "labels"'
        )


def _check_fold_count(faces: FaceDataset, groups: NDArray[np.int64], folds: int) -> None:
    different = {
        faces.label_set.labels[class_id]: len(np.unique(groups[faces.class_ids == class_id]))
        for class_id in np.unique(faces.class_ids).tolist()
    }
    label, fewest = min(different.items(), key=lambda item: item[1])
    if fewest < folds:
        way_out = f"--folds {fewest}" if fewest > 1 else "more faces of it, or none"
        raise DatasetError(
            f"{label} has {fewest} different face{'' if fewest == 1 else 's'} in the training "
            f"split, fewer than the {folds} folds; every fold must hold some out and leave some "
            f"to learn: {way_out}"
        )


def _open_folder(plan: FoldPlan, out: Path, *, resume: bool) -> None:
    path = out / PLAN_FILE
    if path.is_file():
        if not resume:
            raise ConfigError(f"{out} holds folds already; go on with --resume, or choose another")
        try:
            before = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"cannot read {path}: {error}") from error
        now = plan.to_dict()
        changed = [name for name in now if before.get(name) != now[name]]
        if changed:
            raise ConfigError(
                f"{out} was started with another {' and '.join(changed)}; go on with the same "
                "recipe, data and folds, or choose another --out"
            )
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(plan.to_dict(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise DatasetError(f"cannot write {path}: {error.strerror or error}") from error


def _say_fold(plan: FoldPlan, fold: int, seconds: list[float]) -> str:
    """Return the line above a fold's epochs, with the time left for all folds once it is known."""
    held_out = int((plan.folds == fold).sum())
    text = (
        f"fold {fold} of {plan.count}: learns {len(plan.indices) - held_out:,} faces, "
        f"{held_out:,} are held out"
    )
    if seconds:
        left = (plan.count - fold + 1) * sum(seconds) / len(seconds)
        text += f"; {timedelta(seconds=round(left))} left for all folds"
    return text
