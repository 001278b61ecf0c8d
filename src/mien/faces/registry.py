"""From a detector's name to a detector that runs.

What is asked for by name is what runs, or an error that says how to get it; only `auto`
chooses, by one rule, and the detector's `name` tells what it chose.
"""

from __future__ import annotations

from pathlib import Path

from mien.core.errors import DetectorError
from mien.faces import blazeface, cascade, yunet
from mien.faces.blazeface import BlazeFace
from mien.faces.cascade import Cascade
from mien.faces.detector import DEFAULT_MIN_FACE_PX, Detector, check_threshold
from mien.faces.full import FullPicture
from mien.faces.yunet import YuNet

DETECTORS: dict[str, str] = {
    "auto": "yunet where its weights are installed, else blazeface",
    "blazeface": "MediaPipe's full-range model; comes with mien, fast, for faces not too small",
    "yunet": "OpenCV Zoo's YuNet; finds most faces (get it with `mien models fetch yunet`)",
    "yunet:FILE": "YuNet with the weights of a file",
    "haar": "OpenCV's frontal face cascade, as in the tutorials",
    "cascade:FILE": "any Haar or LBP cascade",
    "full": "no detection: the picture is a face already",
}

_DEFAULT_THRESHOLDS = {
    "blazeface": blazeface.DEFAULT_THRESHOLD,
    "yunet": yunet.DEFAULT_THRESHOLD,
    "haar": cascade.DEFAULT_THRESHOLD,
    "cascade": cascade.DEFAULT_THRESHOLD,
}
# Of the usual threshold, from where on a face counts as doubtful rather than as none.
DOUBTFUL_SHARE = 0.5


def resolve_name(name: str) -> str:
    """Return what a detector name stands for: `auto` becomes the one it would pick here."""
    if name != "auto":
        return name
    return "yunet" if yunet.installed_weights() is not None else "blazeface"


def open_detector(
    name: str = "auto",
    *,
    min_face_px: float = DEFAULT_MIN_FACE_PX,
    threshold: float | None = None,
    side: int | None = None,
    threads: int = 1,
    doubtful: bool = False,
) -> Detector:
    """Open a detector.

    Args:
        name: One of `DETECTORS`; FILE is a path.
        min_face_px: Smallest mean side, sqrt(width * height), of a box to return, in pixels
            of the picture; `full` ignores it.
        threshold: Lowest confidence to return, 0..1; None for the detector's own default
            (blazeface 0.6, yunet 0.7, cascades 0.5).
        side: Longer side in pixels that a picture is scaled down to first; None for the
            detector's own default (yunet 640, cascades 1280). blazeface always sees 192.
        threads: CPU threads for one picture.
        doubtful: Whether to return faces down to half the threshold as well, for a tracker that
            can tell them from false alarms. The others are the same as without.

    Returns:
        The detector; its `name` says which one it is.

    Raises:
        DetectorError: If the name is unknown or the detector cannot run here; the text says
            what to do.
    """
    kind, _, file = resolve_name(name).partition(":")
    takes_file = kind in ("yunet", "cascade")
    if f"{kind}:FILE" not in DETECTORS and (kind not in DETECTORS or file):
        raise DetectorError(f"unknown detector {name!r}; available: {', '.join(DETECTORS)}")
    if ":" in name and takes_file and not file:
        raise DetectorError(f"{name!r} names no file; write {kind}:FILE")
    if kind == "cascade" and not file:
        raise DetectorError("cascade needs a file: cascade:FILE (or use haar)")
    path = Path(file).expanduser() if file else None
    if kind == "full":
        return FullPicture()
    sure = check_threshold(_DEFAULT_THRESHOLDS[kind] if threshold is None else threshold)
    lowest = DOUBTFUL_SHARE * sure if doubtful else sure
    if kind == "blazeface":
        return BlazeFace(min_face_px=min_face_px, threshold=lowest, sure_from=sure, threads=threads)
    if kind == "yunet":
        return YuNet(
            path,
            min_face_px=min_face_px,
            threshold=lowest,
            side=yunet.SIDE_STILL_PX if side is None else side,
            threads=threads,
        )
    return Cascade(
        path,
        min_face_px=min_face_px,
        threshold=lowest,
        side=cascade.DEFAULT_SIDE_PX if side is None else side,
    )
