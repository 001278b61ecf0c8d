"""Makes the pictures of the live page that the README and the docs show.

    python -m tests.web.make_screenshots                      # with mien-s, into docs/images/
    python -m tests.web.make_screenshots --bundle DIR --out DIR

Needs Chromium; the face is tests/assets/astronaut.png (NASA, public domain).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from mien.web.settings import load_settings
from tests.web.running import RunningServer, find_chromium, open_chromium, write_film

REPO = Path(__file__).resolve().parents[2]
FACE = REPO / "tests/assets/astronaut.png"
LAPTOP, PHONE = {"width": 1360, "height": 850}, {"width": 390, "height": 844}


def main() -> int:
    """Make all pictures; return 1 where there is no Chromium."""
    parser = argparse.ArgumentParser(description="Make the pictures of the live page.")
    parser.add_argument("--bundle", default="mien-s")
    parser.add_argument("--out", type=Path, default=REPO / "docs/images")
    given = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        sys.stderr.write("no Chromium found; install it, or name it in MIEN_CHROMIUM\n")
        return 1
    given.out.mkdir(parents=True, exist_ok=True)
    server = RunningServer(load_settings(port=0, bundle=given.bundle, detector="blazeface"))
    with tempfile.TemporaryDirectory() as folder:
        film = write_film(FACE, Path(folder) / "face.mjpeg", width=1280)
        with (
            sync_playwright() as playwright,
            open_chromium(playwright, chromium, film=film) as browser,
        ):
            for scheme in ("light", "dark"):
                take_laptop(browser, server.url, scheme, given.out)
                take_phone(browser, server.url, scheme, given.out)
    server.stop()
    return 0


def take_laptop(browser: Browser, url: str, scheme: str, out: Path) -> None:
    """Consent, live and photos, at a laptop's size; the light live one is the README's."""
    page = browser.new_page(viewport=LAPTOP, color_scheme=scheme, device_scale_factor=2)
    page.goto(url)
    page.wait_for_selector("#legend li")
    save(page, out, f"consent-{scheme}")
    page.click("#start")
    page.wait_for_selector(".face")
    name_camera(page)
    page.wait_for_timeout(3000)
    save(page, out, "live" if scheme == "light" else "live-dark")
    open_why(page)
    save(page, out, f"why-{scheme}")
    page.keyboard.press("Escape")
    page.click("#stop")
    page.set_input_files("#files", [FACE])
    page.wait_for_selector(".photo canvas")
    page.locator("#photos").scroll_into_view_if_needed()
    page.wait_for_timeout(800)
    save(page, out, f"photos-{scheme}")
    page.close()


def open_why(page: Page) -> None:
    """Pause, and have the first face explained."""
    page.click("#pause")
    page.get_by_role("button", name="Why?").first.click()
    page.get_by_role("dialog").get_by_role("img").wait_for(timeout=60_000)
    page.wait_for_timeout(300)


def take_phone(browser: Browser, url: str, scheme: str, out: Path) -> None:
    """Consent and live at a phone's size."""
    page = browser.new_page(viewport=PHONE, color_scheme=scheme, device_scale_factor=2)
    page.goto(url)
    page.wait_for_selector("#legend li")
    save(page, out, f"phone-consent-{scheme}")
    page.click("#start")
    page.wait_for_selector(".face")
    name_camera(page)
    page.wait_for_timeout(3000)
    save(page, out, f"phone-{scheme}", full=True)
    open_why(page)
    save(page, out, f"phone-why-{scheme}")
    page.close()


def name_camera(page: Page) -> None:
    """Chromium calls the camera by the film's path; show what a real one would be called."""
    page.wait_for_selector("#camera:enabled")
    page.evaluate("document.querySelector('#camera option').textContent = 'Built-in camera'")


def save(page: Page, out: Path, name: str, *, full: bool = False) -> None:
    """Save what is seen."""
    page.screenshot(path=out / f"{name}.png", full_page=full)


if __name__ == "__main__":
    sys.exit(main())
