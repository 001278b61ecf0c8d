"""The token in a real browser: the link lets one profile in, and another gets nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from mien.web.routes.page import page_is_built
from mien.web.settings import load_settings
from tests.web.running import RunningServer, open_chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not page_is_built(), reason="the page is not built: python hatch_build.py"),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
LONG_MS = 30_000
TOKEN = "the-tests-own-token"
ELSEWHERE = "http://elsewhere.example/"


@pytest.fixture(scope="module")
def guarded(tiny_bundle: Path) -> Iterator[RunningServer]:
    running = RunningServer(
        load_settings(port=0, bundle=str(tiny_bundle), detector="haar", token=TOKEN)
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright, open_chromium(playwright, chromium, film=None) as browser:
        yield browser


@pytest.fixture
def profile(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    context.set_default_timeout(LONG_MS)
    yield context
    context.close()


def test_the_link_opens_the_page_and_its_socket_and_leaves_the_address(
    guarded: RunningServer, profile: BrowserContext
) -> None:
    page = profile.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{guarded.url}/?token={TOKEN}")
    expect(page.locator("#server-state")).to_have_text("Connected", timeout=LONG_MS)
    assert page.url == f"{guarded.url}/"
    # What a script of the page could see, and what was asked of anybody after the link.
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("document.referrer") in ("", f"{guarded.url}/")
    assert TOKEN not in "".join(asked[1:])
    assert [url for url in asked if not url.startswith((guarded.url, "blob:", "data:"))] == []
    page.goto(f"{guarded.url}/docs")
    assert page.title() != "mien" or page.locator("h1").count()
    page.goto(guarded.url)
    expect(page.locator("#server-state")).to_have_text("Connected", timeout=LONG_MS)


def test_another_profile_gets_nothing(guarded: RunningServer, profile: BrowserContext) -> None:
    asked: list[str] = []
    page = profile.new_page()
    page.on("request", lambda request: asked.append(request.url))
    answer = page.goto(guarded.url)
    assert answer is not None and answer.status == 401
    expect(page.get_by_text("Open the link")).to_be_visible()
    assert page.locator("script").count() == 0
    for path in ("/docs", "/v1/models", "/healthz", "/openapi.json", "/?token=guess"):
        answer = page.goto(guarded.url + path)
        assert answer is not None and answer.status == 401, path
    assert all(url.startswith(guarded.url) for url in asked)


def test_a_person_types_the_token_in_and_comes_to_the_page_they_wanted(
    guarded: RunningServer, profile: BrowserContext
) -> None:
    page = profile.new_page()
    said: list[str] = []
    page.on("console", lambda m: said.append(m.text) if "Content Security" in m.text else None)
    page.goto(f"{guarded.url}/upload?from=here")
    expect(page.get_by_label("Token")).to_be_focused()
    page.keyboard.type("a-token-of-another-server")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not this server's token")
    page.get_by_label("Token").fill(TOKEN)
    # The page that was wanted has the address of the one that asks, so that cannot be waited for.
    with page.expect_navigation():
        page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Token")).to_have_count(0)
    assert page.url == f"{guarded.url}/upload?from=here"
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("fetch('/healthz').then(answer => answer.status)") == 200
    assert said == []


def test_a_link_on_another_sites_page_lets_in_too(
    guarded: RunningServer, profile: BrowserContext
) -> None:
    """Where a strict cookie would be withheld from a redirect that another site began."""
    page = profile.new_page()
    link = f'<a href="{guarded.url}/?token={TOKEN}">mien</a>'
    page.route(ELSEWHERE, lambda route: route.fulfill(body=link, content_type="text/html"))
    page.goto(ELSEWHERE)
    page.get_by_text("mien").click()
    expect(page.locator("#server-state")).to_have_text("Connected", timeout=LONG_MS)
    assert page.url == f"{guarded.url}/"


def test_another_sites_page_cannot_use_a_visitors_cookie(
    guarded: RunningServer, profile: BrowserContext
) -> None:
    """A page of another port is the same site for cookies, and still not let in."""
    page = profile.new_page()
    page.goto(f"{guarded.url}/?token={TOKEN}")
    expect(page.locator("#server-state")).to_have_text("Connected", timeout=LONG_MS)
    here = "http://127.0.0.1:1/"
    page.route(here, lambda route: route.fulfill(body="<p>evil</p>", content_type="text/html"))
    page.goto(here)
    attack = """async address => {
        const posted = await fetch(`${address}/v1/analyze`,
            {method: "POST", body: new FormData(), credentials: "include"})
            .then(answer => answer.status, () => "refused");
        const socket = await new Promise(done => {
            const live = new WebSocket(`${address.replace("http", "ws")}/v1/live`);
            live.onopen = () => done("open");
            live.onerror = () => done("refused");
        });
        return [posted, socket];
    }"""
    assert page.evaluate(attack, guarded.url) == ["refused", "refused"]
