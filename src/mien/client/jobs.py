"""Photos and videos that a server reads in the background, as a client sees them."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar

from mien.client.failures import told_error
from mien.core.errors import ConfigError, MienError, ServerError
from mien.core.result_json import frame_from_dict
from mien.core.types import FrameResult

T = TypeVar("T")
State = Literal["waiting", "running", "done", "cancelled", "interrupted", "failed"]
Form = list[tuple[str, tuple[str, BinaryIO]]]

_ASK_EVERY_S = 1.0
_PAGE = 100


@dataclass(frozen=True)
class JobProgress:
    """How far a job is.

    Attributes:
        done: Photos, or seconds of a video.
        total: The same; None where nobody knows.
        share: 0..1; None where it cannot be said.
        left_s: About how many seconds it will still take; None where it cannot be said.
        frames: Frames or photos read.
        faces: Faces in them.
    """

    done: float
    total: float | None
    share: float | None
    left_s: float | None
    frames: int
    faces: int


@dataclass(frozen=True)
class Job:
    """Photos or one video that a server reads.

    Attributes:
        id: Its name there.
        kind: `photos` or `video`.
        title: What it is called.
        state: `waiting`, `running`, `done`; or `cancelled`, `interrupted` or `failed`, which
            `Client.resume` goes on with.
        created_at: When it was sent.
        expires_at: When it is deleted; None while it waits or runs.
        files: Names of what was sent, as the server shows them.
        progress: How far it is.
        session_id: Of a video, the session that it becomes.
        error: Why it failed, or None.
        notes: What was left out, and why.
    """

    id: str
    kind: Literal["photos", "video"]
    title: str
    state: State
    created_at: datetime
    expires_at: datetime | None
    files: tuple[str, ...]
    progress: JobProgress
    session_id: int | None
    error: MienError | None
    notes: tuple[str, ...]

    @property
    def is_over(self) -> bool:
        """Whether it neither waits nor runs."""
        return self.state not in ("waiting", "running")

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Job:
        """Read a job of the server's JSON."""
        progress, expires_at, error = data["progress"], data["expires_at"], data["error"]
        return cls(
            id=data["id"],
            kind=data["kind"],
            title=data["title"],
            state=data["state"],
            created_at=datetime.fromisoformat(data["created_at"]),
            expires_at=None if expires_at is None else datetime.fromisoformat(expires_at),
            files=tuple(one["name"] for one in data["files"]),
            progress=JobProgress(
                **{name: progress[name] for name in JobProgress.__dataclass_fields__}
            ),
            session_id=data["session_id"],
            error=None if error is None else told_error(error),
            notes=tuple(data["notes"]),
        )


class JobCalls(ABC):
    """What a client can do about jobs; all raise what `Client.analyze` does of servers."""

    def submit_video(
        self,
        path: Path | str,
        title: str = "",
        consent: str = "",
        *,
        every_s: float | None = None,
        keep_days: int | None = None,
        keep_video: bool = False,
        bundle: str | None = None,
        detector: str | None = None,
        label_set: str | None = None,
    ) -> Job:
        """Send a video to be read into a session, and return at once.

        Args:
            path: The video; it is sent in pieces, and its name with it.
            title: Of the session; else as the file.
            consent: What those who are in it agreed to; it is kept with the session.
            every_s: Read one frame in so many seconds; None leaves it to the server.
            keep_days: How long to keep the session; None until it is deleted.
            keep_video: Whether the session keeps the video.
            bundle: A model of the server.
            detector: As for `Client.analyze`.
            label_set: As for `Client.analyze`.

        Raises:
            ConfigError: If there is no such file, no consent, or a value that cannot be used.
            ServerError: If the server does not take it; `code` says why.
        """
        query = {
            "kind": "video",
            "title": title,
            "consent": consent,
            "every_s": every_s,
            "keep_days": keep_days,
            "keep_video": keep_video,
            "bundle": bundle,
            "detector": detector,
            "label_set": label_set,
        }
        return self._submit([path], query)

    def submit_photos(
        self,
        paths: Iterable[Path | str],
        title: str = "",
        *,
        bundle: str | None = None,
        detector: str | None = None,
        label_set: str | None = None,
    ) -> Job:
        """Send photos to be read, and return at once; see `submit_video`.

        Args:
            paths: The photos, at least one.
            title: What to call the job.
            bundle: A model of the server.
            detector: As for `Client.analyze`.
            label_set: As for `Client.analyze`.

        Raises:
            ConfigError: If a file is missing, or a value cannot be used.
            ServerError: If the server does not take them; `code` says why.
        """
        query = {
            "kind": "photos",
            "title": title,
            "bundle": bundle,
            "detector": detector,
            "label_set": label_set,
        }
        return self._submit(list(paths), query)

    def jobs(self) -> list[Job]:
        """Return all jobs of the server, the newest first."""
        reply = self._ask("GET", "/v1/jobs")
        return self._understand(lambda told: [Job.from_dict(one) for one in told["jobs"]], reply)

    def job(self, job: Job | str) -> Job:
        """Return a job as it is now."""
        return self._understand(Job.from_dict, self._ask("GET", _place(job)))

    def cancel(self, job: Job | str) -> Job:
        """Stop a job, which keeps what was read, and return it."""
        return self._understand(Job.from_dict, self._ask("POST", f"{_place(job)}/cancel"))

    def resume(self, job: Job | str) -> Job:
        """Have a job go on that was stopped, interrupted or failed, and return it."""
        return self._understand(Job.from_dict, self._ask("POST", f"{_place(job)}/resume"))

    def delete_job(self, job: Job | str, *, with_session: bool = False) -> None:
        """Delete a job with all its files, and if wanted a video's session."""
        self._ask("DELETE", _place(job), {"with_session": with_session})

    def wait(
        self,
        job: Job | str,
        *,
        on_progress: Callable[[Job], object] | None = None,
        timeout_s: float | None = None,
    ) -> Job:
        """Wait until a job is over, whether well or not, and return it.

        Args:
            job: The job, or its id.
            on_progress: Called with the job every second or so, and once at its end.
            timeout_s: How long to wait; None as long as it takes.

        Raises:
            ServerError: If it is not over in time.
        """
        give_up_s = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            now = self.job(job)
            if on_progress is not None:
                on_progress(now)
            if now.is_over:
                return now
            if give_up_s is not None and time.monotonic() > give_up_s:
                raise ServerError(f"job {now.id} is still {now.state} after {timeout_s:g} s")
            time.sleep(_ASK_EVERY_S)

    def job_results(self, job: Job | str) -> Iterator[FrameResult]:
        """Give the results of a job's photos that are there, in the order they were sent."""
        offset = 0
        while True:
            query = {"limit": _PAGE, "offset": offset}
            reply = self._ask("GET", f"{_place(job)}/results", query)
            page = self._understand(
                lambda told: [frame_from_dict(one) for one in told["results"]], reply
            )
            yield from page
            offset += len(page)
            if len(page) < _PAGE:
                return

    @abstractmethod
    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, Any] | None = None,
        picture: bytes = b"",
        form: Form | None = None,
    ) -> Any:
        """Return the JSON of an answer."""

    @abstractmethod
    def _understand(self, read: Callable[[Any], T], told: Any) -> T:
        """Read an answer, or say that it is none of mien's."""

    def _submit(self, paths: list[Path | str], query: dict[str, Any]) -> Job:
        given = {name: value for name, value in query.items() if value not in (None, "")}
        with ExitStack() as stack:
            form: Form = []
            for path in map(Path, paths):
                try:
                    stream = stack.enter_context(path.open("rb"))
                except OSError as error:
                    words = f"cannot read {path}: {error.strerror or error}"
                    raise ConfigError(words) from error
                form.append(("file", (path.name, stream)))
            if not form:
                raise ConfigError("expected at least one photo, got none")
            return self._understand(Job.from_dict, self._ask("POST", "/v1/jobs", given, form=form))


def _place(job: Job | str) -> str:
    return f"/v1/jobs/{job.id if isinstance(job, Job) else job}"
