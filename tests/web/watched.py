"""A page in Chromium of which it is seen what it asks for and what fails in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page

LONG_MS = 30_000
LAPTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}


@dataclass
class Seen:
    """A page, the addresses that it asked for, and what its scripts failed with."""

    page: Page
    asked: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def times_asked(self, part: str) -> int:
        """Return how often an address with this in it was asked for."""
        return sum(part in url for url in self.asked)


@contextmanager
def watched(browser: Browser, url: str, *, size: dict[str, int] | None = None) -> Iterator[Seen]:
    """Open a page; fail if a script failed, or any other server was asked."""
    context = browser.new_context(viewport=size or LAPTOP, accept_downloads=True)
    context.set_default_timeout(LONG_MS)
    seen = Seen(context.new_page())
    seen.page.on("request", lambda request: seen.asked.append(request.url))
    seen.page.on("pageerror", lambda error: seen.failed.append(str(error)))
    seen.page.on(
        "console", lambda m: seen.failed.append(m.text) if "Content Security" in m.text else None
    )
    seen.page.goto(url)
    try:
        yield seen
    finally:
        context.close()
    origin = "/".join(url.split("/")[:3])
    assert [one for one in seen.asked if not one.startswith((origin, "blob:", "data:"))] == []
    assert seen.failed == []


def wait_until(page: Page, script: str) -> None:
    """Wait until a script says yes; Playwright's own way needs `eval`, which the pages forbid."""
    deadline = time.monotonic() + LONG_MS / 1000
    while not page.evaluate(script):
        assert time.monotonic() < deadline, f"it never came true: {script}"
        page.wait_for_timeout(50)


def wait_for_lines(page: Page) -> None:
    """Wait until some plot has points, and the page no longer hides what it is still reading."""
    plots = "[...document.querySelectorAll('.lane-plot')]"
    wait_until(
        page,
        f"{plots}.some(one => Number(one.dataset.points) > 1)"
        " && !document.querySelector('.session[aria-busy=true]')",
    )


def fits_its_window(page: Page) -> bool:
    """Say whether nothing of a page lies beyond the window's sides."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))
