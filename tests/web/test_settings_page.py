"""Settings and about in a real browser: what is chosen holds, what is said is so."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from mien.bundle.config import CONFIG_FILE
from mien.bundle.find import PACKAGED
from mien.web.routes.page import STATIC
from mien.web.settings import load_settings
from tests.web.running import RunningServer, open_chromium
from tests.web.visiting import Visit, visiting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "settings.html").is_file(),
        reason="the page is not built: python hatch_build.py",
    ),
    pytest.mark.skipif(
        not (PACKAGED / "mien-s" / CONFIG_FILE).is_file(), reason="mien-s is not here"
    ),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
ELSEWHERE = "http://faces.example"


@pytest.fixture(scope="module")
def settings_server() -> Iterator[RunningServer]:
    settings = load_settings(
        port=0,
        bundle="mien-s",
        detector="haar",
        smoothing_s=0.5,
        uncertain_below=0.25,
        # As behind a proxy that has this name.
        allowed_origins=(ELSEWHERE,),
    )
    running = RunningServer(settings)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright, open_chromium(playwright, chromium, film=None) as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, settings_server: RunningServer) -> Iterator[Visit]:
    with visiting(browser, settings_server.url, "/settings") as visit:
        yield visit
        assert visit.strangers == []
        assert visit.complaints == []


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


def kept(page: Page) -> dict[str, object]:
    found: dict[str, object] = page.evaluate("JSON.parse(localStorage['mien.preferences'] ?? '{}')")
    return found


def test_every_choice_is_kept_in_this_browser_and_shown_again(page: Page) -> None:
    page.get_by_label("Show the live picture as in a mirror").uncheck()
    page.get_by_label("Expressions", exact=True).select_option(label="FER2013")
    page.get_by_label("Face detector").select_option("full")
    page.get_by_label("How common expressions are taken to be").select_option("balanced")
    page.get_by_label("Smoothing of the live view").fill("1.2")
    page.get_by_label("Call an answer uncertain below").fill("40")
    page.get_by_label("Keep for").select_option(label="a year")
    page.get_by_label("What those in view agree to").fill("  We agree.  ")
    page.get_by_label("What those in view agree to").blur()
    expect(page.locator("#toasts")).to_contain_text("Saved in this browser")
    assert kept(page) == {
        "theme": "auto",
        "bundle": None,
        "detector": "full",
        "label_set": "fer2013",
        "smoothing_s": 1.2,
        "prior": "balanced",
        "uncertain_below": 0.4,
        "mirror": False,
        "keep_days": 365,
        "consent_text": "We agree.",
    }
    page.reload()
    expect(page.get_by_label("Show the live picture as in a mirror")).not_to_be_checked()
    expect(page.get_by_label("Face detector")).to_have_value("full")
    expect(page.locator("#smoothing-value")).to_have_text("1.2 s")
    expect(page.get_by_label("What those in view agree to")).to_have_value("We agree.")


def test_choices_are_forgotten_when_that_is_confirmed(page: Page) -> None:
    page.get_by_role("radio", name="Dark").check()
    forget = page.get_by_role("button", name="Forget my choices")
    forget.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(forget).to_be_focused()
    assert kept(page)["theme"] == "dark"
    forget.click()
    page.get_by_role("dialog").get_by_role("button", name="Forget").click()
    expect(page.get_by_role("radio", name="As the system")).to_be_checked()
    assert kept(page) == {}


def test_what_is_not_chosen_is_what_the_server_is_set_to(page: Page) -> None:
    expect(page.get_by_label("Model", exact=True).locator("option").first).to_have_text(
        "As the server: mien-s"
    )
    expect(page.locator("#smoothing-value")).to_have_text("0.5 s")
    expect(page.locator("#uncertain-value")).to_have_text("25 %")
    assert kept(page) == {}


def test_choices_that_cannot_be_are_left_out(page: Page) -> None:
    odd = {"theme": "pink", "mirror": False, "keep_days": -3, "bundle": 7, "uncertain_below": "1"}
    page.evaluate("odd => localStorage.setItem('mien.preferences', odd)", json.dumps(odd))
    page.reload()
    expect(page.get_by_role("radio", name="As the system")).to_be_checked()
    expect(page.get_by_label("Show the live picture as in a mirror")).not_to_be_checked()
    expect(page.get_by_label("Keep for")).to_have_value("30")
    page.evaluate("localStorage.setItem('mien.preferences', 'no json')")
    page.reload()
    expect(page.get_by_label("Show the live picture as in a mirror")).to_be_checked()


def test_the_servers_settings_are_shown_with_their_variables(
    page: Page, settings_server: RunningServer
) -> None:
    told = httpx.get(f"{settings_server.url}/v1/settings").json()
    table = page.get_by_role("table")
    for variable, value in (
        ("MIEN_MAX_PIXELS", f"{told['limits']['max_pixels'] / 1e6:.0f} million"),
        ("MIEN_SMOOTHING_S", "0.5 s"),
        ("MIEN_HOST", "this machine only"),
        ("MIEN_WORKERS", str(told["workers"])),
        ("MIEN_RECORDING", "yes"),
    ):
        row = table.get_by_role("row").filter(has_text=variable)
        expect(row.get_by_role("cell").first).to_have_text(value)
    fields = set(type(settings_server.settings).model_fields)
    shown = table.locator("code").all_inner_texts()
    assert {name.removeprefix("MIEN_").lower() for name in shown} <= fields


def test_about_tells_that_nothing_leaves_and_where_the_model_errs(
    page: Page, settings_server: RunningServer
) -> None:
    page.goto(f"{settings_server.url}/about")
    expect(page.locator("#where-answer")).to_have_text("Nothing.")
    expect(page.locator("#version")).to_contain_text("mien 0.")
    config = json.loads((PACKAGED / "mien-s" / CONFIG_FILE).read_text())
    result = next(
        one
        for evaluation in config["figures"]["evaluations"]
        if evaluation["label_set"] == config["default_label_set"]
        for one in evaluation["results"]
        if one["images"] == "unlike"
    )
    figures = page.locator("#figures")
    expect(figures).to_contain_text(f"Of {result['n']:,} faces")
    expect(figures).to_contain_text(f"{100 * result['accuracy']:.1f}")
    worst = sorted(result["recall"], key=result["recall"].get)[:3]
    said = [
        text.split(",")[0].lower() for text in figures.get_by_role("listitem").all_inner_texts()
    ]
    assert said == worst


def test_about_tells_where_pictures_go_if_the_server_is_elsewhere(
    browser: Browser, settings_server: RunningServer
) -> None:
    context = browser.new_context()
    page = context.new_page()

    def forward(route: Route) -> None:
        here = route.request.url.replace(ELSEWHERE, settings_server.url)
        route.fulfill(response=route.fetch(url=here))

    page.route(f"{ELSEWHERE}/**", forward)
    page.goto(f"{ELSEWHERE}/about")
    expect(page.locator("#where-answer")).to_have_text("Your pictures go to faces.example.")
    # What is still being forwarded would fail in a page that is closed.
    page.unroute_all(behavior="wait")
    context.close()
