"""A comparison as JSON, and as tables in the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mien.evaluation.compare import ModelDifference
from mien.evaluation.compare_cost import Cost
from mien.evaluation.compare_run import Comparison, RuleComparison
from mien.evaluation.compare_words import (
    COMPARED,
    COST_COLUMNS,
    change,
    change_interval,
    cost_cells,
    could_it_be_chance,
    how_it_was_resampled,
    p_value,
    what_was_compared,
    who_is_right_more_often,
)
from mien.evaluation.figures import Figures
from mien.evaluation.report import Provenance
from mien.evaluation.words import (
    CROPS,
    UNDEFINED,
    count,
    interval,
    number,
    percent,
    what_was_left_out,
)

FORMAT = 1


@dataclass(frozen=True)
class ComparisonReport:
    """All that is shown of a comparison.

    Attributes:
        comparison: The figures and differences.
        descriptions: Model to what it says of itself: kind, path, sha256, temperature, ...
        costs: Model to its size and speed.
        provenance: What made it; of the models it says nothing, `descriptions` does.
        cpu: The processor that speed was measured on, or None where it was not measured.
    """

    comparison: Comparison
    descriptions: Mapping[str, Mapping[str, Any]]
    costs: Mapping[str, Cost]
    provenance: Provenance
    cpu: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the whole report as JSON-ready values, `format` first."""
        provenance = asdict(self.provenance)
        del provenance["model"]
        return {
            "format": FORMAT,
            **self.comparison.to_dict(),
            "descriptions": dict(self.descriptions),
            "costs": {name: asdict(cost) for name, cost in self.costs.items()},
            "cpu": self.cpu,
            "provenance": provenance,
        }

    def to_json(self) -> str:
        """Return the text of `comparison.json`."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def how_speed_was_measured(self) -> str | None:
        """Say what a millisecond is about, or None where none was measured."""
        runs = next((cost.speed.runs for cost in self.costs.values() if cost.speed), None)
        if runs is None:
            return None
        return (
            "ms a face: from a crop of the bundle's size to logits, one face at a time, one "
            f"thread, median of {count(runs)} runs of one session, in turns, on {self.cpu}."
        )


def terminal_comparison(report: ComparisonReport) -> RenderableType:
    """Return what `mien compare` prints: for each rule figures, differences and classes."""
    return Group(*_blocks(report))


def _blocks(report: ComparisonReport) -> Iterator[RenderableType]:
    comparison = report.comparison
    for rule in comparison.rules:
        yield Text(what_was_compared(comparison, rule), style="bold")
        yield Text(
            f"{rule.faces.rule}: {rule.faces.rule_text}. {what_was_left_out(rule.faces)}",
            style="dim",
        )
        yield Text()
        yield _models_table(comparison.models, rule)
        for place, difference in enumerate(rule.headline, start=1):
            names = (comparison.models[0], comparison.models[place])
            figures = tuple(rule.evaluations[each].headline for each in (0, place))
            yield Text()
            yield Text(who_is_right_more_often(*names, difference), style="bold")
            yield Text(could_it_be_chance(*names, difference, len(rule.headline)))
            yield Text()
            yield _differences_table(names, figures, difference)
            yield Text()
            yield _classes_table(names[1], figures, difference)
        if len(rule.ways) > 1:
            yield Text()
            yield _ways_table(comparison.models, rule)
        yield Text()
    bold = "In bold: intervals that leave out zero."
    yield Text(f"{how_it_was_resampled(comparison)} {bold}", style="dim")
    yield Text()
    yield _costs_table(report.costs)
    speed = report.how_speed_was_measured()
    if speed:
        yield Text(speed, style="dim")


def _table(*columns: str) -> Table:
    """Return an empty table, its first column left and the others right."""
    table = Table(box=None, header_style="bold", padding=(0, 1))
    for place, name in enumerate(columns):
        # Names of models may be long paths: they are broken, never cut.
        table.add_column(name, justify="right" if place else "left", overflow="fold")
    return table


def _models_table(names: Sequence[str], rule: RuleComparison) -> Table:
    table = _table("model", "accuracy", "95%", "balanced", "macro-F1", "log-loss", "calib.\nerror")
    for name, evaluation in zip(names, rule.evaluations, strict=True):
        figures = evaluation.headline
        table.add_row(
            name,
            percent(figures.accuracy.value, digits=2),
            interval(figures.accuracy),
            percent(figures.balanced_accuracy),
            number(figures.macro_f1),
            number(figures.log_loss),
            percent(figures.reliability.expected_calibration_error),
        )
    naive = rule.faces.headline.baseline
    if naive is not None:
        table.add_row(
            f"naive: {naive.label}",
            percent(naive.accuracy.value, digits=2),
            interval(naive.accuracy),
            percent(naive.balanced_accuracy),
            number(naive.macro_f1),
            UNDEFINED,
            UNDEFINED,
            style="dim",
        )
    return table


def _differences_table(
    names: Sequence[str], figures: Sequence[Figures], difference: ModelDifference
) -> Table:
    table = _table("figure", *names, "difference", "95%")
    for figure in COMPARED:
        one = figure.of(difference)
        table.add_row(
            figure.name,
            *(figure.value(each) for each in figures),
            change(one, in_points=figure.in_points),
            change_interval(one, in_points=figure.in_points),
            style="bold" if one.excludes_zero else None,
        )
    return table


def _classes_table(model: str, figures: Sequence[Figures], difference: ModelDifference) -> Table:
    table = _table(
        "expression", "faces", f"recall of\n{model}", "difference", "95%", "F1", "difference"
    )
    for entry, gap in zip(figures[1].per_class, difference.per_class, strict=True):
        table.add_row(
            entry.label,
            count(entry.support),
            percent(entry.recall),
            change(gap.recall, in_points=True),
            change_interval(gap.recall, in_points=True),
            number(entry.f1),
            change(gap.f1, in_points=False),
            style="bold" if gap.recall is not None and gap.recall.excludes_zero else None,
        )
    return table


def _ways_table(names: Sequence[str], rule: RuleComparison) -> Table:
    """The headline's accuracy again, counted the other ways."""
    table = _table("accuracy if", "n", "model", "difference", "95%", "McNemar")
    for way, counted in zip(rule.ways[1:], rule.faces.results[1:], strict=True):
        for name, difference in zip(names[1:], way.models, strict=True):
            table.add_row(
                f"{way.images}\n{CROPS[way.crops]}",
                count(counted.figures.n),
                name,
                change(difference.accuracy, in_points=True),
                change_interval(difference.accuracy, in_points=True),
                p_value(difference.test.p_holm),
            )
    return table


def _costs_table(costs: Mapping[str, Cost]) -> Table:
    table = _table(*COST_COLUMNS)
    for name, cost in costs.items():
        table.add_row(name, *cost_cells(cost))
    return table
