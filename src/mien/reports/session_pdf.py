"""A recorded session as a PDF of A4: figures, courses, markers, and what was agreed to."""

from __future__ import annotations

from io import BytesIO

from fpdf.enums import XPos, YPos

from mien.evaluation.words import count, percent
from mien.recognition.summary.summary import Peak, PersonSummary, Summary
from mien.reports.digest import VideoDigest
from mien.reports.palette import colour_of
from mien.reports.pdf_courses import CourseDrawer
from mien.reports.pdf_sheet import ACCENT, LOOK, MARGIN, WIDTH, Sheet
from mien.reports.session_digest import digest_session
from mien.reports.session_page import consent_words, origin_of, recorded
from mien.reports.video_page import (
    GLOSSARY,
    PEOPLE_IN_FULL,
    PEOPLE_IN_MAP,
    PEOPLE_IN_TABLE,
    longest_in_view,
    tiles_of,
)
from mien.reports.video_people import Timeline, counted, in_words
from mien.reports.words import clock, length
from mien.store import Session, Store

_NOTE = (
    "Expressions, not feelings. A label says how a face looked, as people who annotate pictures "
    "would have named it; it does not say what the person felt. The model errs, most often on "
    "faces that are small, turned, dark or covered. Not for judging people: not at work, in "
    "school, or in policing, medicine or credit."
)
# Half as fine as a screen's page, which is as fine as paper shows.
_BINS = 480
_MARKERS_NAMED, _PEAKS_SHOWN, _TRANSITIONS_NAMED = 200, 16, 6
_FACE_SIDE, _PEAKS_A_ROW = 17.0, 8


def render_session_pdf(store: Store, session_id: int) -> tuple[bytes, int]:
    """Return a session as the bytes of a PDF, and how many faces are in its figures.

    Raises:
        StoreError: If the session cannot be read.
    """
    session = store.session(session_id)
    digest = digest_session(store, session_id, most_bins=_BINS)
    told, sheet = digest.summary(), Sheet(session.title)
    _title(sheet, session, told)
    if told.overall is None:
        sheet.chapter("Nobody in view")
        sheet.paragraph("No face was seen in this session, or all people are hidden.")
    else:
        sheet.tiles([(name, value, about) for name, value, about in tiles_of(told, told.overall)])
        courses = CourseDrawer(sheet, digest.bins.labels, Timeline.of(digest))
        _together(sheet, digest, told, told.overall, courses)
    _markers(sheet, digest)
    if told.overall is not None:
        for person in longest_in_view(told.people, PEOPLE_IN_FULL):
            _person(sheet, digest, person, courses)
        _figures(sheet, digest, told, told.overall)
    hidden = sum(person.hidden for person in store.people.of(session_id))
    _about(sheet, session, digest, hidden)
    return bytes(sheet.output()), told.overall.observations if told.overall else 0


def _title(sheet: Sheet, session: Session, told: Summary) -> None:
    sheet.type(7.5, bold=True, colour=ACCENT)
    sheet.set_char_spacing(0.6)
    sheet.cell(WIDTH, 5, "RECORDED SESSION", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    sheet.set_char_spacing(0)
    sheet.type(20, bold=True)
    title = sheet.known(session.title)
    sheet.multi_cell(WIDTH, 9, title, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
    read = f"{length(told.duration_s)} in {count(told.frames)} frames"
    sheet.gap(0.5)
    sheet.paragraph(f"{recorded(session)} · {read}", colour=LOOK.soft)
    sheet.gap(3)
    top = sheet.get_y()
    sheet.paragraph(_NOTE, size=8, indent=4)
    sheet.set_fill_color(ACCENT)
    sheet.rect(MARGIN, top, 0.8, sheet.get_y() - top, style="F")
    sheet.gap(5)


def _together(
    sheet: Sheet,
    digest: VideoDigest,
    told: Summary,
    overall: PersonSummary,
    courses: CourseDrawer,
) -> None:
    sheet.chapter("Together")
    who = f"{count(len(told.people))} {'person' if len(told.people) == 1 else 'people'}"
    sheet.paragraph(
        f"{who} in view; the strongest expressions were {in_words(overall.shares)} of the time.",
        colour=LOOK.soft,
    )
    shown = longest_in_view(told.people, PEOPLE_IN_MAP)
    if shown:
        sheet.heading("Who looked how, and when")
        names = [digest.name_of(one.track_id) for one in shown]
        binned = [digest.bins.person(one.track_id or 0) for one in shown]
        courses.rows(list(zip(names, binned, strict=True)))
    sheet.heading("Share of all time in view")
    sheet.share_bar(overall.shares)
    # Of a lone person it would be the same picture twice.
    if len(told.people) != 1:
        sheet.heading("Everybody together, over time", follows=36)
        courses.course(digest.bins.everybody())
    _matrix(sheet, overall, digest.bins.labels)


def _matrix(sheet: Sheet, overall: PersonSummary, labels: tuple[str, ...]) -> None:
    """Draw how often each expression was followed by each other."""
    changes = overall.transitions
    most = max((n for after in changes.values() for n in after.values()), default=0)
    after = {label for then in changes.values() for label in then}
    used = [label for label in labels if label in changes or label in after]
    if not most:
        return
    sheet.heading("What follows what", follows=8 + 6 * len(used))
    sheet.paragraph(
        "How often the expression of the row was followed by that of the column, in one person.",
        size=7.5,
        colour=LOOK.soft,
    )
    left, wide, high = MARGIN + 24, min(18.0, (WIDTH - 24) / len(used)), 6.0
    top = sheet.get_y() + 1
    for place, label in enumerate(used):
        sheet.type(6.5, colour=LOOK.soft)
        sheet.text(left + place * wide + 1, top + 3, sheet.cut(label, wide - 1))
        sheet.type(7.5)
        sheet.text(MARGIN + 3.4, top + 8.2 + place * high, label)
        sheet.dot(MARGIN + 1.1, top + 7.2 + place * high, label)
    for row, before in enumerate(used):
        for column, then in enumerate(used):
            n = changes.get(before, {}).get(then, 0)
            x, y = left + column * wide, top + 4.4 + row * high
            strength = n / most
            sheet.set_fill_color(*_blue(strength) if n else (246, 247, 249))
            sheet.rect(x, y, wide - 0.5, high - 0.5, style="F")
            if before != then:
                sheet.type(7, bold=n > 0, colour="#ffffff" if strength > 0.6 else LOOK.ink)
                text = count(n)
                sheet.text(x + (wide - 0.5 - sheet.get_string_width(text)) / 2, y + 3.6, text)
    sheet.set_y(top + 6 + high * len(used))


def _blue(strength: float) -> tuple[int, int, int]:
    """Return the accent laid over white, so strong as 0..1."""
    red, green, blue = (round(255 - strength * (255 - part)) for part in (0, 114, 178))
    return red, green, blue


def _markers(sheet: Sheet, digest: VideoDigest) -> None:
    if not digest.markers:
        return
    sheet.chapter("Markers", follows=12)
    named = digest.markers[:_MARKERS_NAMED]
    words = {
        f"{number}   {clock(one.timestamp_s, digits=1)}": one.word
        for number, one in enumerate(named, start=1)
    }
    sheet.facts(words, name_width=26)
    if left := len(digest.markers) - len(named):
        sheet.paragraph(f"{count(left)} more are left out.", size=8, colour=LOOK.soft)


def _person(
    sheet: Sheet, digest: VideoDigest, person: PersonSummary, courses: CourseDrawer
) -> None:
    sheet.chapter(digest.name_of(person.track_id), follows=78)
    changes = sum(sum(after.values()) for after in person.transitions.values())
    sheet.paragraph(
        f"In view for {length(person.visible_s)} between {clock(person.first_s, digits=1)} and "
        f"{clock(person.last_s, digits=1)}, read in {counted(person.observations, 'frame')}, "
        f"{counted(changes, 'change') if changes else 'no change'} of expression.",
        size=8,
        colour=LOOK.soft,
    )
    sheet.heading("Share of time in view")
    sheet.share_bar(person.shares)
    sheet.heading("Expressions over time", follows=36)
    courses.course(digest.bins.person(person.track_id or 0))
    _peaks(sheet, digest, person)
    ranked = sorted(
        (
            (n, before, after)
            for before, then in person.transitions.items()
            for after, n in then.items()
        ),
        key=lambda entry: -entry[0],
    )
    if ranked:
        sheet.heading("From one expression to the next", follows=6)
        named = ranked[:_TRANSITIONS_NAMED]
        words = ", ".join(f"{before} to {after} {count(n)}×" for n, before, after in named)
        sheet.paragraph(words, size=8)


def _peaks(sheet: Sheet, digest: VideoDigest, person: PersonSummary) -> None:
    """Draw the strongest moments, with faces where they were kept."""
    ordered = sorted(person.peaks, key=lambda label: -person.shares[label])
    peaks = [(label, peak) for label in ordered for peak in person.peaks[label]][:_PEAKS_SHOWN]
    if not peaks:
        return
    faces = [_face(digest, person, label, peak) for label, peak in peaks]
    # Without a single face there is no room left for any.
    side = _FACE_SIDE if any(faces) else 0.0
    high = side + 9.5
    sheet.heading("Strongest moments", follows=high)
    wide = WIDTH / _PEAKS_A_ROW
    for place, ((label, peak), face) in enumerate(zip(peaks, faces, strict=True)):
        column = place % _PEAKS_A_ROW
        if column == 0:
            if place:
                sheet.set_y(sheet.get_y() + high)
            sheet.room(high)
        x, y = MARGIN + column * wide, sheet.get_y() + 1
        if face:
            sheet.image(BytesIO(face), x, y, side, side)
        elif side:
            sheet.set_fill_color(LOOK.empty)
            sheet.rect(x, y, side, side, style="F")
        sheet.set_fill_color(colour_of(label))
        sheet.rect(x, y + side, _FACE_SIDE, 0.9, style="F")
        sheet.type(7)
        sheet.text(x, y + side + 4, sheet.cut(label, wide - 1))
        sheet.type(6.5, colour=LOOK.soft)
        when = f"{percent(peak.probability, digits=0)} at {clock(peak.timestamp_s)}"
        sheet.text(x, y + side + 7.2, sheet.cut(when, wide - 0.5))
    sheet.set_y(sheet.get_y() + high)


def _face(digest: VideoDigest, person: PersonSummary, label: str, peak: Peak) -> bytes | None:
    if digest.pictures is None:
        return None
    kept = digest.pictures.picture(person.track_id or 0, label, peak.timestamp_s)
    return kept.jpeg if kept else None


def _figures(sheet: Sheet, digest: VideoDigest, told: Summary, overall: PersonSummary) -> None:
    people = (overall, *longest_in_view(told.people, PEOPLE_IN_TABLE))
    sheet.chapter("All figures")
    if left := len(told.people) + 1 - len(people):
        words = f"The longest in view; {count(left)} more are left out."
        sheet.paragraph(words, size=7.5, colour=LOOK.soft)
    sheet.heading("Time in view, on the session's own clock")
    rows = [
        (
            sheet.cut(digest.name_of(one.track_id), 32),
            length(one.visible_s),
            clock(one.first_s, digits=1),
            clock(one.last_s, digits=1),
            count(one.observations),
            count(sum(sum(after.values()) for after in one.transitions.values())),
        )
        for one in people
    ]
    sheet.grid(("person", "in view", "from", "to", "faces", "changes"), rows, first=40)
    for heading, figures in (
        ("Share of that time by strongest expression", [one.shares for one in people]),
        ("Mean probability over that time", [one.means for one in people]),
    ):
        sheet.heading(heading)
        rows_of_labels = [
            (name, *(percent(value) for value in of.values()))
            for (name, *_), of in zip(rows, figures, strict=True)
        ]
        sheet.grid(("person", *overall.shares), rows_of_labels, first=30)


def _about(sheet: Sheet, session: Session, digest: VideoDigest, hidden: int) -> None:
    sheet.chapter("About this session")
    text, words = consent_words(session)
    said = {"consent": f"{text}\n{words}" if text else words, "note": session.note.strip()}
    if hidden:
        is_are = "is" if hidden == 1 else "are"
        said["hidden"] = f"{counted(hidden, 'track')} {is_are} left out of all figures."
    lost = origin_of(session).what_was_lost(digest)
    said["not read"] = "\n".join(lost) or "Nothing, as far as is known from what was read."
    sheet.facts({name: value for name, value in said.items() if value})
    sheet.heading("What made it")
    facts = origin_of(session).facts(digest)
    sheet.facts({name: _plainly(value) for name, value in facts.items()})
    sheet.heading("How to read this")
    sheet.facts(GLOSSARY)


def _plainly(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plainly(part)}" for name, part in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
