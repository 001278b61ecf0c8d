"""Limits on how much a client may ask for: rates, and work that waits."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from starlette.requests import HTTPConnection

from mien.web.errors import ApiError

T = TypeVar("T")

# Clients that are remembered; the one unheard of for longest is forgotten first.
MAX_CLIENTS = 4096


class TokenBucket:
    """So many at once, and so many a second that last."""

    def __init__(
        self, per_s: float, burst: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Begin with a full bucket of `burst` tokens, refilled at `per_s` a second."""
        self._per_s, self._burst, self._clock = per_s, burst, clock
        self._tokens, self._at_s = float(burst), clock()

    def take(self) -> float:
        """Take a token; return 0, or where there is none the seconds until there is."""
        now_s = self._clock()
        self._tokens = min(self._burst, self._tokens + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._tokens < 1:
            return (1 - self._tokens) / self._per_s
        self._tokens -= 1
        return 0.0


class RateLimiter:
    """A bucket for each client address."""

    def __init__(
        self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """See `TokenBucket`."""
        self._new_bucket = partial(TokenBucket, per_s, burst, clock)
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def check(self, client: str) -> None:
        """Count one request of a client.

        Raises:
            ApiError: 429, if the client has asked too often.
        """
        bucket = self._buckets.setdefault(client, self._new_bucket())
        self._buckets.move_to_end(client)
        if len(self._buckets) > MAX_CLIENTS:
            self._buckets.popitem(last=False)
        wait_s = bucket.take()
        if wait_s:
            raise ApiError(
                429,
                "too_many_requests",
                f"too many requests from {client}; try again in {wait_s:.1f} s",
                retry_after_s=wait_s,
            )


def client_of(connection: HTTPConnection) -> str:
    """Return whom to count a request for: the client's address, of IPv6 the network.

    A household or a hired machine has 2^64 IPv6 addresses to choose from.
    """
    host = connection.client.host if connection.client else "unknown"
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    return str(ipaddress.IPv6Network((address, 64), strict=False))


class WorkQueue:
    """Runs functions in worker threads, and refuses more than may wait."""

    def __init__(self, does: str, *, workers: int, max_waiting: int) -> None:
        """Say what it does and how much of it; the threads start when there is work."""
        self._does = does
        self._executor: ThreadPoolExecutor | None = None
        self._workers = workers
        self._places = workers + max_waiting
        self._taken = 0

    async def run(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Run a function in a worker thread and return what it returns.

        Raises:
            ApiError: 503, if too much is waiting already.
        """
        if self._taken >= self._places:
            raise ApiError(
                503,
                "busy",
                f"the server {self._does} {self._places} things already; try again in a moment",
                retry_after_s=1,
            )
        self._taken += 1
        # Not made once and for all, so that an app that was shut down can be started again.
        self._executor = self._executor or ThreadPoolExecutor(self._workers, f"mien-{self._does}")
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, partial(function, *args, **kwargs))
        finally:
            self._taken -= 1

    def close(self) -> None:
        """Forget what waits and let the threads end."""
        if self._executor is not None:
            self._executor.shutdown(wait=False, cancel_futures=True)
            self._executor = None
