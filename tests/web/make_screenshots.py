"""Makes the pictures of the pages: pages x sizes x schemes, as the table `SHOTS` lists them.

    python -m tests.web.make_screenshots                      # with mien-s, into docs/images/
    python -m tests.web.make_screenshots --out DIR --only upload,models --size phone
    python -m tests.web.make_screenshots --bundle DIR --out DIR

Needs Chromium; the face is tests/assets/astronaut.png (NASA, public domain). A page's picture is
one more line of the table, with a function that brings the page to what is to be seen.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from mien.web.settings import load_settings
from tests.web.courses import record_shown
from tests.web.running import RunningServer, find_chromium, open_chromium, write_film

REPO = Path(__file__).resolve().parents[2]
FACE = REPO / "tests/assets/astronaut.png"
SCHEMES = ("light", "dark")
SIZES = {
    "laptop": {"width": 1366, "height": 768},
    "phone": {"width": 390, "height": 844},
    "wide": {"width": 1920, "height": 1080},
}
USUAL_SIZES = ("laptop", "phone")
LONG_MS = 60_000


def stay(page: Page) -> None:
    """Leave a page as it opens, once all has come."""
    page.wait_for_load_state("networkidle")


def consent(page: Page) -> None:
    """The live page before the camera is on."""
    page.wait_for_selector("#legend li")


def live(page: Page) -> None:
    """The camera on, a face read for a while."""
    consent(page)
    page.click("#start")
    page.wait_for_selector(".face")
    name_camera(page)
    page.wait_for_timeout(3000)


def why(page: Page) -> None:
    """Paused, and the first face explained."""
    live(page)
    page.click("#pause")
    page.get_by_role("button", name="Why?").first.click()
    page.get_by_role("dialog").get_by_role("img").wait_for()
    page.wait_for_timeout(300)


def photos(page: Page) -> None:
    """A photo read on the live page."""
    consent(page)
    page.set_input_files("#files", [FACE])
    page.wait_for_selector(".photo canvas")
    page.locator("#photos").scroll_into_view_if_needed()
    page.wait_for_timeout(800)


def upload_chosen(page: Page) -> None:
    """Files chosen, nothing sent yet."""
    stay(page)
    page.set_input_files("#files", [FACE, FACE])
    page.get_by_role("checkbox", name="Everyone").check()
    page.wait_for_timeout(300)


def upload_done(page: Page) -> None:
    """Two photos read, with their results, and nothing of the pictures before."""
    page.evaluate(
        """() => fetch('/v1/jobs').then(answer => answer.json()).then(({ jobs }) => Promise.all(
            jobs.map(({ id }) => fetch(`/v1/jobs/${id}`, { method: 'DELETE' }))))"""
    )
    page.reload()
    upload_chosen(page)
    page.get_by_label("Title").fill("Portraits")
    page.get_by_role("button", name="Upload and read").click()
    page.locator(".job canvas").nth(1).wait_for()
    page.wait_for_selector(".job [data-state=done]")
    # What is said in passing would cover a part of it.
    page.evaluate("document.querySelector('#toasts').replaceChildren()")


def model_card(page: Page) -> None:
    """All that can be unfolded of the first model."""
    stay(page)
    for fold in page.get_by_role("article").first.locator("summary").all():
        fold.click()
    page.locator(".failures img").first.scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    page.evaluate("scrollTo(0, 0)")


def session_read(page: Page) -> None:
    """A session with its figures, and the position where it is marked."""
    page.wait_for_selector(".shares-table")
    page.locator(".flag", has_text="joke").click()
    page.wait_for_selector(".lane-picture[data-shown=true]")
    page.wait_for_timeout(800)


def compared(page: Page) -> None:
    """Two sessions with their shares."""
    page.wait_for_selector(".shares-table")
    page.wait_for_timeout(800)


def sessions_picked(page: Page) -> None:
    """The list with two sessions picked."""
    page.wait_for_selector(".session-link")
    for take in ("first", "second"):
        page.get_by_role("checkbox", name=f"Pick Rehearsal of the talk, {take} take").check()


@dataclass(frozen=True)
class Shot:
    """One thing to be seen.

    Attributes:
        name: The picture's, before size and scheme.
        path: The page's address.
        prepare: Brings the page to what is to be seen.
        full: Whether all of the page is taken and not a window of it.
    """

    name: str
    path: str
    prepare: Callable[[Page], None] = stay
    full: bool = True

    def file(self, size: str, scheme: str) -> str:
        """Return the picture's name; a laptop's light live page is the README's."""
        if (self.name, size, scheme) == ("live", "laptop", "light"):
            return "live.png"
        return "-".join([*([] if size == "laptop" else [size]), self.name, scheme]) + ".png"


SHOTS = (
    Shot("consent", "/", consent, full=False),
    Shot("live", "/", live, full=False),
    Shot("why", "/", why, full=False),
    Shot("photos", "/", photos, full=False),
    Shot("upload", "/upload", upload_chosen),
    Shot("results", "/upload", upload_done),
    Shot("sessions", "/sessions", sessions_picked, full=False),
    Shot("session", "/sessions/1", session_read),
    Shot("compare", "/compare?ids=1,2&expression=happiness&marker=joke", compared),
    Shot("models", "/models"),
    Shot("card", "/models", model_card),
    Shot("settings", "/settings"),
    Shot("about", "/about"),
)


def main() -> int:
    """Make the pictures that are asked for; return 1 where there is no Chromium."""
    parser = argparse.ArgumentParser(description="Make the pictures of the pages.")
    parser.add_argument("--bundle", default="mien-s")
    parser.add_argument("--out", type=Path, default=REPO / "docs/images")
    parser.add_argument("--only", default="", help="names of the table, with commas between")
    parser.add_argument("--size", choices=SIZES, action="append")
    parser.add_argument("--scheme", choices=SCHEMES, action="append")
    given = parser.parse_args()
    wanted = [shot for shot in SHOTS if not given.only or shot.name in given.only.split(",")]
    chromium = find_chromium()
    if chromium is None:
        sys.stderr.write("no Chromium found; install it, or name it in MIEN_CHROMIUM\n")
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    with serving(given.bundle, chromium) as (browser, url):
        for shot in wanted:
            for size in given.size or USUAL_SIZES:
                for scheme in given.scheme or SCHEMES:
                    take(browser, url, shot, size, scheme, given.out)
    return 0


@contextmanager
def serving(bundle: str, chromium: str) -> Iterator[tuple[Browser, str]]:
    """Run a server that keeps all in a folder of its own, and a browser with a film as camera."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = load_settings(
            port=0,
            bundle=bundle,
            detector="blazeface",
            database_url=f"sqlite:///{folder / 'sessions.db'}",
            jobs_folder=folder / "jobs",
            disk_reserve_bytes=0,
        )
        film = write_film(FACE, folder / "face.mjpeg", width=1280)
        server = RunningServer(settings)
        face_bgr = cv2.imread(str(FACE), cv2.IMREAD_COLOR)
        record_shown(server.app.state.services.store(), np.asarray(face_bgr, np.uint8))
        try:
            with (
                sync_playwright() as playwright,
                open_chromium(playwright, chromium, film=film) as browser,
            ):
                yield browser, server.url
        finally:
            server.stop()


def take(browser: Browser, url: str, shot: Shot, size: str, scheme: str, out: Path) -> None:
    """Take one picture."""
    page = browser.new_page(viewport=SIZES[size], color_scheme=scheme, device_scale_factor=2)
    page.set_default_timeout(LONG_MS)
    page.goto(url + shot.path)
    shot.prepare(page)
    page.screenshot(path=out / shot.file(size, scheme), full_page=shot.full)
    page.close()


def name_camera(page: Page) -> None:
    """Chromium calls the camera by the film's path; show what a real one would be called."""
    page.wait_for_selector("#camera:enabled")
    page.evaluate("document.querySelector('#camera option').textContent = 'Built-in camera'")


if __name__ == "__main__":
    sys.exit(main())
