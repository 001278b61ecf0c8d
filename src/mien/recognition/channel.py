"""From one thread to the next: a bounded queue that ends, fails, and can be called off."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from mien.core.errors import ConfigError

Item = TypeVar("Item")


class CalledOffError(Exception):
    """Nobody waits for the items any more; private to those who share a channel."""


class Channel(Generic[Item]):
    """Items in order, from one thread to another, never more than so many at a time.

    Attributes:
        dropped: How many items were left out because newer ones came.
    """

    def __init__(self, capacity: int, *, keeps_newest: bool = False) -> None:
        """Make an empty channel.

        Args:
            capacity: How many items may wait, at least 1.
            keeps_newest: Whether the oldest item goes where one more comes; otherwise `put` waits.
        """
        if capacity < 1:
            raise ConfigError(f"capacity must be 1 or more items, got {capacity}")
        self.dropped = 0
        self._capacity = capacity
        self._keeps_newest = keeps_newest
        self._items: deque[Item] = deque()
        self._has_ended = False
        self._is_called_off = False
        self._failure: BaseException | None = None
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: Item) -> None:
        """Add an item; waits while there is no room for it.

        Raises:
            CalledOffError: If nobody wants it any more.
        """
        with self._changed:
            if self._keeps_newest and len(self._items) >= self._capacity:
                self._items.popleft()
                self.dropped += 1
            self._changed.wait_for(lambda: len(self._items) < self._capacity or self._is_called_off)
            self._check()
            self._items.append(item)
            self._changed.notify_all()

    def take(self, limit: int = 1, patience_s: float = 0.0) -> list[Item]:
        """Return the next items, at least one; waits for it.

        Args:
            limit: How many at most.
            patience_s: How long to wait for more than one.

        Returns:
            The items; none where the other side has ended.

        Raises:
            CalledOffError: If `call_off` was called.
            BaseException: What the other side failed with, once all it gave is taken.
        """
        enough = min(limit, self._capacity)
        with self._changed:
            self._changed.wait_for(lambda: self._holds(1))
            if patience_s > 0:
                self._changed.wait_for(lambda: self._holds(enough), patience_s)
            self._check()
            if not self._items and self._failure is not None:
                raise self._failure
            taken = [self._items.popleft() for _ in range(min(limit, len(self._items)))]
            self._changed.notify_all()
            return taken

    def __iter__(self) -> Iterator[Item]:
        """Give all items, one at a time; raises as `take` does."""
        while items := self.take():
            yield items.pop()

    @contextmanager
    def feeding(self) -> Iterator[None]:
        """End the channel with a block, and hand over to the taker what the block fails with."""
        try:
            yield
        except CalledOffError:
            pass
        except BaseException as error:  # noqa: BLE001  # a thread has nobody else to tell
            self._failure = error
        finally:
            with self._changed:
                self._has_ended = True
                self._changed.notify_all()

    def call_off(self) -> None:
        """Drop all items, and have both sides stop; may be called again, from any thread."""
        with self._changed:
            self._is_called_off = True
            self._items.clear()
            self._changed.notify_all()

    def _holds(self, count: int) -> bool:
        return len(self._items) >= count or self._has_ended or self._is_called_off

    def _check(self) -> None:
        if self._is_called_off:
            raise CalledOffError


def ahead(items: Iterable[Item], count: int) -> Iterator[Item]:
    """Give items in order, having taken so many more than were given.

    Raises:
        Exception: What `items` fails with, once all that was taken is given.
    """
    waiting: deque[Item] = deque()
    failure: Exception | None = None
    source = iter(items)
    while True:
        try:
            waiting.append(next(source))
        except StopIteration:
            break
        except CalledOffError:
            return
        except Exception as error:  # noqa: BLE001  # raised below, after what came before it
            failure = error
            break
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting
    if failure is not None:
        raise failure
