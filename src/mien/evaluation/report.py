"""An evaluation as JSON, as a table in the terminal, and with what made it."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mien import __version__
from mien.evaluation.coverage import CoverageCurve
from mien.evaluation.figures import Baseline, Figures
from mien.evaluation.run import Evaluation, RuleEvaluation
from mien.evaluation.words import (
    CROPS,
    UNDEFINED,
    count,
    interval,
    megabytes,
    number,
    percent,
    precision,
    strength_in_a_sentence,
    what_was_evaluated,
    what_was_left_out,
)

FORMAT = 1
# In the order of the cells that `_figures_cells` and `_naive_cells` give; two lines are narrower.
_FIGURE_NAMES = (
    *("\nn", "\naccuracy", "\n95%"),
    *("macro-\nF1", "bal.\naccuracy", "log-\nloss", "calib.\nerror"),
)


@dataclass(frozen=True)
class Provenance:
    """What made an evaluation, so that it can be made again.

    Attributes:
        command: The command line.
        created: When, ISO 8601 in UTC.
        model: What the model says of itself: name, kind, path, sha256, temperature, ...
        data: Path of the dataset.
        seconds: How long both passes took.
        faces_per_s: Faces and mirror images through the model each second.
        versions: Of mien, Python and the packages that took part.
    """

    command: str
    created: str
    model: Mapping[str, Any]
    data: str
    seconds: float
    faces_per_s: float
    versions: Mapping[str, str]


def package_versions(*packages: str) -> dict[str, str]:
    """Return the versions of mien, Python and the installed ones of some packages."""
    found = {"mien": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def report_dict(evaluation: Evaluation, provenance: Provenance) -> dict[str, Any]:
    """Return the whole report as JSON-ready values, `format` first."""
    return {"format": FORMAT, **evaluation.to_dict(), "provenance": asdict(provenance)}


def write_json(evaluation: Evaluation, provenance: Provenance, path: Path) -> None:
    """Write the whole report to a JSON file."""
    text = json.dumps(report_dict(evaluation, provenance), indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def terminal_report(
    evaluation: Evaluation, model: Mapping[str, Any] | None = None
) -> RenderableType:
    """Return what `mien evaluate` prints: for each rule the figures and the classes.

    Args:
        evaluation: What came out.
        model: What the model says of itself; its precision and size are shown below.
    """
    blocks = [*_blocks(evaluation)]
    if model is not None and "precision" in model:
        blocks.append(Text(_what_it_takes(model), style="dim"))
    return Group(*blocks)


def _what_it_takes(model: Mapping[str, Any]) -> str:
    return (
        f"{model['name']}: {count(model['parameters'])} parameters, "
        f"{precision(model['precision'], model['storage'])}; graph "
        f"{megabytes(model['graph_bytes'])}, whole bundle {megabytes(model['bundle_bytes'])}."
    )


def _blocks(evaluation: Evaluation) -> Iterator[RenderableType]:
    for rule in evaluation.rules:
        yield Text(what_was_evaluated(evaluation, rule), style="bold")
        yield Text(f"{rule.rule}: {rule.rule_text}. {what_was_left_out(rule)}", style="dim")
        yield Text()
        yield _ways_table(rule)
        yield Text()
        yield _classes_table(rule.headline)
        yield Text()
        yield Text(_doubt_in_a_sentence(rule.coverage))
        if rule.trade_off is not None:
            yield Text(strength_in_a_sentence(rule.trade_off))
        yield Text()


def _doubt_in_a_sentence(curve: CoverageCurve) -> str:
    point = curve.at(0.5)
    return (
        f"Without answers below {point.threshold:.0%}: {percent(point.coverage)} of the faces, "
        f"{percent(point.accuracy)} of them right. AURC {number(curve.area)}."
    )


def _ways_table(rule: RuleEvaluation) -> Table:
    """One row for each way, and the naive answer below; it fits a terminal of 80 columns."""
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0))
    for name in ("\nimages", "\nlooks"):
        table.add_column(name, no_wrap=True)
    for name in _FIGURE_NAMES:
        table.add_column(name, justify="right", no_wrap=True)
    for way in rule.results:
        style = "bold" if way.figures is rule.headline else None
        table.add_row(way.images, CROPS[way.crops], *_figures_cells(way.figures), style=style)
    if (naive := rule.headline.baseline) is not None:
        table.add_row("always", naive.label, *_naive_cells(naive, rule.n), style="dim")
    return table


def _figures_cells(figures: Figures) -> tuple[str, ...]:
    return (
        count(figures.n),
        percent(figures.accuracy.value, digits=2),
        interval(figures.accuracy),
        number(figures.macro_f1),
        percent(figures.balanced_accuracy),
        number(figures.log_loss),
        percent(figures.reliability.expected_calibration_error),
    )


def _naive_cells(baseline: Baseline, n: int) -> tuple[str, ...]:
    return (
        count(n),
        percent(baseline.accuracy.value, digits=2),
        interval(baseline.accuracy),
        number(baseline.macro_f1),
        percent(baseline.balanced_accuracy),
        UNDEFINED,
        UNDEFINED,
    )


def _classes_table(figures: Figures) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1))
    table.add_column("expression")
    for name in ("faces", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    table.add_column("most often taken for")
    for class_id, entry in enumerate(figures.per_class):
        wrong = figures.most_taken_for(class_id)
        table.add_row(
            entry.label,
            count(entry.support),
            percent(entry.precision),
            percent(entry.recall),
            number(entry.f1),
            UNDEFINED if wrong is None else f"{wrong[0]} ({percent(wrong[1] / entry.support)})",
        )
    return table
