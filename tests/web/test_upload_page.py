"""The upload page in a real browser: limits said and held, consent, progress, results."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect, sync_playwright

from mien.bundle.find import PACKAGED
from mien.web.routes.page import STATIC
from mien.web.settings import load_settings
from tests.web.job_films import write_walk
from tests.web.running import RunningServer, open_chromium
from tests.web.visiting import LONG_MS, Visit, visiting

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (STATIC / "upload.html").is_file(),
        reason="the page is not built: python hatch_build.py",
    ),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
MAX_PHOTO_BYTES, MAX_PHOTOS, MAX_PIXELS = 1_000_000, 3, 1_000_000
CONSENT = "Everyone who can be seen"


@pytest.fixture(scope="module")
def upload_server(
    tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    """Small limits, so that what is over them is small too."""
    folder = tmp_path_factory.mktemp("uploads")
    running = RunningServer(
        load_settings(
            port=0,
            bundle="mien-s" if (PACKAGED / "mien-s").is_dir() else str(tiny_bundle),
            detector="blazeface",
            database_url=f"sqlite:///{folder / 'sessions.db'}",
            jobs_folder=folder / "jobs",
            disk_reserve_bytes=0,
            max_upload_bytes=MAX_PHOTO_BYTES,
            max_video_bytes=2_000_000,
            max_job_photos=MAX_PHOTOS,
            max_pixels=MAX_PIXELS,
            requests_per_s=1000,
            request_burst=1000,
        )
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright, open_chromium(playwright, chromium, film=None) as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser, upload_server: RunningServer) -> Iterator[Visit]:
    look = {"viewport": {"width": 1280, "height": 800}}
    with visiting(browser, upload_server.url, "/upload", **look) as visit:
        yield visit
        assert visit.strangers == []


@pytest.fixture
def page(visit: Visit) -> Page:
    return visit.page


@pytest.fixture(scope="module")
def portrait(astronaut_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("photos") / "portrait.jpg"
    image = cv2.imread(str(astronaut_path), cv2.IMREAD_COLOR)
    assert image is not None and cv2.imwrite(str(path), image)
    return path


def submit(page: Page) -> None:
    page.get_by_role("button", name="Upload and read").click()


def agree(page: Page) -> None:
    page.get_by_role("checkbox", name=CONSENT).check()


def job(page: Page, title: str) -> Locator:
    return page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=title))


def posts_of(page: Page) -> list[Request]:
    posts: list[Request] = []
    page.on("request", lambda one: posts.append(one) if one.method == "POST" else None)
    return posts


def test_limits_are_said_before_anything_is_sent(page: Page) -> None:
    limits = page.get_by_role("list", name="What the server takes")
    expect(limits).to_contain_text("JPEG, PNG, WebP; up to 3 together, 1 MB each")
    expect(limits).to_contain_text("1 megapixels each")
    expect(limits).to_contain_text("Videos: up to 2 MB and 12 h each")
    expect(limits).to_contain_text("results of photos after 7 days")


def test_nothing_is_sent_without_files_and_consent(page: Page, portrait: Path) -> None:
    posts = posts_of(page)
    submit(page)
    expect(
        page.get_by_role("alert").filter(has_text="Choose photos or a video first")
    ).to_be_visible()
    page.set_input_files("#files", [portrait])
    submit(page)
    consent = page.get_by_role("checkbox", name=CONSENT)
    expect(consent).to_be_focused()
    expect(consent).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Nothing is read before everyone in it agreed")).to_be_visible()
    assert posts == []


def test_files_over_the_limits_are_named_and_not_sent(
    page: Page, portrait: Path, tmp_path: Path
) -> None:
    posts = posts_of(page)
    noise = np.random.default_rng(3).integers(0, 255, (1024, 1024, 3), np.uint8)
    large, wide, text = (tmp_path / name for name in ("large.png", "wide.jpg", "notes.txt"))
    cv2.imwrite(str(large), noise)
    cv2.imwrite(str(wide), np.zeros((1000, 1200, 3), np.uint8))
    text.write_text("no picture")
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no picture either")
    page.set_input_files("#files", [large, wide, text, broken])
    chosen = page.locator("#chosen-list li")
    problems = (
        "; a photo may have 1 MB",
        "1.2 megapixels; at most 1",
        "Not a kind of file",
        "cannot open it as a picture",
    )
    for number, problem in enumerate(problems):
        expect(chosen.nth(number).locator(".field-error")).to_contain_text(problem)
    agree(page)
    submit(page)
    expect(page.get_by_role("alert").filter(has_text="Remove or replace")).to_be_visible()
    page.get_by_role("button", name="Remove all").click()
    expect(page.get_by_role("button", name="Choose files")).to_be_focused()
    page.set_input_files("#files", [portrait] * (MAX_PHOTOS + 1))
    expect(page.locator("#chosen-problem")).to_have_text("4 photos; at most 3 together")
    submit(page)
    page.get_by_role("button", name="Remove portrait.jpg").first.click()
    expect(page.locator("#chosen-problem")).to_be_empty()
    assert posts == []


def test_photos_are_read_shown_exported_and_deleted(page: Page, portrait: Path) -> None:
    page.set_input_files("#files", [portrait, portrait])
    expect(page.locator("#video-options")).to_be_hidden()
    page.get_by_label("Title").fill("A portrait, twice")
    agree(page)
    submit(page)
    card = job(page, "A portrait, twice")
    expect(card).to_contain_text("Done", timeout=2 * LONG_MS)
    expect(card).to_contain_text("2 of 2 photos · 2 faces")
    pictures = card.get_by_role("img")
    expect(pictures).to_have_count(2)
    name = pictures.first.get_attribute("aria-label") or ""
    assert re.fullmatch(r"portrait\.jpg: \w+\?? \d+\s%", name), name
    # The photo itself is under the boxes: more than the two colours of an empty ground.
    colours = """canvas => new Set(canvas.getContext('2d')
        .getImageData(0, 0, canvas.width, canvas.height).data).size"""
    assert pictures.first.evaluate(colours) > 200
    # The consent was for these files; the next ones may show others.
    expect(page.get_by_role("checkbox", name=CONSENT)).not_to_be_checked()
    card.get_by_text("Export", exact=True).click()
    with page.expect_download() as download:
        card.get_by_role("link", name="as JSON").click()
    results = json.loads(Path(download.value.path()).read_text())
    assert [len(one["faces"]) for one in results] == [1, 1]
    page.reload()
    card = job(page, "A portrait, twice")
    card.get_by_role("button", name="Show results").click()
    expect(card.get_by_text("The photo was not kept").first).to_be_visible()
    card.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog", name="Delete this upload?")
    expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Escape")
    expect(card.get_by_role("button", name="Delete")).to_be_focused()
    card.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(card).to_have_count(0)
    expect(page.locator("#toasts")).to_contain_text("A portrait, twice is deleted")


def test_a_video_becomes_a_session(page: Page, astronaut_path: Path, tmp_path: Path) -> None:
    film = write_walk(astronaut_path, tmp_path / "talk.mp4")
    page.set_input_files("#files", [film])
    page.get_by_label("Read a video").select_option(label="every 0.5 s")
    page.get_by_label("Keep a video's session").select_option(label="for a day")
    agree(page)
    submit(page)
    card = job(page, "talk")
    expect(card).to_contain_text("Done", timeout=3 * LONG_MS)
    expect(card.get_by_text("Export", exact=True)).to_have_count(0)
    link = card.get_by_role("link", name="Open session talk")
    address = link.get_attribute("href") or ""
    assert re.fullmatch(r"/sessions/\d+", address)
    session = page.evaluate(
        "address => fetch(address).then(answer => answer.json())", f"/v1{address}"
    )["session"]
    assert session["title"] == "talk"
    assert session["consent_text"].startswith(CONSENT)
    assert session["keep_until"] is not None
    assert session["observations"] > 0


def test_sending_can_be_stopped_and_nothing_is_lost(page: Page, portrait: Path) -> None:
    # An upload that the server never answers.
    page.route("**/v1/jobs?*", lambda route: None)
    page.set_input_files("#files", [portrait])
    agree(page)
    submit(page)
    page.get_by_role("button", name="Stop sending").click()
    expect(page.get_by_text("Sending was stopped")).to_be_visible()
    expect(page.locator("#chosen-list li")).to_have_count(1)
    expect(page.get_by_role("button", name="Upload and read")).to_be_enabled()


def test_a_broken_connection_and_a_refusal_are_told(page: Page, portrait: Path) -> None:
    page.set_input_files("#files", [portrait])
    agree(page)
    page.route("**/v1/jobs?*", lambda route: route.abort())
    submit(page)
    expect(page.get_by_role("alert").filter(has_text="The connection broke")).to_be_visible()
    page.unroute("**/v1/jobs?*")
    error = {"error": {"code": "disk_full", "message": "no room for this", "details": []}}
    page.route("**/v1/jobs?*", lambda route: route.fulfill(status=507, json=error))
    submit(page)
    expect(page.get_by_role("alert").filter(has_text="Not sent: no room for this")).to_be_visible()
    expect(page.locator("#chosen-list li")).to_have_count(1)


def job_like(number: int, state: str, **changes: Any) -> dict[str, Any]:
    """A job as the server tells of one."""
    return {
        "id": f"4f0c1f1e-6f5b-4a53-9d0f-3f6d5b0a7c{number:02d}",
        "kind": "video",
        "title": f"film {number}",
        "state": state,
        "created_at": "2026-11-20T10:00:00Z",
        "expires_at": None,
        "files": [{"name": "film.mp4", "bytes": 1000}],
        "progress": {
            "done": 30.0,
            "total": 120.0,
            "share": 0.25,
            "left_s": 95.0,
            "frames": 150,
            "faces": 140,
        },
        "session_id": None,
        "error": None,
        "notes": [],
    } | changes


def test_jobs_of_every_state_say_how_they_stand_and_what_can_be_done(page: Page) -> None:
    error = {"code": "unreadable_video", "message": "the file ends too early", "details": []}
    jobs = [
        job_like(1, "running"),
        job_like(2, "waiting"),
        job_like(3, "interrupted", expires_at="2999-01-01T00:00:00Z", session_id=7),
        job_like(4, "cancelled", expires_at="2020-01-01T00:00:00Z"),
        job_like(5, "failed", error=error),
        job_like(6, "done", expires_at="2999-01-01T00:00:00Z", session_id=8, notes=["one note"]),
    ]
    asked: list[str] = []

    def answer(route: Route) -> None:
        request = route.request
        path = request.url.split("/v1/jobs")[1]
        asked.append(f"{request.method} {path}")
        if request.method == "POST":
            jobs[0]["state"] = "cancelled"
            route.fulfill(json=jobs[0])
        else:
            route.fulfill(json={"jobs": jobs})

    page.route("**/v1/jobs**", answer)
    page.reload()
    running = job(page, "film 1")
    expect(running).to_contain_text("0:30 of 2:00 · 140 faces · about 1 min 35 s left")
    progress = running.get_by_role("progressbar", name="Progress of film 1")
    assert progress.get_attribute("value") == "0.25"
    expect(job(page, "film 2")).to_contain_text("Waits for its turn")
    interrupted = job(page, "film 3")
    expect(interrupted).to_contain_text("The server ended while it read this.")
    expect(interrupted.get_by_role("button", name="Go on with film 3")).to_be_visible()
    expect(interrupted.get_by_role("link", name="Open session film 3")).to_be_visible()
    expired = job(page, "film 4")
    expect(expired).to_contain_text("so it cannot go on")
    expect(expired.get_by_role("button", name="Go on")).to_have_count(0)
    expect(job(page, "film 5").get_by_role("alert")).to_have_text("The file ends too early")
    expect(job(page, "film 6")).to_contain_text("One note")
    running.get_by_role("button", name="Cancel film 1").click()
    expect(running).to_contain_text("Cancelled")
    # The keyboard stays in the card, where the pressed button is gone.
    expect(running.locator(":focus")).to_have_count(1)
    assert f"POST /{jobs[0]['id']}/cancel" in asked
    expect(page.locator("#announcer")).to_have_text("film 1: Cancelled")


def test_a_server_that_keeps_nothing_takes_nothing(
    browser: Browser, tiny_bundle: Path, tmp_path: Path
) -> None:
    running = RunningServer(
        load_settings(port=0, bundle=str(tiny_bundle), detector="haar", recording=False)
    )
    with visiting(browser, running.url, "/upload") as visit:
        expect(visit.page.get_by_text("Nothing can be uploaded here")).to_be_visible()
        expect(visit.page.locator("form, #jobs:visible")).to_have_count(0)
        assert visit.complaints == []
    running.stop()
