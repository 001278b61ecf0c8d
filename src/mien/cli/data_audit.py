"""`mien data audit`: faces whose labels are likely wrong, as a page and as a file for training."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.options import BatchSizeOption, DataArgument, VotesOption
from mien.core.errors import ConfigError, DatasetError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from rich.console import Console

    from mien.data import FaceDataset
    from mien.evaluation.audit_answers import JudgedFaces
    from mien.evaluation.audit_report import AuditReport
    from mien.evaluation.predictors import Predictor
    from mien.training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class _Answers:
    """What was said of which faces, in which fold if any, and by whom."""

    judged: JudgedFaces
    probabilities: NDArray[np.float64]
    description: Mapping[str, Any]
    folds: NDArray[np.int64] | None = None


def audit(
    data: DataArgument,
    out: Annotated[
        Path, typer.Option(help="Folder for audit.csv, audit.json, the page and the folds' runs.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="Judge the training split: train this recipe once for each fold, without the "
            "faces of the fold. It must start fresh, like mien-s-quick."
        ),
    ] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="BUNDLE_OR_RUN",
            help="Judge validation or test by a model that never saw them; nothing is trained.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(
            help="Judge by a CSV file with source (row or path) and p_<label> columns, like an "
            "audit.csv; nothing is trained."
        ),
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="train, validation or test. [default: train, or validation with --run]",
            show_default=False,
        ),
    ] = None,
    votes: VotesOption = None,
    folds: Annotated[
        int | None, typer.Option(min=2, help="How many parts are held out in turn. [default: 5]")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the folds in --out that were stopped.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option(help="Instead of the recipe's seed; decides the folds, too.")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Instead of the recipe's number of epochs.")
    ] = None,
    relabel_from: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="A face without votes is relabelled from this probability on, else dropped.",
        ),
    ] = 0.8,
    show: Annotated[
        int, typer.Option(min=1, help="Faces on the page for each pair of labels.")
    ] = 12,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print audit.json instead of the tables.")
    ] = False,
    batch_size: BatchSizeOption = 256,
    threads: Annotated[
        int | None, typer.Option(min=1, help="CPU threads; all cores by default.")
    ] = None,
) -> None:
    """Find faces whose labels are likely wrong.

    A model that did not learn from a face says what its label should be; cleanlab decides which
    labels that disputes, and FER+ votes, where there are any, are a second witness. Every
    face gets a suggestion, keep, relabel or drop, in audit.csv, which can be edited by hand and
    given to mien train --corrections. audit.html shows the worst faces.

    Choose one of --recipe, --run and --predictions. Training folds takes about as long as
    (folds - 1) whole trainings; Ctrl-C and kills lose at most an epoch: the same command with
    --resume goes on.

    Example: mien data audit ../shared/data --recipe mien-s-quick --out audit

    Example: mien data audit ../shared/data --run mien-s --split validation --out audit-validation
    """
    from rich.console import Console

    from mien.cli.loading import load_model, make_folder
    from mien.cli.opening import open_with_progress
    from mien.evaluation.audit import judge_labels, require_cleanlab
    from mien.evaluation.audit_report import AuditReport, terminal_audit
    from mien.evaluation.run import fingerprint_faces

    _check_choice(recipe, run, predictions, (folds, seed, epochs, resume or None))
    require_cleanlab()
    console = Console(stderr=True, highlight=False)
    largest = None
    if recipe is not None:
        chosen = _load_recipe(recipe, seed, epochs)
        largest = chosen.input.size
        _check_split(split, "train")
    if run is not None:
        _check_split(split, "validation", "test")
        # Noise is estimated from how common labels are, so answers are for these, not for equal
        # ones.
        predictor, description, _ = load_model(run, threads or os.cpu_count() or 1, prior="natural")
        largest = int(description["input_size"])
    make_folder(out)
    dataset = open_with_progress(data, votes=votes, largest=largest)
    if recipe is not None:
        answers = _train_folds(
            chosen, recipe, dataset, out, folds or 5, resume, threads, batch_size, console
        )
    elif run is not None:
        answers = _ask_model(
            predictor, description, dataset, split or "validation", batch_size, console
        )
    else:
        answers = _read_file(Path(str(predictions)), dataset, split or "train")
    judged = answers.judged
    faces = dataset.subset(judged.indices)
    report = AuditReport(
        audit=judge_labels(faces, answers.probabilities, relabel_from=relabel_from),
        split=judged.split,
        split_sha256=fingerprint_faces(dataset, dataset.splits == faces.splits[0]),
        n_split=judged.n_split,
        unlabelled=judged.unlabelled,
        seen=judged.seen,
        folds=answers.folds,
        answers=answers.description,
        made=_made(data),
    )
    _write(report, out, show)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        Console(highlight=False).print(terminal_audit(report))
    _say_what_next(report, out, console)


def _check_choice(
    recipe: str | None,
    run: str | None,
    predictions: Path | None,
    of_training: tuple[object, ...],
) -> None:
    """Refuse more or fewer ways than one, and options of training where nothing is trained.

    Raises:
        ConfigError: If the options do not fit one another.
    """
    if sum(way is not None for way in (recipe, run, predictions)) != 1:
        raise ConfigError(
            "expected one of --recipe (trains folds and judges the training split), --run (a model "
            "judges a split that it never saw) and --predictions (a file of probabilities)"
        )
    if recipe is None and any(value is not None for value in of_training):
        raise ConfigError(
            "--folds, --seed, --epochs and --resume belong to --recipe; with --run or "
            "--predictions nothing is trained"
        )


def _check_split(split: str | None, *allowed: str) -> None:
    """Refuse a split that cannot be judged in this way.

    Raises:
        ConfigError: If it is not among the allowed ones.
        DatasetError: If there is no such split at all.
    """
    from mien.data import canonical_split

    if split is not None and canonical_split(split) not in allowed:
        raise ConfigError(
            f"expected --split {' or '.join(allowed)}, got {split}: --recipe judges train, whose "
            "faces it holds out in turn; --run judges validation or test, which a model has not "
            "learned from"
        )


def _load_recipe(recipe: str, seed: int | None, epochs: int | None) -> Recipe:
    try:
        from mien.training.recipe import load_recipe
    except ModuleNotFoundError as error:
        raise _no_training(error) from error
    chosen = load_recipe(recipe)
    if seed is not None:
        chosen = replace(chosen, seed=seed)
    if epochs is not None:
        chosen = replace(chosen, loop=replace(chosen.loop, epochs=epochs))
    return chosen


def _train_folds(
    recipe: Recipe,
    given: str,
    dataset: FaceDataset,
    out: Path,
    folds: int,
    resume: bool,
    threads: int | None,
    batch_size: int,
    console: Console,
) -> _Answers:
    """Train the folds, and ask each model about the faces that it did not see."""
    from mien.cli.loading import counting_faces
    from mien.evaluation.audit_answers import choose_judged

    try:
        from mien.training.devices import use_threads
        from mien.training.folds import ask_folds, describe_folds, plan_folds, train_folds
        from mien.training.recipe import find_recipe
    except ModuleNotFoundError as error:
        raise _no_training(error) from error
    use_threads(threads)
    plan = plan_folds(recipe, dataset, folds=folds)
    runs = out / "folds"
    train_folds(
        plan,
        dataset,
        runs,
        resume=resume,
        command=_command(),
        recipe_file=find_recipe(given),
        console=console,
    )
    with counting_faces("Judging", console) as tally:
        answers = ask_folds(plan, dataset, runs, batch_size=batch_size, on_progress=tally)
    judged = choose_judged(dataset, "train", leave_out_seen=False)
    return _Answers(judged, answers, describe_folds(plan, runs), plan.folds)


def _ask_model(
    predictor: Predictor,
    description: Mapping[str, Any],
    dataset: FaceDataset,
    split: str,
    batch_size: int,
    console: Console,
) -> _Answers:
    """Ask a model about a split that it never saw."""
    from mien.cli.loading import counting_faces
    from mien.evaluation.audit_answers import ask_model, check_head, choose_judged

    judged = choose_judged(dataset, split, leave_out_seen=True)
    check_head(tuple(predictor.label_sets), dataset.label_set, predictor.name)
    with counting_faces("Judging", console) as tally:
        answers = ask_model(
            predictor, dataset, judged.indices, batch_size=batch_size, on_progress=tally
        )
    return _Answers(judged, answers, {"from": "a model that never saw the split", **description})


def _read_file(path: Path, dataset: FaceDataset, split: str) -> _Answers:
    """Take the answers that are in a file."""
    from mien.evaluation.audit_answers import choose_judged, read_answers

    judged = choose_judged(dataset, split, leave_out_seen=False)
    answers = read_answers(path, dataset.subset(judged.indices))
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return _Answers(judged, answers, {"from": "a file", "file": str(path), "sha256": sha256})


def _no_training(error: ModuleNotFoundError) -> MissingExtraError:
    return MissingExtraError(
        f"training folds needs {error.name}, which is not installed; pip install 'mien[train]'"
    )


def _command() -> str:
    return shlex.join(["mien", *sys.argv[1:]])


def _made(data: Path) -> dict[str, Any]:
    """Return command, time, data and versions, from this very command line."""
    from mien.evaluation.report import package_versions

    return {
        "command": _command(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "data": str(data),
        "versions": package_versions("cleanlab", "scikit-learn", "numpy", "torch", "onnxruntime"),
    }


def _write(report: AuditReport, out: Path, shown: int) -> None:
    from mien.evaluation.audit_page import write_audit_page
    from mien.evaluation.audit_report import write_audit

    try:
        write_audit(report, out)
        write_audit_page(report, out / "audit.html", shown=shown)
    except OSError as error:
        raise DatasetError(f"cannot write the audit: {error}") from error


def _say_what_next(report: AuditReport, out: Path, console: Console) -> None:
    console.print(f"Page: {out / 'audit.html'}", soft_wrap=True, markup=False)
    text = f"Every face with its suggestion: {out / 'audit.csv'}"
    if report.split == "train":
        text += f"; to train with it: mien train RECIPE --corrections {out / 'audit.csv'} ..."
    console.print(text, soft_wrap=True, markup=False)
