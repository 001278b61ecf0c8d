"""A recorded session as one page of HTML: the page of a video, and what was said of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

from mien.evaluation.words import count
from mien.reports.digest import VideoDigest
from mien.reports.origin import VideoOrigin
from mien.reports.session_digest import digest_session
from mien.reports.video_page import render_video_page
from mien.reports.video_people import counted
from mien.reports.words import clock
from mien.store import Session, Store

# A page with thousands of words is no longer one that somebody reads.
_MARKERS_NAMED = 500


def render_session_page(store: Store, session_id: int) -> tuple[str, int]:
    """Return a page that needs nothing but itself, and how many faces are in its figures.

    Raises:
        StoreError: If the session cannot be read.
    """
    session, digest = store.session(session_id), digest_session(store, session_id)
    hidden = sum(person.hidden for person in store.people.of(session_id))
    told = digest.summary().overall
    page = render_video_page(
        digest,
        origin=origin_of(session),
        title=session.title,
        about=_about(session, hidden) + _markers(digest, is_live=told is not None),
    )
    return page, told.observations if told else 0


def origin_of(session: Session) -> VideoOrigin:
    """Return what is known of how a session was recorded, as reports name it."""
    model = {"session": session.id, "model": session.bundle}
    if session.reading.get("uncertain_below"):
        model["uncertain below"] = session.reading["uncertain_below"]
    return VideoOrigin(model=model, settings=_plain(session.settings), recorded=recorded(session))


def recorded(session: Session) -> str:
    """Return when a session was recorded, in words."""
    words = moment(session.started_at)
    if session.state == "recording":
        return f"since {words}, and still being recorded"
    return f"{words} (interrupted)" if session.state == "interrupted" else words


def moment(when: datetime) -> str:
    """Return a moment as a report shows it: 2 March 2026, 09:30 UTC."""
    return f"{when.day} {when:%B %Y, %H:%M} {when.tzname() or ''}".strip()


def consent_words(session: Session) -> tuple[str | None, str]:
    """Return what was agreed to, if anything, and what is to be said about it."""
    kept = (
        f"To be deleted after {moment(session.keep_until)}."
        if session.keep_until
        else "Kept until somebody deletes it."
    )
    if session.consent_text is None:
        return None, f"Nobody's consent was recorded. {kept}"
    when = f"Agreed on {moment(session.consent_at)}. " if session.consent_at else ""
    return session.consent_text, when + kept


def _about(session: Session, hidden: int) -> str:
    text, words = consent_words(session)
    agreed = f'<blockquote class="said">{escape(text)}</blockquote>' if text else ""
    note = (
        f'<h3>Note</h3><p class="said">{escape(session.note)}</p>' if session.note.strip() else ""
    )
    left_out = (
        f'<p class="small">{counted(hidden, "track")} {"is" if hidden == 1 else "are"} hidden and '
        "left out of this page.</p>"
        if hidden
        else ""
    )
    return (
        f'<section id="about"><h2>About this session</h2><div class="card"><h3>Consent</h3>{agreed}'
        f'<p class="small">{escape(words)}</p>{note}{left_out}</div></section>'
    )


def _markers(digest: VideoDigest, *, is_live: bool) -> str:
    if not digest.markers:
        return ""
    tag = "button" if is_live else "span"
    named = digest.markers[:_MARKERS_NAMED]
    items = "".join(
        f"<li><{tag}{_jump(one.timestamp_s) if is_live else ''}>"
        f"<b>{clock(one.timestamp_s, digits=1)}</b>{escape(one.word)}</{tag}></li>"
        for one in named
    )
    left = len(digest.markers) - len(named)
    more = f'<p class="small">{count(left)} more are left out.</p>' if left else ""
    return (
        '<section id="markers"><h2>Markers</h2><div class="card">'
        f'<ul class="markers">{items}</ul>{more}</div></section>'
    )


def _jump(timestamp_s: float) -> str:
    return f' type="button" data-time="{timestamp_s:.3f}" title="Show this moment"'


def _plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings as facts: underscores are for programs, and what is not set is left out."""
    return {
        _in_words(name): _plain(value) if isinstance(value, Mapping) else value
        for name, value in settings.items()
        if value is not None and value != {}
    }


def _in_words(name: str) -> str:
    seconds = ", seconds" if name.endswith("_s") else ""
    return name.removesuffix("_s").replace("_", " ") + seconds
