"""The figures that travel with a model: a summary of each evaluation, small enough to read.

Confusion matrices and curves stay in the evaluation's own report; a bundle keeps what its
card and `mien models` show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mien.bundle.fields import FieldReader
from mien.core.errors import BundleError


@dataclass(frozen=True)
class FigureSummary:
    """One set of answers in numbers; shares are 0..1.

    Attributes:
        n: Number of faces.
        accuracy: Share of faces whose top answer is their label.
        accuracy_low: Lower end of its 95 % interval.
        accuracy_high: Upper end.
        log_loss: In nats.
        macro_f1: Mean of the classes' F1.
        balanced_accuracy: Mean of the classes' recall.
        expected_calibration_error: Mean gap between confidence and accuracy.
        recall: Expression to recall; expressions that no face has are left out.
    """

    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    log_loss: float
    macro_f1: float
    balanced_accuracy: float
    expected_calibration_error: float
    recall: Mapping[str, float]


@dataclass(frozen=True)
class EvaluationSummary:
    """One evaluation: on what, and how it went.

    Attributes:
        dataset: Name of the dataset.
        split: `validation` or `test`.
        label_set: The head that answered.
        rule: How labels came about, as `majority`; `labels` where they are given.
        baseline_accuracy: What the most frequent training label would reach.
        published: On the split as published.
        without_duplicates: Without the images that are in the training split as well.
    """

    dataset: str
    split: str
    label_set: str
    rule: str
    baseline_accuracy: float
    published: FigureSummary
    without_duplicates: FigureSummary


def figures_to_dict(evaluations: tuple[EvaluationSummary, ...]) -> dict[str, Any]:
    """Return what `BundleConfig.figures` holds."""
    if not evaluations:
        return {}
    return {"evaluations": [asdict(evaluation) for evaluation in evaluations]}


def read_figures(figures: Mapping[str, Any]) -> tuple[EvaluationSummary, ...]:
    """Read what `BundleConfig.figures` holds; nothing in it means no evaluations.

    Raises:
        BundleError: With all that is wrong with it.
    """
    problems: list[str] = []
    evaluations = take_figures(FieldReader(dict(figures), "figures.", problems))
    if problems:
        raise BundleError("; ".join(problems))
    return evaluations


def take_figures(reader: FieldReader) -> tuple[EvaluationSummary, ...]:
    """Read the same from a config that is being read; problems go to the reader."""
    if reader.empty:
        return ()
    items = reader.items("evaluations")
    reader.finish()
    return tuple(
        _evaluation(FieldReader(item, f"{reader.where}evaluations[{index}].", reader.problems))
        for index, item in enumerate(items)
    )


def _evaluation(reader: FieldReader) -> EvaluationSummary:
    evaluation = EvaluationSummary(
        dataset=reader.text("dataset"),
        split=reader.text("split"),
        label_set=reader.text("label_set"),
        rule=reader.text("rule"),
        baseline_accuracy=reader.number("baseline_accuracy"),
        published=_summary(reader.nested("published")),
        without_duplicates=_summary(reader.nested("without_duplicates")),
    )
    reader.finish()
    return evaluation


def _summary(reader: FieldReader) -> FigureSummary:
    recalls = reader.nested("recall")
    summary = FigureSummary(
        n=reader.whole("n", least=1),
        accuracy=reader.number("accuracy"),
        accuracy_low=reader.number("accuracy_low"),
        accuracy_high=reader.number("accuracy_high"),
        log_loss=reader.number("log_loss"),
        macro_f1=reader.number("macro_f1"),
        balanced_accuracy=reader.number("balanced_accuracy"),
        expected_calibration_error=reader.number("expected_calibration_error"),
        recall={label: recalls.number(label) for label in recalls.names},
    )
    reader.finish()
    return summary
