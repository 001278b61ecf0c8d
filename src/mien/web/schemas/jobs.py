"""Uploaded photos and videos that are read in the background."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from mien.web.schemas.base import ErrorBody, JsonModel
from mien.web.schemas.pictures import Frame


class JobFile(JsonModel):
    """One uploaded file by the name its owner gave it, which is shown and never used as a path."""

    name: str
    bytes: int


class JobProgress(JsonModel):
    """How far a job is: `share` 0..1 and `left_s` are null where that cannot be said.

    `done` and `total` count photos, or seconds of a video.
    """

    done: float
    total: float | None
    share: float | None
    left_s: float | None
    frames: int
    faces: int


class Job(JsonModel):
    """Photos or one video to be read.

    A video's result is the session `session_id`; photos' results are at `/v1/jobs/{id}/results`.
    `interrupted` (the server ended meanwhile) and `cancelled` jobs can be resumed until
    `expires_at`, when their files are deleted. `notes` says what was left out and why.
    """

    id: str
    kind: Literal["photos", "video"]
    title: str
    state: Literal["waiting", "running", "done", "cancelled", "interrupted", "failed"]
    created_at: datetime
    expires_at: datetime | None
    files: list[JobFile]
    progress: JobProgress
    session_id: int | None
    error: ErrorBody | None
    notes: list[str]


class JobsReply(JsonModel):
    """All jobs, the newest first."""

    jobs: list[Job]


class JobResultsReply(JsonModel):
    """Results of a job's photos in the order they were sent; `total` counts those read so far."""

    results: list[Frame]
    total: int
    limit: int
    offset: int
