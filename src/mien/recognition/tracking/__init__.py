"""Who is who over time: boxes assigned to tracks, expressions smoothed on true time."""

from mien.recognition.tracking.tracker import FaceTracker

__all__ = ["FaceTracker"]
