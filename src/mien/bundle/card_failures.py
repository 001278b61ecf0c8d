"""Where a model fails: the part of its card that names expressions and conditions."""

from __future__ import annotations

from collections.abc import Sequence

from mien.bundle.config import PICTURE_FILE, BundleConfig
from mien.bundle.figures import EvaluationSummary
from mien.bundle.markdown import markdown_table
from mien.bundle.robustness import ConditionLoss, RobustnessSummary

# How many expressions and conditions are named before the table.
_WORST = 3


def describe_failures(
    config: BundleConfig, evaluations: Sequence[EvaluationSummary], with_picture: bool
) -> str:
    """Return which expressions and which conditions cost most, with a picture if there is one."""
    parts = [_rarely_found(each) for each in evaluations]
    if config.robustness:
        parts += [_worst_conditions(each) for each in config.robustness]
        parts.append(_conditions_table(config.robustness))
        commands = dict.fromkeys(each.command for each in config.robustness)
        parts.append("Measured with\n\n```\n" + "\n".join(commands) + "\n```")
    else:
        parts.append(
            "What crops, tilt, blur, light and covered parts cost was not measured: "
            "`mien robustness` does, `mien export --robustness` adds it."
        )
    if with_picture:
        parts.append(
            f"![One face, changed until the answer is another]({PICTURE_FILE})\n\n"
            "One face that may be shown, changed step by step until this model answers otherwise "
            "(`mien robustness --picture`). It is one face; the figures above are of thousands."
        )
    return "\n\n".join(parts)


def _rarely_found(evaluation: EvaluationSummary) -> str:
    recall = sorted(evaluation.headline.recall.items(), key=lambda entry: entry[1])
    named = ", ".join(f"{label} ({share:.0%})" for label, share in recall[:_WORST])
    return (
        f"Expressions that it finds least often, {evaluation.label_set} {evaluation.split} by "
        f"rule `{evaluation.rule}`, share found: {named}."
    )


def _worst_conditions(measured: RobustnessSummary) -> str:
    worst = [each for each in measured.worst_first[:_WORST] if each.loss > 0]
    named = ", ".join(f"{each.name} ({100 * each.loss:.1f} points)" for each in worst)
    return (
        f"What costs most accuracy, {measured.label_set} {measured.split} by rule "
        f"`{measured.rule}`, n {measured.n:,}: {named or 'no condition costs anything'}."
    )


def _conditions_table(measured: Sequence[RobustnessSummary]) -> str:
    """Return what each condition costs under each rule; all were measured under the same ones."""
    names = dict.fromkeys(each.name for one in measured for each in one.conditions)
    by_name = [{each.name: each for each in one.conditions} for one in measured]
    rows = [["unchanged", *(cell for one in measured for cell in (f"{one.accuracy:.1%}", ""))]]
    for name in names:
        row = [name]
        for conditions in by_name:
            found = conditions.get(name)
            row += ["", ""] if found is None else [f"{found.accuracy:.1%}", _points_lost(found)]
        rows.append(row)
    head = ["condition"]
    for one in measured:
        head += [f"{one.label_set}, `{one.rule}`: accuracy", "points lost (95 % interval)"]
    return markdown_table(head, rows)


def _points_lost(condition: ConditionLoss) -> str:
    value, low, high = (
        _points(share) for share in (condition.loss, condition.loss_low, condition.loss_high)
    )
    return f"{value} ({low} to {high})"


def _points(share: float) -> str:
    text = f"{100 * share:.1f}"
    # What rounds to nothing has no sign.
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else "0.0"
