"""Moving pictures in and out: files, pictures in a row, cameras and streams, and a video writer.

The one room that knows PyAV. It knows nothing of faces; `recognition` reads from it.
"""

from mien.media.cameras import Camera, list_cameras
from mien.media.frames import Frame, SourceBreak, SourceInfo, SourceReport, VideoSource
from mien.media.source import open_source
from mien.media.streams import Reconnection
from mien.media.writer import VideoWriter

__all__ = [
    "Camera",
    "Frame",
    "Reconnection",
    "SourceBreak",
    "SourceInfo",
    "SourceReport",
    "VideoSource",
    "VideoWriter",
    "list_cameras",
    "open_source",
]
