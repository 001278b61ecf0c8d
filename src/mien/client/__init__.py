"""A client for a server of mien: its results are the very types that mien gives on this machine.

    from mien.client import Client
    with Client("http://127.0.0.1:8765") as client:
        print(client.analyze("group.jpg"))

It needs no model here, and the extra `mien[client]`; docs/client.md has more.
"""

from mien.client.answers import (
    DetectorInfo,
    Health,
    LiveReady,
    Marked,
    ModelInfo,
    Models,
    RecordingStatus,
    RemoteExplanation,
)
from mien.client.client import Client
from mien.client.jobs import Job, JobProgress
from mien.client.live import Live
from mien.client.recording import LiveRecording
from mien.client.session_answers import (
    Marker,
    MediaFile,
    Person,
    Session,
    SessionContents,
    Timeline,
    TimelineLine,
)

__all__ = [
    "Client",
    "DetectorInfo",
    "Health",
    "Job",
    "JobProgress",
    "Live",
    "LiveReady",
    "LiveRecording",
    "Marked",
    "Marker",
    "MediaFile",
    "ModelInfo",
    "Models",
    "Person",
    "RecordingStatus",
    "RemoteExplanation",
    "Session",
    "SessionContents",
    "Timeline",
    "TimelineLine",
]
