"""`mien compare`: several models on the very same faces, and what is more than chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.cli.options import (
    BatchSizeOption,
    DataOption,
    PriorOption,
    PriorStrengthOption,
    RuleOption,
    SplitOption,
    ThreadsOption,
    VotesOption,
)
from mien.core.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from mien.bundle.bundle import Bundle
    from mien.evaluation.compare_cost import Cost
    from mien.evaluation.compare_report import ComparisonReport
    from mien.evaluation.predictors import Predictor


def compare(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="BUNDLE_OR_RUN...",
            help="Two or more: names or folders of bundles, or run folders of `mien train`. The "
            "others are held against the first.",
        ),
    ],
    data: DataOption,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for comparison.json and the page comparison.html."),
    ] = None,
    split: SplitOption = "validation",
    rule: RuleOption = None,
    votes: VotesOption = None,
    prior: PriorOption = "default",
    prior_strength: PriorStrengthOption = None,
    speed: Annotated[
        bool,
        typer.Option(help="Measure ms a face of the bundles too: batch 1, one thread."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print comparison.json instead of the tables.")
    ] = False,
    batch_size: BatchSizeOption = 256,
    threads: ThreadsOption = 1,
) -> None:
    """Compare two or more models on the same faces of a dataset.

    For each label set and rule that all of them can answer: every figure side by side, its
    difference to the first model with a paired bootstrap interval, McNemar's exact test, and
    each expression's recall and F1; then parameters, size and, with --speed, ms a face.

    Example: mien compare mien-s runs/my-run --data ../shared/data --out reports/compared
    """
    from rich.console import Console

    from mien.cli.loading import counting_faces, made_by, make_folder
    from mien.cli.opening import open_with_progress
    from mien.evaluation.compare_report import ComparisonReport, terminal_comparison
    from mien.evaluation.compare_run import compare as compare_models
    from mien.evaluation.compare_run import shared_label_sets

    if out is not None:
        make_folder(out)
    predictors, descriptions, packages = _load_models(models, threads, prior, prior_strength)
    shared_label_sets(predictors)
    costs, cpu = _costs(predictors, descriptions, speed)
    progress = Console(stderr=True, highlight=False)
    largest = max(int(description["input_size"]) for description in descriptions.values())
    dataset = open_with_progress(data, votes=votes, largest=largest)
    with counting_faces("Comparing", progress) as tally:
        comparison = compare_models(
            predictors,
            dataset,
            split=split,
            rules=rule or [],
            batch_size=batch_size,
            on_progress=tally,
        )
    report = ComparisonReport(
        comparison, descriptions, costs, made_by({}, packages, data, tally.speed), cpu
    )
    page = None if out is None else _write(report, out)
    if as_json:
        print(report.to_json(), end="")
    else:
        Console(highlight=False).print(terminal_comparison(report))
    if page is not None:
        progress.print(f"Report: {page}", soft_wrap=True, markup=False)


def _load_models(
    given: Sequence[str], threads: int, prior: str, prior_strength: float | None
) -> tuple[dict[str, Predictor], dict[str, Mapping[str, Any]], tuple[str, ...]]:
    """Return the predictors and what they say of themselves by name, and their packages.

    A model goes by its own name; where two have the same one, all go by what was given.

    Raises:
        ConfigError: If fewer than two models were given, or one of them twice.
    """
    from mien.cli.loading import load_model

    if len(given) < 2:
        raise ConfigError(f"expected at least two models to compare, got {len(given)}")
    twice = sorted({text for text in given if given.count(text) > 1})
    if twice:
        raise ConfigError(f"given twice: {', '.join(twice)}; a model does not differ from itself")
    loaded = [
        load_model(text, threads, prior=prior, prior_strength=prior_strength) for text in given
    ]
    names = [predictor.name for predictor, _, _ in loaded]
    if len(set(names)) < len(names):
        names = list(given)
    return (
        {name: one[0] for name, one in zip(names, loaded, strict=True)},
        {name: one[1] for name, one in zip(names, loaded, strict=True)},
        tuple(dict.fromkeys(package for one in loaded for package in one[2])),
    )


def _costs(
    predictors: Mapping[str, Predictor], descriptions: Mapping[str, Mapping[str, Any]], speed: bool
) -> tuple[dict[str, Cost], str | None]:
    """Return what each model costs, and the processor if speed was measured on it.

    Raises:
        ConfigError: If speed is asked for and no model is a bundle.
    """
    from mien.core.machine import cpu_name
    from mien.evaluation.compare_cost import Cost, bundle_cost, measure_ms_per_face
    from mien.evaluation.predictors import BundlePredictor

    bundles = {
        name: predictor.bundle
        for name, predictor in predictors.items()
        if isinstance(predictor, BundlePredictor)
    }
    costs = {
        name: bundle_cost(bundles[name])
        if name in bundles
        else Cost(descriptions[name].get("parameters"))
        for name in predictors
    }
    if not speed:
        return costs, None
    if not bundles:
        raise ConfigError("--speed measures bundles, and these are runs; `mien export` makes one")
    measured = measure_ms_per_face(_with_one_thread(bundles))
    costs |= {name: replace(costs[name], speed=one) for name, one in measured.items()}
    return costs, cpu_name()


def _with_one_thread(bundles: Mapping[str, Bundle]) -> dict[str, Bundle]:
    from mien.bundle.load import load_bundle

    return {name: load_bundle(bundle.path, threads=1) for name, bundle in bundles.items()}


def _write(report: ComparisonReport, out: Path) -> Path:
    """Write every file of the report and return the page's path."""
    from mien.evaluation.compare_page import write_comparison_page

    page = out / "comparison.html"
    try:
        (out / "comparison.json").write_text(report.to_json(), encoding="utf-8")
        write_comparison_page(report, page)
    except OSError as error:
        raise DatasetError(f"cannot write the report: {error}") from error
    return page
