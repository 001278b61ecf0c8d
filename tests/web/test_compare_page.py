"""The page that compares sessions, in a real Chromium: one axis, lined up, and side by side."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mien.core.labels import FERPLUS
from mien.recognition.summary.summary import summary
from mien.store import Store
from mien.web.routes.page import page_is_built
from mien.web.settings import load_settings
from tests.web.courses import ADA, NOBODY_FROM, NOBODY_TO, probabilities_at, record_course
from tests.web.running import RunningServer, open_chromium
from tests.web.visiting import AXE, visiting
from tests.web.watched import LAPTOP, LONG_MS, PHONE, Seen, wait_for_lines, watched

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not page_is_built(), reason="the page is not built: python hatch_build.py"),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
# Two takes of the same course, the second one slower; each with the joke at its happiest.
FIRST_S, SECOND_S = 60.0, 90.0
JOKE = 0.05
# Good by https://web.dev/articles/cls is up to 0.1.
MOST_SHIFT = 0.1


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright, open_chromium(playwright, chromium, film=None) as browser:
        yield browser


@pytest.fixture(scope="module")
def running(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    database = f"sqlite:///{tmp_path_factory.mktemp('store') / 'own.db'}"
    running = RunningServer(
        load_settings(port=0, bundle=str(tiny_bundle), detector="haar", database_url=database)
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def store(running: RunningServer) -> Store:
    return running.app.state.services.store()


@pytest.fixture(scope="module")
def takes(store: Store) -> list[int]:
    """Three sessions; the third was read by another model."""
    made = [
        record_course(store, "First take", frames=300, step_s=FIRST_S / 300),
        record_course(store, "Second take", frames=300, step_s=SECOND_S / 300),
        record_course(store, "Other model", frames=100, bundle="mien-m"),
    ]
    store.markers.add(made[0], JOKE * FIRST_S, "joke")
    store.markers.add(made[1], JOKE * SECOND_S, "joke")
    store.markers.add(made[1], 1.0, "only here")
    return made


@pytest.fixture
def seen(browser: Browser, running: RunningServer, takes: list[int]) -> Iterator[Seen]:
    first, second, _ = takes
    with watched(browser, f"{running.url}/compare?ids={first},{second}&expression=neutral") as seen:
        wait_for_lines(seen.page)
        yield seen


def hover(page: Page, moment_s: float, from_s: float, to_s: float) -> None:
    over = page.locator(".u-over").first
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    part = (moment_s - from_s) / (to_s - from_s)
    page.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] / 2)


def values(page: Page) -> list[str]:
    """What is read in the first plot, of each session."""
    return page.locator(".lane").first.locator(".lane-values dd").all_inner_texts()


def neutral_of_ada(part: float) -> float:
    """In percent; before Ben comes, everybody is Ada."""
    return float(100 * probabilities_at(ADA, np.array([part]))[0, FERPLUS.index("neutral")])


def figures(texts: list[str]) -> list[float]:
    return [float(text.rstrip(" %\u00a0")) for text in texts]


def test_sessions_lie_on_one_axis_from_their_beginnings(seen: Seen) -> None:
    page = seen.page
    assert page.locator(".compared-title").all_inner_texts() == ["First take", "Second take"]
    expect(page.locator(".lane")).to_have_count(1)
    hover(page, 4.0, 0, SECOND_S - SECOND_S / 300)
    expect(page.locator("#readout")).to_have_text(re.compile(r"^0:0[34]\."), timeout=LONG_MS)
    wanted = [neutral_of_ada(4.0 / FIRST_S), neutral_of_ada(4.0 / SECOND_S)]
    assert figures(values(page)) == pytest.approx(wanted, abs=4)
    # The first take is over by then.
    hover(page, 80.0, 0, SECOND_S - SECOND_S / 300)
    expect(page.locator(".lane-values dd").first).to_have_text("–")


def test_a_line_ends_where_nobody_was_in_view(seen: Seen) -> None:
    page, end_s = seen.page, SECOND_S - SECOND_S / 300
    gap_s = FIRST_S * (NOBODY_FROM + NOBODY_TO) / 2
    # The first session's line is solid; is there any of its colour in a column of pixels?
    script = """part => {
        const canvas = document.querySelector(".lane canvas");
        const over = document.querySelector(".lane .u-over").getBoundingClientRect();
        const perPixel = canvas.width / canvas.getBoundingClientRect().width;
        const left = over.left - canvas.getBoundingClientRect().left + part * over.width;
        const {data} = canvas.getContext("2d").getImageData(
            Math.round(left * perPixel), 0, 1, canvas.height);
        const sign = getComputedStyle(document.querySelector(".line-sign")).color;
        const wanted = sign.match(/[0-9]+/g).map(Number);
        return Array.from({length: canvas.height}, (_, row) => row).some(row =>
            wanted.every((value, at) => Math.abs(data[4 * row + at] - value) < 24));
    }"""
    assert page.evaluate(script, 0.6 * FIRST_S / end_s)
    assert not page.evaluate(script, gap_s / end_s)
    assert page.evaluate(script, 0.95 * FIRST_S / end_s)


def test_sessions_are_lined_up_at_a_marker_that_both_have(seen: Seen) -> None:
    page = seen.page
    options = page.locator("#align option").all_inner_texts()
    assert options == ["Their beginnings", "Marker “joke”"]
    page.locator("#align").select_option(label="Marker “joke”")
    page.wait_for_url("**marker=joke*", timeout=LONG_MS)
    wait_for_lines(page)
    start_s, end_s = -JOKE * SECOND_S, (1 - JOKE) * SECOND_S - SECOND_S / 300
    hover(page, 0.0, start_s, end_s)
    expect(page.locator("#readout")).to_have_text(re.compile(r"^−?0:00\."), timeout=LONG_MS)
    assert figures(values(page)) == pytest.approx([neutral_of_ada(JOKE)] * 2, abs=4)


def test_a_session_is_moved_by_what_is_typed_or_dragged(seen: Seen) -> None:
    page = seen.page
    page.get_by_label("First take is moved by, in seconds").fill("2.5")
    expect(page.get_by_role("slider", name="Move First take")).to_have_value("2.5")
    page.wait_for_url("**moved=2.5,0*", timeout=LONG_MS)
    end_s = SECOND_S - SECOND_S / 300
    hover(page, 5.0, 0, end_s)
    expect(page.locator("#readout")).to_have_text(re.compile(r"^0:0[45]\."), timeout=LONG_MS)
    wanted = [neutral_of_ada(2.5 / FIRST_S), neutral_of_ada(5.0 / SECOND_S)]
    assert figures(values(page)) == pytest.approx(wanted, abs=4)
    slider = page.get_by_role("slider", name="Move First take")
    slider.focus()
    slider.press("ArrowRight")
    expect(page.get_by_label("First take is moved by, in seconds")).to_have_value("2.6")
    page.reload()
    expect(page.get_by_role("slider", name="Move First take")).to_have_value("2.6")


def test_all_expressions_are_shown_side_by_side(seen: Seen) -> None:
    page = seen.page
    page.locator("#expression").select_option(label="All, side by side")
    expect(page.locator(".lane h3")).to_have_text([label.capitalize() for label in FERPLUS.labels])
    page.get_by_text("The same as a table").click()
    tables = page.locator("#alternative table")
    expect(tables).to_have_count(len(FERPLUS), timeout=LONG_MS)
    expect(tables.first.locator("tbody tr")).to_have_count(20)


def test_shares_are_those_of_the_store_and_names_lead_back(
    seen: Seen, store: Store, takes: list[int]
) -> None:
    page = seen.page
    table = page.locator(".shares-table")
    expect(table).to_be_visible(timeout=LONG_MS)
    for label in ("neutral", "happiness", "surprise"):
        shares = []
        for session_id in takes[:2]:
            told = summary(store.frames(session_id)).overall
            assert told is not None
            shares.append(100 * told.shares[label])
        row = table.locator("tbody tr", has_text=label.capitalize())
        assert figures(row.locator(".share-figure").all_inner_texts()) == pytest.approx(
            shares, abs=0.51
        )
    table.get_by_role("link", name="Second take").click()
    page.wait_for_url(f"**/sessions/{takes[1]}", timeout=LONG_MS)


def test_keys_and_the_wheel_zoom_and_all_lines_come_again(seen: Seen) -> None:
    page = seen.page
    page.locator("#lanes").focus()
    with page.expect_response(lambda one: "end_s=" in one.url):
        for _ in range(4):
            page.keyboard.press("+")
    expect(page.get_by_role("button", name="Everything")).to_be_enabled()
    page.keyboard.press("0")
    expect(page.get_by_role("button", name="Everything")).to_be_disabled()


def test_other_models_are_told_and_one_can_be_left_out(
    browser: Browser, running: RunningServer, takes: list[int]
) -> None:
    ids = ",".join(map(str, takes))
    with watched(browser, f"{running.url}/compare?ids={ids}") as seen:
        page = seen.page
        expect(page.locator("#problem")).to_contain_text("not read in the same way: model")
        page.get_by_role("button", name="Leave out Other model").click()
        page.wait_for_url(f"**/compare?ids={takes[0]},{takes[1]}*", timeout=LONG_MS)
        expect(page.locator(".compared")).to_have_count(2, timeout=LONG_MS)
        expect(page.locator("#problem")).not_to_contain_text("not read in the same way")


def test_what_is_not_there_is_told_and_fewer_than_two_are_asked_for(
    browser: Browser, running: RunningServer, takes: list[int]
) -> None:
    with watched(browser, f"{running.url}/compare?ids={takes[0]},99999") as seen:
        expect(seen.page.get_by_role("alert")).to_contain_text(
            "There is no session 99999", timeout=LONG_MS
        )
        expect(seen.page.get_by_text("Pick two or more sessions")).to_be_visible()
        choose = seen.page.get_by_role("link", name="Choose sessions")
        expect(choose).to_have_attribute("href", "/sessions")
        assert seen.page.locator("#compared").is_hidden()
    with watched(browser, f"{running.url}/compare?ids=x,-1,1e99") as seen:
        expect(seen.page.get_by_text("Pick two or more sessions")).to_be_visible(timeout=LONG_MS)
        assert seen.times_asked("/v1/sessions/") == 0


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here: npm ci in web/")
@pytest.mark.parametrize(
    ("size", "scheme"), [(LAPTOP, "light"), (PHONE, "dark")], ids=["laptop", "phone"]
)
def test_the_page_fits_is_still_and_can_be_used_by_everybody(
    browser: Browser, running: RunningServer, takes: list[int], size: dict[str, int], scheme: str
) -> None:
    path = f"/compare?ids={takes[0]},{takes[1]}"
    with visiting(browser, running.url, path, viewport=size, color_scheme=scheme) as visit:
        wait_for_lines(visit.page)
        expect(visit.page.locator(".shares-table")).to_be_visible(timeout=LONG_MS)
        assert visit.sideways_px() == 0
        assert visit.axe() == []
        assert visit.unreachable() == []
        assert visit.page.evaluate("shifted") < MOST_SHIFT
        assert visit.complaints == []
