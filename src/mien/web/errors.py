"""One error shape for every door of the server, and the map from exceptions to it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from mien.core.errors import (
    BundleError,
    ConfigError,
    DetectorError,
    FaceError,
    ImageError,
    LabelError,
    MienError,
    NotOnePersonError,
    SessionNotFoundError,
    SessionRunningError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreLockedError,
    StoreReadOnlyError,
    StoreUnavailableError,
    StoreVersionError,
    TableWriteError,
    VideoSourceError,
)
from mien.core.paths import without_home
from mien.web.bundles import UnknownBundleError
from mien.web.jobs.kinds import UnsupportedVideoError
from mien.web.pictures import UnsupportedPictureError
from mien.web.schemas.base import ErrorBody, ErrorReply

log = logging.getLogger("mien.web")

_CODES = {
    400: "bad_request",
    404: "not_found",
    405: "method_not_allowed",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid_request",
}
# What a user's own errors mean to a client; the first class that fits counts.
_MIEN_CODES: tuple[tuple[type[MienError], int, str], ...] = (
    (UnsupportedPictureError, 415, "unsupported_picture"),
    (UnsupportedVideoError, 415, "unsupported_video"),
    (ImageError, 422, "unreadable_picture"),
    (VideoSourceError, 422, "unreadable_video"),
    (DetectorError, 422, "detector_unavailable"),
    (FaceError, 422, "no_such_face"),
    (LabelError, 422, "unknown_label_set"),
    (ConfigError, 422, "invalid_request"),
    (UnknownBundleError, 422, "unknown_bundle"),
    (BundleError, 500, "bundle_unusable"),
    (SessionNotFoundError, 404, "not_found"),
    (SessionRunningError, 409, "session_running"),
    (NotOnePersonError, 409, "not_one_person"),
    (StoreLockedError, 503, "store_locked"),
    (StoreFullError, 507, "store_full"),
    (StoreReadOnlyError, 500, "store_read_only"),
    (StoreCorruptError, 500, "store_damaged"),
    (StoreVersionError, 500, "store_too_new"),
    (StoreUnavailableError, 503, "store_unavailable"),
    (StoreError, 409, "cannot_be_recorded"),
    (TableWriteError, 507, "export_failed"),
    (MienError, 422, "cannot_be_done"),
)
# An error's own words name the server's files where these codes stand; its log has them.
_INSTEAD = {
    "store_locked": "something else is using the sessions for too long; try again in a moment "
    "(what was just deleted is gone, and `mien sessions purge` wipes what traces may be left)",
    "store_full": "the server's disk is full, so nothing more can be kept; what was written "
    "before is kept",
    "store_read_only": "the server may read its sessions but not change them; its log says why",
    "store_damaged": "the server's database of sessions is damaged; its log says more",
    "store_too_new": "a newer mien made the server's database of sessions; update the server",
    "store_unavailable": "the server cannot reach its sessions; its log says why",
    "export_failed": "the server could not write the file; its log says why",
}
_STORE_PAUSE_S = 1.0


class ApiError(Exception):
    """An answer that is an error.

    Attributes:
        status: HTTP status.
        body: What the client is told.
        headers: Headers of the answer, such as Retry-After.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        details: list[str] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        """Make the answer; `retry_after_s` is rounded up to whole seconds."""
        super().__init__(message)
        self.status = status
        self.body = ErrorBody(code=code, message=message, details=details or [])
        self.headers: dict[str, str] = {}
        if retry_after_s is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))

    @classmethod
    def from_mien(cls, error: MienError) -> ApiError:
        """Return the answer to one of mien's own errors."""
        status, code = next((s, c) for kind, s, c in _MIEN_CODES if isinstance(error, kind))
        if code in _INSTEAD:
            log.error("%s: %s", code, error)
        pause_s = _STORE_PAUSE_S if code == "store_locked" else None
        words = _INSTEAD.get(code) or without_home(str(error))
        return cls(status, code, words, retry_after_s=pause_s)


def internal_error() -> ApiError:
    """Return the answer to a bug: it tells nothing of the inside."""
    return ApiError(500, "internal_error", "something broke in the server; its log says what")


def error_response(error: ApiError) -> JSONResponse:
    """Return an error as an HTTP response."""
    reply = ErrorReply(error=error.body)
    return JSONResponse(reply.model_dump(), status_code=error.status, headers=error.headers)


def install_error_handlers(app: FastAPI) -> None:
    """Make every error of the app leave in the one shape."""
    app.add_exception_handler(ApiError, _on_api_error)
    app.add_exception_handler(MienError, _on_mien_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)


async def _on_api_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, ApiError):
        raise error
    return error_response(error)


async def _on_mien_error(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, MienError):
        raise error
    return error_response(ApiError.from_mien(error))


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    code = _CODES.get(error.status_code, "http_error")
    words = {
        404: f"there is nothing at {request.url.path}; /docs lists what there is",
        405: f"{request.url.path} does not take {request.method}",
    }
    answer = ApiError(error.status_code, code, words.get(error.status_code, str(error.detail)))
    headers: Mapping[str, str] = error.headers or {}
    answer.headers.update(headers)
    return error_response(answer)


async def _on_invalid_request(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    details = [f"{'.'.join(str(p) for p in one['loc'])}: {one['msg']}" for one in error.errors()]
    return error_response(
        ApiError(422, "invalid_request", "the request does not fit; see details", details=details)
    )
