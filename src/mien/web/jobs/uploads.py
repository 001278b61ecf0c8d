"""A form with files, written to disk while it comes in: never whole in memory, nor twice."""

from __future__ import annotations

import asyncio
import errno
import logging
import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from fastapi import Request
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from mien.web.errors import ApiError
from mien.web.jobs.folder import JobFolder
from mien.web.jobs.job import Kind, Upload
from mien.web.jobs.kinds import HEAD_BYTES, VideoKind, video_kind
from mien.web.jobs.names import shown_name
from mien.web.limits import WorkQueue
from mien.web.pictures import UnsupportedPictureError, check_kind

log = logging.getLogger("mien.web")

FIELD = "file"
# What comes in is handed to the disk in parts of about this size.
PART_BYTES = 1 << 20
# A client that is silent for so long has gone, or holds a place for nothing.
SILENT_AFTER_S = 60.0
# A form has some hundred bytes around each file; this is plenty for thousands.
FORM_BYTES = 4 << 20


@dataclass(frozen=True)
class UploadLimits:
    """What may be sent.

    Attributes:
        kind: Photos, or one video.
        files: How many.
        file_bytes: How large each may be.
        all_bytes: How large all together may be.
        reserve_bytes: So much of the disk must stay free.
    """

    kind: Kind
    files: int
    file_bytes: int
    all_bytes: int
    reserve_bytes: int


async def receive_files(
    request: Request, folder: JobFolder, limits: UploadLimits, disk: WorkQueue
) -> tuple[Upload, ...]:
    """Write the files of a form into a job's folder, which the caller removes if this fails.

    Raises:
        ApiError: If it is no such form, too large, of no kind that can be read, or the disk full.
        ClientDisconnect: If the client left.
    """
    boundary = boundary_of(request)
    try:
        receiver = await disk.run(_Receiver, boundary, folder, limits)
    except FormParserError as error:
        raise _malformed(str(error)) from error
    waiting = bytearray()
    try:
        async for chunk in _without_stalling(request.stream()):
            waiting += chunk
            if len(waiting) >= PART_BYTES:
                await disk.run(receiver.feed, bytes(waiting))
                waiting.clear()
        await disk.run(receiver.feed, bytes(waiting))
        return await disk.run(receiver.finish)
    finally:
        # Not through `disk`: a request that is called off cannot wait for anything any more.
        receiver.close()


async def _without_stalling(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Give what comes; a client that sends nothing for long loses its place among the jobs."""
    while True:
        try:
            async with asyncio.timeout(SILENT_AFTER_S):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            words = f"nothing came for {SILENT_AFTER_S:g} s; send it again"
            raise ApiError(408, "upload_stalled", words) from error
        if chunk is None:
            return
        yield chunk


def boundary_of(request: Request) -> bytes:
    """Return what stands between the parts of a request's form.

    Raises:
        ApiError: If the request is no form, or does not say.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data":
        raise ApiError(
            415,
            "unsupported_media_type",
            f"expected multipart/form-data with files in the field `{FIELD}`, got "
            f"{kind.decode('latin-1') or 'no content type'}; for example: curl -F file=@talk.mp4",
        )
    if not (boundary := options.get(b"boundary", b"")):
        raise _malformed("the form does not say what stands between its parts")
    return boundary


def check_room(folder: JobFolder, wanted_bytes: int, reserve_bytes: int) -> None:
    """Refuse what the disk has no room for.

    Args:
        folder: Of a job, there or not; the folder of all jobs must be there.
        wanted_bytes: What is to be written.
        reserve_bytes: What must stay free.

    Raises:
        ApiError: 507, if there is not enough.
    """
    free = shutil.disk_usage(folder.path.parent).free
    if free - wanted_bytes < reserve_bytes:
        raise disk_full()


def disk_full() -> ApiError:
    """Return the answer where there is no room for more files."""
    return ApiError(
        507,
        "disk_full",
        "the server's disk has no room for this; delete jobs or sessions there, or send less",
    )


def unwritable(error: OSError) -> ApiError:
    """Return what somebody is told where files of jobs cannot be written; the log has the rest."""
    log.error("jobs cannot be written: %s", error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full()
    words = "the server cannot write the files of jobs; its log says why"
    return ApiError(500, "jobs_unwritable", words)


class _Receiver:
    """Takes a form in pieces and writes its files; for one thread at a time."""

    def __init__(self, boundary: bytes, folder: JobFolder, limits: UploadLimits) -> None:
        self._folder, self._limits = folder, limits
        self._uploads: list[Upload] = []
        self._stream: IO[bytes] | None = None
        self._head = bytearray()
        self._kind: VideoKind | None = None
        self._file_bytes = self._all_bytes = 0
        self._name = ""
        self._header, self._value = bytearray(), bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._is_whole = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._headers.clear,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._begin_file,
                "on_part_data": lambda data, start, end: self._write(data[start:end]),
                "on_part_end": self._end_file,
                "on_end": self._end,
            },
        )

    def feed(self, data: bytes) -> None:
        """Take the next piece.

        Raises:
            ApiError: If it is malformed or too large, or there is no room for it.
        """
        try:
            check_room(self._folder, len(data), self._limits.reserve_bytes)
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(str(error)) from error
        except OSError as error:
            raise unwritable(error) from error

    def finish(self) -> tuple[Upload, ...]:
        """Return what came, once all of it has.

        Raises:
            ApiError: If the form is cut off, empty, or has nothing that can be read.
        """
        if not self._is_whole:
            raise _malformed("the form ends before its end; send it again")
        if not self._uploads:
            raise ApiError(422, "invalid_request", f"expected files in the form's field `{FIELD}`")
        if self._limits.kind == "photos":
            self._check_photos()
        return tuple(self._uploads)

    def close(self) -> None:
        """Let go of a file that is being written."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.close()
            self._stream = None

    def _end_header(self) -> None:
        self._headers[bytes(self._header).lower()] = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _begin_file(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        field = options.get(b"name", b"").decode("utf-8", "replace")
        if field != FIELD:
            raise ApiError(
                422,
                "invalid_request",
                f"expected a form with files in the field `{FIELD}` alone, got {field[:40]!r}",
            )
        number = len(self._uploads)
        if number >= self._limits.files:
            most = "one video" if self._limits.kind == "video" else f"{self._limits.files} photos"
            raise ApiError(413, "too_large", f"a job takes {most} at most")
        otherwise = "video" if self._limits.kind == "video" else f"photo {number + 1}"
        # Browsers write these three otherwise; https://html.spec.whatwg.org, multipart/form-data.
        sent = options.get(b"filename", b"").decode("utf-8", "replace")
        for escaped, character in (("%22", '"'), ("%0D", ""), ("%0A", "")):
            sent = sent.replace(escaped, character)
        self._name = shown_name(sent, otherwise)
        self._head.clear()
        self._kind, self._file_bytes = None, 0
        self._stream = self._folder.open_upload(number)

    def _write(self, data: bytes) -> None:
        self._file_bytes += len(data)
        self._all_bytes += len(data)
        if self._file_bytes > self._limits.file_bytes:
            raise _too_large(f"{self._name} is larger", self._limits.file_bytes)
        if self._all_bytes > self._limits.all_bytes:
            raise _too_large("the files together are larger", self._limits.all_bytes)
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
            if len(self._head) == HEAD_BYTES:
                self._check_video()
        if self._stream is not None:
            self._stream.write(data)

    def _end_file(self) -> None:
        self._check_video()
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        self._uploads.append(
            Upload(
                name=self._name,
                bytes=self._file_bytes,
                demuxer=self._kind.demuxer if self._kind else "",
                suffix=self._kind.suffix if self._kind else "",
            )
        )

    def _end(self) -> None:
        self._is_whole = True

    def _check_video(self) -> None:
        """Refuse what is no video as soon as its first bytes are there, not after the last."""
        if self._limits.kind == "video" and self._kind is None:
            self._kind = video_kind(bytes(self._head))

    def _check_photos(self) -> None:
        """Refuse photos of which none is of a kind that can be read; a few are results."""
        problems = []
        for number, upload in enumerate(self._uploads):
            with self._folder.upload(number).open("rb") as stream:
                try:
                    check_kind(stream.read(HEAD_BYTES))
                    return
                except UnsupportedPictureError as error:
                    problems.append(f"{upload.name}: {error}")
        raise ApiError(
            415,
            "unsupported_picture",
            "expected JPEG, PNG or WebP pictures, got none",
            details=problems[:20],
        )


def _malformed(words: str) -> ApiError:
    return ApiError(400, "malformed_form", words or "the multipart body is malformed")


def _too_large(what: str, most_bytes: int) -> ApiError:
    error = ApiError(413, "too_large", f"{what} than the {most_bytes / 1e6:g} MB accepted")
    # The rest of it is on its way, and nobody will read it.
    error.headers["Connection"] = "close"
    return error
