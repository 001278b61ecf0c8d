"""The parts of a video's page that show people: courses, shares, transitions and peaks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from mien.evaluation.words import count, percent
from mien.recognition.summary.summary import Peak, PersonSummary
from mien.reports.bins import BinnedExpressions
from mien.reports.digest import VideoDigest
from mien.reports.palette import colour_of
from mien.reports.video_svg import area_svg, strip_svg
from mien.reports.words import clock, length, mark_texts, marks

# Shares below this are left out of words and keys, not of tables.
_WORTH_NAMING = 0.005
_WORTH_A_COLOUR = 0.02
_TRANSITIONS_NAMED = 6
MARKERS_DRAWN = 200
# Of a bin in which somebody is away; all others are half percents.
_AWAY = 255


@dataclass(frozen=True)
class Timeline:
    """The axis that all courses of a page share.

    Attributes:
        begin_s: Where it begins.
        end_s: Where it ends.
        marked: Moments that somebody marked, in bins from the beginning.
    """

    begin_s: float
    end_s: float
    marked: tuple[float, ...] = ()

    @classmethod
    def of(cls, digest: VideoDigest) -> Timeline:
        """Return the axis over all bins."""
        bins = digest.bins
        end_s = bins.start_s + max(1, bins.count) * bins.width_s
        moments_s = [one.timestamp_s for one in digest.markers[:MARKERS_DRAWN]]
        places = ((time_s - bins.start_s) / bins.width_s for time_s in moments_s)
        return cls(bins.start_s, end_s, tuple(place for place in places if place >= 0))

    def share(self, time_s: float) -> float:
        """Return where a time lies, 0..1."""
        return (time_s - self.begin_s) / (self.end_s - self.begin_s)

    def axis_html(self) -> str:
        """Return the marks under a course."""
        times_s = marks(self.begin_s, self.end_s)
        spans = "".join(
            f'<span{self._at_an_end(time_s)} style="left:{self.share(time_s):.2%}">{text}</span>'
            for time_s, text in zip(times_s, mark_texts(times_s), strict=True)
        )
        return f'<div class="times" aria-hidden="true">{spans}</div>'

    def _at_an_end(self, time_s: float) -> str:
        share = self.share(time_s)
        return ' class="first"' if share < 0.02 else ' class="last"' if share > 0.98 else ""


def dot(label: str) -> str:
    """Return the round mark of an expression's colour."""
    return f'<i class="dot" style="background:{colour_of(label)}"></i>'


def in_words(shares: Mapping[str, float], *, most: int = 3) -> str:
    """Return the largest shares in a few words: happiness 62%, neutral 30%."""
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    named = [f"{label} {percent(share, digits=0)}" for label, share in ranked[:most]]
    return ", ".join(named[:1] + [word for word in named[1:] if not word.endswith(" 0%")])


def share_bar(shares: Mapping[str, float]) -> str:
    """Return shares that sum to 1 as one bar in their colours, and a key with the numbers."""
    shown = [(label, share) for label, share in shares.items() if share > 0]
    parts = "".join(
        f'<i style="flex-grow:{share:.4f};background:{colour_of(label)}"></i>'
        for label, share in shown
    )
    ranked = sorted(shown, key=lambda item: -item[1])
    named = [(label, share) for label, share in ranked if share >= _WORTH_NAMING] or ranked[:1]
    key = "".join(
        f"<li>{dot(label)}{escape(label)} <b>{percent(share, digits=0)}</b></li>"
        for label, share in named
    )
    return f'<div class="whole" aria-hidden="true">{parts}</div><ul class="key">{key}</ul>'


def course_html(
    course: BinnedExpressions,
    labels: Sequence[str],
    timeline: Timeline,
    *,
    name: str,
    shares: Mapping[str, float],
) -> str:
    """Return areas over time with a strip of what is dominant, an axis, and a line to read off.

    Args:
        course: One person or everybody.
        labels: The expressions.
        timeline: The page's axis.
        name: Whose it is, plain.
        shares: What is said of it to those who cannot see it.
    """
    words = f"{name} over time: {in_words(shares)} of the time in view"
    area = area_svg(course, labels, label=words, marked=timeline.marked)
    strip = strip_svg(course, labels, label=f"{name}: the dominant expression over time")
    return (
        f'<div class="course"><div class="percents" aria-hidden="true"><span>100%</span>'
        f"<span>50%</span><span>0%</span></div>"
        f'<div class="plot" data-who="{escape(name)}" {_values(course)}>{area}{strip}</div>'
        f"{timeline.axis_html()}</div>{colour_key(course, labels)}"
        '<p class="now" aria-hidden="true">Point at it to read it off, drag over it to zoom in.</p>'
    )


def colour_key(course: BinnedExpressions, labels: Sequence[str]) -> str:
    """Return the names of the colours that can be seen in a course's areas."""
    highest = np.nan_to_num(course.probabilities).max(axis=0, initial=0.0)
    items = "".join(
        f"<li>{dot(label)}{escape(label)}</li>"
        for label, height in zip(labels, highest, strict=True)
        if height >= _WORTH_A_COLOUR
    )
    return f'<ul class="key">{items}</ul>'


def row_html(
    course: BinnedExpressions, labels: Sequence[str], *, name: str, shares: Mapping[str, float]
) -> str:
    """Return a row of the map of persons by time."""
    strip = strip_svg(course, labels, label=f"{name} over time: {in_words(shares)}")
    return (
        f'<div class="row"><span>{escape(name)}</span>'
        f'<div class="plot" data-who="{escape(name)}">{strip}</div></div>'
    )


def person_section(digest: VideoDigest, person: PersonSummary, timeline: Timeline) -> str:
    """Return all that there is to say of one person."""
    who = person.track_id or 0
    labels, name = digest.bins.labels, digest.name_of(person.track_id)
    course = course_html(digest.bins.person(who), labels, timeline, name=name, shares=person.shares)
    changes = sum(sum(after.values()) for after in person.transitions.values())
    facts = (
        f"In view for {length(person.visible_s)} between {clock(person.first_s, digits=1)} and "
        f"{clock(person.last_s, digits=1)}, read in {counted(person.observations, 'frame')}, "
        f"{counted(changes, 'change') if changes else 'no change'} of expression."
    )
    return (
        f'<section class="person" id="person-{who}"><div class="who">{_portrait(digest, who)}'
        f'<div><h2>{escape(name)}</h2><p class="small">{facts}</p></div></div>'
        f'<div class="card"><h3>Share of time in view</h3>{share_bar(person.shares)}'
        f"<h3>Expressions over time</h3>{course}</div>"
        f'<div class="beside">{_peaks(digest, person)}{_transitions(person)}</div></section>'
    )


def transitions_matrix(person: PersonSummary, labels: Sequence[str]) -> str:
    """Return a table of how often each expression was followed by each other."""
    most = max((n for after in person.transitions.values() for n in after.values()), default=0)
    if not most:
        return '<p class="small">Nobody changed from one dominant expression to another.</p>'
    used = [
        label
        for label in labels
        if label in person.transitions
        or any(label in after for after in person.transitions.values())
    ]
    head = "".join(f'<th scope="col" title="{one}"><span>{one}</span></th>' for one in used)
    rows = "".join(
        f'<tr><th scope="row">{before}</th>'
        + "".join(_cell(before, after, person.transitions, most) for after in used)
        + "</tr>"
        for before in used
    )
    return (
        '<p class="small">How often the expression of the row was followed by that of the column, '
        'in one person.</p><table class="matrix changes"><thead><tr><th scope="col"></th>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _cell(before: str, after: str, transitions: Mapping[str, Mapping[str, int]], most: int) -> str:
    n = transitions.get(before, {}).get(after, 0)
    if before == after or not n:
        return f'<td class="none" style="--share:0%">{"" if before == after else "0"}</td>'
    strong = " strong" if n / most > 0.6 else ""
    return f'<td class="hit{strong}" style="--share:{n / most:.0%}">{count(n)}</td>'


def _transitions(person: PersonSummary) -> str:
    ranked = sorted(
        (
            (n, before, after)
            for before, then in person.transitions.items()
            for after, n in then.items()
        ),
        key=lambda entry: -entry[0],
    )
    if not ranked:
        return ""
    items = "".join(
        f"<li>{dot(before)}{escape(before)}<span>to</span>{dot(after)}{escape(after)} "
        f"<b>{count(n)}×</b></li>"
        for n, before, after in ranked[:_TRANSITIONS_NAMED]
    )
    left = sum(n for n, _, _ in ranked[_TRANSITIONS_NAMED:])
    more = f"<li>others <b>{count(left)}×</b></li>" if left else ""
    return (
        '<div class="card"><h3>From one expression to the next</h3>'
        f'<ul class="chips">{items}{more}</ul></div>'
    )


def _peaks(digest: VideoDigest, person: PersonSummary) -> str:
    # The expressions that were there longest come first.
    ordered = sorted(person.peaks, key=lambda label: -person.shares[label])
    figures = "".join(
        _peak(digest, person, label, peak) for label in ordered for peak in person.peaks[label]
    )
    if not figures:
        return ""
    return f'<div class="card"><h3>Strongest moments</h3><div class="peaks">{figures}</div></div>'


def _peak(digest: VideoDigest, person: PersonSummary, label: str, peak: Peak) -> str:
    share, when = percent(peak.probability, digits=0), clock(peak.timestamp_s, digits=1)
    words = f"{_in_a_sentence(digest, person.track_id)}, {label} {share} at {when}"
    kept = digest.pictures and digest.pictures.picture(
        person.track_id or 0, label, peak.timestamp_s
    )
    picture = _image(kept.jpeg, f"Face of {words}") if kept else ""
    return (
        f'<button class="peak" type="button" data-time="{peak.timestamp_s:.3f}" '
        f'style="--colour:{colour_of(label)}" title="Show {escape(words)}">{picture}'
        f"<span>{dot(label)}{escape(label)}</span><span><b>{share}</b> at {when}</span></button>"
    )


def _portrait(digest: VideoDigest, who: int) -> str:
    jpeg = digest.pictures and digest.pictures.portrait(who)
    return _image(jpeg, f"Face of {_in_a_sentence(digest, who)}") if jpeg else ""


def _in_a_sentence(digest: VideoDigest, track_id: int | None) -> str:
    name = digest.name_of(track_id)
    return name if track_id in digest.names else name.lower()


def _image(jpeg: bytes, alt: str) -> str:
    data = b64encode(jpeg).decode("ascii")
    return f'<img src="data:image/jpeg;base64,{data}" alt="{escape(alt)}" width="96" height="96">'


def _values(course: BinnedExpressions) -> str:
    """Return what a script reads off a course: half percents, a byte for each bin and label."""
    shown = np.flatnonzero(course.seconds > 0)
    if not len(shown):
        return 'data-first="0" data-values=""'
    first, last = int(shown[0]), int(shown[-1]) + 1
    half_percents = np.rint(np.nan_to_num(course.probabilities[first:last]) * 200).astype(np.uint8)
    half_percents[course.seconds[first:last] <= 0] = _AWAY
    return f'data-first="{first}" data-values="{b64encode(half_percents.tobytes()).decode()}"'


def counted(n: int, what: str) -> str:
    """Return how many there are of something, in words."""
    return f"{count(n)} {what}{'' if n == 1 else 's'}"
