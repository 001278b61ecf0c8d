"""The live page in a real Chromium, with a camera that is a film of a real face."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    Page,
    Playwright,
    Route,
    WebSocketRoute,
    expect,
    sync_playwright,
)

from mien.bundle.find import PACKAGED
from mien.core.labels import FER2013, FERPLUS
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


@pytest.fixture(scope="module")
def live_server(tiny_bundle: Path) -> Iterator[RunningServer]:
    """The bundle that ships, where it is there, else a tiny one that guesses."""
    bundle = "mien-s" if (PACKAGED / "mien-s").is_dir() else str(tiny_bundle)
    running = RunningServer(load_settings(port=0, bundle=bundle, detector="blazeface"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str, film: Path) -> Iterator[Browser]:
    with open_chromium(playwright, chromium, film=film) as browser:
        yield browser


@pytest.fixture
def page(browser: Browser, live_server: RunningServer) -> Iterator[Page]:
    """The page at a laptop's size; fails where a script failed or another server was asked."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.set_default_timeout(LONG_MS)
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("console", lambda m: failed.append(m.text) if "Content Security" in m.text else None)
    page.goto(live_server.url)
    yield page
    context.close()
    strangers = [url for url in asked if not url.startswith((live_server.url, "blob:", "data:"))]
    assert strangers == []
    assert failed == []


def start_camera(page: Page) -> None:
    page.get_by_role("button", name="I agree, start the camera").click()
    expect(page.locator(".face").first).to_be_visible(timeout=LONG_MS)


def overlay_has_ink(page: Page) -> bool:
    script = """canvas => canvas.getContext('2d')
        .getImageData(0, 0, canvas.width, canvas.height).data.some(value => value > 0)"""
    return bool(page.locator("#overlay").evaluate(script))


def camera_is_open(page: Page) -> bool:
    return bool(page.evaluate("document.querySelector('#video').srcObject !== null"))


def test_camera_stays_off_until_the_visitor_agrees(page: Page) -> None:
    expect(page.locator("#server-state")).to_have_text("Connected", timeout=LONG_MS)
    expect(page.locator("#legend li")).to_have_count(len(FERPLUS))
    expect(page.get_by_text("A label is a look.")).to_be_visible()
    assert not camera_is_open(page)
    expect(page.locator("#pause")).to_be_disabled()
    start_camera(page)
    assert camera_is_open(page)
    expect(page.locator("#recording")).to_have_text("Camera on")


def test_live_face_is_named_with_all_its_probabilities(page: Page) -> None:
    start_camera(page)
    face = page.locator(".face").first
    shown = face.locator("h3").inner_text().lower()
    assert shown in FERPLUS.labels
    labels = face.locator("dt").all_inner_texts()
    assert [label.lower() for label in labels] == list(FERPLUS.labels)
    parts = [int(text.rstrip(" %\u00a0")) for text in face.locator(".bar-value").all_inner_texts()]
    assert sum(parts) == pytest.approx(100, abs=len(FERPLUS))
    assert overlay_has_ink(page)
    expect(page.locator("#meter-rtt")).to_contain_text("ms", timeout=LONG_MS)
    expect(page.locator("#meter-fps")).to_contain_text("/s")
    expect(page.locator("#meter-detector")).to_have_text("blazeface")
    expect(page.locator("#announcer")).to_contain_text("Face", timeout=LONG_MS)


@pytest.mark.skipif(not (PACKAGED / "mien-s").is_dir(), reason="mien-s is not here yet")
def test_the_astronauts_smile_is_named_happiness(page: Page) -> None:
    start_camera(page)
    expect(page.locator(".face h3").first).to_have_text("Happiness", timeout=LONG_MS)


def test_choices_change_what_reads(page: Page) -> None:
    start_camera(page)
    page.locator("#label-set").select_option("fer2013")
    expect(page.locator(".face dt")).to_have_count(len(FER2013), timeout=LONG_MS)
    page.locator("#detector").select_option("haar")
    expect(page.locator("#meter-detector")).to_have_text("haar", timeout=LONG_MS)
    options = page.locator("#camera option")
    expect(options).to_have_count(1)


def watch_frames(page: Page) -> None:
    """Load the page anew with a log of frames and answers in `window.frameLog`."""
    page.add_init_script(
        """window.frameLog = [];
        window.WebSocket = class extends WebSocket {
            constructor(url) {
                super(url);
                this.addEventListener('message', event => {
                    if (!event.data.startsWith('{"type":"ready"')) frameLog.push('answer');
                });
            }
            send(data) {
                if (typeof data !== 'string') frameLog.push('sent');
                super.send(data);
            }
        };"""
    )
    page.reload()


def wait_until(page: Page, condition: str) -> None:
    """Wait for a condition of the page; its own policy forbids Playwright's way of waiting."""
    deadline = time.monotonic() + LONG_MS / 1000
    while not page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        page.wait_for_timeout(50)


def test_pause_sends_nothing_and_goes_on(page: Page) -> None:
    watch_frames(page)
    start_camera(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#recording")).to_have_text("Paused, nothing is sent")
    page.wait_for_timeout(300)
    before = page.evaluate("frameLog.length")
    assert before > 0
    page.wait_for_timeout(1000)
    # The answer to the last frame may still have come; no new frame was sent.
    assert "sent" not in page.evaluate(f"frameLog.slice({before})")
    page.get_by_role("button", name="Go on").click()
    wait_until(page, f"frameLog.slice({before}).includes('sent')")
    expect(page.locator("#meter-rtt")).to_contain_text("ms", timeout=LONG_MS)


def test_a_paused_face_is_explained_in_a_dialog_by_keyboard(page: Page) -> None:
    start_camera(page)
    why = page.get_by_role("button", name="Why?")
    expect(why).to_have_count(0)
    page.locator("#pause").click()
    expect(why).to_have_count(1)
    assert "Face 1" in (why.get_attribute("aria-label") or "")
    why.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    height = dialog.evaluate("dialog => dialog.offsetHeight")
    shown = page.locator(".face h3").first.inner_text().lower()
    expect(dialog.get_by_role("heading")).to_have_text(f"Why {shown}?")
    picture = dialog.get_by_role("img")
    expect(picture).to_be_visible(timeout=2 * LONG_MS)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 800
    assert shown in (picture.get_attribute("alt") or "")
    expect(dialog.get_by_role("status")).to_contain_text(re.compile(rf"{shown} \d+%: ", re.I))
    assert dialog.evaluate("dialog => dialog.offsetHeight") == pytest.approx(height, abs=30)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(why).to_be_focused()
    page.locator("#pause").click()
    expect(why).to_have_count(0)


def test_an_explanation_that_cannot_be_had_says_why(page: Page) -> None:
    error = {"code": "no_such_face", "message": "no face was found in the picture", "details": []}
    page.route("**/v1/explain*", lambda route: route.fulfill(status=422, json={"error": error}))
    start_camera(page)
    page.locator("#pause").click()
    page.get_by_role("button", name="Why?").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status")).to_have_text("No face was found in the picture")
    expect(dialog.get_by_role("img")).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_frames_have_at_most_one_in_flight(page: Page) -> None:
    watch_frames(page)
    start_camera(page)
    wait_until(page, "frameLog.filter(kind => kind === 'sent').length >= 5")
    in_flight = most = 0
    for event in page.evaluate("frameLog"):
        in_flight += 1 if event == "sent" else -1
        most = max(most, in_flight)
    assert most == 1


def test_snapshot_is_a_picture_with_the_overlay(page: Page) -> None:
    start_camera(page)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Snapshot").click()
    assert saved.value.suggested_filename.startswith("mien-")
    picture = Image.open(io.BytesIO(Path(saved.value.path()).read_bytes())).convert("RGB")
    assert picture.width >= 640
    # The plates under the labels are nearly black; the film's upper part hardly is.
    assert np.mean(np.asarray(picture).max(axis=2) < 60) > 0.01


def test_stop_turns_the_camera_off(page: Page) -> None:
    start_camera(page)
    page.get_by_role("button", name="Stop camera").click()
    expect(page.locator("#consent")).to_be_visible()
    assert not camera_is_open(page)
    expect(page.locator(".face")).to_have_count(0)
    assert not overlay_has_ink(page)


def test_photos_are_read_and_bad_ones_say_so(
    page: Page, astronaut_path: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "notes.png"
    bad.write_bytes(b"no picture at all")
    page.set_input_files("#files", [astronaut_path, bad])
    expect(page.locator(".photo")).to_have_count(2)
    good = page.locator(".photo", has_text="astronaut.png")
    expect(good.locator("canvas")).to_be_visible(timeout=LONG_MS)
    expect(good.locator(".photo-words")).to_contain_text("%")
    # The bars are drawn, so a screen reader is told what they say.
    for label in FERPLUS.labels:
        expect(good.locator(".unseen")).to_contain_text(f"{label} ")
    expect(page.locator(".photo", has_text="notes.png")).to_contain_text("cannot open")
    with page.expect_download() as saved:
        good.get_by_role("button", name="Save").click()
    assert saved.value.suggested_filename == "astronaut-mien.png"
    page.get_by_role("button", name="Clear").click()
    expect(page.locator(".photo")).to_have_count(0)


def test_dropped_photo_is_read(page: Page, astronaut_path: Path) -> None:
    transfer = page.evaluate_handle(
        """bytes => {
            const transfer = new DataTransfer();
            transfer.items.add(new File([new Uint8Array(bytes)], 'dropped.png'));
            return transfer;
        }""",
        list(astronaut_path.read_bytes()),
    )
    page.dispatch_event("body", "dragover", {"dataTransfer": transfer})
    expect(page.locator("#drop")).to_have_class("drop shown")
    page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    expect(page.locator(".photo canvas")).to_be_visible(timeout=LONG_MS)
    expect(page.locator("#drop")).to_have_class("drop")


def test_unplugged_camera_says_so_and_starts_again(page: Page) -> None:
    start_camera(page)
    page.evaluate(
        "document.querySelector('#video').srcObject.getVideoTracks()[0]"
        ".dispatchEvent(new Event('ended'))"
    )
    expect(page.get_by_role("alert")).to_contain_text("The camera went away")
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".face").first).to_be_visible(timeout=LONG_MS)


def test_stop_holds_while_the_camera_is_still_opening(page: Page) -> None:
    page.add_init_script(
        """const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
        navigator.mediaDevices.getUserMedia = async wanted => {
            const stream = await open(wanted);
            await new Promise(resolve => { window.hand = resolve; });
            window.track = stream.getVideoTracks()[0];
            return stream;
        };"""
    )
    page.reload()
    page.get_by_role("button", name="I agree, start the camera").click()
    expect(page.get_by_role("button", name="Stop camera")).to_be_focused()
    expect(page.locator("#notice")).to_contain_text("allow it")
    wait_until(page, "window.hand !== undefined")
    page.get_by_role("button", name="Stop camera").click()
    page.evaluate("window.hand()")
    wait_until(page, "window.track?.readyState === 'ended'")
    assert not camera_is_open(page)
    expect(page.locator("#consent")).to_be_visible()
    expect(page.locator("#notice")).to_be_empty()


def test_what_to_do_about_the_camera_stays_when_the_server_answers(page: Page) -> None:
    answers: list[tuple[WebSocketRoute, str | bytes]] = []

    def hold_answers(socket: WebSocketRoute) -> None:
        socket.connect_to_server().on_message(lambda answer: answers.append((socket, answer)))

    page.route_web_socket("**/v1/live?*", hold_answers)
    page.add_init_script("navigator.mediaDevices.getUserMedia = () => new Promise(() => {});")
    page.reload()
    page.get_by_role("button", name="I agree, start the camera").click()
    expect(page.locator("#notice")).to_contain_text("allow it")
    expect(page.locator("#legend li")).to_have_count(len(FERPLUS))
    page.wait_for_function("document.querySelector('#server-state').textContent === 'Connected'")
    deadline = time.monotonic() + 20
    while not answers and time.monotonic() < deadline:
        page.wait_for_timeout(50)
    assert answers, "the socket was not routed, or the server did not answer"
    for socket, answer in answers:
        socket.send(answer)
    expect(page.locator("#meter-detector")).to_have_text("blazeface")
    expect(page.locator("#notice")).to_contain_text("allow it")


def test_a_refused_choice_says_why_and_shows_what_still_reads(page: Page) -> None:
    def offer_more(route: Route) -> None:
        reply = route.fetch().json()
        reply["detectors"].append({"name": "nonesuch", "available": True, "reason": None})
        route.fulfill(json=reply)

    page.route("**/v1/models", offer_more)
    page.reload()
    start_camera(page)
    page.locator("#detector").select_option("nonesuch")
    expect(page.locator("#notice")).to_contain_text("Unknown detector", timeout=LONG_MS)
    expect(page.locator("#detector")).to_have_value("blazeface")
    expect(page.locator("#meter-detector")).to_have_text("blazeface")


def test_page_reconnects_when_the_server_comes_back(page: Page, live_server: RunningServer) -> None:
    start_camera(page)
    page.locator("#label-set").select_option("fer2013")
    expect(page.locator(".face dt")).to_have_count(len(FER2013), timeout=LONG_MS)
    live_server.stop()
    expect(page.locator("#banner")).to_contain_text("The server is gone", timeout=LONG_MS)
    expect(page.locator(".face")).to_have_count(0)
    live_server.start()
    expect(page.locator("#banner")).to_be_hidden(timeout=LONG_MS)
    expect(page.locator(".face").first).to_be_visible(timeout=LONG_MS)
    # What was chosen before is what reads again.
    expect(page.locator("#label-set")).to_have_value("fer2013")
    expect(page.locator(".face dt")).to_have_count(len(FER2013), timeout=LONG_MS)


def test_a_page_of_another_version_than_its_server_asks_to_be_loaded_again(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    expect(page.locator("#server-state")).to_have_text("Connected", timeout=LONG_MS)
    monkeypatch.setattr("mien.web.live.connection.LIVE_PROTOCOL", 2)
    page.reload()
    expect(page.locator("#banner")).to_contain_text("different versions", timeout=LONG_MS)
    expect(page.locator("#server-state")).to_have_text("Outdated page")
    monkeypatch.undo()
    page.get_by_role("button", name="Load again").click()
    expect(page.locator("#server-state")).to_have_text("Connected", timeout=LONG_MS)


def test_everything_can_be_reached_by_keyboard(page: Page) -> None:
    expect(page.locator("#legend li")).to_have_count(len(FERPLUS), timeout=LONG_MS)
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    reached = set()
    for _ in range(22):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    wanted = {"start", "pick-instead", "choose-clip", "label-set", "detector", "mirror", "choose"}
    assert wanted <= reached
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".face").first).to_be_visible(timeout=LONG_MS)


@pytest.mark.parametrize("width", [320, 390])
def test_phone_has_no_sideways_scroll(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 700})
    start_camera(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    stage, controls = page.locator("#stage").bounding_box(), page.locator("#stop").bounding_box()
    assert stage is not None and controls is not None
    assert stage["x"] >= 0 and stage["x"] + stage["width"] <= width
    assert controls["height"] >= 44


def test_nothing_shifts_while_faces_come_and_go(page: Page) -> None:
    expect(page.locator("#legend li")).to_have_count(len(FERPLUS), timeout=LONG_MS)
    page.evaluate(
        """() => {
            window.shift = 0;
            new PerformanceObserver(list => {
                for (const entry of list.getEntries()) window.shift += entry.value;
            }).observe({ type: 'layout-shift' });
        }"""
    )
    start_camera(page)
    page.wait_for_timeout(1000)
    assert page.evaluate("window.shift") < 0.02


def test_api_reference_comes_from_this_server_alone(page: Page, live_server: RunningServer) -> None:
    page.goto(f"{live_server.url}/docs")
    expect(page.get_by_text("/v1/analyze").first).to_be_visible(timeout=LONG_MS)


def test_refused_camera_says_what_to_do(
    playwright: Playwright, chromium: str, live_server: RunningServer, film: Path
) -> None:
    # Headless Chromium without the fake permission dialog refuses by itself.
    with open_chromium(playwright, chromium, film=film, allow=False) as browser:
        page = browser.new_page()
        page.goto(live_server.url)
        page.get_by_role("button", name="I agree, start the camera").click()
        expect(page.get_by_role("alert")).to_contain_text("not allowed", timeout=LONG_MS)
        expect(page.get_by_role("alert")).to_contain_text("lock symbol")


def test_missing_camera_says_so_and_photos_still_work(
    playwright: Playwright, chromium: str, live_server: RunningServer, astronaut_path: Path
) -> None:
    with open_chromium(playwright, chromium, film=None) as browser:
        page = browser.new_page()
        page.goto(live_server.url)
        page.get_by_role("button", name="I agree, start the camera").click()
        expect(page.get_by_role("alert")).to_contain_text("No camera found", timeout=LONG_MS)
        page.set_input_files("#files", astronaut_path)
        expect(page.locator(".photo canvas")).to_be_visible(timeout=LONG_MS)


def test_page_over_plain_http_elsewhere_asks_for_https(browser: Browser, tiny_bundle: Path) -> None:
    running = RunningServer(
        load_settings(
            port=0,
            bundle=str(tiny_bundle),
            detector="haar",
            host="127.0.0.1",
            allowed_origins=("http://mien.test",),
        )
    )
    context = browser.new_context()
    page = context.new_page()
    # What a browser takes away from an insecure page, taken away here.
    page.add_init_script(
        "Object.defineProperty(window, 'isSecureContext', { value: false });"
        "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
    )
    page.goto(running.url)
    page.get_by_role("button", name="I agree, start the camera").click()
    expect(page.get_by_role("alert")).to_contain_text("HTTPS", timeout=LONG_MS)
    context.close()
    running.stop()
