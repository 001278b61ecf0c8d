"""Examples of answers and errors, as OpenAPI shows them at /docs.

A test sends every example of a request to a server and checks every example of an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi.openapi.models import Example

from mien.core.labels import COLOURS, FER2013, FERPLUS, LabelSet
from mien.web.schemas.base import ErrorReply

# Stands for null until FastAPI has described the app.
_NULL = "\x00null"

Responses = dict[int | str, dict[str, Any]]

FACE: dict[str, Any] = {
    "box": {"x1": 176.4, "y1": 66.8, "x2": 281.9, "y2": 172.3},
    "confidence": 0.9312,
    "landmarks": [[206.3, 110.2], [247.6, 108.9], [229.8, 131.4], [210.7, 149.0], [246.1, 147.8]],
    "track_id": None,
    "expression": {
        "label_set": "ferplus",
        "dominant": "happiness",
        "confidence": 0.9,
        "entropy": 0.6661,
        "uncertain": False,
        "probabilities": {
            "neutral": 0.06,
            "happiness": 0.9,
            "surprise": 0.01,
            "sadness": 0.005,
            "anger": 0.005,
            "disgust": 0.005,
            "fear": 0.005,
            "contempt": 0.01,
        },
    },
    "smoothed": None,
    "sharpness": 412.5,
    "predicted": False,
}
ANALYZE_REPLY: dict[str, Any] = {
    "results": [
        {
            "source": "group.jpg",
            "index": 0,
            "timestamp_s": 0.0,
            "width": 512,
            "height": 512,
            "detector": "blazeface",
            "detector_threshold": 0.6,
            "detector_sha256": None,
            "prior": "natural",
            "prior_strength": 0.0,
            "faces": [FACE],
            "milliseconds": {"decode": 6.1, "detect": 9.4, "crop": 0.6, "classify": 5.2},
            "error": None,
        }
    ]
}
EXPLAIN_REPLY: dict[str, Any] = {
    "label": "happiness",
    "probability": 0.9,
    "bundle": "mien-s",
    "method": "occlusion, soft patches of 1/6, 1/4 and 1/3 of the side",
    "unit": "drop of the label's log-odds, ln(p / (1 - p)), when the part is hidden",
    "strongest": 1.92,
    "is_weak": False,
    "words": "mouth x6.8, left eye x1.2, right eye x1.1, nose x1.1",
    "parts": {"right eye": 0.1, "left eye": 0.2, "nose": 0.08, "mouth": 1.92},
    # Shortened: it has a row for each row of pixels that the model sees.
    "map": [[0.1, 0.2], [1.85, 1.92]],
    "square": {"centre_x": 229.2, "centre_y": 119.6, "side_px": 116.1, "roll_degrees": -1.8},
    "face": FACE,
}
HEALTH_REPLY: dict[str, Any] = {
    "status": "ok",
    "version": "0.1.0",
    "bundle": "mien-s",
    "detector": "blazeface",
}
DEEPFACE_REPLY: dict[str, Any] = {
    "results": [
        {
            "emotion": {
                "angry": 0.5,
                "disgust": 0.5,
                "fear": 1.0,
                "happy": 91.0,
                "sad": 1.0,
                "surprise": 1.0,
                "neutral": 5.0,
            },
            "dominant_emotion": "happy",
            "region": {
                "x": 176,
                "y": 66,
                "w": 105,
                "h": 105,
                "left_eye": [247, 108],
                "right_eye": [206, 110],
            },
            "face_confidence": 0.93,
        }
    ],
    "notes": ["detector_backend is not used: mien reads with blazeface"],
}

# One pixel; a picture of a face is longer.
_DATA_URI = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81yt"
    "gAAAABJRU5ErkJggg=="
)
DEEPFACE_REQUESTS: dict[str, Example] = {
    "emotion": {
        "summary": "Expressions of the faces in a picture",
        "value": {"img": _DATA_URI, "actions": ["emotion"], "enforce_detection": False},
    },
    "older": {
        "summary": "As older clients write it",
        "value": {
            "img_path": _DATA_URI,
            "actions": "['emotion']",
            "detector_backend": "retinaface",
            "enforce_detection": "false",
        },
    },
}


def _label_set(labels: LabelSet) -> dict[str, Any]:
    shown = [{"name": name, "colour": COLOURS[name]} for name in labels.labels]
    return {"name": labels.name, "labels": shown}


MODELS_REPLY: dict[str, Any] = {
    "bundles": [
        {
            "name": "mien-s",
            "active": True,
            "label_sets": ["fer2013", "ferplus"],
            "figures": {},
        }
    ],
    "label_sets": [_label_set(FER2013), _label_set(FERPLUS)],
    "detectors": [
        {"name": "blazeface", "available": True, "reason": None},
        {"name": "yunet", "available": False, "reason": "it is not there: mien fetch yunet"},
    ],
    "default": {"bundle": "mien-s", "detector": "auto", "label_set": "ferplus"},
}

# What stands before every route may answer these.
_GATE = (401, 403, 421)
# One of each status that tells what it is like; docs/live-protocol.md lists all codes.
_ERRORS: Mapping[int, tuple[str, str, list[str]]] = {
    400: ("malformed_form", "the multipart body is malformed", []),
    401: (
        "token_required",
        "this server asks for its token: open the link that `mien serve` showed, or send the "
        "header `Authorization: Bearer TOKEN`",
        [],
    ),
    403: (
        "origin_refused",
        "pages of https://elsewhere.example may not use this server; allow them with "
        "MIEN_ALLOWED_ORIGINS",
        [],
    ),
    404: (
        "not_found",
        "there is no session 7; `mien sessions list` shows those that there are",
        [],
    ),
    408: ("upload_stalled", "nothing came for 60 s; send it again", []),
    409: ("session_running", "session 3 is being recorded; end that first", []),
    413: ("too_large", "the request is larger than the 32 MB accepted", []),
    415: (
        "unsupported_picture",
        "expected a JPEG, PNG or WebP picture, got 12 bytes that begin as none",
        ["notes.txt: expected a JPEG, PNG or WebP picture, got 12 bytes that begin as none"],
    ),
    421: (
        "unknown_host",
        "this server is not known as 'faces.example'; name its origin in MIEN_ALLOWED_ORIGINS",
        [],
    ),
    422: (
        "invalid_request",
        "the request does not fit; see details",
        ["query.prior_strength: Input should be less than or equal to 1"],
    ),
    429: ("too_many_requests", "too many requests from 192.0.2.7; try again in 0.4 s", []),
    500: ("internal_error", "something broke in the server; its log says what", []),
    503: ("busy", "the server reads 18 things already; try again in a moment", []),
    507: (
        "store_full",
        "the server's disk is full, so nothing more can be kept; what was written before is kept",
        [],
    ),
}


def answers(example: Mapping[str, Any], *statuses: int) -> Responses:
    """Return OpenAPI's words for a route's answers: an example, and the errors it may give."""
    return {200: {"content": shown(example)}, **errors_told(*statuses)}


def done(*statuses: int) -> Responses:
    """Return OpenAPI's words for a route that answers with nothing, and the errors it may give."""
    return {204: {"description": "Done."}, **errors_told(*statuses)}


def shown(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return OpenAPI's words for an answer in JSON that is like an example."""
    return {"application/json": {"example": _with_nulls_kept(example)}}


def restore_nulls(described: dict[str, Any]) -> dict[str, Any]:
    """Put null back into the examples of an OpenAPI description, and return it.

    FastAPI leaves out all that is null when it describes an app, examples too.
    """
    _put_null(described)
    return described


def errors_told(*statuses: int) -> Responses:
    """Return OpenAPI's words for errors of these statuses, and of what stands before a route."""
    return {status: _error(status) for status in sorted({*statuses, *_GATE})}


def _error(status: int) -> dict[str, Any]:
    code, message, details = _ERRORS[status]
    value = {"error": {"code": code, "message": message, "details": details}}
    return {"model": ErrorReply, "content": shown(value)}


def _with_nulls_kept(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _with_nulls_kept(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_with_nulls_kept(one) for one in value]
    return _NULL if value is None else value


def _put_null(node: Any) -> None:
    parts = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in parts:
        if value == _NULL:
            node[key] = None
        elif isinstance(value, (dict, list)):
            _put_null(value)
