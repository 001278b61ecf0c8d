"""What the routes share, and how a route gets it."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from mien import __version__
from mien.store import Store, open_store
from mien.web.engine import Engine
from mien.web.errors import ApiError
from mien.web.jobs.jobs import Jobs
from mien.web.limits import RateLimiter, WorkQueue
from mien.web.metrics import Metrics
from mien.web.readers import Readers
from mien.web.recordings import OpenRecordings
from mien.web.settings import Settings
from mien.web.summaries import Summaries

DISK_THREADS, DISK_WAITING = 4, 256


@dataclass
class Services:
    """One app's settings, engine and limits.

    Attributes:
        settings: As given to `create_app`.
        engine: What reads pictures.
        queue: The threads it reads in, and whose turn it is.
        uploads: The rate limit on uploads.
        disk: The threads that wait for the store and for files, so that no picture waits for them.
        summaries: The figures of sessions, remembered.
        recordings: Sessions that are being recorded.
        jobs: What was uploaded to be read in the background.
        metrics: What is counted and measured.
        connections: Live connections that are open.
    """

    settings: Settings
    engine: Engine
    queue: Readers = field(init=False)
    uploads: RateLimiter = field(init=False)
    disk: WorkQueue = field(init=False)
    summaries: Summaries = field(init=False, default_factory=Summaries)
    jobs: Jobs = field(init=False)
    recordings: OpenRecordings = field(init=False, default_factory=OpenRecordings)
    metrics: Metrics = field(init=False)
    _store: Store | None = field(init=False, default=None)
    _opening: threading.Lock = field(init=False, default_factory=threading.Lock)
    connections: int = 0

    def __post_init__(self) -> None:
        chosen = self.settings
        self.queue = Readers(
            self.engine.read, workers=chosen.workers, max_waiting=chosen.max_waiting
        )
        self.disk = WorkQueue("keeps", workers=DISK_THREADS, max_waiting=DISK_WAITING)
        self.uploads = RateLimiter(chosen.requests_per_s, chosen.request_burst)
        self.metrics = Metrics(
            about=self._about,
            gauges={
                "mien_live_connections": ("Live connections now.", lambda: self.connections),
                "mien_recordings": ("Sessions being recorded live.", lambda: len(self.recordings)),
            },
            jobs=lambda: self.jobs.count_states(),
        )
        self.jobs = Jobs(chosen, self.engine, self.store, lambda: self.connections > 0)

    def store(self) -> Store:
        """Return the store of sessions, opened when it is first asked for; call it in `disk`.

        Raises:
            ApiError: 403, if nothing may be recorded here.
            StoreError: If it cannot be opened.
        """
        if not self.settings.recording:
            words = "nothing is recorded on this server; MIEN_RECORDING=true allows it"
            raise ApiError(403, "recording_off", words)
        with self._opening:
            if self._store is None:
                url = self.settings.database_url
                self._store = open_store(None if url is None else url.get_secret_value())
            return self._store

    def _about(self) -> dict[str, str]:
        engine = self.engine
        return {
            "version": __version__,
            "bundle": engine.bundle_name,
            "detector": engine.prepare(engine.default),
        }

    async def end(self) -> None:
        """Bring what is being written to its end, as the server stops, and close everything.

        Each has its own bound on how long it waits: a session some seconds, a job that reads a
        video as long as it needs to step back from the frame at hand.
        """
        await asyncio.gather(
            self.recordings.close_all(self.disk), asyncio.to_thread(self.jobs.close)
        )
        self.close()

    def close(self) -> None:
        """End the worker threads and close the store."""
        self.queue.close()
        self.disk.close()
        with self._opening:
            if self._store is not None:
                self._store.close()
                self._store = None


def get_services(connection: HTTPConnection) -> Services:
    """Return the app's services, for a request or a socket."""
    services: Services = connection.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(get_services)]
