"""Windows: why there is none is found out before a toolkit can end the process."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from mien.media import window
from mien.media.window import ESCAPE, OpenCvWindow, window_problem

BUILT_WITH = "  GUI:                           QT5\n    QT:      YES\n"
BUILT_WITHOUT = "  GUI:                           NONE\n"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A build with windows, on Linux with a display."""
    monkeypatch.setattr(cv2, "getBuildInformation", lambda: BUILT_WITH)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", ":99")
    return monkeypatch


def trial_that(code: int, stderr: str = "") -> object:
    return lambda *_, **__: subprocess.CompletedProcess([], code, "", stderr)


def test_a_build_without_windows_is_told_with_what_to_install(
    built: pytest.MonkeyPatch,
) -> None:
    built.setattr(cv2, "getBuildInformation", lambda: BUILT_WITHOUT)
    assert "pip install opencv-python" in (window_problem() or "")


def test_no_display_is_told_before_anything_is_tried(built: pytest.MonkeyPatch) -> None:
    built.delenv("DISPLAY")
    built.delenv("WAYLAND_DISPLAY", raising=False)
    built.setattr(window.subprocess, "run", trial_that(1, "must not be tried"))
    assert "no display" in (window_problem() or "")


def test_a_toolkit_that_ends_its_process_is_told_by_its_own_words(
    built: pytest.MonkeyPatch,
) -> None:
    built.setattr(window.subprocess, "run", trial_that(-6, "\nqt.qpa.xcb: could not connect\n"))
    assert "qt.qpa.xcb: could not connect" in (window_problem() or "")


def test_a_window_that_opens_is_no_problem(built: pytest.MonkeyPatch) -> None:
    built.setattr(window.subprocess, "run", trial_that(0))
    assert window_problem() is None


def test_this_build_says_what_it_is() -> None:
    information = cv2.getBuildInformation()
    headless = any("GUI:" in line and "NONE" in line for line in information.splitlines())
    if not headless:
        pytest.skip("OpenCV is built with windows here")
    assert "opencv-python-headless" in (window_problem() or "")


def test_pictures_are_shown_in_bgr_keys_are_letters_and_closing_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown, keys = [], [ord("r"), -1, 27, 0x100073]
    state = {"visible": 1.0, "size": None}
    monkeypatch.setattr(cv2, "namedWindow", lambda *_: None)
    monkeypatch.setattr(cv2, "resizeWindow", lambda _, *size: state.update(size=size))
    monkeypatch.setattr(cv2, "imshow", lambda _, image_bgr: shown.append(image_bgr))
    monkeypatch.setattr(cv2, "waitKey", lambda _: keys.pop(0) if keys else -1)
    monkeypatch.setattr(cv2, "getWindowProperty", lambda *_: state["visible"])
    monkeypatch.setattr(cv2, "destroyWindow", lambda _: state.update(visible=0.0))
    opened = OpenCvWindow("mien")
    assert opened.is_open and opened.poll_key() is None
    image_rgb = np.zeros((1080, 1920, 3), np.uint8)
    image_rgb[:] = (1, 2, 3)
    opened.show(image_rgb)
    assert shown[0][0, 0].tolist() == [3, 2, 1]
    assert state["size"] == (1280, 720)
    # Some toolkits put modifier keys above the letter's byte.
    assert [opened.poll_key() for _ in range(4)] == ["r", None, ESCAPE, "s"]
    assert opened.is_open
    state["visible"] = 0.0
    assert not opened.is_open
    opened.close()
    opened.close()
