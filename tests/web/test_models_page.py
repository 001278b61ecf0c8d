"""The models page in a real browser: measured figures, the card, and what this browser asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from mien.bundle.config import CONFIG_FILE
from mien.bundle.find import PACKAGED
from mien.core.labels import FER2013, FERPLUS
from mien.web.routes.page import STATIC
from mien.web.settings import load_settings
from tests.web.running import RunningServer, open_chromium
from tests.web.visiting import LONG_MS, Visit, visiting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "models.html").is_file(),
        reason="the page is not built: python hatch_build.py",
    ),
    pytest.mark.skipif(
        not (PACKAGED / "mien-s" / CONFIG_FILE).is_file(), reason="mien-s is not here"
    ),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def models_server() -> Iterator[RunningServer]:
    running = RunningServer(load_settings(port=0, bundle="mien-s", detector="haar"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright, open_chromium(playwright, chromium, film=None) as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, models_server: RunningServer) -> Iterator[Visit]:
    with visiting(browser, models_server.url, "/models") as visit:
        yield visit
        assert visit.strangers == []
        assert visit.complaints == []


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


def config_of(name: str) -> dict[str, Any]:
    """What a model's own file says, read without the server's code."""
    config: dict[str, Any] = json.loads((PACKAGED / name / CONFIG_FILE).read_text())
    return config


def preference(page: Page, name: str) -> Any:
    return page.evaluate("JSON.parse(localStorage.getItem('mien.preferences') ?? '{}')").get(name)


def percent(share: float) -> str:
    """Round as the browser does, halves up: 5 of 16 are 31.3 %, for Python 31.2."""
    return str((100 * Decimal(str(share))).quantize(Decimal("0.1"), ROUND_HALF_UP))


def test_figures_are_those_of_the_model_with_interval_and_n(page: Page) -> None:
    card = page.get_by_role("article", name="mien-s", exact=True)
    expect(card).to_contain_text(f"{config_of('mien-s')['architecture']['parameters'] / 1e6:.1f}")
    for evaluation in config_of("mien-s")["figures"]["evaluations"]:
        result = evaluation["results"][0]
        low, high = (percent(result[f"accuracy_{end}"]) for end in ("low", "high"))
        headline = card.locator(".headline").filter(has_text=evaluation["rule_text"])
        shown = headline.inner_text().replace("\u00a0", " ")
        assert f"{percent(result['accuracy'])} %" in shown
        assert f"{low} % to {high} %" in shown
        assert f"{result['n']:,} faces" in shown
        fresh = next(one for one in evaluation["results"] if one["images"] == "unlike")
        assert f"{percent(fresh['accuracy'])} % on the {fresh['n']:,} of them that are" in shown
        worst = min(result["recall"], key=result["recall"].get)
        rows = card.locator(".shares tbody").filter(has_text=re.compile(f"^{worst}", re.IGNORECASE))
        expect(rows.first.locator("tr").first).to_contain_text(percent(result["recall"][worst]))
    card.get_by_text("All figures").click()
    every = sum(len(one["results"]) for one in config_of("mien-s")["figures"]["evaluations"])
    expect(card.locator(".table tbody tr")).to_have_count(every)


def test_a_model_is_chosen_for_this_browser_and_given_back(page: Page) -> None:
    names = page.get_by_role("article").evaluate_all(
        "articles => articles.map(one => one.querySelector('h2').textContent)"
    )
    assert "mien-s" in names
    other = next((name for name in names if name != "mien-s"), None)
    if other is None:
        pytest.skip("there is only one model here")
    button = page.get_by_role("article", name=other, exact=True).get_by_role(
        "button", name=re.compile("Use this model|In use")
    )
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#toasts")).to_contain_text(other)
    page.reload()
    expect(button).to_have_attribute("aria-pressed", "true")
    assert preference(page, "bundle") == other
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert preference(page, "bundle") is None


def test_the_card_and_the_picture_of_failures_can_be_read(page: Page) -> None:
    card = page.get_by_role("article", name="mien-s", exact=True)
    card.get_by_text("The whole card").click()
    text = card.locator(".card-text")
    expect(text.get_by_role("heading").first).to_be_visible()
    expect(text.get_by_role("table").first).to_be_visible()
    card.locator("summary").filter(has_text="Where it fails").click()
    picture = card.get_by_role("img", name=re.compile("answers otherwise")).first
    picture.scroll_into_view_if_needed()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 300


def test_a_hostile_card_does_nothing(visit: Visit) -> None:
    page = visit.page
    hostile = (
        "<h2 onclick='window.harmed=1' style='color:red' id='main'>A card</h2>"
        "<script>window.harmed = 1</script><style>body{display:none}</style>"
        "<img src='x' onerror='window.harmed=1'><img src='//evil.example/x.png'>"
        "<a href='javascript:window.harmed=1'>press</a><a href='https://example.org/'>read</a>"
        "<iframe srcdoc='<script>parent.harmed=1</script>'></iframe><form action='/'>"
        "<button>Delete all</button></form><svg onload='window.harmed=1'><text>drawn</text></svg>"
    )

    def answer(route: Route) -> None:
        reply = route.fetch().json()
        route.fulfill(json=reply | {"card_html": hostile})

    page.route("**/v1/models/mien-s", answer)
    page.reload()
    card = page.get_by_role("article", name="mien-s", exact=True)
    card.get_by_text("The whole card").click()
    text = card.locator(".card-text")
    expect(text.get_by_role("heading", name="A card")).to_be_visible()
    text.get_by_role("heading").click()
    text.get_by_text("press").click()
    assert page.evaluate("window.harmed") is None
    allowed = {"H2", "IMG", "A"}
    tags = text.evaluate("text => [...text.querySelectorAll('*')].map(one => one.tagName)")
    assert set(tags) <= allowed
    attributes = text.evaluate(
        "text => [...text.querySelectorAll('*')].flatMap(one => one.getAttributeNames())"
    )
    assert set(attributes) <= {"href", "rel"}
    expect(text.get_by_role("link")).to_have_count(1)
    expect(text).not_to_contain_text("harmed")
    # The browser's own policy says what it would have held back besides.
    assert all("Content Security Policy" in said for said in visit.complaints)
    visit.complaints.clear()


def test_a_face_is_timed_on_this_server(page: Page) -> None:
    card = page.get_by_role("article", name="mien-s", exact=True)
    card.get_by_role("button", name="Measure how long").click()
    said = card.get_by_role("status").filter(has_text="ms a face")
    expect(said).to_have_text(re.compile(r"^\d+\.\d ms a face \(median of 9\)$"), timeout=LONG_MS)


def test_label_sets_with_their_colours_and_detectors_are_chosen(page: Page) -> None:
    sets = page.get_by_role("group", name="Expressions")
    for words, name in ((FERPLUS, "FER+"), (FER2013, "FER2013")):
        choice = sets.locator("label").filter(has_text=name)
        expect(choice.get_by_role("listitem")).to_have_count(len(words))
    first = sets.get_by_role("listitem").first
    colour = first.evaluate("one => getComputedStyle(one, '::before').backgroundColor")
    assert colour.startswith("rgb(") and colour != "rgba(0, 0, 0, 0)"
    sets.get_by_role("radio", name="FER2013").check()
    assert preference(page, "label_set") == "fer2013"
    detectors = page.get_by_role("group", name="Face detectors")
    expect(detectors.get_by_role("radio", name="What the server is set to")).to_be_checked()
    detectors.locator("[value=haar]").check()
    assert preference(page, "detector") == "haar"


def test_a_detector_that_is_not_here_says_what_to_do(page: Page) -> None:
    def answer(route: Route) -> None:
        reply = route.fetch().json()
        why = "its weights are missing; get them with `mien models fetch yunet`"
        for one in reply["detectors"]:
            if one["name"] == "yunet":
                one.update(available=False, reason=why)
        route.fulfill(json=reply)

    page.route("**/v1/models", answer)
    page.reload()
    detectors = page.get_by_role("group", name="Face detectors")
    expect(detectors.get_by_role("radio", name=re.compile("YuNet"))).to_be_disabled()
    expect(detectors).to_contain_text("mien models fetch yunet")


def test_a_server_that_does_not_answer_is_told(visit: Visit) -> None:
    visit.page.route("**/v1/models", lambda route: route.abort())
    visit.page.reload()
    expect(visit.page.get_by_role("alert")).to_contain_text("The models could not be asked for")
    visit.complaints.clear()
