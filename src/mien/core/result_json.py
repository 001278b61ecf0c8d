"""Results from their JSON: what `to_dict()` of `mien.core.types` wrote, read back.

Figures come back as they were written, so probabilities to four decimals and pixels to a tenth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mien.core.errors import ShapeError
from mien.core.types import Box, Expression, Face, FrameResult


def frame_from_dict(data: Mapping[str, Any]) -> FrameResult:
    """Return the result whose `to_dict()` is given.

    Keys that this version does not know are passed over: a newer server may tell more.

    Raises:
        ShapeError: If a key is missing or its value is of another kind.
    """
    try:
        threshold, sha256 = data["detector_threshold"], data["detector_sha256"]
        return FrameResult(
            index=int(data["index"]),
            timestamp_s=float(data["timestamp_s"]),
            size=(int(data["width"]), int(data["height"])),
            faces=tuple(face_from_dict(face) for face in data["faces"]),
            detector=str(data["detector"]),
            milliseconds={stage: float(ms) for stage, ms in data["milliseconds"].items()},
            source=data["source"],
            error=data["error"],
            detector_threshold=None if threshold is None else float(threshold),
            detector_sha256=sha256,
            prior=str(data["prior"]),
            prior_strength=float(data["prior_strength"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unlike("FrameResult", error) from error


def face_from_dict(data: Mapping[str, Any]) -> Face:
    """Return the face whose `to_dict()` is given.

    Raises:
        ShapeError: If a key is missing or its value is of another kind.
    """
    try:
        landmarks, smoothed, sharpness = data["landmarks"], data["smoothed"], data["sharpness"]
        return Face(
            box=Box(**{edge: float(data["box"][edge]) for edge in ("x1", "y1", "x2", "y2")}),
            confidence=float(data["confidence"]),
            expression=expression_from_dict(data["expression"]),
            landmarks=landmarks and tuple((float(x), float(y)) for x, y in landmarks),
            track_id=data["track_id"],
            smoothed=smoothed and expression_from_dict(smoothed),
            sharpness=None if sharpness is None else float(sharpness),
            predicted=bool(data["predicted"]),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unlike("Face", error) from error


def expression_from_dict(data: Mapping[str, Any]) -> Expression:
    """Return the expression whose `to_dict()` is given.

    Its JSON says whether it is uncertain, but not below which confidence it would be: here the
    threshold is 0, or the next number above the confidence, so that `uncertain` is as written.

    Raises:
        ShapeError: If a key is missing or its value is of another kind.
    """
    try:
        shares = {str(label): float(p) for label, p in data["probabilities"].items()}
        below = math.nextafter(max(shares.values()), math.inf) if data["uncertain"] else 0.0
        return Expression(shares, str(data["label_set"]), below)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise _unlike("Expression", error) from error


def _unlike(kind: str, error: Exception) -> ShapeError:
    what = f"no {error}" if isinstance(error, KeyError) else str(error)
    return ShapeError(f"expected the JSON of a {kind} as its to_dict() writes it, got {what}")
