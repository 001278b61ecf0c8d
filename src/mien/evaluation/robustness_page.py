"""Robustness as one page of HTML that needs nothing else: no script, no request."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from mien.evaluation.html import facts_section, html_page, provenance_section, table_row
from mien.evaluation.perturbations import UInt8Array
from mien.evaluation.report import Provenance
from mien.evaluation.robustness import Robustness, Row, RuleRobustness
from mien.evaluation.robustness_conditions import CONDITIONS, Condition
from mien.evaluation.robustness_faces import changed_faces, encode_png
from mien.evaluation.robustness_report import (
    goal,
    goal_in_a_sentence,
    in_a_sentence,
    points,
    points_interval,
    which_prior,
)
from mien.evaluation.robustness_svg import losses_svg
from mien.evaluation.words import count, interval, percent

_GLOSSARY = {
    "points lost": "Accuracy on the unchanged faces minus accuracy on the changed ones, in points "
    "of a hundred. The 95% interval is that of the difference on the same faces (Agresti and Min, "
    "2005), so it is narrower than the two accuracies' own.",
    "directions": "A condition with directions (shift, roll, side light) shows every face once in "
    "each and counts the share that was read rightly; each direction is in robustness.json.",
    "balanced": "Mean over expressions of the share of their faces that was read rightly.",
    "crop scale": "The crop's side over the one it was made with: above 1 the face becomes "
    "smaller, and what lies outside its picture repeats the edge. Shift and roll do the same. A "
    "photo would show hair and ground there, so these rows do not tell how they distract.",
    "size": "Scaled down to so many pixels a side, and back.",
    "contrast and gamma": "Contrast multiplies distances from the face's own mean gray; gamma is "
    "the power that pixels are raised to: below 1 brightens, above 1 darkens.",
    "side light": "Brightness times a line across the face; its ends have the given ratio.",
    "covered": "A gray bar over where FER2013's faces have eyes or mouth, fixed in the picture: "
    "eyes 10 to 90% across and 23 to 48% down, mouth 20 to 80% across and 62 to 90% down.",
    "goal": "Crops 0.85 to 1.2 times as large and faces rolled by up to 10° should cost at most "
    "3 points: detectors frame that differently all the time.",
}


def write_page(
    robustness: Robustness, provenance: Provenance, face_gray: UInt8Array, path: Path
) -> None:
    """Write the page to a file; see `render_page`."""
    path.write_text(render_page(robustness, provenance, face_gray), encoding="utf-8")


def render_page(
    robustness: Robustness,
    provenance: Provenance,
    face_gray: UInt8Array,
    *,
    conditions: Sequence[Condition] = CONDITIONS,
) -> str:
    """Return the whole page as HTML.

    Args:
        robustness: What was measured.
        provenance: What made it.
        face_gray: (h, w) uint8, the face on which the conditions are shown.
        conditions: Those that were measured.
    """
    title = f"How robust {robustness.model} is: {robustness.dataset}, {robustness.split} split"
    sections = "\n".join(_rule_section(rule) for rule in robustness.rules)
    drawn = (
        "each of them"
        if robustness.seed is None
        else f"a random {count(robustness.n_looked_at)} of them (seed {robustness.seed})"
    )
    body = f"""<header>
<h1>How robust is {escape(robustness.model)}?</h1>
<p>{escape(robustness.dataset)}, {escape(robustness.split)} split of \
{count(robustness.n_split)} faces, {drawn} under {len(conditions)} conditions, \
{escape(provenance.created[:10])}</p>
</header>
{sections}
<section><h2>What was done to the faces</h2><div class="card">
<div class="faces">{_faces(face_gray, conditions)}</div></div></section>
{facts_section("How to read this", _GLOSSARY)}
{provenance_section(provenance, robustness.split_sha256)}"""
    return html_page(title, body)


def _rule_section(rule: RuleRobustness) -> str:
    return f"""<section id="{escape(rule.rule)}">
<h2>Rule {escape(rule.rule)}, n = {count(rule.n)}{escape(which_prior(rule))}</h2>
<p class="lede">{escape(in_a_sentence(rule))} {escape(goal_in_a_sentence(rule))}</p>
<p class="small">Labels: {escape(rule.rule_text)}.</p>
<div class="card"><h3>What each condition costs</h3>{losses_svg(rule.rows)}</div>
<div class="card"><h3>In figures</h3>
<div class="scroll" tabindex="0">{_table(rule)}</div></div>
</section>"""


def _table(rule: RuleRobustness) -> str:
    names = ("accuracy", "95% interval", "points lost", "95% interval", "balanced", "points lost")
    head = "".join(f'<th scope="col">{name}</th>' for name in (*names, "goal"))
    unchanged = table_row(
        "unchanged",
        percent(rule.accuracy.value),
        interval(rule.accuracy),
        "",
        "",
        percent(rule.balanced_accuracy),
        "",
        "",
    )
    rows = "".join(_table_row(row) for row in rule.rows)
    return (
        f'<table class="ways losses"><thead><tr><th scope="col">condition</th>{head}</tr></thead>'
        f"<tbody>{unchanged}{rows}</tbody></table>"
    )


def _table_row(row: Row) -> str:
    return table_row(
        escape(row.name),
        percent(row.accuracy.value),
        interval(row.accuracy),
        points(row.loss.value),
        points_interval(row.loss),
        percent(row.balanced_accuracy),
        points(row.balanced_loss),
        goal(row),
        css="" if row.keeps_limit else "beyond",
    )


def _faces(face_gray: UInt8Array, conditions: Sequence[Condition]) -> str:
    return "".join(
        f'<figure><img src="data:image/png;base64,{b64encode(encode_png(face)).decode("ascii")}" '
        f'alt="The face, {escape(f"{name} {way}".strip())}">'
        f"<figcaption>{escape(name)}<br>{escape(way)}</figcaption></figure>"
        for name, way, face in changed_faces(face_gray, conditions)
    )
