"""`/v1/sessions/{id}/media` and `/export`: files that were kept of a session, and made of it."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from fastapi.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from mien.reports.session_export import export_name, export_session
from mien.store import MediaFile
from mien.web.errors import ApiError
from mien.web.examples import errors_told
from mien.web.routes.sessions import STORE_ERRORS, SessionId
from mien.web.schemas.sessions import HIGHEST
from mien.web.services import Services, ServicesOf

router = APIRouter(tags=["sessions"])

ExportFormat = Literal["csv", "parquet", "json", "html", "pdf"]
EXPORT_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
    "html": "text/html",
    "pdf": "application/pdf",
}
# Shown where they are asked for; anything else is only ever saved, whatever it may be.
MEDIA_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".webm": "video/webm",
    ".mkv": "video/x-matroska",
}
UNKNOWN_TYPE = "application/octet-stream"


class PassingFile(FileResponse):
    """A file that is sent once; its folder is removed afterwards, however that ends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            shutil.rmtree(FilePath(self.path).parent, ignore_errors=True)


def _a_file(*types: str) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's words for an answer that is a file of one of these types."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"description": "The file.", "content": dict.fromkeys(types, schema)}}


@router.get(
    "/v1/sessions/{session_id}/media/{media_id}",
    summary="A picture or video that was kept of a session",
    response_class=Response,
    responses={
        **_a_file(*sorted({*MEDIA_TYPES.values(), UNKNOWN_TYPE})),
        206: {"description": "A part of the file, as asked for by `Range`."},
        **errors_told(*STORE_ERRORS),
    },
)
async def show_media(
    services: ServicesOf,
    session_id: SessionId,
    media_id: Annotated[
        int, Path(ge=1, le=HIGHEST, description="The file's number.", examples=[7])
    ],
) -> FileResponse:
    """Kept only where those in view asked for it; `Range` gives parts of a video."""
    file, path = await services.disk.run(_find_media, services, session_id, media_id)
    kind = MEDIA_TYPES.get(path.suffix, UNKNOWN_TYPE)
    return FileResponse(
        path,
        media_type=kind,
        filename=f"session-{session_id}-{file.kind}-{media_id}{path.suffix}",
        content_disposition_type="attachment" if kind == UNKNOWN_TYPE else "inline",
    )


@router.get(
    "/v1/sessions/{session_id}/export",
    summary="A session as a file to take along",
    response_class=Response,
    responses={
        **_a_file(*sorted(EXPORT_TYPES.values())),
        206: {"description": "A part of the file, as asked for by `Range`."},
        **errors_told(*STORE_ERRORS, 507),
    },
)
async def export(
    services: ServicesOf,
    session_id: SessionId,
    kind: Annotated[
        ExportFormat,
        Query(
            alias="format",
            description="csv or parquet: a row a face; json: all of the session; html or pdf: a "
            "report to read.",
            examples=["csv", "parquet", "json", "html", "pdf"],
        ),
    ] = "csv",
) -> FileResponse:
    """People come merged and hidden as somebody said they are."""
    path, name = await services.disk.run(_write_export, services, session_id, kind)
    return PassingFile(
        path,
        media_type=EXPORT_TYPES[kind],
        filename=name,
        content_disposition_type="attachment",
    )


def _find_media(services: Services, session_id: int, media_id: int) -> tuple[MediaFile, FilePath]:
    """Return a kept file and where it lies.

    Raises:
        ApiError: 404, if it is lost.
        StoreError: If it was never there, or the store cannot be read.
    """
    store = services.store()
    file = store.media.find(session_id, media_id)
    path = store.media.path(file)
    if not path.is_file():
        words = f"file {media_id} of session {session_id} is no longer where it was kept"
        raise ApiError(404, "not_found", words)
    return file, path


def _write_export(services: Services, session_id: int, kind: ExportFormat) -> tuple[FilePath, str]:
    """Write an export into a folder of its own and return it, and what to call it.

    Raises:
        MienError: If it cannot be written; then nothing of it is left.
    """
    store = services.store()
    name = export_name(store.session(session_id), f".{kind}")
    folder = FilePath(tempfile.mkdtemp(prefix="mien-export-"))
    path = folder / f"session.{kind}"
    with ExitStack() as clearing:
        clearing.callback(shutil.rmtree, folder, ignore_errors=True)
        export_session(store, session_id, path)
        # It is whole; from now on it is removed when it was sent.
        clearing.pop_all()
    return path, name
