"""An evaluation as one page of HTML that needs nothing else: no script, no request.

Pictures are drawn with HTML and SVG in the page's own colours, so they follow dark and
light, stay sharp, and their numbers can be read out and copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from mien.core.labels import COLOURS
from mien.evaluation.figures import ClassFigures, Figures
from mien.evaluation.html import facts_section, html_page, provenance_section, table_row
from mien.evaluation.page_choices import choices
from mien.evaluation.report import Provenance
from mien.evaluation.run import Evaluation, Result, RuleEvaluation
from mien.evaluation.svg import reliability_svg
from mien.evaluation.words import (
    CROPS,
    IMAGES,
    UNDEFINED,
    count,
    in_a_sentence,
    interval,
    number,
    percent,
    what_was_left_out,
    which_prior,
)

_GLOSSARY = (
    ("n and rule", "How many faces a figure is about, and how they got their labels."),
    (
        "accuracy",
        "Share of faces whose most probable expression is their label; 95% Wilson interval.",
    ),
    (
        "macro-F1",
        "Mean over expressions of the harmonic mean of precision and recall: rare expressions "
        "count as much as common ones. Those that neither occur nor are answered are left out.",
    ),
    ("balanced accuracy", "Mean recall of the expressions that occur."),
    ("log-loss", "Mean of -ln(probability given to the label): 0 is perfect."),
    (
        "calibration error",
        "Expected calibration error: mean gap between confidence and accuracy over 15 bins of "
        "equal width, weighted by faces.",
    ),
    ("with mirror", "The mean of the probabilities of the face and of its mirror image."),
    (
        "unseen in training",
        "Leaving out images that are, to the last pixel, among the training images as well. "
        "Published figures of FER2013 and FER+ leave them in.",
    ),
    (
        "unlike any in training",
        "Leaving out those, too, that show the same picture as a training image, be it cut, sized, "
        "packed or mirrored a little otherwise: thumbnails of 12 by 12 pixels correlate by 0.96 "
        "or more. Where labels are noisy, a model that remembers a picture remembers its label.",
    ),
    (
        "prior",
        "How common each expression is taken to be. Without a word on it answers are natural, as "
        "for faces like those trained on; balanced goes towards equally common, by its strength.",
    ),
    (
        "AURC",
        "Area under the risk-coverage curve: share of wrong answers among the k most confident, "
        "mean over all k.",
    ),
    ("splits", "Of FER2013, validation is PublicTest and test is PrivateTest."),
)


def write_page(evaluation: Evaluation, provenance: Provenance, path: Path) -> None:
    """Write the page to a file."""
    path.write_text(render_page(evaluation, provenance), encoding="utf-8")


def render_page(evaluation: Evaluation, provenance: Provenance) -> str:
    """Return the whole page as HTML."""
    title = f"{evaluation.model} on {evaluation.dataset}, {evaluation.split} split"
    sections = "\n".join(_rule_section(rule) for rule in evaluation.rules)
    body = f"""<header>
<h1>{escape(evaluation.model)}</h1>
<p>Evaluated on {escape(evaluation.dataset)}, {escape(evaluation.split)} split of \
{count(evaluation.n_split)} faces, {escape(provenance.created[:10])}</p>
{_navigation(evaluation.rules)}
</header>
{sections}
{_reading()}
{provenance_section(provenance, evaluation.split_sha256)}"""
    return html_page(title, body)


def _navigation(rules: Iterable[RuleEvaluation]) -> str:
    links = "".join(
        f'<a href="#{escape(rule.rule)}">{escape(rule.rule)} '
        f"<b>{percent(rule.headline.accuracy.value)}</b></a>"
        for rule in rules
    )
    return f'<nav aria-label="Rules">{links}</nav>'


def _rule_section(rule: RuleEvaluation) -> str:
    figures = rule.headline
    return f"""<section id="{escape(rule.rule)}">
<h2>Rule {escape(rule.rule)}, n = {count(rule.n)}{escape(which_prior(rule))}</h2>
<p class="lede">{escape(in_a_sentence(rule))}</p>
<p class="small">Labels: {escape(rule.rule_text)}. {escape(what_was_left_out(rule))}</p>
{_tiles(figures)}
<div class="card"><h3>Ways to count</h3>
<div class="scroll" tabindex="0">{_ways_table(rule)}</div></div>
<div class="pair">
<div class="card"><h3>What is taken for what</h3>{_matrix(figures)}</div>
<div class="card"><h3>Confidence against accuracy</h3>{_reliability(figures)}</div>
</div>
<div class="card"><h3>By expression</h3>
<div class="scroll" tabindex="0">{_classes_table(figures)}</div></div>
{choices(rule)}
</section>"""


def _tiles(figures: Figures) -> str:
    naive = figures.baseline
    reliability = figures.reliability
    over = reliability.mean_confidence - figures.accuracy.value
    sureness = "too sure of itself" if over > 0 else "too unsure of itself"
    tiles = (
        (
            "Accuracy",
            percent(figures.accuracy.value),
            interval(figures.accuracy)
            + (f", naive\N{NO-BREAK SPACE}{percent(naive.accuracy.value)}" if naive else ""),
        ),
        (
            "Macro-F1",
            number(figures.macro_f1),
            f"naive {number(naive.macro_f1)}" if naive else "mean over expressions",
        ),
        (
            "Balanced accuracy",
            percent(figures.balanced_accuracy),
            f"naive {percent(naive.balanced_accuracy)}" if naive else "mean recall",
        ),
        ("Log-loss", number(figures.log_loss), "nats; 0 is perfect"),
        (
            "Calibration error",
            percent(reliability.expected_calibration_error),
            f"on the whole {sureness}",
        ),
    )
    items = "".join(
        f'<dl class="tile{" first" if not place else ""}" style="margin:0"><dt>{name}</dt>'
        f"<dd>{value}</dd><dd>{escape(note)}</dd></dl>"
        for place, (name, value, note) in enumerate(tiles)
    )
    return f'<div class="tiles">{items}</div>'


def _ways_table(rule: RuleEvaluation) -> str:
    names = ("n", "accuracy", "95% interval", "macro-F1", "balanced", "log-loss", "calibration")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(_way_row(way) for way in rule.results)
    naive = rule.headline.baseline
    if naive is not None:
        rows += table_row(
            f"naive answer<span>always {escape(naive.label)}</span>",
            count(rule.n),
            percent(naive.accuracy.value, digits=2),
            interval(naive.accuracy),
            number(naive.macro_f1),
            percent(naive.balanced_accuracy),
            UNDEFINED,
            UNDEFINED,
            css="naive",
        )
    return (
        f'<table class="ways"><thead><tr><th scope="col">images</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _way_row(way: Result) -> str:
    figures = way.figures
    return table_row(
        f"{IMAGES[way.images]}<span>{CROPS[way.crops]}</span>",
        count(figures.n),
        percent(figures.accuracy.value, digits=2),
        interval(figures.accuracy),
        number(figures.macro_f1),
        percent(figures.balanced_accuracy),
        number(figures.log_loss),
        percent(figures.reliability.expected_calibration_error),
    )


def _matrix(figures: Figures) -> str:
    head = "".join(
        f'<th scope="col" title="{label}"><span>{label}</span></th>' for label in figures.labels
    )
    rows = "".join(
        f'<tr><th scope="row">{label}</th>'
        + "".join(_cell(figures, row, column) for column in range(len(figures.labels)))
        + "</tr>"
        for row, label in enumerate(figures.labels)
    )
    return (
        '<table class="matrix"><caption>Rows are labels, columns are answers: percent of the '
        f'row, and faces. One look, as published.</caption><thead><tr><th scope="col"></th>{head}'
        f"</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cell(figures: Figures, row: int, column: int) -> str:
    share, n = figures.confusion_normalised[row][column], figures.confusion[row][column]
    marks = {"hit": row == column, "strong": (share or 0) > 0.6, "none": not n}
    css = " ".join(name for name, applies in marks.items() if applies)
    text = UNDEFINED if share is None else f"{share * 100:.0f}"
    return (
        f'<td class="{css}" style="--share:{(share or 0):.1%}" '
        f'title="{figures.labels[row]} taken for {figures.labels[column]}: {count(n)}">'
        f"{text}<small>{count(n)}</small></td>"
    )


def _reliability(figures: Figures) -> str:
    return f"""{reliability_svg(figures.reliability)}
<ul class="key"><li><i style="background:var(--right)"></i>accuracy</li>
<li><i style="background:var(--wrong)"></i>mean confidence</li>
<li><i style="background:var(--quiet)"></i>faces</li></ul>"""


def _classes_table(figures: Figures) -> str:
    rows = "".join(
        _class_row(figures, class_id, entry) for class_id, entry in enumerate(figures.per_class)
    )
    names = ("faces", "precision", "recall", "F1", "most often taken for")
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return (
        f'<table class="classes"><thead><tr><th scope="col">expression</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _class_row(figures: Figures, class_id: int, entry: ClassFigures) -> str:
    wrong = figures.most_taken_for(class_id)
    taken = UNDEFINED if wrong is None else f"{wrong[0]}, {percent(wrong[1] / entry.support)}"
    dot = f'<span class="dot" style="background:{COLOURS[entry.label]}"></span>'
    return table_row(
        f"{dot}{entry.label}",
        count(entry.support),
        _bar(entry.precision, percent(entry.precision)),
        _bar(entry.recall, percent(entry.recall)),
        _bar(entry.f1, number(entry.f1)),
        taken,
    )


def _bar(share: float | None, text: str) -> str:
    return f'<div class="bar"><i style="--share:{(share or 0):.1%}"></i><b>{text}</b></div>'


def _reading() -> str:
    return facts_section("How to read this", dict(_GLOSSARY))
