"""How differences are written, the same in the terminal and on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mien.evaluation.compare import Difference, ModelDifference
from mien.evaluation.compare_cost import Cost
from mien.evaluation.compare_run import Comparison, RuleComparison
from mien.evaluation.figures import Figures
from mien.evaluation.words import UNDEFINED, count, megabytes, number, percent, precision

# Where p-values lie below it, two models are said to differ.
SIGNIFICANT = 0.05
COST_COLUMNS = ("model", "parameters", "precision", "graph", "whole bundle", "ms a face")
_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class ComparedFigure:
    """A figure that is put side by side.

    Attributes:
        name: For people.
        attribute: Its field in `ModelDifference`.
        value: How it is written for one model.
        in_points: Whether differences are written in percentage points.
        lower_is_better: Whether a model gains where it falls.
    """

    name: str
    attribute: str
    value: Callable[[Figures], str]
    in_points: bool = True
    lower_is_better: bool = False

    def of(self, difference: ModelDifference) -> Difference:
        """Return this figure's difference."""
        found: Difference = getattr(difference, self.attribute)
        return found


COMPARED = (
    ComparedFigure("accuracy", "accuracy", lambda f: percent(f.accuracy.value, digits=2)),
    ComparedFigure(
        "balanced accuracy", "balanced_accuracy", lambda f: percent(f.balanced_accuracy)
    ),
    ComparedFigure("macro-F1", "macro_f1", lambda f: number(f.macro_f1), in_points=False),
    ComparedFigure(
        "log-loss",
        "log_loss",
        lambda f: number(f.log_loss),
        in_points=False,
        lower_is_better=True,
    ),
    ComparedFigure(
        "calibration error",
        "expected_calibration_error",
        lambda f: percent(f.reliability.expected_calibration_error),
        lower_is_better=True,
    ),
)


def change(difference: Difference | None, *, in_points: bool) -> str:
    """Return a difference with its sign: +1.2 pt, or −0.031; a dash where it is undefined."""
    if difference is None:
        return UNDEFINED
    unit = "\N{NO-BREAK SPACE}pt" if in_points else ""
    return _signed(difference.value, in_points) + unit


def change_interval(difference: Difference | None, *, in_points: bool) -> str:
    """Return a difference's 95 % interval: −0.4 to +2.7."""
    if difference is None:
        return UNDEFINED
    return f"{_signed(difference.low, in_points)} to {_signed(difference.high, in_points)}"


def p_value(p: float) -> str:
    """Return a p-value: p = 0.026, or p < 0.001 below that."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def title(comparison: Comparison) -> str:
    """Return what the whole comparison is called."""
    return f"{', '.join(comparison.models[1:])} against {comparison.models[0]}"


def what_was_compared(comparison: Comparison, rule: RuleComparison) -> str:
    """Return the line that no figure goes without: models, data, split, rule, n."""
    return (
        f"{title(comparison)} on {comparison.dataset}, {comparison.split} split, "
        f"rule {rule.faces.rule}, n = {count(rule.faces.n)}"
    )


def who_is_right_more_often(reference: str, model: str, difference: ModelDifference) -> str:
    """Return the difference of accuracies in plain words."""
    test = difference.test
    n = test.both_right + test.only_reference + test.only_model + test.both_wrong
    gained = test.only_model - test.only_reference
    if gained == 0:
        much = f"{model} is right about as many of {count(n)} faces as {reference}"
    else:
        more = "more" if gained > 0 else "fewer"
        much = f"{model} is right about {count(abs(gained))} of {count(n)} faces {more} than "
        much += f"{reference}, {change(difference.accuracy, in_points=True)}"
    return f"{much} (95% interval {change_interval(difference.accuracy, in_points=True)})."


def could_it_be_chance(reference: str, model: str, difference: ModelDifference, tests: int) -> str:
    """Return who alone is right how often, McNemar's test on it, and what follows.

    Args:
        reference: The first model's name.
        model: The other's.
        difference: Of the two.
        tests: How many models are compared with the reference.
    """
    test = difference.test
    corrected = (
        f", {p_value(test.p_holm)} after Holm's correction for {tests} comparisons"
        if tests > 1
        else ""
    )
    verdict = (
        "more than chance explains"
        if test.p_holm < SIGNIFICANT
        else "too little to tell them apart on these faces"
    )
    return (
        f"Only {reference} is right about {count(test.only_reference)}, only {model} about "
        f"{count(test.only_model)}, both about {count(test.both_right)}, neither about "
        f"{count(test.both_wrong)}. McNemar's exact test: {p_value(test.p_value)}{corrected}: "
        f"{verdict}."
    )


def how_it_was_resampled(comparison: Comparison) -> str:
    """Say where the intervals come from and what they do not cover."""
    text = (
        f"Intervals of differences are 95% percentile intervals of the paired bootstrap, "
        f"{count(comparison.resamples)} draws of the faces, seed {comparison.seed}."
    )
    if len(comparison.models) > 2:
        text += " Each stands for itself: unlike the p-values they are not corrected for several."
    return text


def cost_cells(cost: Cost) -> tuple[str, ...]:
    """Return what stands under `COST_COLUMNS` beside the model's name; dashes where unknown."""
    sizes = (
        UNDEFINED if size is None else megabytes(size)
        for size in (cost.graph_bytes, cost.bundle_bytes)
    )
    return (
        UNDEFINED if cost.parameters is None else count(cost.parameters),
        UNDEFINED if cost.precision is None else precision(cost.precision, cost.storage),
        *sizes,
        UNDEFINED if cost.speed is None else f"{cost.speed.ms_per_face:.2f}",
    )


def _signed(value: float, in_points: bool) -> str:
    text = f"{100 * value:+.1f}" if in_points else f"{value:+.3f}"
    # What rounds to nothing has no direction.
    return text[1:] if float(text) == 0 else text.replace("-", _MINUS)
