"""The figures that travel with a model: a summary of each evaluation, small enough to read.

Confusion matrices and curves stay in the evaluation's own report; a bundle keeps what its
card and `mien models` show.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mien.bundle.fields import FieldReader
from mien.core.errors import BundleError


@dataclass(frozen=True)
class ResultSummary:
    """One set of answers in numbers; shares are 0..1.

    Attributes:
        crops: `single`, one look at each face; `flip`, the mean over it and its mirror, `ten` over
            ten crops.
        images: `published`, the whole split; `unseen`, without images that are also among
            the training images; `unlike`, without those either that nearly are.
        n: Number of faces.
        accuracy: Share of faces whose top answer is their label.
        accuracy_low: Lower end of its 95 % interval.
        accuracy_high: Upper end.
        log_loss: In nats.
        macro_f1: Mean of the classes' F1.
        balanced_accuracy: Mean of the classes' recall.
        expected_calibration_error: Mean gap between confidence and accuracy.
        baseline_accuracy: What the most frequent training label would reach; 0 where no
            training labels were known.
        recall: Expression to recall; expressions that no face has are left out.
    """

    crops: str
    images: str
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    log_loss: float
    macro_f1: float
    balanced_accuracy: float
    expected_calibration_error: float
    baseline_accuracy: float
    recall: Mapping[str, float]


@dataclass(frozen=True)
class EvaluationSummary:
    """One split under one rule.

    Attributes:
        dataset: Name of the dataset.
        split: `train`, `validation` or `test`.
        label_set: The head that answered.
        rule: How faces got their labels, as `majority`.
        rule_text: The same in a line.
        graph_sha256: Of the `model.onnx` that was measured; a bundle keeps figures of its own
            graph only.
        temperature: The temperature of the head when it was measured.
        command: What measured it.
        results: The ways it was measured; `single` and `published` first.
        prior_strength: The same of its `prior_strength`.
    """

    dataset: str
    split: str
    label_set: str
    rule: str
    rule_text: str
    graph_sha256: str
    temperature: float
    command: str
    results: tuple[ResultSummary, ...]
    prior_strength: float = 0.0

    @property
    def headline(self) -> ResultSummary:
        """One look at each face, the split as published: what others report."""
        return self.results[0]

    def to_line(self) -> str:
        """Return the headline in one line, with n, rule and interval."""
        figures = self.headline
        return (
            f"{self.label_set} {self.split} (rule {self.rule}, n {figures.n:,}): accuracy "
            f"{figures.accuracy:.1%} ({figures.accuracy_low * 100:.1f} to "
            f"{figures.accuracy_high * 100:.1f}), macro-F1 {figures.macro_f1:.3f}"
        )


def figures_to_dict(evaluations: Sequence[EvaluationSummary]) -> dict[str, Any]:
    """Return what `BundleConfig.figures` holds; nothing for no evaluations."""
    if not evaluations:
        return {}
    return {
        "evaluations": [
            {**asdict(each), "results": [asdict(result) for result in each.results]}
            for each in evaluations
        ]
    }


def read_figures(figures: Mapping[str, Any]) -> tuple[EvaluationSummary, ...]:
    """Read what `BundleConfig.figures` holds.

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
    evaluations = tuple(_take_evaluation(part) for part in reader.parts("evaluations"))
    reader.finish()
    return evaluations


def summarise_report(report: object) -> tuple[EvaluationSummary, ...]:
    """Summarise the JSON that `mien evaluate BUNDLE` writes, one evaluation for each rule.

    Raises:
        BundleError: If it is no such report; all that is missing is listed.
    """
    problems: list[str] = []
    reader = FieldReader(report, "", problems)
    summaries = _summarise_rules(reader)
    if problems:
        raise BundleError(
            f"not a report that `mien evaluate` made of a bundle: {'; '.join(problems)}"
        )
    return summaries


def _summarise_rules(reader: FieldReader) -> tuple[EvaluationSummary, ...]:
    dataset, split = reader.text("dataset"), reader.text("split")
    provenance = reader.nested("provenance")
    command = provenance.text("command")
    model = provenance.nested("model")
    graph_sha256, temperatures = model.text("sha256"), model.nested("temperature")
    return tuple(
        EvaluationSummary(
            dataset=dataset,
            split=split,
            label_set=(label_set := rule.text("label_set")),
            rule=rule.text("rule"),
            rule_text=rule.text("rule_text"),
            graph_sha256=graph_sha256,
            temperature=temperatures.number(label_set, above=0.0),
            command=command,
            results=tuple(_summarise_result(part) for part in rule.parts("results", least=1)),
            prior_strength=read_prior_strength(rule),
        )
        for rule in reader.parts("rules", least=1)
    )


def read_prior_strength(rule: FieldReader) -> float:
    """Return the strength of the prior that a rule was measured with; older reports have none."""
    if not rule.has("prior"):
        return 0.0
    prior = rule.nested("prior")
    name = prior.text("name")
    if name == "given":
        prior.complain("name", "figures for given shares are not those of a bundle by itself")
    return prior.number("strength")


def _summarise_result(result: FieldReader) -> ResultSummary:
    figures = result.nested("figures")
    accuracy = figures.nested("accuracy")
    # The baseline is null where the data has no training labels.
    baseline = figures.nested("baseline").nested("accuracy") if figures.has("baseline") else None
    recalls = {part.text("label"): part for part in figures.parts("per_class", least=1)}
    return ResultSummary(
        crops=result.text("crops"),
        images=result.text("images"),
        n=figures.whole("n", least=1),
        accuracy=accuracy.number("value"),
        accuracy_low=accuracy.number("low"),
        accuracy_high=accuracy.number("high"),
        log_loss=figures.number("log_loss"),
        macro_f1=figures.number("macro_f1"),
        balanced_accuracy=figures.number("balanced_accuracy"),
        expected_calibration_error=figures.nested("reliability").number(
            "expected_calibration_error"
        ),
        baseline_accuracy=baseline.number("value") if baseline else 0.0,
        recall={k: part.number("recall") for k, part in recalls.items() if part.has("recall")},
    )


def take_strength(reader: FieldReader) -> float:
    """Read `prior_strength`, 0..1; where there was none yet, answers were natural: 0."""
    if "prior_strength" not in reader.names:
        return 0.0
    strength = reader.number("prior_strength")
    if not 0 <= strength <= 1:
        reader.complain("prior_strength", f"expected 0 to 1, got {strength:g}")
    return strength


def _take_evaluation(reader: FieldReader) -> EvaluationSummary:
    evaluation = EvaluationSummary(
        dataset=reader.text("dataset"),
        split=reader.text("split"),
        label_set=reader.text("label_set"),
        rule=reader.text("rule"),
        rule_text=reader.text("rule_text"),
        graph_sha256=reader.text("graph_sha256"),
        temperature=reader.number("temperature", above=0.0),
        command=reader.text("command"),
        results=tuple(_take_result(part) for part in reader.parts("results", least=1)),
        prior_strength=take_strength(reader),
    )
    reader.finish()
    return evaluation


def _take_result(reader: FieldReader) -> ResultSummary:
    recalls = reader.nested("recall")
    result = ResultSummary(
        crops=reader.text("crops"),
        images=reader.text("images"),
        n=reader.whole("n", least=1),
        accuracy=reader.number("accuracy"),
        accuracy_low=reader.number("accuracy_low"),
        accuracy_high=reader.number("accuracy_high"),
        log_loss=reader.number("log_loss"),
        macro_f1=reader.number("macro_f1"),
        balanced_accuracy=reader.number("balanced_accuracy"),
        expected_calibration_error=reader.number("expected_calibration_error"),
        baseline_accuracy=reader.number("baseline_accuracy"),
        recall={label: recalls.number(label) for label in recalls.names},
    )
    reader.finish()
    return result
