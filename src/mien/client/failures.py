"""What goes wrong between a client and its server, as mien's own errors that say what to do."""

from __future__ import annotations

import json
from typing import Any

from mien.core.errors import (
    BundleError,
    ConfigError,
    DetectorError,
    FaceError,
    ImageError,
    LabelError,
    MienError,
    MissingExtraError,
    NotOnePersonError,
    ProtocolError,
    ServerAccessError,
    ServerBusyError,
    ServerError,
    ServerUnreachableError,
    SessionRunningError,
    VideoSourceError,
)

# The same errors that mien raises on this machine, by the server's word for them.
_SAME_AS_HERE: dict[str, type[MienError]] = {
    "unsupported_picture": ImageError,
    "unreadable_picture": ImageError,
    "unsupported_video": VideoSourceError,
    "unreadable_video": VideoSourceError,
    "detector_unavailable": DetectorError,
    "no_such_face": FaceError,
    "unknown_label_set": LabelError,
    "unknown_label": LabelError,
    "invalid_request": ConfigError,
    "consent_required": ConfigError,
    "invalid_message": ConfigError,
    "unknown_bundle": BundleError,
    "bundle_unusable": BundleError,
    "session_running": SessionRunningError,
    "not_one_person": NotOnePersonError,
}
_BUSY = ("busy", "too_many_requests", "too_many_frames", "store_locked")
# Refusals that no token changes.
_FOR_ALL = ("origin_refused", "recording_off")


def told_error(
    error: dict[str, Any], *, status: int | None = None, retry_after_s: float | None = None
) -> MienError:
    """Return the error that a server told, the `error` object of its one shape."""
    code = str(error.get("code", ""))
    details = [one for one in error.get("details") or [] if one]
    words = "; ".join([str(error.get("message") or "the server gives no reason"), *details])
    if kind := _SAME_AS_HERE.get(code):
        return kind(words)
    told: ServerError
    if status == 401 or (status == 403 and code not in _FOR_ALL):
        told = ServerAccessError(
            f"{words}. Give the token that the server was started with: Client(url, token=...)"
        )
    elif code == "protocol_mismatch":
        told = ProtocolError(words)
    elif code in _BUSY:
        told = ServerBusyError(words)
    else:
        told = ServerError(words)
    told.code, told.retry_after_s = code, retry_after_s
    return told


def answer_error(url: str, status: int, body: bytes, retry_after: str | None) -> MienError:
    """Return the error of an HTTP answer that is none of success.

    Args:
        url: Whom was asked.
        status: The answer's status.
        body: The answer's body.
        retry_after: The answer's header of that name, if it has one.
    """
    try:
        error = json.loads(body)["error"]
        code = error["code"]
    except (ValueError, KeyError, TypeError):
        return ServerUnreachableError(
            f"expected a server of mien at {url}, got HTTP {status} in no form that one answers; "
            "is the address that of `mien serve`, and what stands before it set right?"
        )
    # A proxy may write a date here, which says nothing that a client of mien needs.
    wait_s = float(retry_after) if retry_after and retry_after.isdecimal() else None
    return told_error({**error, "code": code}, status=status, retry_after_s=wait_s)


def unlike_mien(url: str, error: Exception) -> ServerUnreachableError:
    """Return the error for an answer that is no JSON, or none that this version understands."""
    return ServerUnreachableError(
        f"expected an answer of mien from {url}, got one that cannot be understood ({error}); "
        "is it the address of `mien serve`, and of this version?"
    )


def unreachable(url: str, error: Exception) -> ServerUnreachableError:
    """Return the error for a server that does not answer."""
    words = str(error) or type(error).__name__
    return ServerUnreachableError(
        f"no server of mien answers at {url} ({words}); start one with `mien serve`, or check "
        "address, port and certificate"
    )


def too_late(url: str, timeout_s: float) -> ServerUnreachableError:
    """Return the error for an answer that did not come in time."""
    return ServerUnreachableError(
        f"the server at {url} did not answer within {timeout_s:g} s; it may be busy or gone: try "
        "again, or wait longer with Client(url, timeout_s=...)"
    )


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError:
    """Return the error for a library that is not installed."""
    return MissingExtraError(
        f"the client needs {error.name}, which is not installed; pip install 'mien[client]'"
    )
