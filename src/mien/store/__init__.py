"""Recorded sessions: SQLite in the user's data, or PostgreSQL; docs/store.md tells how to use it.

SQL is spoken in this room only. Nothing is recorded unless somebody asks for it, and what is
deleted leaves nothing behind.
"""

from mien.store.engine import kind_of_database
from mien.store.recorder import Recording
from mien.store.records import Marker, MediaFile, Person, Session, Timeline
from mien.store.store import Store, open_store

__all__ = [
    "Marker",
    "MediaFile",
    "Person",
    "Recording",
    "Session",
    "Store",
    "Timeline",
    "kind_of_database",
    "open_store",
]
