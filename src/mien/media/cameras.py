"""Cameras of this machine, through OpenCV, by number or by name."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from mien.core.errors import VideoSourceError
from mien.core.imaging import swap_red_and_blue
from mien.media.frames import DecodedFrame, SourceBreak, SourceInfo, UInt8Array, VideoSource
from mien.media.sampling import Sampling

_LINUX_CAMERAS = Path("/sys/class/video4linux")
# A camera may skip a frame, above all while it wakes up; one that was unplugged never gives any.
_PATIENCE_S = 3.0
_RETRY_S = 0.02


class Capture(Protocol):
    """What is used of `cv2.VideoCapture`."""

    def isOpened(self) -> bool:
        """Tell whether the camera could be opened."""

    def read(self) -> tuple[bool, Any]:
        """Return whether there was a frame, and the frame, BGR."""

    def get(self, property_id: int, /) -> float:
        """Return a property, 0 where unknown."""

    def release(self) -> None:
        """Let go of the camera."""


@dataclass(frozen=True, order=True)
class Camera:
    """A camera that the system lists.

    Attributes:
        index: Its number, as `open_source` takes it.
        name: What it calls itself.
    """

    index: int
    name: str


def list_cameras(root: Path = _LINUX_CAMERAS) -> list[Camera] | None:
    """Return the cameras of this machine by number, or None where the system does not list them.

    Args:
        root: Where Linux lists them.
    """
    if not root.is_dir():
        return None
    cameras = []
    for entry in root.iterdir():
        number = re.fullmatch(r"video(\d+)", entry.name)
        # A camera's second node carries metadata, no pictures.
        if number and _first_line(entry / "index", "0") == "0":
            cameras.append(Camera(int(number[1]), _first_line(entry / "name", entry.name)))
    return sorted(cameras)


def find_camera(wanted: int | str, cameras: list[Camera] | None) -> int:
    """Return the number of a camera that was asked for by number or by name.

    A name may be a part of the camera's own, in any case, as long as only one has it.

    Raises:
        VideoSourceError: If there is none, or more than one.
    """
    if isinstance(wanted, str) and wanted.isdecimal():
        wanted = int(wanted)
    if cameras is None:
        if isinstance(wanted, int):
            return wanted
        raise VideoSourceError(
            f"cameras have no names on this system, so there is no {wanted!r}; give its number, "
            "0 for the first"
        )
    if isinstance(wanted, int):
        matches = [one for one in cameras if one.index == wanted]
    else:
        exact = [one for one in cameras if one.name.casefold() == wanted.casefold()]
        matches = exact or [one for one in cameras if wanted.casefold() in one.name.casefold()]
    if len(matches) == 1:
        return matches[0].index
    here = ", ".join(f"{one.index} ({one.name})" for one in cameras) or "none"
    problem = "several cameras are called" if matches else "there is no camera"
    raise VideoSourceError(f"{problem} {wanted!r}; cameras here: {here}")


class CameraSource(VideoSource):
    """A camera. Its timestamps are when each frame arrived, from the first one on.

    Cameras say no time of their own that OpenCV would pass on faithfully.
    """

    def __init__(
        self,
        camera: int | str,
        sampling: Sampling,
        *,
        open_capture: Callable[[int], Capture] = cv2.VideoCapture,
        cameras: Callable[[], list[Camera] | None] = list_cameras,
        now: Callable[[], float] = time.monotonic,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        """Open a camera and take its first frame.

        Args:
            camera: Number or name.
            sampling: Which frames are wanted; a range is counted from the first frame.
            open_capture: Opens the camera of a number.
            cameras: Lists the cameras.
            now: The clock, in seconds.
            patience_s: How long a camera may give nothing before it counts as gone.

        Raises:
            VideoSourceError: If there is no such camera, it is in use, or it gives nothing.
        """
        super().__init__(sampling)
        self._now = now
        self._patience_s = patience_s
        listed = cameras()
        index = find_camera(camera, listed)
        names = {one.index: one.name for one in listed or ()}
        name = f"camera {index} ({names[index]})" if index in names else f"camera {index}"
        self._capture = open_capture(index)
        if not self._capture.isOpened():
            self._capture.release()
            raise VideoSourceError(
                f"cannot open {name}: it is not there, in use by another program, or this "
                "program may not use it; close what uses it, or give another camera's number"
            )
        self._first_bgr = self._next_bgr()
        self._start = self._now()
        if self._first_bgr is None:
            self._capture.release()
            raise VideoSourceError(
                f"{name} gives no frames for {patience_s:g} s; unplug it and plug it in again, or "
                "close what else uses it"
            )
        height, width = self._first_bgr.shape[:2]
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.info = SourceInfo(
            name=name,
            kind="camera",
            width=width,
            height=height,
            frame_rate=float(rate) if 0 < rate < 1000 else None,
        )

    def _decoded(self) -> Iterator[DecodedFrame]:
        frame_bgr, self._first_bgr = self._first_bgr, None
        timestamp_s, last_s = 0.0, None
        while frame_bgr is not None:
            yield DecodedFrame(timestamp_s, partial(_rgb, frame_bgr))
            last_s = timestamp_s
            frame_bgr = self._next_bgr()
            timestamp_s = self._now() - self._start
        reason = "the camera gives no more frames; it was unplugged, or another program took it"
        self._tally.note_break(self.info.name, SourceBreak(last_s, reason))

    def _release(self) -> None:
        self._capture.release()

    def _next_bgr(self) -> UInt8Array | None:
        """Return the next frame, or None if the camera has given nothing for too long."""
        since = self._now()
        while True:
            try:
                came, frame_bgr = self._capture.read()
            except cv2.error:
                return None
            if came and frame_bgr is not None and frame_bgr.size:
                return np.asarray(frame_bgr, np.uint8)
            if self._now() - since >= self._patience_s:
                return None
            time.sleep(_RETRY_S)


def _rgb(frame_bgr: UInt8Array) -> UInt8Array:
    if frame_bgr.ndim == 2:
        return np.asarray(cv2.cvtColor(frame_bgr, cv2.COLOR_GRAY2RGB), np.uint8)
    return swap_red_and_blue(frame_bgr)


def _first_line(path: Path, default: str) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or default
    except OSError:
        return default
