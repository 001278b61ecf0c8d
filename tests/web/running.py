"""A real server in a thread, and a real Chromium whose camera is a film."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Playwright

from mien.web.app import create_app
from mien.web.engine import Engine
from mien.web.server import make_server, open_port
from mien.web.settings import Settings

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# Nothing but the page may use the network, and no sandbox works as root in a container.
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class RunningServer:
    """A server in a thread of this process; can be stopped and started again on its port."""

    def __init__(self, settings: Settings, engine: Engine | None = None) -> None:
        self.app = create_app(settings, engine)
        self.settings = settings
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.settings.port}"

    def start(self) -> None:
        listener = open_port(self.settings)
        self.settings = self.settings.model_copy(update={"port": listener.getsockname()[1]})
        self._server = make_server(self.app, self.settings)
        self._listener = listener
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive(), "the server did not stop"
        self._listener.close()


def find_chromium() -> str | None:
    """Return the path of Chromium or Chrome, MIEN_CHROMIUM first; None where there is none."""
    wanted = os.environ.get("MIEN_CHROMIUM")
    return wanted or next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)


def jpeg_of(picture: Path) -> bytes:
    """Return a picture as a page sends it."""
    image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    assert image is not None
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


def write_film(picture: Path, film: Path, *, width: int = 640, frames: int = 45) -> Path:
    """Write an MJPEG in which the upper part of a square picture sways a little, in 4:3."""
    image = cv2.imread(str(picture), cv2.IMREAD_COLOR)
    assert image is not None
    side = image.shape[1]
    with film.open("wb") as out:
        for number in range(frames):
            sway = 0.012 * side * np.sin(2 * np.pi * number / frames)
            shift = np.float32([[1, 0, sway], [0, 1, 0]])
            moved = cv2.warpAffine(image, shift, (side, side), borderMode=cv2.BORDER_REPLICATE)
            shot = cv2.resize(moved[: side * 3 // 4], (width, width * 3 // 4))
            out.write(cv2.imencode(".jpg", shot, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
    return film


@contextmanager
def open_chromium(
    playwright: Playwright, path: str, *, film: Path | None, allow: bool = True
) -> Iterator[Browser]:
    """Start Chromium; its only camera shows the film, or there is none.

    Args:
        playwright: What drives it; there can only be one at a time.
        path: The program.
        film: An .mjpeg file; None for a machine without a camera.
        allow: Whether the user says yes when the page asks for the camera.
    """
    flags = [*CHROMIUM_FLAGS]
    if film is not None:
        flags += [
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={film}",
        ]
    if allow:
        flags.append("--use-fake-ui-for-media-stream")
    browser = playwright.chromium.launch(executable_path=path, headless=True, args=flags)
    try:
        yield browser
    finally:
        browser.close()
