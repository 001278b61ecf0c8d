"""What is known of a job: what was asked for, what was sent, and how far it is.

A job is `waiting`, then `running`, then `done`; or it is `cancelled` by somebody, `interrupted` by
the server's end, or `failed`, and of these waits again once it is resumed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import ConfigDict

from mien.store.records import now_utc
from mien.web.schemas import jobs as jobs_json
from mien.web.schemas.base import ErrorBody, JsonModel

Kind = Literal["photos", "video"]
State = Literal["waiting", "running", "done", "cancelled", "interrupted", "failed"]
# Of these there is more to come, if somebody wants it.
RESUMABLE: frozenset[State] = frozenset({"cancelled", "interrupted", "failed"})


class _Kept(JsonModel):
    """What a job's file keeps; it is never changed, but replaced."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class JobOrder(_Kept):
    """What somebody asked for.

    Attributes:
        kind: Photos, or one video.
        title: What to call it, and a video's session.
        consent: What those who are in it agreed to; never None for a video.
        consent_at: When it was given, which is when it was sent.
        keep_days: How long to keep the session; None until it is deleted.
        keep_video: Whether the session keeps the video.
        every_s: Of a video, one frame is read in every slot of so many seconds.
        bundle: The model.
        detector: The detector, never `auto`: going on later must find the same faces.
        label_set: Of the answers.
    """

    kind: Kind
    title: str
    consent: str | None = None
    consent_at: datetime | None = None
    keep_days: int | None = None
    keep_video: bool = False
    every_s: float
    bundle: str
    detector: str
    label_set: str


class Upload(_Kept):
    """One file that was sent.

    Attributes:
        name: What its owner calls it, cleaned; only ever shown.
        bytes: Its size.
        demuxer: Of a video, what reads it; see `kinds`.
        suffix: Of a video, what to end its name with where it is kept.
    """

    name: str
    bytes: int
    demuxer: str = ""
    suffix: str = ""


class Progress(_Kept):
    """How far a job is; `done` and `total` are photos, or seconds of a video."""

    done: float = 0.0
    total: float | None = None
    left_s: float | None = None
    frames: int = 0
    faces: int = 0


class Job(_Kept):
    """A job as it is at a moment.

    Attributes:
        id: A UUID, which also names its folder.
        order: What was asked for.
        state: See the top of this file.
        created_at: When it was sent.
        expires_at: When all of it is deleted; None while it waits or runs.
        uploads: What was sent.
        progress: How far it is.
        session_id: Of a video, where its results are, once there are any.
        error: Why it failed.
        notes: What was left out, and why.
    """

    version: Literal[1] = 1
    id: str
    order: JobOrder
    state: State = "waiting"
    created_at: datetime
    expires_at: datetime | None = None
    uploads: tuple[Upload, ...]
    progress: Progress = Progress()
    session_id: int | None = None
    error: ErrorBody | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")

    @property
    def is_due(self) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and self.expires_at <= now_utc()

    def changed(self, **values: Any) -> Self:
        """Return it with other values."""
        return self.model_copy(update=values)

    def to_reply(self) -> jobs_json.Job:
        """Return what a client is told of it."""
        progress = self.progress
        share = None if not progress.total else min(1.0, progress.done / progress.total)
        return jobs_json.Job(
            id=self.id,
            kind=self.order.kind,
            title=self.order.title,
            state=self.state,
            created_at=self.created_at,
            expires_at=self.expires_at,
            files=[jobs_json.JobFile(name=one.name, bytes=one.bytes) for one in self.uploads],
            progress=jobs_json.JobProgress(
                done=round(progress.done, 3),
                total=None if progress.total is None else round(progress.total, 3),
                share=None if share is None else round(share, 4),
                left_s=None if progress.left_s is None else round(progress.left_s, 1),
                frames=progress.frames,
                faces=progress.faces,
            ),
            session_id=self.session_id,
            error=self.error,
            notes=list(self.notes),
        )
