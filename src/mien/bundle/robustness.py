"""What changed faces cost a model, as its bundle keeps it: a line for each condition.

Directions and classes stay in the report of `mien robustness`; a bundle keeps what its card
shows.
"""

from __future__ import annotations

from dataclasses import dataclass

from mien.bundle.fields import FieldReader
from mien.bundle.figures import read_prior_strength, take_strength
from mien.core.errors import BundleError


@dataclass(frozen=True)
class ConditionLoss:
    """What one condition costs; shares are 0..1, losses -1..1.

    Attributes:
        name: As `roll 15°`.
        accuracy: Share of the faces that are read rightly under it.
        loss: Accuracy on the unchanged faces minus that.
        loss_low: Lower end of its 95 % paired interval.
        loss_high: Upper end.
    """

    name: str
    accuracy: float
    loss: float
    loss_low: float
    loss_high: float


@dataclass(frozen=True)
class RobustnessSummary:
    """One split under one rule.

    Attributes:
        dataset: Name of the dataset.
        split: `train`, `validation` or `test`.
        label_set: The head that answered.
        rule: How faces got their labels, as `majority`.
        n: How many faces; fewer than the split has where they are a sample.
        accuracy: Share of the unchanged faces that are read rightly.
        graph_sha256: Of the `model.onnx` that was measured.
        temperature: The temperature of the head when it was measured.
        prior_strength: The same of its `prior_strength`.
        command: What measured it.
        conditions: What each condition costs.
    """

    dataset: str
    split: str
    label_set: str
    rule: str
    n: int
    accuracy: float
    graph_sha256: str
    temperature: float
    prior_strength: float
    command: str
    conditions: tuple[ConditionLoss, ...]

    @property
    def worst_first(self) -> list[ConditionLoss]:
        """The conditions, the costliest first."""
        return sorted(self.conditions, key=lambda condition: -condition.loss)


def summarise_robustness(report: object) -> tuple[RobustnessSummary, ...]:
    """Summarise the JSON that `mien robustness BUNDLE` writes, one summary for each rule.

    Raises:
        BundleError: If it is no such report; all that is missing is listed.
    """
    problems: list[str] = []
    reader = FieldReader(report, "", problems)
    dataset, split = reader.text("dataset"), reader.text("split")
    provenance = reader.nested("provenance")
    command = provenance.text("command")
    model = provenance.nested("model")
    graph_sha256, temperatures = model.text("sha256"), model.nested("temperature")
    summaries = tuple(
        RobustnessSummary(
            dataset=dataset,
            split=split,
            label_set=(label_set := rule.text("label_set")),
            rule=rule.text("rule"),
            n=rule.whole("n", least=1),
            accuracy=rule.nested("accuracy").number("value"),
            graph_sha256=graph_sha256,
            temperature=temperatures.number(label_set, above=0.0),
            prior_strength=read_prior_strength(rule),
            command=command,
            conditions=tuple(_summarise_row(row) for row in rule.parts("rows", least=1)),
        )
        for rule in reader.parts("rules", least=1)
    )
    if problems:
        raise BundleError(
            f"not a report that `mien robustness` made of a bundle: {'; '.join(problems)}"
        )
    return summaries


def take_robustness(reader: FieldReader) -> tuple[RobustnessSummary, ...]:
    """Read `robustness` of the whole config; it may be missing."""
    if "robustness" not in reader.names:
        return ()
    return tuple(_take_summary(part) for part in reader.parts("robustness"))


def _summarise_row(row: FieldReader) -> ConditionLoss:
    loss = row.nested("loss")
    return ConditionLoss(
        name=row.text("name"),
        accuracy=row.nested("accuracy").number("value"),
        loss=loss.number("value"),
        loss_low=loss.number("low"),
        loss_high=loss.number("high"),
    )


def _take_summary(reader: FieldReader) -> RobustnessSummary:
    summary = RobustnessSummary(
        dataset=reader.text("dataset"),
        split=reader.text("split"),
        label_set=reader.text("label_set"),
        rule=reader.text("rule"),
        n=reader.whole("n", least=1),
        accuracy=reader.number("accuracy"),
        graph_sha256=reader.text("graph_sha256"),
        temperature=reader.number("temperature", above=0.0),
        prior_strength=take_strength(reader),
        command=reader.text("command"),
        conditions=tuple(_take_condition(part) for part in reader.parts("conditions", least=1)),
    )
    reader.finish()
    return summary


def _take_condition(reader: FieldReader) -> ConditionLoss:
    condition = ConditionLoss(
        name=reader.text("name"),
        accuracy=reader.number("accuracy"),
        loss=reader.number("loss"),
        loss_low=reader.number("loss_low"),
        loss_high=reader.number("loss_high"),
    )
    reader.finish()
    return condition
