"""A window for live pictures, by OpenCV where it is built with windows and there is a display."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import Protocol

import cv2

from mien.media.frames import UInt8Array

ESCAPE = "\x1b"
# Of the first picture; whoever wants it larger pulls at the window's corner.
_LONGEST_SIDE_PX = 1280
# Opens a window and closes it again. A toolkit that finds no display ends its whole process, so
# this is tried in one of its own.
_TRIAL = "import cv2; cv2.namedWindow('mien'); cv2.waitKey(1); cv2.destroyAllWindows()"
_TRIAL_S = 20.0


class Window(Protocol):
    """What live pictures are shown in."""

    @property
    def is_open(self) -> bool:
        """Whether the user has not closed it."""

    def show(self, image_rgb: UInt8Array) -> None:
        """Show a picture, (h, w, 3) uint8 RGB."""

    def poll_key(self) -> str | None:
        """Return the key that was pressed since the last time, `ESCAPE` for Esc, or None."""

    def close(self) -> None:
        """Close it; may be called again."""


class OpenCvWindow:
    """A window of OpenCV, opened by the first picture; for the main thread only."""

    def __init__(self, title: str) -> None:
        """Prepare a window that is called so."""
        self._title = title
        self._was_opened = False
        self._is_closed = False

    @property
    def is_open(self) -> bool:
        """Whether the user has not closed it."""
        if self._is_closed or not self._was_opened:
            return not self._is_closed
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:
            return False

    def show(self, image_rgb: UInt8Array) -> None:
        """Show a picture, (h, w, 3) uint8 RGB."""
        if not self._was_opened:
            self._open(image_rgb.shape[1], image_rgb.shape[0])
        cv2.imshow(self._title, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR))

    def poll_key(self) -> str | None:
        """Let the window work, and return the key that was pressed, or None."""
        if not self._was_opened:
            return None
        code = cv2.waitKey(1)
        return None if code < 0 else chr(code & 0xFF)

    def close(self) -> None:
        """Close it; may be called again."""
        if self._was_opened and self.is_open:
            cv2.destroyWindow(self._title)
            # Toolkits close windows only when they are given a moment to.
            cv2.waitKey(1)
        self._is_closed = True

    def _open(self, width: int, height: int) -> None:
        flags = cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL
        cv2.namedWindow(self._title, flags)
        scale = min(1.0, _LONGEST_SIDE_PX / max(width, height))
        cv2.resizeWindow(self._title, max(1, round(width * scale)), max(1, round(height * scale)))
        self._was_opened = True


def window_problem() -> str | None:
    """Say why no window can be opened here, or None if one can: it was tried."""
    built = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    if built is None or built[1].upper() == "NONE":
        return (
            "OpenCV is built without windows here (opencv-python-headless); to have them: "
            "pip uninstall opencv-python-headless, then pip install opencv-python"
        )
    if sys.platform not in ("darwin", "win32") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    ):
        return "there is no display (neither DISPLAY nor WAYLAND_DISPLAY is set)"
    try:
        trial = subprocess.run(
            [sys.executable, "-c", _TRIAL], capture_output=True, text=True, timeout=_TRIAL_S
        )
    except subprocess.TimeoutExpired:
        return f"OpenCV opened no window within {_TRIAL_S:.0f} s"
    if trial.returncode:
        said = [line.strip() for line in trial.stderr.splitlines() if line.strip()]
        return f"OpenCV cannot open a window: {said[0] if said else 'it does not say why'}"
    return None
