"""What robustness is called in words, as JSON, and as the terminal shows it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mien.evaluation.report import Provenance
from mien.evaluation.robustness import Loss, Robustness, Row, RuleRobustness
from mien.evaluation.words import count, interval, percent

FORMAT = 1


def report_dict(robustness: Robustness, provenance: Provenance) -> dict[str, Any]:
    """Return the whole report as JSON-ready values, `format` first."""
    return {"format": FORMAT, **robustness.to_dict(), "provenance": asdict(provenance)}


def report_json(robustness: Robustness, provenance: Provenance) -> str:
    """Return the whole report as JSON, which ends with a line break."""
    return json.dumps(report_dict(robustness, provenance), indent=2, allow_nan=False) + "\n"


def write_json(robustness: Robustness, provenance: Provenance, path: Path) -> None:
    """Write the whole report to a JSON file."""
    path.write_text(report_json(robustness, provenance), encoding="utf-8")


def terminal_report(robustness: Robustness) -> RenderableType:
    """Return what `mien robustness` prints: a table for each rule."""
    return Group(*_blocks(robustness))


def what_was_measured(robustness: Robustness, rule: RuleRobustness) -> str:
    """Return the line that no figure goes without: model, data, split, rule, n."""
    drawn = "" if robustness.seed is None else f" of a sample (seed {robustness.seed})"
    return (
        f"{robustness.model} on {robustness.dataset}, {robustness.split} split, "
        f"rule {rule.rule}, n = {count(rule.n)}{drawn}{which_prior(rule)}"
    )


def which_prior(rule: RuleRobustness) -> str:
    """Return `, prior balanced 0.25`, or nothing where answers are natural."""
    return f", prior {rule.prior}" if rule.prior is not None and rule.prior.strength else ""


def in_a_sentence(rule: RuleRobustness) -> str:
    """Return how the model fares on faces as they are, and what costs it most."""
    said = (
        f"As they are, {percent(rule.accuracy.value)} of {count(rule.n)} faces are read rightly "
        f"(95% interval {interval(rule.accuracy)})."
    )
    worst = max(rule.rows, key=lambda row: row.loss.value, default=None)
    if worst is None or worst.loss.value <= 0:
        return f"{said} No condition costs anything."
    return f"{said} Most is lost to {worst.name}: {points(worst.loss.value)} points."


def goal_in_a_sentence(rule: RuleRobustness) -> str:
    """Say which conditions that have a goal keep it."""
    bound = [row for row in rule.rows if row.limit is not None]
    broken = ", ".join(row.name for row in bound if not row.keeps_limit)
    if not bound:
        return "No condition has a goal."
    kept = f"{sum(row.keeps_limit for row in bound)} of {len(bound)} conditions keep their goal"
    return f"{kept}; beyond it: {broken}." if broken else f"{kept}."


def points(share: float) -> str:
    """Return a difference of shares in points, with one decimal and a true minus sign."""
    text = f"{100 * share:.1f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else "0.0"


def points_interval(loss: Loss) -> str:
    """Return an interval in points: −0.4 to 1.2."""
    return f"{points(loss.low)} to {points(loss.high)}"


def goal(row: Row) -> str:
    """Return a row's goal and whether it is kept, or nothing where there is none."""
    if row.limit is None:
        return ""
    sign = "\N{CHECK MARK}" if row.keeps_limit else "\N{MULTIPLICATION SIGN}"
    return f"\N{LESS-THAN OR EQUAL TO} {100 * row.limit:g} {sign}"


def _blocks(robustness: Robustness) -> Iterator[RenderableType]:
    for rule in robustness.rules:
        yield Text(what_was_measured(robustness, rule), style="bold")
        yield Text(f"{rule.rule}: {rule.rule_text}.", style="dim")
        yield Text()
        yield _table(rule)
        yield Text()
        yield Text(goal_in_a_sentence(rule))
        yield Text()


def _table(rule: RuleRobustness) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1))
    table.add_column("\ncondition", no_wrap=True)
    for name in ("\naccuracy", "\n95%", "points\nlost", "\n95%", "balanced\nlost", "\ngoal"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_row(
        "unchanged", percent(rule.accuracy.value), interval(rule.accuracy), "", "", "", ""
    )
    for row in rule.rows:
        table.add_row(
            row.name,
            percent(row.accuracy.value),
            interval(row.accuracy),
            points(row.loss.value),
            points_interval(row.loss),
            points(row.balanced_loss),
            goal(row),
            style=None if row.keeps_limit else "bold red",
        )
    return table
