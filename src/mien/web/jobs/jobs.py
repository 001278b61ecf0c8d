"""All jobs of a server: taken in, read one after the other, stopped, gone on with, deleted.

One thread reads, and one server the jobs of a folder. What a job is and how far it came lies in
its folder, so a server that ends in any way finds it again.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

from mien.core.errors import SessionNotFoundError
from mien.core.paths import home_folder
from mien.store import Store
from mien.store.records import now_utc
from mien.web.engine import Engine
from mien.web.errors import ApiError
from mien.web.jobs.folder import FolderLock, JobFolder, folders_in
from mien.web.jobs.halt import Halt, Wish, step_back
from mien.web.jobs.job import RESUMABLE, Job, State
from mien.web.jobs.runner import run
from mien.web.jobs.uploads import unwritable
from mien.web.jobs.work import Work
from mien.web.settings import Settings

log = logging.getLogger("mien.web")

# How far a running job is, is on disk about so often.
_SAVE_EVERY_S = 1.0
_PURGE_EVERY_S = 24 * 3600.0
# A job stops with the frame at hand; who waits for that gives up after this.
_LONGEST_STOP_S = 20.0


class Jobs:
    """The jobs of one folder; safe from any thread. Nothing is opened before it is needed."""

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        store: Callable[[], Store],
        is_live: Callable[[], bool],
    ) -> None:
        """Name what they need; see `Work`."""
        self._settings, self._engine, self._store, self._is_live = settings, engine, store, is_live
        self._changed = threading.Condition(threading.RLock())
        self._lock: FolderLock | None = None
        self._jobs: dict[str, Job] = {}
        self._queue: deque[str] = deque()
        self._running: tuple[str, Halt] | None = None
        self._receiving = 0
        self._thread: threading.Thread | None = None
        self._is_closing = False

    @property
    def root(self) -> Path:
        """The folder of all jobs."""
        return self._settings.jobs_folder or home_folder() / "jobs"

    def folder(self, job_id: str) -> JobFolder:
        """Return the folder of a job."""
        return JobFolder(self.root, job_id)

    def open(self) -> None:
        """Take the folder, and in what an earlier server left there; may be called again.

        What it was reading is `interrupted` and waits for somebody to resume it, what waited goes
        on waiting, and an upload that did not come to its end is deleted.

        Raises:
            ApiError: 503 if another server has the folder, 507 or 500 if it cannot be written.
        """
        with self._changed:
            if self._lock is not None:
                return
            try:
                self._lock = FolderLock(self.root)
            except BlockingIOError as error:
                raise ApiError(
                    503,
                    "busy",
                    "another server of this machine reads the jobs here; start this one with "
                    "MIEN_JOBS_FOLDER set to a folder of its own",
                ) from error
            except OSError as error:
                raise unwritable(error) from error
            self._is_closing = False
            for folder in folders_in(self.root):
                self._take_in(folder)
            waiting = [job for job in self._jobs.values() if job.state == "waiting"]
            self._queue.extend(job.id for job in sorted(waiting, key=lambda job: job.created_at))
            self.purge()
            self._start_thread()

    def open_if_there(self) -> None:
        """Do the same at a server's start where there were jobs before; what fails is logged."""
        if self.root.is_dir():
            try:
                self.open()
            except ApiError as error:
                log.warning("uploaded jobs: %s", error)

    def all(self) -> list[Job]:
        """Return all jobs, the newest first."""
        with self._changed:
            self.open()
            return sorted(self._jobs.values(), key=lambda job: job.created_at, reverse=True)

    def count_states(self) -> dict[str, int]:
        """Return how many jobs are in each state, of those that were taken in; opens nothing."""
        with self._changed:
            states = Counter(job.state for job in self._jobs.values())
        return {state: states[state] for state in get_args(State)}

    def get(self, job_id: str) -> Job:
        """Return a job.

        Raises:
            ApiError: 404, if there is none.
        """
        with self._changed:
            self.open()
            job = self._jobs.get(job_id)
        if job is None:
            raise ApiError(404, "not_found", f"there is no job {job_id}; it may have expired")
        return job

    def begin_receiving(self) -> None:
        """Take a place for a job that is being sent; `end_receiving` gives it back.

        Raises:
            ApiError: 503, if too many wait already.
        """
        with self._changed:
            self.open()
            most = self._settings.max_jobs
            if self._receiving + len(self._queue) >= most:
                words = f"{most} jobs wait already; try again when one is done"
                raise ApiError(503, "busy", words, retry_after_s=30)
            self._receiving += 1

    def end_receiving(self) -> None:
        """Give the place back."""
        with self._changed:
            self._receiving -= 1

    def add(self, job: Job) -> Job:
        """Take in a job whose files are in its folder, and return it.

        Raises:
            ApiError: 507 or 500, if it cannot be written down.
        """
        try:
            self.folder(job.id).save(job)
        except OSError as error:
            raise unwritable(error) from error
        with self._changed:
            self._jobs[job.id] = job
            self._queue.append(job.id)
            self._start_thread()
            self._changed.notify_all()
        return job

    def cancel(self, job_id: str) -> Job:
        """Stop a job, keep what it has read, and return it.

        Raises:
            ApiError: 404 if there is none, 409 if it does not stop in time.
        """
        with self._changed:
            job = self.get(job_id)
            if job.state == "waiting":
                self._queue.remove(job_id)
                return self._end(job, "cancelled")
        return self._stop(job_id, "cancelled")

    def resume(self, job_id: str) -> Job:
        """Have a job go on that was stopped or failed, and return it.

        Raises:
            ApiError: 404 if there is none, 409 if there is nothing to go on with.
        """
        with self._changed:
            job = self.get(job_id)
            if job.is_active:
                return job
            if job.state not in RESUMABLE:
                raise ApiError(409, "job_is_done", f"job {job_id} is done; send it again")
            waiting = job.changed(state="waiting", error=None, expires_at=None)
            self._keep(waiting)
            self._queue.append(job_id)
            self._start_thread()
            self._changed.notify_all()
            return waiting

    def delete(self, job_id: str, *, with_session: bool = False) -> None:
        """Stop a job if it runs, and delete all its files, if wanted with its session.

        Raises:
            ApiError: 404 if there is none, 409 if it does not stop in time.
            StoreError: If its session cannot be deleted; then the job is there as well.
        """
        job = self.cancel(job_id)
        if with_session and job.session_id is not None:
            with suppress(SessionNotFoundError):
                self._store().delete(job.session_id)
        self._forget(job_id)

    def results(self, job_id: str) -> Iterator[dict[str, Any]]:
        """Give the results of a job's photos so far as JSON, in the order they were sent."""
        self.get(job_id)
        return self.folder(job_id).results()

    def purge(self) -> list[str]:
        """Delete the jobs whose time is over, and return their ids; the log has what cannot be."""
        with self._changed:
            due = [job.id for job in self._jobs.values() if job.is_due]
        for job_id in due:
            with suppress(ApiError):
                self._forget(job_id)
        return due

    def close(self) -> None:
        """Stop what runs, and give the folder back; the jobs can be opened again."""
        with self._changed:
            self._is_closing = True
            if self._running is not None:
                self._running[1].ask("interrupted")
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(_LONGEST_STOP_S)
        with self._changed:
            self._thread = None
            self._jobs.clear()
            self._queue.clear()
            if self._lock is not None:
                self._lock.give_back()
                self._lock = None

    def _take_in(self, folder: JobFolder) -> None:
        job = folder.load()
        if job is None:
            # What was being sent when the server ended; nobody was told its number.
            with suppress(OSError):
                folder.remove()
            return
        self._jobs[job.id] = job
        if job.state == "running":
            self._end(job, "interrupted")

    def _start_thread(self) -> None:
        if self._thread is None and (self._queue or self._jobs):
            self._thread = threading.Thread(target=self._run, name="mien-jobs", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        """Read jobs one after the other; the thread's whole life."""
        step_back()
        purge_at_s = time.monotonic() + _PURGE_EVERY_S
        while True:
            with self._changed:
                while not self._queue and not self._is_closing:
                    if not self._changed.wait(max(0.0, purge_at_s - time.monotonic())):
                        break
                if self._is_closing:
                    return
                begun = self._begin() if self._queue else None
            if time.monotonic() >= purge_at_s:
                self.purge()
                purge_at_s = time.monotonic() + _PURGE_EVERY_S
            if begun is not None:
                self._read(*begun)

    def _begin(self) -> tuple[Job, Halt]:
        job, halt = self._jobs[self._queue.popleft()], Halt()
        job = job.changed(state="running")
        self._running = (job.id, halt)
        self._keep(job)
        return job, halt

    def _read(self, job: Job, halt: Halt) -> None:
        saved_at_s = time.monotonic()

        def tell(*, at_once: bool = False, **changes: Any) -> None:
            nonlocal saved_at_s
            with self._changed:
                self._jobs[job.id] = told = self._jobs[job.id].changed(**changes)
            if at_once or time.monotonic() - saved_at_s >= _SAVE_EVERY_S:
                saved_at_s = time.monotonic()
                self._keep(told)

        work = Work(
            job=job,
            folder=self.folder(job.id),
            engine=self._engine,
            settings=self._settings,
            store=self._store,
            halt=halt,
            is_live=self._is_live,
            tell=tell,
        )
        state, error = run(work)
        with self._changed:
            self._end(self._jobs[job.id].changed(error=error), state)
            self._running = None
            self._changed.notify_all()

    def _stop(self, job_id: str, wish: Wish) -> Job:
        with self._changed:
            if self._running is not None and self._running[0] == job_id:
                self._running[1].ask(wish)
            stopped = self._changed.wait_for(
                lambda: self._running is None or self._running[0] != job_id, _LONGEST_STOP_S
            )
            if not stopped:
                words = f"job {job_id} does not stop; try again in a moment"
                raise ApiError(409, "job_is_running", words)
            return self.get(job_id)

    def _end(self, job: Job, state: State) -> Job:
        """Note how a job ended, drop what is needed no more, and return it."""
        expires_at = now_utc() + timedelta(days=self._settings.job_days)
        progress = job.progress.model_copy(update={"left_s": 0.0 if state == "done" else None})
        ended = job.changed(state=state, expires_at=expires_at, progress=progress)
        self._keep(ended)
        if state == "done":
            with suppress(OSError):
                self.folder(job.id).drop_uploads()
        return ended

    def _keep(self, job: Job) -> None:
        """Remember a job, and write it down if the disk takes it."""
        with self._changed:
            self._jobs[job.id] = job
            try:
                self.folder(job.id).save(job)
            except OSError as error:
                # The next server then takes it for interrupted, which loses nothing.
                log.warning("job %s cannot be written down: %s", job.id, error.strerror)

    def _forget(self, job_id: str) -> None:
        with self._changed:
            self._jobs.pop(job_id, None)
        try:
            self.folder(job_id).remove()
        except OSError as error:
            raise unwritable(error) from error
