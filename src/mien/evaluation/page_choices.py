"""What the page shows for those who have to choose: a threshold, and the strength of a prior."""

from __future__ import annotations

from mien.evaluation.coverage import CoverageCurve
from mien.evaluation.curves_svg import Curve, CurvePoint, curves_svg
from mien.evaluation.html import table_row
from mien.evaluation.run import RuleEvaluation
from mien.evaluation.trade_off import TradeOff
from mien.evaluation.words import count, number, percent, strength_in_a_sentence

# What the table has of the thresholds on the curve.
SHOWN_THRESHOLDS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def choices(rule: RuleEvaluation) -> str:
    """Return the cards of a rule: coverage, and on the validation split the trade-off."""
    coverage = _coverage_card(rule.coverage)
    if rule.trade_off is None:
        return coverage
    return coverage + _trade_off_card(rule.trade_off)


def _coverage_card(curve: CoverageCurve) -> str:
    points = [
        CurvePoint(
            point.coverage,
            point.accuracy,
            f"threshold {point.threshold:.0%}: {percent(point.coverage)} of the faces are "
            f"answered, {percent(point.accuracy)} of them rightly",
        )
        for point in curve.points
        if point.accuracy is not None
    ]
    picture = curves_svg(
        [Curve("right", points)],
        label=f"Accuracy against coverage; area under the risk-coverage curve {curve.area:.3f}",
        x_label="coverage: share of faces whose answer is not left out",
    )
    rows = "".join(
        table_row(
            f"{point.threshold:.0%}",
            count(point.n),
            percent(point.coverage),
            percent(point.accuracy),
        )
        for point in map(curve.at, SHOWN_THRESHOLDS)
    )
    head = "".join(f'<th scope="col">{name}</th>' for name in ("faces", "coverage", "accuracy"))
    return _card(
        "Leaving doubtful answers out",
        f"Accuracy of the answers whose confidence is at least the threshold. AURC "
        f"{number(curve.area)}; {number(curve.error)} if confidence told nothing.",
        picture,
        f'<table class="ways"><thead><tr><th scope="col">threshold</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>",
    )


def _trade_off_card(trade_off: TradeOff) -> str:
    chosen = trade_off.chosen
    kinds = (
        ("accuracy", "accuracy", "right"),
        ("balanced_accuracy", "balanced accuracy", "wrong"),
        ("macro_f1", "macro-F1", "quiet"),
    )
    curves = [
        Curve(
            colour,
            [
                CurvePoint(
                    point.strength,
                    getattr(point, field),
                    f"strength {point.strength:g}: {name} {percent(getattr(point, field))}",
                )
                for point in trade_off.points
            ],
        )
        for field, name, colour in kinds
    ]
    picture = curves_svg(
        curves,
        label="Accuracy, balanced accuracy and macro-F1 by the strength of a balanced prior",
        x_label="strength of the balanced prior; 0 is natural",
        x_format="g",
        mark_x=chosen.strength,
    )
    key = "".join(
        f'<li><i style="background:var(--{colour})"></i>{name}</li>' for _, name, colour in kinds
    )
    rows = "".join(
        table_row(
            f"{point.strength:g}" + ("<span>chosen</span>" if point == chosen else ""),
            percent(point.accuracy),
            percent(point.balanced_accuracy),
            number(point.macro_f1),
        )
        for place, point in enumerate(trade_off.points)
        if place % 2 == 0 or point == chosen
    )
    names = ("accuracy", "balanced", "macro-F1")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return _card(
        "Accuracy against balance",
        f"What a balanced prior costs and gives. {strength_in_a_sentence(trade_off)}",
        f'{picture}<ul class="key">{key}</ul>',
        f'<table class="ways"><thead><tr><th scope="col">strength</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>",
    )


def _card(heading: str, words: str, picture: str, table: str) -> str:
    return (
        f'<div class="card"><h3>{heading}</h3><p class="small">{words}</p>'
        f'<div class="pair"><div>{picture}</div>'
        f'<div class="scroll" tabindex="0">{table}</div></div></div>'
    )
