"""The page of a session in a real Chromium: its course, markers, people, figures, files."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect, sync_playwright

from mien.core.labels import FERPLUS
from mien.recognition.summary.summary import summary
from mien.store import Store
from mien.web.routes.page import page_is_built
from mien.web.settings import load_settings
from tests.films import Film, make
from tests.web.courses import (
    ADA,
    BEN,
    BEN_AGAIN,
    NOBODY_FROM,
    NOBODY_TO,
    course,
    keep_faces,
    probabilities_at,
    record_course,
)
from tests.web.running import RunningServer, open_chromium
from tests.web.visiting import AXE, visiting
from tests.web.watched import (
    LAPTOP,
    LONG_MS,
    PHONE,
    Seen,
    wait_for_lines,
    wait_until,
    watched,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not page_is_built(), reason="the page is not built: python hatch_build.py"),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
FRAMES, STEP_S = 600, 0.1
LENGTH_S = FRAMES * STEP_S
# Good by https://web.dev/articles/cls is up to 0.1.
MOST_SHIFT = 0.1
# How long a view stays as it is before it is read anew.
PAUSE_MS = 140


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
def watched_only(store: Store) -> int:
    """A session that no test changes."""
    made = record_course(store, "Rehearsal", frames=FRAMES, note="Slides 1 to 14")
    store.markers.add(made, 12.0, "joke")
    return made


@pytest.fixture
def own(store: Store) -> int:
    """A session that is the test's own to change."""
    return record_course(store, "Own", frames=120, step_s=0.5)


def address(running: RunningServer, session_id: int, more: str = "") -> str:
    return f"{running.url}/sessions/{session_id}{more}"


@pytest.fixture
def seen(browser: Browser, running: RunningServer, watched_only: int) -> Iterator[Seen]:
    with watched(browser, address(running, watched_only)) as seen:
        wait_for_lines(seen.page)
        yield seen


def hover(page: Page, moment_s: float, *, from_s: float = 0, to_s: float = LENGTH_S) -> None:
    """Put the pointer on the first lane, where a moment is while this stretch is in view."""
    over = page.locator(".lane .u-over").first
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    part = (moment_s - from_s) / (to_s - from_s)
    page.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] / 2)


def lane_values(page: Page, name: str) -> dict[str, str]:
    lane = page.get_by_role("article", name=name, exact=True)
    found = lane.locator(".lane-values > div:not([hidden])").all_inner_texts()
    pairs = [re.split(r"\n+", text.strip()) for text in found]
    return {label.lower(): value.replace("\u00a0", " ") for label, value in pairs}


def in_view(page: Page) -> tuple[float, float]:
    """Return the stretch that is in view, as the overview's handles say it."""
    handles = page.locator(".overview-handle")
    start, end = (handles.nth(n).get_attribute("aria-valuenow") for n in range(2))
    return float(start or "nan"), float(end or "nan")


def names_of_lanes(page: Page) -> list[str]:
    return page.locator(".lane h3").all_inner_texts()


def test_a_session_says_what_is_known_of_it(seen: Seen, store: Store, watched_only: int) -> None:
    page = seen.page
    session = store.session(watched_only)
    expect(page.get_by_role("heading", level=1)).to_have_text("Rehearsal")
    assert page.title() == "mien · Rehearsal"
    expect(page.locator("#note")).to_have_text("Slides 1 to 14")
    expect(page.locator("#state")).to_have_text("Ended")
    facts = dict(
        zip(
            page.locator("#facts dt").all_inner_texts(),
            page.locator("#facts dd").all_inner_texts(),
            strict=True,
        )
    )
    assert facts["Frames"] == f"{FRAMES}, 10 a second"
    assert facts["Faces"] == f"{session.observations:,}"
    assert facts["Source"] == "camera 0"
    assert facts["Model"] == "mien-s"
    assert facts["Detector"] == "yunet"
    assert facts["Prior"] == "balanced, strength 0.5"
    assert facts["Consent"].startswith("I agree.")
    assert "Only when you delete it" in facts["Deleted"]
    assert names_of_lanes(page) == ["Person 1", "Person 2", "Person 3"]


def test_the_pointer_reads_what_was_recorded_there(seen: Seen) -> None:
    page = seen.page
    moment_s = 12.0
    hover(page, moment_s)
    expect(page.locator("#readout")).to_have_text(re.compile(r"^0:1[12]\.\d\d$"), timeout=LONG_MS)
    shown = lane_values(page, "Person 1")
    assert {"neutral", "happiness"} <= set(shown)
    for track, name in ((ADA, "Person 1"), (BEN, "Person 2")):
        wanted = probabilities_at(track, np.array([moment_s / LENGTH_S]))[0]
        for label, text in lane_values(page, name).items():
            value = float(text.rstrip(" %"))
            assert value == pytest.approx(100 * wanted[FERPLUS.index(label)], abs=4), (name, label)
    assert set(lane_values(page, "Person 3").values()) == {"–"}
    hover(page, LENGTH_S * (NOBODY_FROM + NOBODY_TO) / 2)
    expect(page.get_by_role("article", name="Person 1")).to_have_attribute("data-seen", "false")
    assert set(lane_values(page, "Person 1").values()) == {"–"}


def test_expressions_and_people_can_be_chosen(seen: Seen, running: RunningServer) -> None:
    page = seen.page
    page.get_by_role("group", name="Expressions shown").get_by_role("button", name="Fear").click()
    assert "fear" in lane_values(page, "Person 1")
    page.get_by_role("group", name="Expressions shown").get_by_role(
        "button", name="Neutral"
    ).click()
    assert "neutral" not in lane_values(page, "Person 1")
    who = page.get_by_role("group", name="Who is shown")
    who.get_by_role("button", name="Person 2").click()
    assert names_of_lanes(page) == ["Person 2"]
    page.wait_for_url("**?who=2", timeout=LONG_MS)
    who.get_by_role("button", name="Together").click()
    assert names_of_lanes(page) == ["Together"]
    wait_for_lines(page)
    hover(page, 12.0)
    both = [probabilities_at(track, np.array([12 / LENGTH_S]))[0] for track in (ADA, BEN)]
    happy = float(np.mean(both, axis=0)[FERPLUS.index("happiness")])
    expect(page.locator(".lane-values")).to_contain_text(re.compile("[1-9] ?.?%"), timeout=LONG_MS)
    value = lane_values(page, "Together")["happiness"]
    assert float(value.rstrip(" %")) == pytest.approx(100 * happy, abs=4)
    page.wait_for_url("**?who=together", timeout=LONG_MS)
    page.reload()
    expect(page.locator(".lane h3")).to_have_text(["Together"], timeout=LONG_MS)


def test_dragging_zooms_and_what_is_in_view_is_read_anew_and_in_the_address(seen: Seen) -> None:
    page = seen.page
    box = page.locator(".lane .u-over").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.4 * box["width"], box["y"] + 40, steps=4)
    with page.expect_response(lambda one: "start_s=" in one.url and "end_s=" in one.url) as asked:
        page.mouse.up()
    start_s, end_s = in_view(page)
    assert start_s == pytest.approx(0.2 * LENGTH_S, abs=1)
    assert end_s == pytest.approx(0.4 * LENGTH_S, abs=1)
    reply = asked.value.json()
    assert reply["start_s"] < start_s
    assert reply["start_s"] + reply["bins"] * reply["bin_s"] > end_s
    page.wait_for_url("**?from=*&to=*", timeout=LONG_MS)
    hover(page, 12.3, from_s=start_s, to_s=end_s)
    expect(page.locator("#readout")).to_have_text(re.compile(r"^0:12\.[23]"), timeout=LONG_MS)
    page.reload()
    wait_for_lines(page)
    assert in_view(page) == (start_s, end_s)
    page.get_by_role("button", name="Whole session").click()
    assert in_view(page) == pytest.approx((0, LENGTH_S - STEP_S), abs=0.11)


def test_the_overview_and_the_keys_zoom_and_move(seen: Seen) -> None:
    page = seen.page
    overview = page.locator(".overview")
    overview.scroll_into_view_if_needed()
    box = overview.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.75 * box["width"], box["y"] + 10, steps=3)
    page.mouse.up()
    start_s, end_s = in_view(page)
    assert (start_s, end_s) == pytest.approx((0.5 * LENGTH_S, 0.75 * LENGTH_S), abs=1)
    page.get_by_role("slider", name="Beginning of what is in view").focus()
    page.keyboard.press("ArrowLeft")
    assert in_view(page)[0] < start_s
    position = page.get_by_role("slider", name="Position in the session")
    position.focus()
    page.keyboard.press("0")
    page.keyboard.press("End")
    assert float(position.get_attribute("aria-valuenow") or 0) == pytest.approx(59.9, abs=0.01)
    page.keyboard.press("Home")
    page.keyboard.press("Shift+ArrowRight")
    assert float(position.get_attribute("aria-valuenow") or 0) == pytest.approx(59.9 / 20, rel=0.01)
    assert "Person 1: neutral" in (position.get_attribute("aria-valuetext") or "")
    page.keyboard.press("+")
    start_s, end_s = in_view(page)
    assert end_s - start_s == pytest.approx(59.9 / 1.6, abs=0.2)


def test_figures_are_those_of_the_store(seen: Seen, store: Store, watched_only: int) -> None:
    page = seen.page
    wanted = summary(store.frames(watched_only))
    assert wanted.overall is not None
    table = page.locator(".shares-table")
    expect(table).to_be_visible(timeout=LONG_MS)
    heads = table.locator("thead .share-name").all_inner_texts()
    assert heads == ["Person 1", "Person 2", "Person 3", "Together"]
    row = table.locator("tbody tr", has_text="Happiness").locator(".share-figure")
    shares = [person.shares["happiness"] for person in (*wanted.people, wanted.overall)]
    assert [float(text.rstrip(" %\u00a0")) for text in row.all_inner_texts()] == pytest.approx(
        [100 * share for share in shares], abs=0.51
    )
    changes = page.locator(".changes-table tbody tr", has_text="Neutral").locator("td")
    told = wanted.overall.transitions["neutral"]
    assert sum(int(text) for text in changes.all_inner_texts() if text) == sum(told.values())
    strongest = wanted.overall.peaks["surprise"][0]
    group = page.locator(".peak-group", has_text="Surprise")
    group.locator(".peak").first.click()
    at_s = float(page.locator("#position").get_attribute("aria-valuenow") or "nan")
    assert at_s == pytest.approx(strongest.timestamp_s, abs=0.01)


def test_the_lines_are_there_as_a_table_too(seen: Seen) -> None:
    page = seen.page
    page.get_by_text("The same as a table").click()
    table = page.locator("#alternative table")
    expect(table.locator("tbody tr")).to_have_count(20, timeout=LONG_MS)
    assert table.locator("thead th").all_inner_texts()[1:] == ["Person 1", "Person 2", "Person 3"]
    # Twentieths of a minute, 3 s each: the joke of second 12 is in the fifth.
    row = table.locator("tbody tr").nth(4).locator("td").all_inner_texts()
    assert row[0].startswith("Happiness")
    assert row[2] == "not seen"


def test_markers_are_shown_clicked_added_by_key_and_taken_away(
    browser: Browser, running: RunningServer, store: Store, own: int
) -> None:
    store.markers.add(own, 30.0, "joke")
    with watched(browser, address(running, own)) as seen:
        page = seen.page
        wait_for_lines(page)
        page.locator(".flag", has_text="joke").click()
        position = page.get_by_role("slider", name="Position in the session")
        expect(position).to_have_attribute("aria-valuenow", "30.00")
        hover(page, 45, to_s=59.5)
        page.mouse.down()
        page.mouse.up()
        expect(position).to_be_focused()
        page.keyboard.press("m")
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Word").fill("laughter")
        page.keyboard.press("Enter")
        expect(page.locator(".flag", has_text="laughter")).to_be_visible(timeout=LONG_MS)
        added = store.markers.of(own)[1]
        assert added.word == "laughter"
        assert added.timestamp_s == pytest.approx(45, abs=0.3)
        position.focus()
        page.keyboard.press("p")
        expect(position).to_have_attribute("aria-valuenow", "30.00")
        page.keyboard.press("Delete")
        expect(page.get_by_text("“joke” was removed.")).to_be_visible(timeout=LONG_MS)
        assert [marker.word for marker in store.markers.of(own)] == ["laughter"]
        page.get_by_role("button", name="Undo").click()
        expect(page.locator(".marker-list li")).to_have_count(2, timeout=LONG_MS)
        page.get_by_role("button", name=re.compile("Remove marker laughter")).click()
        expect(page.locator(".marker-list li")).to_have_count(1, timeout=LONG_MS)


def test_markers_too_near_to_be_hit_share_a_flag_that_zooms(
    browser: Browser, running: RunningServer, store: Store, own: int
) -> None:
    for timestamp_s, word in ((30.0, "joke"), (30.4, "laughter")):
        store.markers.add(own, timestamp_s, word)
    with watched(browser, address(running, own)) as seen:
        page = seen.page
        wait_for_lines(page)
        shared = page.get_by_role("button", name=re.compile("2 markers at 0:30.0: joke, laughter"))
        shared.click()
        start_s, end_s = in_view(page)
        assert start_s < 30 and end_s > 30.4 and end_s - start_s < 10
        flags = page.locator(".flag:not([hidden])")
        expect(flags).to_have_text(["joke", "laughter"])


def test_title_note_and_retention_are_changed_where_they_stand(
    browser: Browser, running: RunningServer, store: Store, own: int
) -> None:
    with watched(browser, address(running, own)) as seen:
        page = seen.page
        page.get_by_role("button", name="Rename", exact=True).first.click()
        page.get_by_role("textbox", name="Title").fill("Second take")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Second take", timeout=LONG_MS)
        page.get_by_role("button", name="Add a note").click()
        page.get_by_role("textbox", name="Note").fill("with slides <b>14</b>")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#note")).to_have_text("with slides <b>14</b>", timeout=LONG_MS)
        page.get_by_role("button", name="Rename", exact=True).first.click()
        page.get_by_role("textbox", name="Title").fill("Not this")
        page.keyboard.press("Escape")
        expect(page.get_by_role("heading", level=1)).to_have_text("Second take")
        page.get_by_label("When to delete it by itself").select_option("7")
        expect(page.locator("#facts")).to_contain_text("In 7 days", timeout=LONG_MS)
    session = store.session(own)
    assert (session.title, session.note) == ("Second take", "with slides <b>14</b>")
    assert session.keep_until is not None
    assert (session.keep_until - session.started_at).days == 7


def test_people_are_named_merged_separated_and_hidden(
    browser: Browser, running: RunningServer, store: Store, own: int
) -> None:
    with watched(browser, address(running, own)) as seen:
        page = seen.page
        wait_for_lines(page)
        page.get_by_role("button", name="Rename Person 2").click()
        page.get_by_role("textbox", name="Rename Person 2").fill("Ben")
        page.keyboard.press("Enter")
        expect(page.locator(".lane h3")).to_have_text(["Person 1", "Ben", "Person 3"])
        # Who was in one frame with somebody is not the same person.
        page.get_by_label("Same as, Ben").click()
        page.locator(".menu[open]").get_by_role("button", name="Person 1").click()
        refused = page.locator("#people").get_by_role("alert")
        expect(refused).to_contain_text("cannot be one person", timeout=LONG_MS)
        assert names_of_lanes(page) == ["Person 1", "Ben", "Person 3"]
        page.get_by_label("Same as, Person 3").click()
        page.locator(".menu[open]").get_by_role("button", name="Ben").click()
        expect(page.locator(".lane h3")).to_have_text(["Person 1", "Ben"], timeout=LONG_MS)
        expect(page.locator(".merged-list")).to_contain_text("Also person 3")
        assert {one.track_id: one.same_as for one in store.people.of(own)}[BEN_AGAIN] == BEN
        hover(page, 0.9 * 59.5, to_s=59.5)
        wait_until(
            page, "document.querySelector('article[aria-label=Ben]').dataset.seen === 'true'"
        )
        page.get_by_role("button", name="Separate person 3 again").click()
        expect(page.locator(".lane")).to_have_count(3, timeout=LONG_MS)
        page.get_by_role("button", name="Hide: Person 1").click()
        expect(page.locator(".lane")).to_have_count(2, timeout=LONG_MS)
        expect(page.locator(".shares-table thead")).not_to_contain_text("Person 1")
        page.get_by_role("button", name="Show: Person 1").click()
        expect(page.locator(".lane")).to_have_count(3, timeout=LONG_MS)


def test_each_export_is_a_file_with_the_session_in_it(
    seen: Seen, store: Store, watched_only: int
) -> None:
    page = seen.page
    session = store.session(watched_only)
    names = {
        "csv": "CSV, a row a face",
        "parquet": "Parquet, a row a face",
        "json": "JSON, all of it",
        "html": "Report as a web page",
        "pdf": "Report as a PDF",
    }
    files: dict[str, bytes] = {}
    for kind, name in names.items():
        page.locator(".session-actions summary").click()
        with page.expect_download(timeout=2 * LONG_MS) as saving:
            page.get_by_role("link", name=name).click()
        assert saving.value.suggested_filename.endswith(f".{kind}")
        files[kind] = saving.value.path().read_bytes()
    tables = (
        pd.read_csv(io.BytesIO(files["csv"])),
        pd.read_parquet(io.BytesIO(files["parquet"])),
    )
    for table in tables:
        # A frame in which nobody was is a row too, without a track.
        tracks = table["track_id"].dropna()
        assert len(tracks) == session.observations
        assert sorted(tracks.unique()) == [ADA, BEN, BEN_AGAIN]
    assert "joke" in json.dumps(json.loads(files["json"]))
    assert b"Rehearsal" in files["html"]
    assert files["pdf"].startswith(b"%PDF-")


def test_delete_asks_and_takes_the_session_and_its_files(
    browser: Browser,
    running: RunningServer,
    store: Store,
    own: int,
    astronaut_bgr: NDArray[np.uint8],
) -> None:
    keep_faces(store, own, astronaut_bgr, 20.0)
    with watched(browser, address(running, own)) as seen:
        page = seen.page
        wait_for_lines(page)
        # A picture that was kept is shown where the pointer is, and in the list of people.
        hover(page, 20, to_s=59.5)
        picture = page.locator(".lane-picture[data-shown=true]")
        expect(picture).to_have_attribute("src", re.compile("/media/"), timeout=LONG_MS)
        assert page.locator("img.person-picture").count() == 1
        page.get_by_role("button", name="Delete", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Delete “Own”?")
        expect(dialog).to_contain_text("cannot be undone")
        dialog.get_by_role("button", name="Delete the session").click()
        page.wait_for_url(f"{running.url}/sessions", timeout=LONG_MS)
    assert own not in [session.id for session in store.sessions()]
    assert not (store.media.folder / str(own)).exists()


def test_a_session_that_is_not_there_says_so(browser: Browser, running: RunningServer) -> None:
    with watched(browser, address(running, 99_999)) as seen:
        expect(seen.page.get_by_text("There is no session 99999")).to_be_visible(timeout=LONG_MS)
        expect(seen.page.get_by_role("link", name="All sessions")).to_be_visible()
        expect(seen.page.locator("#session")).to_be_hidden()


def test_a_session_without_a_face_says_so(
    browser: Browser, running: RunningServer, store: Store
) -> None:
    with store.record(title="Empty room") as recording:
        for frame in course(20, 0.1):
            recording.add(type(frame)(**{**vars(frame), "faces": ()}))
    with watched(browser, address(running, recording.session_id)) as seen:
        expect(seen.page.get_by_text("No face was read in this session")).to_be_visible(
            timeout=LONG_MS
        )


def test_what_is_being_recorded_updates_itself(
    browser: Browser, running: RunningServer, store: Store
) -> None:
    frames = list(course(120, 0.5))
    with store.record(title="Under way") as recording:
        for frame in frames[:60]:
            recording.add(frame)
        with watched(browser, address(running, recording.session_id)) as seen:
            page = seen.page
            expect(page.locator("#state")).to_have_text("Recording now", timeout=LONG_MS)
            expect(page.get_by_role("button", name="Delete", exact=True)).to_be_disabled()
            wait_for_lines(page)
            assert in_view(page)[1] == pytest.approx(29.5, abs=0.1)
            for frame in frames[60:]:
                recording.add(frame)
            recording.mark("now", 50.0)
            handle = page.locator(".overview-handle.to")
            expect(handle).to_have_attribute("aria-valuenow", "59.5", timeout=LONG_MS)
            expect(page.locator(".flag", has_text="now")).to_be_visible(timeout=LONG_MS)
            expect(page.locator(".lane h3")).to_have_text(["Person 1", "Person 2", "Person 3"])
            recording.close()
            expect(page.locator("#state")).to_have_text("Ended", timeout=LONG_MS)


def test_a_kept_video_goes_along_with_the_position(
    browser: Browser, running: RunningServer, store: Store, own: int, tmp_path: Path
) -> None:
    film = make(
        tmp_path / "kept.webm",
        Film("libvpx-vp9", times_ms=range(0, 10_000, 100), size=(128, 96)),
    )
    store.media.add(own, film, kind="video", suffix=".webm", timestamp_s=0.0)
    with watched(browser, address(running, own)) as seen:
        page = seen.page
        wait_for_lines(page)
        wait_until(page, "document.querySelector('video').readyState > 0")
        hover(page, 6, to_s=59.5)
        page.mouse.down()
        page.mouse.up()
        wait_until(page, "Math.abs(document.querySelector('video').currentTime - 6) < 0.2")
        position = page.get_by_role("slider", name="Position in the session")
        expect(position).to_be_focused()
        page.keyboard.press("Space")
        wait_until(
            page, "Number(document.querySelector('#position').getAttribute('aria-valuenow')) > 6.5"
        )
        page.keyboard.press("Space")
        assert page.evaluate("document.querySelector('video').paused")


@pytest.mark.skipif(not AXE.is_file(), reason="axe-core is not here: npm ci in web/")
@pytest.mark.parametrize(
    ("size", "scheme"), [(LAPTOP, "light"), (PHONE, "dark")], ids=["laptop", "phone"]
)
def test_the_page_fits_is_still_and_can_be_used_by_everybody(
    browser: Browser, running: RunningServer, watched_only: int, size: dict[str, int], scheme: str
) -> None:
    path = f"/sessions/{watched_only}"
    with visiting(browser, running.url, path, viewport=size, color_scheme=scheme) as visit:
        wait_for_lines(visit.page)
        expect(visit.page.locator(".shares-table")).to_be_visible(timeout=LONG_MS)
        assert visit.sideways_px() == 0
        assert visit.axe() == []
        assert visit.unreachable() == []
        assert visit.page.evaluate("shifted") < MOST_SHIFT
        assert visit.complaints == []


def test_an_hour_stays_smooth(
    browser: Browser, running: RunningServer, store: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    """36,000 frames of two people: few points, few questions; how long drawing takes is printed."""
    hour = record_course(store, "An hour", frames=36_000, step_s=0.1)
    with watched(browser, address(running, hour)) as seen:
        page = seen.page
        wait_for_lines(page)
        page.evaluate(
            """() => {
                window.drawn = [];
                new PerformanceObserver(list => window.drawn.push(
                    ...list.getEntriesByName("mien:drawn").map(one => one.duration)
                )).observe({type: "measure"});
            }"""
        )
        before = seen.times_asked("/timeline?")
        # Forty steps of a wheel closer and twenty back, one with each picture of the screen.
        elapsed_ms = page.evaluate(
            """async () => {
                const over = document.querySelector(".lane .u-over");
                const {left, width} = over.getBoundingClientRect();
                const began = performance.now();
                for (let step = 0; step < 60; step += 1) {
                    over.dispatchEvent(new WheelEvent("wheel", {
                        deltaY: step < 40 ? -60 : 40, clientX: left + width / 2,
                        ctrlKey: true, bubbles: true, cancelable: true,
                    }));
                    await new Promise(requestAnimationFrame);
                }
                return performance.now() - began;
            }"""
        )
        start_s, end_s = in_view(page)
        assert end_s - start_s < 1800
        page.wait_for_timeout(1500)
        # One question once it stays as it is, and no more than one each time it stood still before.
        assert seen.times_asked("/timeline?") - before <= 2 + elapsed_ms / PAUSE_MS
        width = page.locator(".lane .u-over").first.bounding_box()
        assert width is not None
        points = page.locator(".lane-plot").evaluate_all("all => all.map(p => +p.dataset.points)")
        assert max(points) > 0.2 * width["width"]
        assert max(points) <= 3 * width["width"]
        took_ms = page.evaluate("window.drawn")
        assert len(took_ms) >= 20
    with capsys.disabled():
        quick, slow = np.percentile(took_ms, [50, 95])
        sys.stdout.write(
            f"\nan hour, 36,000 frames: a lane is drawn in {quick:.1f} ms "
            f"(95 of 100: {slow:.1f} ms), at most {max(points)} points a line\n"
        )
