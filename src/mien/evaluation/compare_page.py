"""A comparison as one page of HTML that needs nothing else: no script, no request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from mien.core.labels import COLOURS
from mien.evaluation.compare import ClassDifference, ModelDifference
from mien.evaluation.compare_report import ComparisonReport
from mien.evaluation.compare_run import Comparison, RuleComparison
from mien.evaluation.compare_svg import change_svg, common_reach
from mien.evaluation.compare_words import (
    COMPARED,
    COST_COLUMNS,
    change,
    change_interval,
    cost_cells,
    could_it_be_chance,
    how_it_was_resampled,
    p_value,
    title,
    who_is_right_more_often,
)
from mien.evaluation.figures import ClassFigures, Figures
from mien.evaluation.html import facts_section, html_page, provenance_section, table_row
from mien.evaluation.words import (
    CROPS,
    IMAGES,
    UNDEFINED,
    count,
    interval,
    number,
    percent,
    what_was_left_out,
)

_GLOSSARY = {
    "difference": "A model's figure minus that of the first model, on the same faces; pt are "
    "percentage points. In the pictures blue is a gain, orange a loss, and gray an interval that "
    "holds zero.",
    "interval": "Of a difference: the middle 95% of what it is when the faces are drawn anew with "
    "replacement, the same faces for both models. A class with few faces has a wide one. That of "
    "the calibration error is rough, since drawn faces make any model look a little less "
    "calibrated.",
    "McNemar's exact test": "Looks only at the faces that one of the two models gets right: if "
    "neither were better, each would fall to either like a coin.",
    "Holm's correction": "With several models beside the first, one of them looks better by luck "
    "more easily; corrected p-values hold for all of them together, within one rule and way of "
    "counting.",
    "macro-F1, balanced accuracy": "Means over expressions of F1 and of recall: rare expressions "
    "count as much as common ones.",
    "with mirror": "The mean of the probabilities of the face and of its mirror image.",
    "unseen in training": "Leaving out images that are, to the last pixel, among the training "
    "images as well.",
    "unlike any in training": "Leaving out those, too, that show the same picture as a training "
    "image, be it cut, sized, packed or mirrored a little otherwise.",
}


def write_comparison_page(report: ComparisonReport, path: Path) -> None:
    """Write the page to a file."""
    path.write_text(render_comparison(report), encoding="utf-8")


def render_comparison(report: ComparisonReport) -> str:
    """Return the whole page as HTML."""
    comparison = report.comparison
    sections = "\n".join(_rule_section(comparison, rule) for rule in comparison.rules)
    about = "\n".join(
        facts_section(name, {key.replace("_", " "): value for key, value in description.items()})
        for name, description in report.descriptions.items()
    )
    body = f"""<header>
<h1>{escape(title(comparison))}</h1>
<p>Compared on {escape(comparison.dataset)}, {escape(comparison.split)} split of \
{count(comparison.n_split)} faces, {escape(report.provenance.created[:10])}</p>
{_navigation(comparison)}
</header>
{sections}
{_costs_section(report)}
{facts_section("How to read this", _GLOSSARY)}
{about}
{provenance_section(report.provenance, comparison.split_sha256)}"""
    return html_page(f"{title(comparison)}, {comparison.dataset} {comparison.split}", body)


def _navigation(comparison: Comparison) -> str:
    links = "".join(
        f'<a href="#{escape(rule.faces.rule)}">{escape(rule.faces.rule)} '
        f"<b>{', '.join(change(one.accuracy, in_points=True) for one in rule.headline)}</b></a>"
        for rule in comparison.rules
    )
    return f'<nav aria-label="Rules">{links}</nav>'


def _rule_section(comparison: Comparison, rule: RuleComparison) -> str:
    pairs = "\n".join(
        _pair_cards(comparison, rule, place) for place in range(1, len(comparison.models))
    )
    return f"""<section id="{escape(rule.faces.rule)}">
<h2>Rule {escape(rule.faces.rule)}, n = {count(rule.faces.n)}</h2>
<p class="small">Labels: {escape(rule.faces.rule_text)}. {escape(what_was_left_out(rule.faces))}</p>
<div class="card"><h3>Side by side</h3>{_scrolling(_models_table(comparison.models, rule))}</div>
{pairs}
<div class="card"><h3>Ways to count</h3>{_scrolling(_ways_table(comparison.models, rule))}</div>
<p class="small">{escape(how_it_was_resampled(comparison))}</p>
</section>"""


def _pair_cards(comparison: Comparison, rule: RuleComparison, place: int) -> str:
    names = (comparison.models[0], comparison.models[place])
    figures = tuple(rule.evaluations[each].headline for each in (0, place))
    difference = rule.headline[place - 1]
    tests = len(rule.headline)
    cards = (
        ("Figures", _differences_table(names, figures, difference)),
        ("Recall by expression", _recall_table(names, figures, difference)),
        ("F1 by expression", _f1_table(names, figures, difference)),
    )
    return f"""<div class="versus">
<p class="lede">{escape(who_is_right_more_often(*names, difference))}</p>
<p class="small">{escape(could_it_be_chance(*names, difference, tests))}</p>
{_tiles(names, difference, tests)}
{"".join(f'<div class="card"><h3>{name}</h3>{_scrolling(table)}</div>' for name, table in cards)}
</div>"""


def _tiles(names: Sequence[str], difference: ModelDifference, tests: int) -> str:
    test, accuracy = difference.test, difference.accuracy
    tiles = (
        (
            "Accuracy",
            change(accuracy, in_points=True),
            change_interval(accuracy, in_points=True),
        ),
        (f"Only {names[1]} is right", count(test.only_model), "faces"),
        (f"Only {names[0]} is right", count(test.only_reference), "faces"),
        ("Both are right", count(test.both_right), f"neither: {count(test.both_wrong)}"),
        (
            "McNemar's exact test",
            p_value(test.p_holm),
            "two-sided" if tests == 1 else f"two-sided, corrected for {tests}",
        ),
    )
    items = "".join(
        f'<dl class="tile{" first" if not place else ""}" style="margin:0">'
        f"<dt>{escape(name)}</dt><dd>{value}</dd><dd>{note}</dd></dl>"
        for place, (name, value, note) in enumerate(tiles)
    )
    return f'<div class="tiles">{items}</div>'


def _scrolling(table: str) -> str:
    return f'<div class="scroll" tabindex="0">{table}</div>'


def _table(css: str, columns: Sequence[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in columns)
    return f'<table class="{css}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'


def _models_table(names: Sequence[str], rule: RuleComparison) -> str:
    rows = "".join(
        table_row(
            escape(name),
            percent(figures.accuracy.value, digits=2),
            interval(figures.accuracy),
            *(figure.value(figures) for figure in COMPARED[1:]),
        )
        for name, figures in zip(names, (one.headline for one in rule.evaluations), strict=True)
    )
    naive = rule.faces.headline.baseline
    if naive is not None:
        rows += table_row(
            f"naive answer<span>always {escape(naive.label)}</span>",
            percent(naive.accuracy.value, digits=2),
            interval(naive.accuracy),
            percent(naive.balanced_accuracy),
            number(naive.macro_f1),
            UNDEFINED,
            UNDEFINED,
            css="naive",
        )
    columns = ("model", "accuracy", "95% interval", *(figure.name for figure in COMPARED[1:]))
    return _table("ways plain", columns, rows)


def _differences_table(
    names: Sequence[str], figures: Sequence[Figures], difference: ModelDifference
) -> str:
    # Nats are no share: log-loss would not fit on the others' scale.
    drawn = [figure for figure in COMPARED if figure.attribute != "log_loss"]
    reach = common_reach(figure.of(difference) for figure in drawn)
    rows = ""
    for figure in COMPARED:
        one = figure.of(difference)
        picture = change_svg(one, reach, lower_is_better=figure.lower_is_better)
        rows += table_row(
            escape(figure.name),
            *(figure.value(each) for each in figures),
            change(one, in_points=figure.in_points),
            change_interval(one, in_points=figure.in_points),
            picture if figure in drawn else "",
        )
    return _table("classes", ("figure", *names, "difference", "95% interval", ""), rows)


def _recall_table(
    names: Sequence[str], figures: Sequence[Figures], difference: ModelDifference
) -> str:
    reach = common_reach(gap.recall for gap in difference.per_class)
    rows = "".join(
        table_row(
            _expression(gap.label),
            count(after.support),
            percent(before.recall),
            percent(after.recall),
            change(gap.recall, in_points=True),
            change_interval(gap.recall, in_points=True),
            change_svg(gap.recall, reach),
        )
        for before, after, gap in _by_class(figures, difference)
    )
    columns = ("expression", "faces", *names, "difference", "95% interval", "")
    return _table("classes", columns, rows)


def _f1_table(names: Sequence[str], figures: Sequence[Figures], difference: ModelDifference) -> str:
    reach = common_reach(gap.f1 for gap in difference.per_class)
    rows = "".join(
        table_row(
            _expression(gap.label),
            number(before.f1),
            number(after.f1),
            change(gap.f1, in_points=False),
            change_interval(gap.f1, in_points=False),
            change_svg(gap.f1, reach),
        )
        for before, after, gap in _by_class(figures, difference)
    )
    return _table("classes", ("expression", *names, "difference", "95% interval", ""), rows)


def _expression(label: str) -> str:
    return f'<span class="dot" style="background:{COLOURS[label]}"></span>{label}'


def _by_class(
    figures: Sequence[Figures], difference: ModelDifference
) -> Iterable[tuple[ClassFigures, ClassFigures, ClassDifference]]:
    """Return the reference's figures, the model's and their difference of each class."""
    before, after = figures
    return zip(before.per_class, after.per_class, difference.per_class, strict=True)


def _ways_table(names: Sequence[str], rule: RuleComparison) -> str:
    rows = ""
    for place, way in enumerate(rule.ways):
        head = f"{IMAGES[way.images]}<span>{CROPS[way.crops]}</span>"
        before = rule.faces.results[place].figures
        for other, difference in enumerate(way.models, start=1):
            figures = rule.evaluations[other].results[place].figures
            rows += table_row(
                head,
                count(figures.n),
                percent(before.accuracy.value, digits=2),
                escape(names[other]),
                percent(figures.accuracy.value, digits=2),
                change(difference.accuracy, in_points=True),
                change_interval(difference.accuracy, in_points=True),
                p_value(difference.test.p_holm),
            )
    columns = ("images", "n", names[0], "model", "accuracy", "difference", "95% interval")
    return _table("ways plain", (*columns, "McNemar"), rows)


def _costs_section(report: ComparisonReport) -> str:
    rows = "".join(
        table_row(escape(name), *cost_cells(cost)) for name, cost in report.costs.items()
    )
    speed = report.how_speed_was_measured()
    note = f'<p class="small">{escape(speed)}</p>' if speed else ""
    table = _scrolling(_table("classes", COST_COLUMNS, rows))
    return f'<section><h2>Size and speed</h2><div class="card">{table}</div>{note}</section>'
