"""An audit as one page of HTML that needs nothing else: the faces, by what they may be."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.core.labels import COLOURS
from mien.data.corrections import SUGGESTIONS
from mien.evaluation.audit import Audit, voters_agree
from mien.evaluation.audit_report import (
    AuditReport,
    in_a_sentence,
    what_voters_say,
    what_was_left_out,
)
from mien.evaluation.html import facts_section, html_page, table_row
from mien.evaluation.robustness_faces import encode_png
from mien.evaluation.words import UNDEFINED, count, number, percent

FACES_SHOWN = 12

_GLOSSARY = {
    "disputed": "The model has not learned from this face, finds another label likelier, and "
    "cleanlab's confident learning counts the label among the wrong ones: it weighs each "
    "expression by how sure the model is of it on the whole, so rare ones are not disputed for "
    "being rare.",
    "estimated wrong": "Share of the labels of a kind that cleanlab takes to be wrong. It is an "
    "estimate: what the model is bad at looks like noise, too.",
    "relabel": "Voters, where there are votes, prefer the likely label to every other; where "
    "there are none, the model is sure enough of it.",
    "drop": "Neither the given nor the likely label can be relied on.",
    "keep": "The model disputes the label, but more than half of the voters gave it.",
    "percent and votes": "Under each face the given label, then the likely one, each with the "
    "model's probability and the votes of FER+'s ten annotators for it. A given label with few "
    "votes is the stronger suspect.",
    "a group": "Worst labels first, by the probability of the given label; audit.csv has all.",
}


def write_audit_page(report: AuditReport, path: Path, *, shown: int = FACES_SHOWN) -> None:
    """Write the page to a file; see `render_audit_page`."""
    path.write_text(render_audit_page(report, shown=shown), encoding="utf-8")


def render_audit_page(report: AuditReport, *, shown: int = FACES_SHOWN) -> str:
    """Return the whole page as HTML.

    Args:
        report: What was judged.
        shown: Faces of each pair of labels; more are counted, not drawn.
    """
    faces = report.audit.faces
    groups = _by_given(report.audit)
    sections = "\n".join(_label_section(report, *group, shown=shown) for group in groups)
    facts = {
        **{name.replace("_", " "): value for name, value in report.answers.items()},
        **{name: value for name, value in report.made.items() if name != "command"},
        "sha256 of the split": report.split_sha256,
    }
    command = f"<pre><code>{escape(str(report.made['command']))}</code></pre>"
    body = f"""<header>
<h1>Labels to look at</h1>
<p>{escape(faces.name)}, {escape(report.split)} split of {count(report.n_split)} faces, \
labels of {escape(faces.label_set.name)}, {escape(str(report.made["created"])[:10])}</p>
{_navigation(report, groups)}
</header>
{_summary(report)}
{sections}
{facts_section("How to read this", _GLOSSARY)}
{facts_section("What made it", facts, before=command)}"""
    return html_page(f"Labels to look at: {faces.name}, {report.split} split", body)


def _by_given(audit: Audit) -> list[tuple[int, list[tuple[int, NDArray[np.int64]]]]]:
    """Return the disputed faces by given and then by likely class, most faces first."""
    found: dict[int, list[tuple[int, NDArray[np.int64]]]] = {}
    for given, likely, faces in audit.pairs():
        found.setdefault(given, []).append((likely, faces))
    return sorted(found.items(), key=lambda item: -sum(len(faces) for _, faces in item[1]))


def _navigation(
    report: AuditReport, groups: Sequence[tuple[int, list[tuple[int, NDArray[np.int64]]]]]
) -> str:
    links = "".join(
        f'<a href="#{report.labels[given]}">{report.labels[given]} '
        f"<b>{count(sum(len(faces) for _, faces in pairs))}</b></a>"
        for given, pairs in groups
    )
    return f'<nav aria-label="Given labels">{links}</nav>'


def _summary(report: AuditReport) -> str:
    told = " ".join(filter(None, (what_voters_say(report), what_was_left_out(report))))
    return f"""<section id="summary">
<h2>What is disputed</h2>
<p class="lede">{escape(in_a_sentence(report))}</p>
<p class="small">{escape(told)}</p>
{_tiles(report)}
<div class="card"><h3>What is likely in place of what</h3>{_matrix(report)}</div>
<div class="card"><h3>By given label</h3>
<div class="scroll" tabindex="0">{_classes_table(report)}</div></div>
</section>"""


def _tiles(report: AuditReport) -> str:
    audit = report.audit
    disputed, n = int(audit.disputed.sum()), len(audit.faces)
    voters = voters_agree(audit).get("disputed", {"n": 0})
    sides = (
        ("Voters agree", percent(voters["likely"]), "likely label, disputed faces")
        if voters["n"]
        else ("Mean quality", number(float(audit.quality.mean())), "1 is a sure label")
    )
    tiles = (
        ("Disputed", count(disputed), f"{percent(disputed / n)} of {count(n)}"),
        ("To relabel", count(audit.count("relabel")), "the likely label is better"),
        ("To drop", count(audit.count("drop")), "nobody can tell"),
        ("Estimated wrong", percent(audit.estimated_noise), "of all given labels"),
        sides,
    )
    items = "".join(
        f'<dl class="tile{" first" if not place else ""}" style="margin:0"><dt>{name}</dt>'
        f"<dd>{value}</dd><dd>{note}</dd></dl>"
        for place, (name, value, note) in enumerate(tiles)
    )
    return f'<div class="tiles">{items}</div>'


def _matrix(report: AuditReport) -> str:
    audit, labels = report.audit, report.labels
    # What is not disputed counts as what it is called.
    believed = np.where(audit.disputed, audit.likely, audit.given)
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, (audit.given, believed), 1)
    head = "".join(f'<th scope="col" title="{name}"><span>{name}</span></th>' for name in labels)
    rows = "".join(
        f'<tr><th scope="row">{name}</th>{"".join(_cells(labels, row, counts[row]))}</tr>'
        for row, name in enumerate(labels)
    )
    return (
        '<table class="matrix"><caption>Rows are given labels: percent of the row, and faces. On '
        "the diagonal what is not disputed, beside it what the label likely should "
        f'be.</caption><thead><tr><th scope="col"></th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _cells(labels: Sequence[str], row: int, counts: NDArray[np.int64]) -> Iterator[str]:
    total = int(counts.sum())
    for column, n in enumerate(counts.tolist()):
        share = n / total if total else 0.0
        marks = {"hit": row == column, "strong": share > 0.6, "none": not n}
        css = " ".join(name for name, applies in marks.items() if applies)
        text = f"{share * 100:.0f}" if total else UNDEFINED
        words = "not disputed" if row == column else f"likely {labels[column]}"
        yield (
            f'<td class="{css}" style="--share:{share:.1%}" '
            f'title="{labels[row]}, {words}: {count(n)}">{text}<small>{count(n)}</small></td>'
        )


def _classes_table(report: AuditReport) -> str:
    names = ("faces", "disputed", "estimated wrong", *SUGGESTIONS)
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    rows = "".join(
        table_row(
            f"{_dot(row['label'])}{row['label']}",
            count(row["faces"]),
            count(row["disputed"]),
            percent(row["estimated_noise"]),
            *(count(row[name]) for name in SUGGESTIONS),
        )
        for row in report.class_rows()
    )
    return (
        f'<table class="classes"><thead><tr><th scope="col">given label</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _label_section(
    report: AuditReport,
    given: int,
    pairs: Sequence[tuple[int, NDArray[np.int64]]],
    *,
    shown: int,
) -> str:
    name = report.labels[given]
    disputed = sum(len(faces) for _, faces in pairs)
    of_all = int((report.audit.given == given).sum())
    cards = "\n".join(_pair_card(report, name, *pair, shown=shown) for pair in pairs)
    return f"""<section id="{name}">
<h2>{_dot(name)}Labelled {name}</h2>
<p class="lede">{count(disputed)} of {count(of_all)} disputed.</p>
{cards}
</section>"""


def _pair_card(
    report: AuditReport, given: str, likely: int, faces: NDArray[np.int64], *, shown: int
) -> str:
    name = report.labels[likely]
    some = f"{count(len(faces))} face{'' if len(faces) == 1 else 's'}"
    if len(faces) > shown:
        some = f"the worst {shown} of {some}"
    figures = "".join(_figure(report, face) for face in faces[:shown].tolist())
    return (
        f'<div class="card"><h3>{given}, but likely {_dot(name)}{name}: {some}</h3>'
        f'<div class="faces judged">{figures}</div></div>'
    )


def _figure(report: AuditReport, face: int) -> str:
    audit = report.audit
    source = audit.faces.sources[face]
    where = f"row {source}" if isinstance(source, int) else str(source)
    suggestion = SUGGESTIONS[audit.suggestions[face]]
    picture = b64encode(encode_png(np.asarray(audit.faces.images_gray[face]))).decode("ascii")
    said = "<br>".join(_said(report, face, way) for way in ("given", "likely"))
    return (
        f'<figure><img src="data:image/png;base64,{picture}" alt="Face of {escape(where)}">'
        f'<figcaption>{said}<br><b class="{suggestion}">{suggestion}</b> {escape(where)}'
        "</figcaption></figure>"
    )


def _said(report: AuditReport, face: int, way: str) -> str:
    """Return what model and voters say of the given or the likely label of a face."""
    audit, voters = report.audit, report.audit.voters
    class_id = int((audit.given if way == "given" else audit.likely)[face])
    text = f"{report.labels[class_id]} {percent(audit.probabilities[face, class_id], digits=0)}"
    if voters is None or not voters.cast[face]:
        return text
    votes = int((voters.given if way == "given" else voters.likely)[face])
    return f"{text}, {votes} vote{'' if votes == 1 else 's'}"


def _dot(label: str) -> str:
    return f'<span class="dot" style="background:{COLOURS[label]}"></span>'
