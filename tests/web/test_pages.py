"""What every page must be: whole, quiet, still, narrow enough, and usable by everybody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from mien.bundle.find import PACKAGED
from mien.web.routes.page import PAGES, STATIC, page_is_built
from mien.web.settings import load_settings
from tests.web.running import RunningServer, open_chromium
from tests.web.visiting import AXE, Visit, visiting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not page_is_built(), reason="the page is not built: python hatch_build.py"),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
LAPTOP, PHONE = {"width": 1366, "height": 768}, {"width": 360, "height": 740}
# Good by https://web.dev/articles/cls is up to 0.1.
MOST_SHIFT = 0.05
# Pages of the bar of pages; a session's and the comparison need sessions, and are tested with them.
PATHS = ("/", "/upload", "/sessions", "/models", "/settings", "/about")


@pytest.fixture(scope="module")
def live_server(tiny_bundle: Path) -> Iterator[RunningServer]:
    """With the model that ships, where it is there: its card and figures are the longest."""
    bundle = "mien-s" if (PACKAGED / "mien-s").is_dir() else str(tiny_bundle)
    running = RunningServer(load_settings(port=0, bundle=bundle, detector="blazeface"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright, open_chromium(playwright, chromium, film=None) as browser:
        yield browser


@pytest.fixture(scope="module", params=PATHS)
def path(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    if not (STATIC / PAGES[chosen]).is_file():
        pytest.skip(f"{PAGES[chosen]} is not built: python hatch_build.py")
    return chosen


@pytest.fixture(scope="module")
def laptop(browser: Browser, live_server: RunningServer, path: str) -> Iterator[Visit]:
    with visiting(browser, live_server.url, path, viewport=LAPTOP, color_scheme="light") as visit:
        yield visit


@pytest.fixture(scope="module")
def phone(browser: Browser, live_server: RunningServer, path: str) -> Iterator[Visit]:
    look = {"viewport": PHONE, "color_scheme": "dark", "reduced_motion": "reduce"}
    with visiting(browser, live_server.url, path, **look) as visit:
        yield visit


def test_a_page_asks_this_server_alone_and_nothing_fails(laptop: Visit) -> None:
    assert laptop.strangers == []
    assert laptop.complaints == []


def test_a_page_has_a_title_and_its_landmarks(laptop: Visit, path: str) -> None:
    page = laptop.page
    assert "mien" in page.title()
    assert page.locator("html").get_attribute("lang") == "en"
    for role in ("banner", "main", "contentinfo"):
        expect(page.get_by_role(role)).to_have_count(1)
    expect(page.locator("h1")).to_have_count(1)
    current = page.get_by_role("navigation", name="Pages").locator("[aria-current=page]")
    expect(current).to_have_count(1)
    assert current.get_attribute("href") == path


def test_nothing_moves_by_itself_while_a_page_loads(laptop: Visit, phone: Visit) -> None:
    for visit in (laptop, phone):
        assert visit.page.evaluate("shifted") < MOST_SHIFT


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here: npm ci in web/")
def test_axe_finds_nothing(laptop: Visit, phone: Visit) -> None:
    """In the light and in the dark, wide and narrow."""
    assert laptop.axe() == []
    assert phone.axe() == []


def test_a_phone_scrolls_no_page_sideways(phone: Visit) -> None:
    assert phone.sideways_px() == 0


def test_all_pages_can_be_reached_on_a_phone(phone: Visit) -> None:
    links = phone.page.get_by_role("navigation", name="Pages").get_by_role("link")
    expect(links).to_have_count(len(PATHS))
    for link in links.all():
        box = link.bounding_box()
        assert box is not None
        assert box["x"] >= 0 and box["x"] + box["width"] <= PHONE["width"]
        assert box["height"] >= 44 and box["width"] >= 44


def test_nothing_moves_for_those_who_asked_for_that(phone: Visit) -> None:
    running = "document.getAnimations().filter(one => one.playState === 'running').length"
    assert phone.page.evaluate(running) == 0


def test_every_control_can_be_reached_by_keyboard(laptop: Visit) -> None:
    assert laptop.unreachable() == []


def test_the_keyboard_can_skip_to_the_content(laptop: Visit) -> None:
    page = laptop.page
    page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_a_chosen_theme_holds_on_every_page_from_its_first_moment(
    browser: Browser, live_server: RunningServer
) -> None:
    with visiting(browser, live_server.url, "/settings", color_scheme="light") as visit:
        page = visit.page
        paper = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(paper)
        page.get_by_role("radio", name="Dark").check()
        expect(page.locator("#toasts")).to_contain_text("Saved")
        dark = page.evaluate(paper)
        assert dark != light
        # Seen by a script that runs before the page's own modules do.
        page.add_init_script(
            """addEventListener('DOMContentLoaded', () => {
                window.firstPaper = getComputedStyle(document.body).backgroundColor;
            });"""
        )
        page.goto(f"{live_server.url}/about")
        assert page.evaluate("firstPaper") == dark
        page.goto(f"{live_server.url}/settings")
        page.get_by_role("radio", name="As the system").check()
        assert page.evaluate(paper) == light


def test_licences_of_what_the_pages_contain_are_served(live_server: RunningServer) -> None:
    about = httpx.get(f"{live_server.url}/about").text
    links = {part.split('"')[0] for part in about.split('href="')[1:]}
    texts = [link for link in links if link.startswith("/licences/")]
    assert len(texts) == 4
    for link in texts:
        answer = httpx.get(live_server.url + link)
        assert answer.status_code == 200 and len(answer.text) > 50, link
    outside = httpx.get(f"{live_server.url}/licences/%2e%2e/%2e%2e/settings.py")
    assert outside.status_code == 404
