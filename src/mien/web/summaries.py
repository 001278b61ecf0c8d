"""Figures of sessions, which take seconds for an hour of faces: kept until something changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from mien.recognition.summary.types import Summary
from mien.reports.session_digest import summarise_session
from mien.store import Store

MOST_KEPT = 64


class Summaries:
    """Works out the figures of sessions, and remembers the last ones; safe from any thread."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        """Begin with none; `most` are remembered."""
        self._most = most
        self._kept: OrderedDict[int, tuple[Hashable, Summary]] = OrderedDict()
        self._changing = threading.Lock()

    def of(self, store: Store, session_id: int) -> Summary:
        """Return a session in figures; waits for the store.

        Raises:
            StoreError: If it cannot be read.
        """
        decides = _what_decides(store, session_id)
        with self._changing:
            before, told = self._kept.get(session_id, (None, None))
            if told is not None and before == decides:
                self._kept.move_to_end(session_id)
                return told
        told = summarise_session(store, session_id)
        # What came while it was worked out is not in it, or not all of it.
        if _what_decides(store, session_id) == decides:
            with self._changing:
                self._kept[session_id] = (decides, told)
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return told

    def forget(self, session_id: int) -> None:
        """Remember nothing of a session that was deleted."""
        with self._changing:
            self._kept.pop(session_id, None)


def _what_decides(store: Store, session_id: int) -> Hashable:
    session, people = store.session(session_id), store.people.of(session_id)
    said = tuple((person.track_id, person.same_as, person.hidden) for person in people)
    return session.frames, session.observations, said
