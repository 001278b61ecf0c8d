"""The report of a video in a real browser: nothing is asked for, everything can be read off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from mien.core.labels import FERPLUS
from mien.reports.digest import VideoDigest
from mien.reports.video_page import write_video_page
from tests.reports.clips import any_clip
from tests.web.running import find_chromium, open_chromium

pytestmark = [
    pytest.mark.browser,
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium found; install it, or name it in MIEN_CHROMIUM")
    with sync_playwright() as playwright, open_chromium(playwright, path, film=None) as browser:
        yield browser


@pytest.fixture(scope="module")
def digest() -> VideoDigest:
    digest = VideoDigest()
    for one in any_clip(200, 3):
        digest.add(one, np.full((240, 320, 3), 120, np.uint8))
    return digest


@pytest.fixture(scope="module")
def report(digest: VideoDigest, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("report") / "page.html"
    write_video_page(path, digest)
    return path.as_uri()


@pytest.fixture
def page(browser: Browser, report: str) -> Iterator[Page]:
    said: list[str] = []
    asked: list[str] = []
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(report)
    yield page
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def view(page: Page) -> list[float]:
    box = page.locator("svg.area").first.get_attribute("viewBox")
    return [float(number) for number in (box or "").split()]


def test_pointing_reads_off_what_the_bins_have(page: Page, digest: VideoDigest) -> None:
    plot = page.locator("#person-1 .plot")
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    course, bins = digest.bins.person(1), digest.bins
    (place,) = np.flatnonzero(course.seconds > 0)[[20]]
    away = int(np.flatnonzero(course.seconds == 0)[3])
    for bin_number, there in ((int(place), True), (away, False)):
        page.mouse.move(box["x"] + (bin_number + 0.5) / bins.count * box["width"], box["y"] + 40)
        told = page.locator("#person-1 .now").inner_text()
        if there:
            label = FERPLUS.labels[int(course.dominant[bin_number])]
            found = re.search(r"[\d:.]+ (\w+) (\d+)%", told)
            assert found is not None and found[1] == label
            # Kept in half percents.
            highest = 100 * course.probabilities[bin_number].max()
            assert int(found[2]) == pytest.approx(highest, abs=0.8)
        else:
            assert "not in view" in told
        assert page.locator("output").inner_text() in told


def test_dragging_zooms_every_course_and_all_goes_back(page: Page, digest: VideoDigest) -> None:
    whole = [0, 0, digest.bins.count, 200]
    assert view(page) == whole
    plot = page.locator("#together .plot").last
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.25 * box["width"], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 20)
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 20)
    page.mouse.up()
    begin, _, width, _ = view(page)
    assert begin == pytest.approx(0.25 * digest.bins.count, abs=2)
    assert width == pytest.approx(0.25 * digest.bins.count, abs=2)
    boxes = {svg.get_attribute("viewBox") for svg in page.locator("#person-2 svg.strip").all()} | {
        svg.get_attribute("viewBox") for svg in page.locator(".map svg").all()
    }
    assert boxes == {f"{begin:.0f} 0 {width:.0f} 1"}
    page.get_by_role("button", name="All").click()
    assert view(page) == whole


def test_the_keyboard_can_do_all_of_it(page: Page, digest: VideoDigest) -> None:
    slider = page.get_by_label("Moment")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert slider.input_value() == "3"
    assert "Person" in (slider.get_attribute("aria-valuetext") or "")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert view(page)[2] == pytest.approx(digest.bins.count / 2, abs=1)
    # A strongest moment is a button that goes there, also out of what is shown.
    last = page.locator(".peak").evaluate_all(
        "all => all.map((one) => one.dataset.time).sort((a, b) => b - a)[0]"
    )
    page.locator(f'.peak[data-time="{last}"]').first.press("Enter")
    begin, _, width, _ = view(page)
    bin_number = (float(last) - digest.bins.start_s) / digest.bins.width_s
    assert begin <= bin_number <= begin + width


@pytest.mark.parametrize("width", [320, 390, 768, 1366, 2560])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_width_in_light_and_dark(
    browser: Browser, report: str, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(report)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    cut = page.evaluate(
        """[...document.querySelectorAll('h1, h2, h3, .tile dd, .peak, .now, .key li, .note')]
        .filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => one.textContent)"""
    )
    assert cut == []
    page.close()


def test_without_scripts_it_is_whole(browser: Browser, report: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(report)
    assert not page.locator(".tools").is_visible()
    assert page.locator("#person-1 svg.area").is_visible()
    assert page.locator(".times span").first.inner_text() == "0:10"
    context.close()


def test_it_prints(page: Page, tmp_path: Path) -> None:
    page.emulate_media(media="print")
    assert not page.locator(".tools").is_visible()
    assert len(page.pdf()) > 20_000
