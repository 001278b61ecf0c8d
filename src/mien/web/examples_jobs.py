"""Examples of answers about jobs, as OpenAPI shows them."""

from __future__ import annotations

from typing import Any

from mien.web.examples import ANALYZE_REPLY

JOB: dict[str, Any] = {
    "id": "4f0c1f1e-6f5b-4a53-9d0f-3f6d5b0a7c11",
    "kind": "video",
    "title": "Rehearsal",
    "state": "running",
    "created_at": "2026-11-21T14:05:00.120000Z",
    "expires_at": None,
    "files": [{"name": "rehearsal.mp4", "bytes": 48_211_904}],
    "progress": {
        "done": 61.4,
        "total": 312.0,
        "share": 0.1968,
        "left_s": 40.2,
        "frames": 308,
        "faces": 521,
    },
    "session_id": 3,
    "error": None,
    "notes": ["one frame is read in every 0.2 s"],
}
_PHOTOS: dict[str, Any] = {
    "id": "0b7a4f52-52f5-4f0e-8a57-9f5f3c1d2e60",
    "kind": "photos",
    "title": "group and 1 more",
    "state": "done",
    "created_at": "2026-11-21T13:50:12.004000Z",
    "expires_at": "2026-11-28T13:50:14.880000Z",
    "files": [
        {"name": "group.jpg", "bytes": 181_020},
        {"name": "notes.txt", "bytes": 512},
    ],
    "progress": {
        "done": 2.0,
        "total": 2.0,
        "share": 1.0,
        "left_s": 0.0,
        "frames": 2,
        "faces": 1,
    },
    "session_id": None,
    "error": None,
    "notes": [],
}
JOBS_REPLY: dict[str, Any] = {"jobs": [JOB, _PHOTOS]}
JOB_RESULTS_REPLY: dict[str, Any] = {
    "results": ANALYZE_REPLY["results"],
    "total": 2,
    "limit": 100,
    "offset": 0,
}
