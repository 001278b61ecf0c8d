"""The list of sessions in a real Chromium: found, sorted, paged, picked, exported, deleted."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import update

from mien.store import Store
from mien.store.models import sessions
from mien.web.routes.page import page_is_built
from mien.web.settings import load_settings
from tests.web.courses import backdate, keep_faces, record_course
from tests.web.running import RunningServer, open_chromium
from tests.web.watched import LONG_MS, PHONE, Seen, fits_its_window, watched

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not page_is_built(), reason="the page is not built: python hatch_build.py"),
    # Playwright's own event loop leaves its sockets to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
PER_PAGE, TAKES = 20, 44
TOKEN = "the-tests-own-token"


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright, open_chromium(playwright, chromium, film=None) as browser:
        yield browser


@pytest.fixture
def running(tiny_bundle: Path, tmp_path: Path) -> Iterator[RunningServer]:
    """A server whose store is empty, and the test's own."""
    database = f"sqlite:///{tmp_path / 'own.db'}"
    running = RunningServer(
        load_settings(port=0, bundle=str(tiny_bundle), detector="haar", database_url=database)
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def filled(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with three pages of sessions, which no test changes."""
    database = f"sqlite:///{tmp_path_factory.mktemp('store') / 'many.db'}"
    running = RunningServer(
        load_settings(port=0, bundle=str(tiny_bundle), detector="haar", database_url=database)
    )
    store = store_of(running)
    for number in range(TAKES):
        about = {"note": "with slides"} if number % 10 == 0 else {}
        # Lengths and faces rise in another order than the beginnings.
        frames = 3 + (number * 7) % TAKES
        made = record_course(store, f"Take {number:02d}", frames=frames, step_s=0.5, **about)
        backdate(store, made, BEGAN + timedelta(hours=number))
    yield running
    running.stop()


def store_of(running: RunningServer) -> Store:
    return running.app.state.services.store()


def titles(page: Page) -> list[str]:
    return page.locator(".session-link").all_inner_texts()


def expect_first(page: Page, title: str) -> None:
    expect(page.locator(".session-link").first).to_have_text(title, timeout=LONG_MS)


@pytest.fixture
def seen(browser: Browser, filled: RunningServer) -> Iterator[Seen]:
    with watched(browser, f"{filled.url}/sessions") as seen:
        expect_first(seen.page, f"Take {TAKES - 1}")
        yield seen


def test_the_newest_come_first_with_what_is_known_of_them(
    seen: Seen, filled: RunningServer
) -> None:
    page = seen.page
    assert titles(page) == [f"Take {TAKES - 1 - row:02d}" for row in range(PER_PAGE)]
    expect(page.locator("#found")).to_have_text(f"{TAKES} sessions")
    session = store_of(filled).sessions(limit=1)[0]
    row = page.locator("tbody tr").first
    assert f"{session.observations}" in row.inner_text()
    assert f"{session.duration_s:.0f}\u00a0s" in row.inner_text()
    expect(row.locator(".chip")).to_have_text("Ended")
    expect(row.locator(".keep-cell")).to_have_text("Only when you delete it")


def test_search_as_one_types_is_in_the_address_and_back_takes_it_back(seen: Seen) -> None:
    page = seen.page
    page.keyboard.press("/")
    page.keyboard.type("slides", delay=20)
    expect(page.locator("#found")).to_have_text("5 sessions", timeout=LONG_MS)
    assert titles(page) == ["Take 40", "Take 30", "Take 20", "Take 10", "Take 00"]
    assert page.url.endswith("?search=slides")
    # One question for a word, not one for each letter; and the first one without a word.
    assert seen.times_asked("/v1/sessions?") <= 3
    page.reload()
    expect(page.locator("#found")).to_have_text("5 sessions", timeout=LONG_MS)
    expect(page.locator("#search")).to_have_value("slides")
    page.go_back()
    expect(page.locator("#found")).to_have_text(f"{TAKES} sessions", timeout=LONG_MS)
    expect(page.locator("#search")).to_have_value("")


def test_a_search_without_a_find_says_so_and_can_be_cleared(seen: Seen) -> None:
    page = seen.page
    page.locator("#search").fill("nobody called it this")
    expect(page.get_by_text("Nothing was found")).to_be_visible(timeout=LONG_MS)
    page.get_by_role("button", name="Clear the search").click()
    expect_first(page, f"Take {TAKES - 1}")


@pytest.mark.parametrize(
    ("column", "order", "descending"),
    [("Title", "title", False), ("Length", "duration", True), ("Faces", "faces", True)],
)
def test_a_columns_head_sorts_by_it_and_again_the_other_way_round(
    seen: Seen, filled: RunningServer, column: str, order: str, descending: bool
) -> None:
    page, store = seen.page, store_of(filled)
    head = page.get_by_role("columnheader", name=column)
    for turned in (descending, not descending):
        head.get_by_role("button").click()
        wanted = store.sessions(order=order, descending=turned, limit=PER_PAGE)  # type: ignore[arg-type]
        expect_first(page, wanted[0].title)
        assert titles(page) == [session.title for session in wanted]
        rank = "descending" if turned else "ascending"
        expect(head).to_have_attribute("aria-sort", rank)
        expect(page.locator("#sort")).to_have_value(f"{order}_{rank}")
    assert f"order={order}" in page.url


def test_pages_follow_each_other_and_the_address(seen: Seen) -> None:
    page = seen.page
    expect(page.locator("#range")).to_have_text(f"1 to 20 of {TAKES}")
    page.get_by_role("link", name="Next").click()
    expect_first(page, f"Take {TAKES - 1 - PER_PAGE}")
    expect(page.locator("#range")).to_have_text(f"21 to 40 of {TAKES}")
    page.get_by_role("link", name="Next").click()
    expect(page.locator("#range")).to_have_text(f"41 to 44 of {TAKES}", timeout=LONG_MS)
    assert page.url.endswith("?page=3")
    assert page.locator("#next").get_attribute("href") is None
    page.go_back()
    expect(page.locator("#range")).to_have_text(f"21 to 40 of {TAKES}", timeout=LONG_MS)
    page.goto(page.url.replace("page=2", "page=99"))
    expect(page.locator("#range")).to_have_text(f"41 to 44 of {TAKES}", timeout=LONG_MS)


def test_arrows_and_space_pick_and_shift_picks_all_between(seen: Seen) -> None:
    page = seen.page
    boxes = page.get_by_role("checkbox", name=re.compile("Pick Take"))
    boxes.nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(boxes.nth(1)).to_be_checked()
    expect(page.locator("#compare")).to_be_disabled()
    boxes.nth(4).click(modifiers=["Shift"])
    expect(page.locator("#picked-count")).to_have_text("4 picked")
    page.get_by_role("link", name="Next").click()
    expect_first(page, f"Take {TAKES - 1 - PER_PAGE}")
    expect(page.locator("#picked-count")).to_have_text("4 picked")
    page.get_by_role("button", name="Pick none").click()
    expect(page.locator("#picked-count")).to_have_text("None picked")


def test_what_is_picked_is_compared(seen: Seen, filled: RunningServer) -> None:
    page = seen.page
    page.get_by_role("checkbox", name="Pick Take 43").check()
    page.get_by_role("checkbox", name="Pick Take 41").check()
    page.get_by_role("button", name="Compare").click()
    found = store_of(filled).sessions(search="Take 43") + store_of(filled).sessions(
        search="Take 41"
    )
    page.wait_for_url(f"**/compare?ids={found[0].id},{found[1].id}*", timeout=LONG_MS)


def test_what_is_picked_is_exported_a_file_each(seen: Seen) -> None:
    page = seen.page
    page.get_by_role("checkbox", name="Pick Take 43").check()
    page.locator("#export").click()
    with page.expect_download(timeout=LONG_MS) as saving:
        page.get_by_role("button", name="CSV, a row a face").click()
    rows = list(csv.DictReader(saving.value.path().read_text().splitlines()))
    assert saving.value.suggested_filename.endswith(".csv")
    # A frame in which nobody was is a row too, without a track.
    assert {row["track_id"] for row in rows} == {"", "1", "2", "3"}
    assert float(rows[-1]["timestamp_s"]) > float(rows[0]["timestamp_s"]) == 0.0


def test_on_a_phone_sessions_are_cards_that_fit(browser: Browser, filled: RunningServer) -> None:
    with watched(browser, f"{filled.url}/sessions", size=PHONE) as seen:
        expect_first(seen.page, f"Take {TAKES - 1}")
        assert fits_its_window(seen.page)
        card = seen.page.locator("tbody tr").first
        assert card.evaluate("row => getComputedStyle(row).display") == "grid"
        # It stays a table for who hears it.
        assert seen.page.get_by_role("row").count() == PER_PAGE + 1


def test_states_and_retention_are_told_and_what_is_recorded_updates_itself(
    browser: Browser, running: RunningServer
) -> None:
    store = store_of(running)
    broken = record_course(store, "Broken off", frames=5)
    with store._database.writing() as connection:
        gone = {"ended_at": None, "alive_at": datetime.now(UTC) - timedelta(minutes=5)}
        connection.execute(update(sessions).where(sessions.c.id == broken).values(gone))
    record_course(store, "Soon gone", frames=5, keep_days=3)
    with store.record(title="Under way"), watched(browser, f"{running.url}/sessions") as seen:
        page = seen.page
        state = page.locator("tr", has_text="Under way").locator(".chip")
        expect(state).to_have_text("Recording now", timeout=LONG_MS)
        expect(page.locator("tr", has_text="Broken off").locator(".chip")).to_have_text(
            "Interrupted"
        )
        keep = page.locator("tr", has_text="Soon gone").locator(".keep-cell")
        expect(keep).to_have_text(re.compile(r"^In 3 days \(.+\)$"))
        page.get_by_role("checkbox", name="Pick Under way").check()
        page.keyboard.press("Delete")
        expect(page.get_by_text("is being recorded. End it")).to_be_visible()
        store.edit(store.sessions(limit=1)[0].id, title="Still under way")
        expect(page.get_by_role("link", name="Still under way")).to_be_visible(timeout=LONG_MS)


def test_delete_says_what_goes_and_it_is_gone_from_list_and_disk(
    browser: Browser, running: RunningServer, tmp_path: Path, astronaut_bgr: NDArray[np.uint8]
) -> None:
    store = store_of(running)
    kept = record_course(store, "This one stays", frames=5)
    doomed = [record_course(store, f"Unmistakable {n}", frames=40) for n in range(2)]
    keep_faces(store, doomed[0], astronaut_bgr, 1.0)
    media = store.media.folder / str(doomed[0])
    assert len(list(media.iterdir())) == 4
    with watched(browser, f"{running.url}/sessions") as seen:
        page = seen.page
        for number in range(2):
            page.get_by_role("checkbox", name=f"Pick Unmistakable {number}").check()
        page.get_by_role("button", name="Delete", exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("Delete 2 sessions?")
        expect(dialog).to_contain_text("“Unmistakable 0”, “Unmistakable 1”")
        expect(dialog).to_contain_text("cannot be undone")
        dialog.get_by_role("button", name="Cancel").click()
        assert store.count() == 3
        page.get_by_role("button", name="Delete", exact=True).click()
        dialog.get_by_role("button", name="Delete 2 sessions").click()
        expect(page.get_by_text("2 sessions were deleted.")).to_be_visible(timeout=LONG_MS)
        expect(page.locator(".session-link")).to_have_text(["This one stays"])
    assert [session.id for session in store.sessions()] == [kept]
    assert not media.exists()
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("own.db*"))
    assert b"This one stays" in written
    assert b"Unmistakable" not in written


def test_an_empty_list_teaches_what_a_session_is(browser: Browser, running: RunningServer) -> None:
    with watched(browser, f"{running.url}/sessions") as seen:
        empty = seen.page.locator(".empty-state")
        expect(empty).to_contain_text("No sessions yet", timeout=LONG_MS)
        expect(empty).to_contain_text("never a picture unless you ask for it")
        expect(empty.get_by_role("link", name="Record a session")).to_have_attribute("href", "/")
        expect(empty.get_by_role("link", name="Read a video")).to_have_attribute("href", "/upload")
        expect(seen.page.locator("#picked-bar")).to_be_hidden()


def test_a_server_that_records_nothing_says_so(browser: Browser, tiny_bundle: Path) -> None:
    running = RunningServer(
        load_settings(port=0, bundle=str(tiny_bundle), detector="haar", recording=False)
    )
    with watched(browser, f"{running.url}/sessions") as seen:
        notice = seen.page.get_by_role("alert")
        expect(notice).to_contain_text("nothing is recorded on this server", timeout=LONG_MS)
    running.stop()


def test_another_profile_without_the_token_gets_nothing_of_any_session(
    browser: Browser, tiny_bundle: Path, tmp_path: Path
) -> None:
    guarded = RunningServer(
        load_settings(
            port=0,
            bundle=str(tiny_bundle),
            detector="haar",
            token=TOKEN,
            database_url=f"sqlite:///{tmp_path / 'own.db'}",
        )
    )
    made = record_course(store_of(guarded), "Secret rehearsal", frames=20)
    own, other = browser.new_context(), browser.new_context()
    page = own.new_page()
    page.goto(f"{guarded.url}/?token={TOKEN}")
    page.goto(f"{guarded.url}/sessions")
    expect_first(page, "Secret rehearsal")
    stranger = other.new_page()
    for path in (
        "/sessions",
        f"/sessions/{made}",
        f"/compare?ids={made}",
        "/v1/sessions",
        f"/v1/sessions/{made}",
        f"/v1/sessions/{made}/timeline",
        f"/v1/sessions/{made}/summary",
        f"/v1/sessions/{made}/export?format=json",
    ):
        answer = stranger.goto(guarded.url + path)
        assert answer is not None and answer.status == 401, path
        assert "Secret rehearsal" not in stranger.content()
    own.close()
    other.close()
    guarded.stop()
