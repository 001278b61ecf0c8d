"""Face detectors behind one small interface, and how their boxes lie about a face.

`open_detector(name)` of `mien.faces.registry` gives one; `mien.faces.framing` measures which
square about its box a model should see. No expression is named here.
"""

from mien.faces.detector import DetectedFace, Detector
from mien.faces.registry import open_detector

__all__ = ["DetectedFace", "Detector", "open_detector"]
