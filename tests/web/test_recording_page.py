"""Recording on the live page in a real Chromium: consent, markers, timeline, clip, and its end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from mien.bundle.find import PACKAGED
from mien.core.errors import StoreFullError
from mien.core.labels import COLOURS
from mien.store import Session, Store, open_store
from mien.web.routes.page import page_is_built
from mien.web.settings import load_settings
from tests.web.running import RunningServer, open_chromium
from tests.web.test_page import start_camera, wait_until

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not page_is_built(), reason="the page is not built: python hatch_build.py"),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
LONG_MS = 30_000
CLIP_S = 12


@pytest.fixture(scope="module")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('recorded') / 'sessions.db'}"


@pytest.fixture(scope="module")
def recording_server(tiny_bundle: Path, database_url: str) -> Iterator[RunningServer]:
    bundle = "mien-s" if (PACKAGED / "mien-s").is_dir() else str(tiny_bundle)
    running = RunningServer(
        load_settings(port=0, bundle=bundle, detector="blazeface", database_url=database_url)
    )
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
def page(browser: Browser, recording_server: RunningServer) -> Iterator[Page]:
    """The page at a laptop's size; fails where a script failed or another server was asked."""
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    page = context.new_page()
    page.set_default_timeout(LONG_MS)
    asked: list[str] = []
    failed: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.on("console", lambda m: failed.append(m.text) if "Content Security" in m.text else None)
    page.goto(recording_server.url)
    yield page
    context.close()
    here = (recording_server.url, "blob:", "data:")
    assert [url for url in asked if not url.startswith(here)] == []
    assert failed == []


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with open_store(database_url) as store:
        yield store


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film without sound, of some seconds, that Chromium plays."""
    path = tmp_path_factory.mktemp("clip") / "advert.webm"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"VP80"), 10, (160, 120))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no WebM")
    for number in range(10 * CLIP_S):
        writer.write(np.full((120, 160, 3), number, np.uint8))
    writer.release()
    return path


def start_recording(page: Page, title: str) -> None:
    """Record under a title, with consent."""
    page.locator("#record").click()
    page.locator("#record-title").fill(title)
    page.get_by_label("Everyone in view has read this and agrees.").check()
    page.get_by_role("button", name="Start recording").click()
    expect(page.locator("#recording")).to_contain_text("Recording 0:", timeout=LONG_MS)


def end_recording(page: Page, store: Store) -> Session:
    """End it by its button, and return what was kept."""
    page.get_by_role("button", name="End recording").click()
    link = page.get_by_role("link", name="Open the session")
    expect(link).to_be_visible(timeout=LONG_MS)
    address = re.fullmatch(r"/sessions/(\d+)", link.get_attribute("href") or "")
    assert address is not None
    return store.session(int(address[1]))


def recorded_s(page: Page) -> int:
    """Return what the sign in the stage shows, in seconds."""
    found = re.search(r"Recording (\d+):(\d\d)", page.locator("#recording").inner_text())
    assert found is not None
    return 60 * int(found[1]) + int(found[2])


def wait_until_recorded(page: Page, seconds: int) -> None:
    deadline = time.monotonic() + LONG_MS / 1000
    while recorded_s(page) < seconds:
        assert time.monotonic() < deadline, "the sign's time does not run"
        page.wait_for_timeout(100)


def timeline_picture(page: Page) -> str:
    """Return what the timeline shows, as a PNG's address."""
    return str(page.locator("#timeline").evaluate("canvas => canvas.toDataURL()"))


def timeline_colours(page: Page) -> set[str]:
    """Return which colours the timeline has, as #rrggbb, but for what is blended or clear."""
    script = """canvas => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const seen = new Set();
        for (let at = 0; at < data.length; at += 4) {
            const [red, green, blue, alpha] = data.subarray(at, at + 4);
            if (alpha === 255) seen.add((red << 16) + (green << 8) + blue);
        }
        return [...seen].map(colour => '#' + colour.toString(16).padStart(6, '0'));
    }"""
    return set(page.locator("#timeline").evaluate(script))


def watch_shift(page: Page) -> None:
    page.evaluate(
        """() => {
            window.shift = 0;
            new PerformanceObserver(list => {
                for (const entry of list.getEntries()) window.shift += entry.value;
            }).observe({ type: 'layout-shift' });
        }"""
    )


def test_nothing_is_recorded_without_consent(page: Page, store: Store) -> None:
    before = store.count()
    expect(page.locator("#record")).to_be_disabled()
    start_camera(page)
    page.locator("#record").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#record-title")).to_have_value(
        re.compile(r"Session, \d{1,2} [A-Z][a-z]+, \d\d:\d\d")
    )
    expect(dialog.locator("#record-agree")).not_to_be_checked()
    dialog.get_by_role("button", name="Start recording").click()
    expect(dialog.get_by_role("alert")).to_contain_text("without it nothing is recorded")
    expect(dialog.locator("#record-agree")).to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(page.locator("#record")).to_be_focused()
    expect(page.locator("#recording")).to_have_text("Camera on")
    assert store.count() == before


def test_consent_says_what_is_kept_and_counts_for_that_text_alone(page: Page) -> None:
    start_camera(page)
    page.locator("#record").click()
    consent, agree = page.locator("#record-consent"), page.locator("#record-agree")
    expect(consent).to_contain_text("No picture and no sound is kept. It is deleted after 30 days.")
    expect(page.locator("#record-pictures")).not_to_be_checked()
    agree.check()
    page.locator("#record-pictures").check()
    expect(consent).to_contain_text("Small pictures of my face at strong moments are kept too.")
    expect(agree).not_to_be_checked()
    agree.check()
    page.locator("#record-keep").select_option("")
    expect(consent).to_contain_text("It is kept until somebody deletes it.")
    expect(agree).not_to_be_checked()


def test_a_session_has_its_frames_markers_and_consent(page: Page, store: Store) -> None:
    start_camera(page)
    page.locator("#record").click()
    page.locator("#record-title").fill("Rehearsal")
    page.locator("#record-keep").select_option("7")
    page.locator("#record-agree").check()
    consent = page.locator("#record-consent").inner_text()
    page.get_by_role("button", name="Start recording").click()
    expect(page.locator("#recording")).to_contain_text("Recording 0:", timeout=LONG_MS)
    expect(page).to_have_title(re.compile(r"^● 0:\d\d Recording"))
    expect(page.locator("#announcer")).to_contain_text("Recording started", timeout=LONG_MS)
    expect(page.locator("#timeline-hint")).to_have_text("Kept as “Rehearsal”")
    wait_until_recorded(page, 2)
    page.keyboard.press("2")
    expect(page.locator("#announcer")).to_have_text(re.compile(r"Marked: joke at 0:0\d"))
    page.keyboard.press("m")
    expect(page.locator("#announcer")).to_have_text(re.compile(r"Marked: marked at 0:\d\d"))
    page.locator("#mark-word").press_sequentially("big laugh, 3m", delay=20)
    page.keyboard.press("Enter")
    expect(page.locator("#announcer")).to_contain_text("Marked: big laugh, 3m at")
    session = end_recording(page, store)
    expect(page.locator("#done-words")).to_contain_text("“Rehearsal” is kept:")
    expect(page.locator("#done-words")).to_contain_text("3 markers")
    expect(page.locator("#recording")).to_have_text("Camera on")
    expect(page).to_have_title("mien · live")

    assert (session.title, session.state) == ("Rehearsal", "ended")
    assert session.consent_text == consent
    assert "deleted after 7 days" in consent
    assert session.keep_until is not None
    kept = session.keep_until - session.started_at
    assert kept.total_seconds() == pytest.approx(7 * 24 * 3600, abs=5)
    frames = list(store.frames(session.id))
    assert len(frames) == session.frames > 0
    assert session.observations > 0
    times_s = [frame.timestamp_s for frame in frames]
    assert times_s == sorted(times_s)
    markers = store.markers.of(session.id)
    assert [marker.word for marker in markers] == ["joke", "marked", "big laugh, 3m"]
    assert all(2 <= marker.timestamp_s <= times_s[-1] + 1 for marker in markers)
    assert store.media.of(session.id) == []


def test_recording_goes_by_keyboard_alone(page: Page, store: Store) -> None:
    start_camera(page)
    # A button that can't be used yet takes no focus, and the key would stop the camera instead.
    expect(page.locator("#record")).to_be_enabled()
    page.locator("#record").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#record-title")).to_be_focused()
    page.keyboard.type("By keyboard")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "record-agree":
            break
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    expect(page.locator("#recording")).to_contain_text("Recording 0:", timeout=LONG_MS)
    expect(page.locator("#record")).to_be_focused()
    wait_until_recorded(page, 1)
    # Keys mark from wherever the keyboard is, but not while it types.
    page.keyboard.press("1")
    expect(page.locator("#announcer")).to_contain_text("Marked: question at 0:0")
    page.locator("#record").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Open the session")).to_be_visible(timeout=LONG_MS)
    session = store.sessions(search="keyboard")[0]
    assert [marker.word for marker in store.markers.of(session.id)] == ["question"]
    # Without a session the keys mean nothing.
    page.keyboard.press("1")
    page.wait_for_timeout(300)
    assert len(store.markers.of(session.id)) == 1


def test_timeline_runs_and_stands_still_with_the_picture(page: Page) -> None:
    start_camera(page)
    expect(page.locator("#timeline-before")).to_be_hidden()
    first = timeline_picture(page)
    shown = page.locator(".face h3").first.inner_text().lower().rstrip("?")
    assert COLOURS[shown].lower() in timeline_colours(page)
    page.wait_for_timeout(1500)
    assert timeline_picture(page) != first
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(700)
    paused = timeline_picture(page)
    page.wait_for_timeout(700)
    assert timeline_picture(page) == paused
    told = page.locator("#timeline-told")
    expect(told).to_have_text(re.compile(r"Over the last minute, face 1: \w+ \d+"))


def test_a_clip_plays_with_the_recording_and_its_markers_line_up(
    page: Page, store: Store, clip: Path
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.method))
    start_camera(page)
    page.set_input_files("#clip-file", clip)
    expect(page.locator("#clip")).to_be_visible()
    page.locator("#record").click()
    expect(page.locator("#record-clip-words")).to_have_text(
        f"advert.webm (0:{CLIP_S}) starts with the recording."
    )
    page.keyboard.press("Escape")
    start_recording(page, "With a clip")
    film = page.locator("#clip-video")
    wait_until(page, "document.querySelector('#clip-video').currentTime > 2")
    expect(page.locator("#choose-clip")).to_be_disabled()
    film.evaluate("film => film.pause()")
    page.wait_for_timeout(1200)
    film.evaluate(f"film => {{ film.currentTime = {CLIP_S - 2}; film.play(); }}")
    wait_until(page, "document.querySelector('#clip-video').ended")
    page.wait_for_timeout(600)
    session = end_recording(page, store)
    assert session.settings["clip"] == {"name": "advert.webm", "duration_s": pytest.approx(CLIP_S)}
    told = [
        (marker.timestamp_s, *found.groups())
        for marker in store.markers.of(session.id)
        if (found := re.fullmatch(r"clip (.) (\d+):(\d\d\.\d)", marker.word))
    ]
    symbols = [symbol for _, symbol, _, _ in told]
    assert (symbols[:2], symbols[-1]) == (["▶", "⏸"], "■")
    assert "»" in symbols
    at_s = {(symbol, index): at for index, (at, symbol, _, _) in enumerate(told)}
    clip_s = [60 * int(minutes) + float(seconds) for _, _, minutes, seconds in told]
    # While it plays, both clocks run alike.
    assert clip_s[0] == pytest.approx(0, abs=0.5)
    assert at_s["⏸", 1] - at_s["▶", 0] == pytest.approx(clip_s[1] - clip_s[0], abs=0.5)
    last = len(told) - 1
    again = max(index for index, symbol in enumerate(symbols) if symbol == "▶")
    assert again > 1
    assert at_s["■", last] - at_s["▶", again] == pytest.approx(
        clip_s[last] - clip_s[again], abs=0.5
    )
    assert set(asked) <= {"GET"}, "the clip leaves the page"


def test_a_film_that_cannot_be_played_says_so(page: Page, tmp_path: Path) -> None:
    bad = tmp_path / "notes.mp4"
    bad.write_bytes(b"no film at all")
    page.set_input_files("#clip-file", bad)
    expect(page.locator("#notice")).to_contain_text("cannot play notes.mp4", timeout=LONG_MS)
    expect(page.locator("#clip")).to_be_hidden()


def test_choices_that_decide_on_the_figures_are_locked_while_recording(
    page: Page, store: Store
) -> None:
    start_camera(page)
    locked = [page.locator(name) for name in ("#bundle", "#label-set", "#detector")]
    start_recording(page, "Locked")
    for select in locked:
        expect(select).to_be_disabled()
    expect(page.locator(".reads-with")).to_contain_text("Locked while recording")
    expect(page.locator("#camera")).to_be_enabled()
    end_recording(page, store)
    for select in locked:
        expect(select).to_be_enabled()
    expect(page.locator(".reads-with")).to_contain_text("Reads with")


def test_a_session_goes_on_when_the_server_comes_back(
    page: Page, store: Store, recording_server: RunningServer
) -> None:
    start_camera(page)
    page.locator("#label-set").select_option("fer2013")
    expect(page.locator(".face dt")).to_have_count(7, timeout=LONG_MS)
    start_recording(page, "Interrupted")
    wait_until_recorded(page, 2)
    recording_server.stop()
    expect(page.locator("#banner")).to_contain_text(
        "“Interrupted” goes on by itself once it is back", timeout=LONG_MS
    )
    page.wait_for_timeout(1500)
    recording_server.start()
    expect(page.locator("#banner")).to_be_hidden(timeout=LONG_MS)
    expect(page.locator("#announcer")).to_contain_text("the recording goes on", timeout=LONG_MS)
    expect(page.locator("#recording")).to_contain_text("Recording 0:")
    resumed_s = recorded_s(page)
    wait_until_recorded(page, resumed_s + 2)
    page.keyboard.press("4")
    expect(page.locator("#announcer")).to_contain_text("Marked: applause")
    session = end_recording(page, store)
    assert [one.title for one in store.sessions(search="Interrupted")] == ["Interrupted"]
    times_s = np.array([frame.timestamp_s for frame in store.frames(session.id)])
    gaps_s = np.diff(times_s)
    assert gaps_s.max() > 1.5
    # Frames from before the gap and from after it, in one session and read in one way.
    assert 0 < gaps_s.argmax() < len(gaps_s) - 1
    assert session.label_set == "fer2013"
    assert [marker.word for marker in store.markers.of(session.id)] == ["applause"]
    assert store.markers.of(session.id)[0].timestamp_s > times_s[gaps_s.argmax() + 1]


def test_a_recording_that_fails_says_why_and_the_picture_goes_on(
    page: Page, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_camera(page)
    start_recording(page, "On a full disk")
    wait_until_recorded(page, 1)

    def fail(_session: object) -> None:
        raise StoreFullError("the disk is full; make room and record again")

    monkeypatch.setattr("mien.web.live.session.LiveSession.check", fail)
    said = page.locator("#done-words")
    expect(said).to_contain_text("The recording stopped:", timeout=LONG_MS)
    expect(said).to_contain_text("“On a full disk”")
    expect(page.locator("#announcer")).to_contain_text("The recording stopped:")
    expect(page.locator("#recording")).to_have_text("Camera on")
    expect(page.locator("#record")).to_be_enabled()
    before = page.locator("#meter-fps").inner_text()
    assert before.endswith("/s")
    expect(page.locator(".face").first).to_be_visible()
    assert store.sessions(search="full disk")[0].frames > 0


def test_a_camera_that_goes_away_and_comes_back_is_one_session(page: Page, store: Store) -> None:
    start_camera(page)
    start_recording(page, "Unplugged")
    wait_until_recorded(page, 1)
    page.evaluate(
        "document.querySelector('#video').srcObject.getVideoTracks()[0]"
        ".dispatchEvent(new Event('ended'))"
    )
    expect(page.get_by_role("alert").filter(has_text="went away")).to_be_visible()
    expect(page.locator("#recording")).to_contain_text("waiting for the camera")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#recording")).to_have_text(
        re.compile(r"^Recording 0:\d\d$"), timeout=LONG_MS
    )
    expect(page.locator(".face").first).to_be_visible(timeout=LONG_MS)
    page.get_by_role("button", name="Stop camera").click()
    expect(page.get_by_role("link", name="Open the session")).to_be_visible(timeout=LONG_MS)
    assert [one.state for one in store.sessions(search="Unplugged")] == ["ended"]


def test_leaving_while_recording_asks_first(page: Page, store: Store) -> None:
    start_camera(page)
    start_recording(page, "Leaving")
    asked: list[str] = []

    def stay(dialog: object) -> None:
        asked.append(dialog.type)  # type: ignore[attr-defined]
        dialog.dismiss()  # type: ignore[attr-defined]

    page.on("dialog", stay)
    page.close(run_before_unload=True)
    deadline = time.monotonic() + 20
    while not asked and time.monotonic() < deadline:
        page.wait_for_timeout(100)
    assert asked == ["beforeunload"]
    end_recording(page, store)


def test_quick_words_can_be_set_and_are_kept(page: Page, store: Store) -> None:
    start_camera(page)
    start_recording(page, "Words")
    page.get_by_role("button", name="Words…").click()
    page.get_by_label("Key 7", exact=True).fill("smile")
    page.get_by_label("Key 1", exact=True).fill("")
    # Digits that are typed into a field mark nothing.
    page.get_by_label("Key 2", exact=True).fill("2nd try")
    page.get_by_role("button", name="Save").click()
    chips = page.locator("#quick-words button")
    expect(chips).to_have_text(
        ["2 2nd try", "3 problem", "4 applause", "7 smile"], use_inner_text=True
    )
    wait_until_recorded(page, 1)
    page.keyboard.press("1")
    page.keyboard.press("7")
    expect(page.locator("#announcer")).to_contain_text("Marked: smile")
    session = end_recording(page, store)
    assert [marker.word for marker in store.markers.of(session.id)] == ["smile"]
    page.reload()
    stored = json.loads(str(page.evaluate("localStorage.getItem('mien.quick-words')")))
    assert stored == {"2": "2nd try", "3": "problem", "4": "applause", "7": "smile"}
    expect(page.locator("#quick-words li")).to_have_count(4)


def test_preferences_decide_what_reads_and_what_is_agreed_to(page: Page) -> None:
    preferred = {
        "detector": "haar",
        "label_set": "fer2013",
        "mirror": False,
        "keep_days": 90,
        "consent_text": "We agree to the terms of study 12.",
    }
    page.evaluate(f"localStorage.setItem('mien.preferences', '{json.dumps(preferred)}')")
    page.reload()
    expect(page.locator("#meter-detector")).to_have_text("haar", timeout=LONG_MS)
    expect(page.locator("#label-set")).to_have_value("fer2013")
    expect(page.locator("#mirror")).not_to_be_checked()
    expect(page.locator("#video")).not_to_have_class("mirrored")
    page.locator("#mirror").check()
    expect(page.locator("#video")).to_have_class("mirrored")
    page.locator("#start").click()
    expect(page.locator("#record")).to_be_enabled(timeout=LONG_MS)
    page.locator("#record").click()
    expect(page.locator("#record-keep")).to_have_value("90")
    expect(page.locator("#record-consent")).to_have_text(
        "We agree to the terms of study 12. No picture and no sound is kept. "
        "It is deleted after 90 days."
    )


def test_nothing_shifts_when_a_recording_begins_and_ends(page: Page, store: Store) -> None:
    start_camera(page)
    page.wait_for_timeout(500)
    watch_shift(page)
    start_recording(page, "Still")
    page.keyboard.press("m")
    page.wait_for_timeout(1000)
    end_recording(page, store)
    assert page.evaluate("window.shift") < 0.02


@pytest.mark.parametrize("width", [320, 390])
def test_phone_records_without_sideways_scroll(
    page: Page, store: Store, clip: Path, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 780})
    start_camera(page)
    page.set_input_files("#clip-file", clip)
    expect(page.locator("#clip")).to_be_visible()
    stage, film = page.locator("#stage").bounding_box(), page.locator("#clip").bounding_box()
    assert stage is not None and film is not None
    assert film["y"] >= stage["y"] + stage["height"]
    start_recording(page, "On a phone")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("#marks", "#mark", "#mark-word", "#edit-words", "#recording", "#record"):
        box = page.locator(name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    end_recording(page, store)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_server_that_records_nothing_has_no_button_for_it(
    browser: Browser, tiny_bundle: Path
) -> None:
    running = RunningServer(
        load_settings(port=0, bundle=str(tiny_bundle), detector="haar", recording=False)
    )
    context = browser.new_context()
    page = context.new_page()
    page.goto(running.url)
    expect(page.get_by_text("Recording is switched off on this server.")).to_be_visible(
        timeout=LONG_MS
    )
    expect(page.locator("#record")).to_be_hidden()
    context.close()
    running.stop()


def test_a_refused_camera_offers_no_recording(
    playwright: Playwright, chromium: str, recording_server: RunningServer, film: Path
) -> None:
    with open_chromium(playwright, chromium, film=film, allow=False) as browser:
        page = browser.new_page()
        page.goto(recording_server.url)
        page.get_by_role("button", name="I agree, start the camera").click()
        expect(page.get_by_role("alert").first).to_contain_text("not allowed", timeout=LONG_MS)
        expect(page.locator("#record")).to_be_disabled()
