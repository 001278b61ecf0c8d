"""A video as one page of HTML that needs nothing else and asks for nothing: no request, no video.

What is in it is bounded, however long the video: courses are drawn over at most as many bins as its
digest has, faces are a few small JPEGs of each person, and people beyond a number are rows alone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.errors import MienError
from mien.evaluation.html import facts_section, html_page, table_row
from mien.evaluation.words import count, percent
from mien.recognition.summary.summary import PersonSummary, Summary
from mien.reports.digest import VideoDigest
from mien.reports.origin import VideoOrigin
from mien.reports.video_people import (
    Timeline,
    course_html,
    dot,
    in_words,
    person_section,
    row_html,
    share_bar,
    transitions_matrix,
)
from mien.reports.words import clock, length

if TYPE_CHECKING:
    from mien.reports.reading import ClipData

# Those longest in view; the page says how many there are beyond.
PEOPLE_IN_FULL = 16
PEOPLE_IN_MAP = 40
PEOPLE_IN_TABLE = 200

GLOSSARY = {
    "person": "A number for a face while it stays in view. It says nothing of who somebody is, and "
    "who comes back after a while gets a new one.",
    "time in view": "A frame stands for the time half way to its neighbours. Time between frames "
    "that are too far apart is nobody's.",
    "share": "The part of the time in view in which an expression was the strongest. The shares "
    "of everybody count each person's time.",
    "areas": "The model's probability of each expression, averaged over short stretches of time. "
    "Where nothing is drawn, the person was not in view.",
    "strip": "The strongest expression; paler where its probability is below 75%, palest where it "
    "is below 50%.",
    "strongest moments": "When an expression was dominant with the highest probability; those of "
    "one person and expression lie apart in time. A picture is at most a quarter of a second off.",
}


def write_video_page(
    path: Path,
    clip: VideoDigest | ClipData,
    *,
    origin: VideoOrigin | None = None,
    title: str | None = None,
) -> None:
    """Write the report of a video; a file of that name is replaced once the page is whole.

    Args:
        path: The HTML file.
        clip: A digest that was fed the frames, with their pictures if faces are to be shown; or
            results, a table of them or its path, as `mien.reports.reading.results_in` takes them.
        origin: What is known of how the video was read.
        title: The heading, plain; None for the file name of the source.

    Raises:
        MienError: If it cannot be written.
    """
    digest = clip if isinstance(clip, VideoDigest) else VideoDigest.of(clip)
    page = render_video_page(digest, origin=origin, title=title)
    fresh = path.with_name(f".{path.name}.part")
    try:
        fresh.write_text(page, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        with suppress(OSError):
            fresh.unlink()
        raise MienError(f"cannot write {path}: {error.strerror or error}") from error


def render_video_page(
    digest: VideoDigest,
    *,
    origin: VideoOrigin | None = None,
    title: str | None = None,
    about: str = "",
) -> str:
    """Return the whole page as HTML; see `write_video_page`.

    Args:
        digest: What was read.
        origin: What is known of how it was read.
        title: The heading, plain; None for the file name of the source.
        about: HTML of sections that stand below the heading.
    """
    origin = origin or VideoOrigin()
    told = digest.summary()
    heading = title or Path(told.source or "video").name
    shown = files("mien.reports")
    style = shown.joinpath("video.css").read_text(encoding="utf-8")
    script = shown.joinpath("video.js").read_text(encoding="utf-8") if told.overall else ""
    body = "\n".join(
        [
            _header(digest, told, origin, heading),
            about,
            *(_figures(digest, told, told.overall) if told.overall else [_nobody(told)]),
            _losses(digest, origin),
            facts_section("How to read this", GLOSSARY) if told.overall else "",
            facts_section("What made it", origin.facts(digest), before=_command(origin)),
        ]
    )
    return html_page(f"{heading}: expressions over time", body, style=style, script=script)


def longest_in_view(people: Sequence[PersonSummary], most: int) -> list[PersonSummary]:
    """Return the people who were in view longest, at most so many, by id."""
    ranked = sorted(people, key=lambda one: (-one.visible_s, -one.observations, one.track_id or 0))
    return sorted(ranked[:most], key=lambda one: one.track_id or 0)


def _header(digest: VideoDigest, told: Summary, origin: VideoOrigin, heading: str) -> str:
    size = digest.size
    if origin.info is not None:
        size = (origin.info.width, origin.info.height)
    parts = [
        f"{length(told.duration_s)} read in {count(told.frames)} frames",
        f"{size[0]} × {size[1]} pixels" if size else "",
        origin.recorded or origin.created[:10],
    ]
    people = longest_in_view(told.people, PEOPLE_IN_FULL)
    links = "".join(
        f'<a href="#person-{one.track_id}">{escape(digest.name_of(one.track_id))} '
        f"<b>{length(one.visible_s)}</b></a>"
        for one in people
    )
    navigation = f'<nav aria-label="People">{links}</nav>' if links else ""
    return f"""<header>
<h1>{escape(heading)}</h1>
<p>{escape(", ".join(filter(None, parts)))}</p>
<p class="note"><b>Expressions, not feelings.</b> A label says how a face looked, as people who \
annotate pictures would have named it; it does not say what the person felt. The model errs, most \
often on faces that are small, turned, dark or covered. Not for judging people: not at work, in \
school, or in policing, medicine or credit.</p>
{navigation}
</header>"""


def _nobody(told: Summary) -> str:
    words = (
        f"No face was found in {count(told.frames)} frames."
        if told.frames
        else "Not one frame could be read."
    )
    return f"""<section><h2>Nobody in view</h2>
<p class="lede">{words} There is nothing to show.</p></section>"""


def _figures(digest: VideoDigest, told: Summary, overall: PersonSummary) -> list[str]:
    timeline = Timeline.of(digest)
    full = longest_in_view(told.people, PEOPLE_IN_FULL)
    hidden = len(told.people) - len(full)
    more = (
        f'<p class="small">{count(hidden)} more were in view for less time; the table has '
        f"{'them' if len(told.people) <= PEOPLE_IN_TABLE else 'some of them'}.</p>"
        if hidden
        else ""
    )
    return [
        _tools(digest, timeline),
        _together(digest, told, overall, timeline),
        *(person_section(digest, one, timeline) for one in full),
        more,
        _table_section(digest, told, overall),
    ]


def _tools(digest: VideoDigest, timeline: Timeline) -> str:
    bins, drawn = digest.bins, max(1, digest.bins.count)
    clip = {
        "labels": list(bins.labels),
        "begin": timeline.begin_s,
        "width": bins.width_s,
        "count": drawn,
    }
    data = json.dumps(clip).replace("<", "\\u003c")
    return f"""<div class="tools" hidden>
<label for="moment">Moment</label>
<input id="moment" type="range" min="0" max="{drawn - 1}" value="0">
<output for="moment">{clock(timeline.begin_s, digits=1)}</output>
<div role="group" aria-label="Zoom">
<button type="button" data-zoom="in" title="Zoom in" aria-label="Zoom in">+</button>
<button type="button" data-zoom="out" title="Zoom out" aria-label="Zoom out">−</button>
<button type="button" data-zoom="all" title="Show the whole video">All</button>
</div>
</div>
<script type="application/json" id="clip">{data}</script>"""


def _together(
    digest: VideoDigest, told: Summary, overall: PersonSummary, timeline: Timeline
) -> str:
    labels, bins = digest.bins.labels, digest.bins
    shown = longest_in_view(told.people, PEOPLE_IN_MAP)
    rows = "".join(
        row_html(
            bins.person(one.track_id or 0),
            labels,
            name=digest.name_of(one.track_id),
            shares=one.shares,
        )
        for one in shown
    )
    some = f", the {len(shown)} longest in view" if len(shown) < len(told.people) else ""
    persons = (
        f'<div class="card"><h3>Who looked how, and when{some}</h3>'
        f'<div class="map">{rows}{timeline.axis_html()}</div>{_colours(overall)}</div>'
        if rows
        else ""
    )
    # Of a lone person it would be the same picture twice.
    everybody = (
        '<div class="card"><h3>Everybody together, over time</h3>'
        + course_html(bins.everybody(), labels, timeline, name="Everybody", shares=overall.shares)
        + "</div>"
        if len(told.people) != 1
        else ""
    )
    return f"""<section id="together">
<h2>Together</h2>
<p class="lede">{_in_a_sentence(told, overall)}</p>
{_tiles(told, overall)}
{persons}
{everybody}
<div class="pair even">
<div class="card"><h3>Share of all time in view</h3>{share_bar(overall.shares)}</div>
<div class="card"><h3>What follows what</h3>{transitions_matrix(overall, labels)}</div>
</div>
</section>"""


def _in_a_sentence(told: Summary, overall: PersonSummary) -> str:
    who = f"{count(len(told.people))} {'person' if len(told.people) == 1 else 'people'}"
    if not told.people:
        who = "Faces that nobody could be told by"
    return f"{who} in view; the strongest expressions were {in_words(overall.shares)} of the time."


def _colours(overall: PersonSummary) -> str:
    items = "".join(
        f"<li>{dot(label)}{escape(label)}</li>"
        for label, share in overall.shares.items()
        if share > 0
    )
    return f'<ul class="key">{items}</ul>'


def tiles_of(told: Summary, overall: PersonSummary) -> tuple[tuple[str, str, str], ...]:
    """Return what a clip comes to in a few figures: what it is, the figure, a word about it."""
    top = max(overall.shares, key=lambda label: overall.shares[label])
    changes = sum(sum(after.values()) for after in overall.transitions.values())
    in_view = overall.visible_s / told.watched_s if told.watched_s else None
    return (
        ("Most often", top, f"{percent(overall.shares[top])} of time in view"),
        ("People", count(len(told.people)), f"{count(overall.observations)} faces read"),
        ("Watched", length(told.watched_s), f"{count(told.frames)} frames"),
        ("Somebody in view", percent(in_view), length(overall.visible_s)),
        ("Changes", count(changes), "from one to another"),
    )


def _tiles(told: Summary, overall: PersonSummary) -> str:
    items = "".join(
        f'<dl class="tile{" first" if not place else ""}"><dt>{name}</dt><dd>{escape(value)}</dd>'
        f"<dd>{note}</dd></dl>"
        for place, (name, value, note) in enumerate(tiles_of(told, overall))
    )
    return f'<div class="tiles">{items}</div>'


def _table_section(digest: VideoDigest, told: Summary, overall: PersonSummary) -> str:
    people = longest_in_view(told.people, PEOPLE_IN_TABLE)
    left = len(told.people) - len(people)
    note = f"The {len(people)} longest in view; {count(left)} more are left out. " if left else ""
    return f"""<section id="figures">
<h2>All figures</h2>
<div class="card"><h3>Time in view, and shares of it by strongest expression</h3>
<p class="small">{note}Times are in the video's own clock.</p>
{_table(digest, people, overall, means=False)}</div>
<details class="card"><summary>Mean probabilities over the time in view</summary>
{_table(digest, people, overall, means=True)}</details>
</section>"""


def _table(
    digest: VideoDigest, people: Sequence[PersonSummary], overall: PersonSummary, *, means: bool
) -> str:
    names = [] if means else ["in view", "from", "to", "faces", "changes"]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    head += "".join(f'<th scope="col">{dot(label)}{escape(label)}</th>' for label in overall.shares)
    rows = "".join(
        _table_row(one, escape(digest.name_of(one.track_id)), means) for one in (overall, *people)
    )
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Figures by person">'
        f'<table class="ways"><thead><tr><th scope="col">person</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _table_row(one: PersonSummary, name: str, means: bool) -> str:
    if means:
        return table_row(name, *(percent(mean) for mean in one.means.values()))
    changes = sum(sum(after.values()) for after in one.transitions.values())
    return table_row(
        name,
        length(one.visible_s),
        clock(one.first_s, digits=1),
        clock(one.last_s, digits=1),
        count(one.observations),
        count(changes),
        *(percent(share) for share in one.shares.values()),
    )


def _losses(digest: VideoDigest, origin: VideoOrigin) -> str:
    lost = origin.what_was_lost(digest)
    words = (
        f"<ul>{''.join(f'<li>{escape(one)}</li>' for one in lost)}</ul>"
        if lost
        else "<p>Nothing: every frame that was asked for could be read.</p>"
        if origin.report is not None
        else "<p>Nothing, as far as is known from what was read.</p>"
    )
    return (
        '<section id="losses"><h2>What was not read</h2>'
        f'<div class="card losses-list">{words}</div></section>'
    )


def _command(origin: VideoOrigin) -> str:
    return f"<pre><code>{escape(origin.command)}</code></pre>" if origin.command else ""
