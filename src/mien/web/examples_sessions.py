"""Examples of what the routes of recorded sessions take and answer; see `mien.web.examples`."""

from __future__ import annotations

from typing import Any

from fastapi.openapi.models import Example

from mien.core.labels import COLOURS, FERPLUS

SESSION: dict[str, Any] = {
    "id": 3,
    "title": "Rehearsal",
    "source": "camera",
    "note": "Second try, without notes.",
    "consent_text": "I agree that my expressions are recorded.",
    "consent_at": "2026-03-02T09:30:00.000Z",
    "bundle": "mien-s",
    "detector": "blazeface",
    "label_set": "ferplus",
    "reading": {
        "detector_threshold": 0.6,
        "detector_sha256": None,
        "prior": "natural",
        "prior_strength": 0.0,
        "uncertain_below": 0.0,
    },
    "settings": {"smoothing_s": 0.35},
    "started_at": "2026-03-02T09:30:00.000Z",
    "ended_at": "2026-03-02T09:34:12.400Z",
    "state": "ended",
    "keep_until": "2026-04-01T09:30:00.000Z",
    "first_s": 0.0,
    "last_s": 252.4,
    "duration_s": 252.4,
    "frames": 3786,
    "observations": 5120,
}
SESSIONS_REPLY: dict[str, Any] = {"sessions": [SESSION], "total": 1, "limit": 50, "offset": 0}
PERSON: dict[str, Any] = {
    "track_id": 1,
    "name": "Ann",
    "same_as": None,
    "hidden": False,
    "observations": 3600,
    "first_s": 0.2,
    "last_s": 251.9,
}
PEOPLE_REPLY: dict[str, Any] = {
    "people": [PERSON, {**PERSON, "track_id": 4, "same_as": 1, "observations": 310}]
}
MARKER: dict[str, Any] = {"id": 12, "timestamp_s": 58.5, "word": "applause"}
SESSION_REPLY: dict[str, Any] = {
    "session": SESSION,
    "labels": [{"name": name, "colour": COLOURS[name]} for name in FERPLUS.labels],
    "people": [PERSON],
    "markers": [MARKER],
    "media": [
        {
            "id": 7,
            "kind": "thumbnail",
            "bytes": 2710,
            "timestamp_s": 61.2,
            "track_id": 1,
            "url": "/v1/sessions/3/media/7",
        }
    ],
}
TIMELINE_REPLY: dict[str, Any] = {
    "start_s": 0.0,
    "bin_s": 0.420667,
    "bins": 600,
    "lines": [
        {
            "track_id": 1,
            "bins": [0, 1],
            "faces": [6, 6],
            # Shortened: there is a list for each expression.
            "means": {"neutral": [0.9, 0.35], "happiness": [0.1, 0.65]},
        }
    ],
}
_PEAK: dict[str, Any] = {
    "timestamp_s": 61.2,
    "frame_index": 918,
    "track_id": 1,
    "probability": 0.9812,
}
_OVERALL: dict[str, Any] = {
    "track_id": None,
    "observations": 5120,
    "first_s": 0.2,
    "last_s": 252.4,
    "visible_s": 250.1,
    "shares": {"neutral": 0.62, "happiness": 0.38},
    "means": {"neutral": 0.59, "happiness": 0.41},
    "transitions": {"neutral": {"happiness": 14}, "happiness": {"neutral": 13}},
    "peaks": {"neutral": [], "happiness": [_PEAK]},
}
SUMMARY_REPLY: dict[str, Any] = {
    "source": "camera",
    "frames": 3786,
    "duration_s": 252.4,
    "watched_s": 252.4,
    "overall": _OVERALL,
    "people": [{**_OVERALL, "track_id": 1, "observations": 3600, "visible_s": 240.3}],
}

SESSION_EDITS: dict[str, Example] = {
    "title": {"summary": "Another title and note", "value": {"title": "Talk", "note": "Second."}},
    "keep": {"summary": "Keep it for a week from its start", "value": {"keep_days": 7}},
}
PERSON_EDITS: dict[str, Example] = {
    "name": {"summary": "Give a name", "value": {"name": "Ann"}},
    "hide": {"summary": "Leave the person out", "value": {"hidden": True}},
}
MERGES: dict[str, Example] = {
    "merge": {"summary": "Track 3 is the person of track 1", "value": {"track_id": 3, "into": 1}}
}
MARKERS_NEW: dict[str, Example] = {
    "marker": {"summary": "Mark a moment", "value": {"timestamp_s": 58.5, "word": "applause"}}
}
