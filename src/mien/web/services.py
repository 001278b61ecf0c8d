"""What the routes share, and how a route gets it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from mien.web.engine import Engine
from mien.web.limits import RateLimiter, WorkQueue
from mien.web.settings import Settings


@dataclass
class Services:
    """One app's settings, engine and limits.

    Attributes:
        settings: As given to `create_app`.
        engine: What reads pictures.
        queue: The worker threads it reads in.
        uploads: The rate limit on uploads.
        connections: Live connections that are open.
    """

    settings: Settings
    engine: Engine
    queue: WorkQueue = field(init=False)
    uploads: RateLimiter = field(init=False)
    connections: int = 0

    def __post_init__(self) -> None:
        chosen = self.settings
        self.queue = WorkQueue(workers=chosen.workers, max_waiting=chosen.max_waiting)
        self.uploads = RateLimiter(chosen.requests_per_s, chosen.request_burst)


def get_services(connection: HTTPConnection) -> Services:
    """Return the app's services, for a request or a socket."""
    services: Services = connection.app.state.services
    return services


ServicesOf = Annotated[Services, Depends(get_services)]
