"""mien: facial expression recognition that trains, proves and reads.

    import mien
    for face in mien.analyze("group.jpg"):
        print(face.expression.dominant, face.expression["happiness"])

Importing this package touches nothing: no environment, folders, threads or downloads; what
a name needs is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

__all__ = [
    "Box",
    "Explanation",
    "Expression",
    "Face",
    "FrameResult",
    "Observation",
    "Recognizer",
    "analyze",
    "summary",
    "to_dataframe",
]

if TYPE_CHECKING:
    from mien.core.types import Box, Expression, Face, FrameResult, Observation
    from mien.recognition.api import analyze
    from mien.recognition.explanation import Explanation
    from mien.recognition.recognizer import Recognizer
    from mien.recognition.rows.table import to_dataframe
    from mien.recognition.summary.summary import summary
    from mien.reports import plots as plots

_HOMES = {
    "Box": "mien.core.types",
    "Explanation": "mien.recognition.explanation",
    "Expression": "mien.core.types",
    "Face": "mien.core.types",
    "FrameResult": "mien.core.types",
    "Observation": "mien.core.types",
    "Recognizer": "mien.recognition.recognizer",
    "analyze": "mien.recognition.api",
    "summary": "mien.recognition.summary.summary",
    "to_dataframe": "mien.recognition.rows.table",
}

# Modules under a shorter name: `mien.plots.timeline(results)`.
_MODULES = {"plots": "mien.reports.plots"}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(_MODULES[name])
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *_MODULES})
