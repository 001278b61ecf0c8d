"""Recorded sessions over REST: what the store has is what is answered, and only by its numbers."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pypdfium2
import pytest

from mien.core.errors import StoreFullError, StoreLockedError, StoreReadOnlyError
from mien.recognition.rows.rows import rows_of
from mien.recognition.summary.summary import Summary, summary
from mien.store import Store
from mien.web.settings import load_settings
from recordings import make_face, make_frame
from tests.web.made_sessions import COMES_BACK, FRAMES, Made, make_session
from tests.web.running import RunningServer

TOO_LARGE = 2**31


@pytest.fixture
def store(server: RunningServer) -> Store:
    found: Store = server.app.state.services.store()
    return found


@pytest.fixture
def made(store: Store) -> Made:
    return make_session(store)


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


class TestList:
    def test_sessions_are_found_sorted_and_paged(self, client: httpx.Client, store: Store) -> None:
        for title, frames in (("beta", 3), ("Alpha", 1), ("gamma", 2)):
            with store.record(title=title, note="listed-here") as recording:
                for number in range(frames):
                    recording.add(make_frame(number))

        def titles(**query: Any) -> list[str]:
            answer = client.get("/v1/sessions", params={"search": "listed-here", **query})
            assert answer.json()["total"] == 3
            return [session["title"] for session in answer.json()["sessions"]]

        assert titles() == ["gamma", "Alpha", "beta"]
        assert titles(order="title", descending=False) == ["Alpha", "beta", "gamma"]
        assert titles(order="duration") == ["beta", "gamma", "Alpha"]
        assert titles(order="title", descending=False, limit=1, offset=1) == ["beta"]

    def test_search_takes_all_words_as_they_are(self, client: httpx.Client, store: Store) -> None:
        store.record(title="100% söund-check_7").close()
        for search, found in (
            ("söund 100%", 1),
            ("s%check", 0),
            ("\x00", None),
            ("_7 SÖUND", None),
        ):
            answer = client.get("/v1/sessions", params={"search": search})
            assert answer.status_code == 200
            assert found is None or answer.json()["total"] == found

    @pytest.mark.parametrize(
        "query", ["limit=0", "limit=201", "offset=-1", "order=id", f"offset={TOO_LARGE}", "limit=x"]
    )
    def test_what_cannot_be_asked_is_refused(self, client: httpx.Client, query: str) -> None:
        answer = client.get(f"/v1/sessions?{query}")
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


class TestOne:
    def test_a_session_is_told_whole(self, client: httpx.Client, store: Store, made: Made) -> None:
        told = client.get(made.url).json()
        assert told["session"]["title"] == "A talk" and told["session"]["frames"] == FRAMES
        assert told["session"]["consent_text"] == "I agree."
        assert [label["name"] for label in told["labels"]][:2] == ["neutral", "happiness"]
        assert [person["track_id"] for person in told["people"]] == [1, 2, 3]
        assert told["markers"] == [{"id": made.marker_id, "timestamp_s": 1.25, "word": "slide 2"}]
        (file,) = told["media"]
        assert file["url"] == f"{made.url}/media/{made.media_id}" and "file" not in file

    @pytest.mark.parametrize("number", ["0", "-1", str(TOO_LARGE), "x", "1.5", "9" * 400])
    def test_what_is_no_number_of_a_session_is_refused(
        self, client: httpx.Client, number: str
    ) -> None:
        assert client.get(f"/v1/sessions/{number}").status_code == 422

    @pytest.mark.parametrize("rest", ["", "/timeline", "/summary", "/export", "/media/1"])
    def test_an_unknown_session_is_not_found(self, client: httpx.Client, rest: str) -> None:
        answer = client.get(f"/v1/sessions/{TOO_LARGE - 1}{rest}")
        assert (answer.status_code, code_of(answer)) == (404, "not_found")

    def test_a_change_leaves_what_is_not_named(self, client: httpx.Client, made: Made) -> None:
        def change(**fields: Any) -> dict[str, Any]:
            answer = client.patch(made.url, json=fields)
            assert answer.status_code == 200, answer.text
            session: dict[str, Any] = answer.json()["session"]
            return session

        assert change(keep_days=7)["keep_until"] is not None
        renamed = change(title="  Another  ", note="why")
        assert (renamed["title"], renamed["note"]) == ("Another", "why")
        assert renamed["keep_until"] is not None
        assert change(keep_days=None)["keep_until"] is None
        assert change(note=None)["note"] == "" and change()["title"] == "Another"

    @pytest.mark.parametrize(
        "body",
        [
            {"title": None},
            {"title": ""},
            {"title": "   "},
            {"title": "x" * 201},
            {"note": "x" * 20_001},
            {"keep_days": 0},
            {"keep_days": 36_501},
            {"id": 7},
            [],
            "x",
        ],
    )
    def test_a_change_that_cannot_be_is_refused(
        self, client: httpx.Client, made: Made, body: Any
    ) -> None:
        assert client.patch(made.url, json=body).status_code == 422
        assert client.get(made.url).json()["session"]["title"] == "A talk"

    def test_what_is_deleted_is_gone_with_its_files(
        self, client: httpx.Client, server: RunningServer, store: Store
    ) -> None:
        made = make_session(store, "Delete-me-entirely", note="a secret that nobody shall find")
        folder = store.media.path(store.media.find(made.session_id, made.media_id)).parent
        assert folder.is_dir()
        answer = client.delete(made.url)
        assert (answer.status_code, answer.content) == (204, b"")
        assert client.get(made.url).status_code == client.delete(made.url).status_code == 404
        assert not folder.exists()
        for file in Path(store.name).parent.glob("sessions.db*"):
            content = file.read_bytes()
            assert b"Delete-me-entirely" not in content and b"nobody shall find" not in content

    def test_a_session_that_is_being_recorded_is_not_deleted(
        self, client: httpx.Client, store: Store
    ) -> None:
        with store.record(title="running") as recording:
            url = f"/v1/sessions/{recording.session_id}"
            assert client.get(url).json()["session"]["state"] == "recording"
            answer = client.delete(url)
            assert (answer.status_code, code_of(answer)) == (409, "session_running")
        assert client.delete(url).status_code == 204


class TestCourse:
    def test_a_timeline_is_the_stores(self, client: httpx.Client, store: Store, made: Made) -> None:
        for query in (
            {},
            {"bins": 7, "smoothed": False},
            {"start_s": 1, "end_s": 2.5, "bins": 5},
            {"together": True, "bins": 1},
        ):
            told = client.get(f"{made.url}/timeline", params=query).json()
            assert told == store.timeline(made.session_id, **query).to_dict()
        assert [line["track_id"] for line in told["lines"]] == [None]
        assert told["lines"][0]["faces"] == [2 * FRAMES]

    @pytest.mark.parametrize(
        "query", ["bins=0", "bins=10001", "start_s=nan", "end_s=inf", "start_s=1e300"]
    )
    def test_no_timeline_of_what_is_no_stretch(
        self, client: httpx.Client, made: Made, query: str
    ) -> None:
        assert client.get(f"{made.url}/timeline?{query}").status_code == 422

    def test_a_stretch_with_nothing_in_it_is_empty(self, client: httpx.Client, made: Made) -> None:
        for query in ("start_s=900", "start_s=3&end_s=2", "start_s=1&end_s=1"):
            assert client.get(f"{made.url}/timeline?{query}").json()["lines"] == []

    def test_figures_are_those_of_the_frames(
        self, client: httpx.Client, store: Store, made: Made
    ) -> None:
        told = client.get(f"{made.url}/summary").json()
        assert told == summary(store.frames(made.session_id)).to_dict()
        assert [person["track_id"] for person in told["people"]] == [1, 2, 3]

    def test_figures_are_remembered_until_something_changes(
        self,
        client: httpx.Client,
        store: Store,
        made: Made,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        worked_out: list[int] = []

        def count(store: Store, session_id: int) -> Summary:
            worked_out.append(session_id)
            return summary(store.frames(session_id))

        monkeypatch.setattr("mien.web.summaries.summarise_session", count)
        first = client.get(f"{made.url}/summary").json()
        assert client.get(f"{made.url}/summary").json() == first and len(worked_out) == 1
        client.patch(f"{made.url}/people/2", json={"hidden": True})
        assert len(client.get(f"{made.url}/summary").json()["people"]) == 2
        with store.resume(made.session_id) as recording:
            recording.add(make_frame(FRAMES))
        assert client.get(f"{made.url}/summary").json()["frames"] == FRAMES + 1
        assert len(worked_out) == 3
        client.delete(made.url)
        assert client.get(f"{made.url}/summary").status_code == 404

    def test_a_session_without_a_face_has_figures(self, client: httpx.Client, store: Store) -> None:
        with store.record(title="empty") as recording:
            recording.add(make_frame(0))
        url = f"/v1/sessions/{recording.session_id}"
        assert client.get(f"{url}/summary").json()["overall"] is None
        assert client.get(f"{url}/timeline").json()["lines"] == []
        assert client.get(url).json()["labels"] == []


class TestPeople:
    def test_a_name_is_given_and_taken_away(self, client: httpx.Client, made: Made) -> None:
        url = f"{made.url}/people/2"
        people = client.patch(url, json={"name": "Ann"}).json()["people"]
        assert [person["name"] for person in people] == [None, "Ann", None]
        assert client.patch(url, json={"hidden": False}).json()["people"][1]["name"] == "Ann"
        assert client.patch(url, json={}).json()["people"][1]["name"] == "Ann"
        assert client.patch(url, json={"name": None}).json()["people"][1]["name"] is None

    def test_who_is_hidden_is_in_no_course_figure_or_export(
        self, client: httpx.Client, made: Made
    ) -> None:
        client.patch(f"{made.url}/people/2", json={"hidden": True})
        lines = client.get(f"{made.url}/timeline").json()["lines"]
        assert [line["track_id"] for line in lines] == [1, 3]
        people = client.get(f"{made.url}/summary").json()["people"]
        assert [person["track_id"] for person in people] == [1, 3]
        rows = csv.DictReader(io.StringIO(client.get(f"{made.url}/export").text))
        assert {row["track_id"] for row in rows} == {"1", "3"}

    def test_who_is_merged_is_one_everywhere_until_separated(
        self, client: httpx.Client, made: Made
    ) -> None:
        merged = client.post(
            f"{made.url}/people/merge", json={"track_id": COMES_BACK, "into": 1}
        ).json()["people"]
        assert [person["same_as"] for person in merged] == [None, None, 1]
        lines = client.get(f"{made.url}/timeline?bins=1").json()["lines"]
        assert [(line["track_id"], line["faces"]) for line in lines] == [
            (1, [FRAMES]),
            (2, [FRAMES]),
        ]
        rows = csv.DictReader(io.StringIO(client.get(f"{made.url}/export").text))
        assert {row["track_id"] for row in rows} == {"1", "2"}
        apart = client.post(f"{made.url}/people/{COMES_BACK}/separate").json()["people"]
        assert [person["same_as"] for person in apart] == [None, None, None]

    def test_who_is_seen_together_is_not_one_person(self, client: httpx.Client, made: Made) -> None:
        for body in ({"track_id": 1, "into": 2}, {"track_id": 1, "into": 1}):
            answer = client.post(f"{made.url}/people/merge", json=body)
            assert (answer.status_code, code_of(answer)) == (409, "not_one_person")

    @pytest.mark.parametrize(
        ("method", "rest", "body", "status"),
        [
            ("PATCH", "people/9", {"name": "Ann"}, 404),
            ("PATCH", "people/9", {"hidden": True}, 404),
            ("PATCH", "people/1", {"hidden": None}, 422),
            ("PATCH", "people/1", {"name": ""}, 422),
            ("PATCH", "people/1", {"name": "x" * 201}, 422),
            ("PATCH", f"people/{TOO_LARGE}", {}, 422),
            ("POST", "people/merge", {"track_id": 9, "into": 1}, 404),
            ("POST", "people/merge", {"track_id": 1}, 422),
            ("POST", "people/merge", {"track_id": TOO_LARGE, "into": 1}, 422),
            ("POST", "people/9/separate", None, 404),
            ("POST", "markers", {"timestamp_s": -1, "word": "x"}, 422),
            ("POST", "markers", {"timestamp_s": 1, "word": ""}, 422),
            ("POST", "markers", {"timestamp_s": 1, "word": "  "}, 422),
            ("POST", "markers", {"timestamp_s": "soon", "word": "x"}, 422),
            ("DELETE", "markers/2147483647", None, 404),
            ("DELETE", "markers/0", None, 422),
        ],
    )
    def test_what_cannot_be_said_is_refused(
        self, client: httpx.Client, made: Made, method: str, rest: str, body: Any, status: int
    ) -> None:
        before = client.get(made.url).json()
        answer = client.request(method, f"{made.url}/{rest}", json=body)
        assert answer.status_code == status, answer.text
        assert client.get(made.url).json() == before

    def test_markers_come_and_go(self, client: httpx.Client, made: Made) -> None:
        added = client.post(f"{made.url}/markers", json={"timestamp_s": 0.5, "word": " hello "})
        assert added.json()["word"] == "hello"
        markers = client.get(made.url).json()["markers"]
        assert [marker["word"] for marker in markers] == ["hello", "slide 2"]
        assert client.delete(f"{made.url}/markers/{made.marker_id}").status_code == 204
        assert client.get(made.url).json()["markers"] == [added.json()]

    def test_a_marker_of_another_session_is_not_there(
        self, client: httpx.Client, store: Store, made: Made
    ) -> None:
        other = make_session(store)
        assert client.delete(f"{other.url}/markers/{made.marker_id}").status_code == 404
        assert len(client.get(made.url).json()["markers"]) == 1


class TestMedia:
    def test_a_kept_face_is_shown(self, client: httpx.Client, store: Store, made: Made) -> None:
        answer = client.get(f"{made.url}/media/{made.media_id}")
        path = store.media.path(store.media.find(made.session_id, made.media_id))
        assert answer.content == path.read_bytes()
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["content-disposition"].startswith("inline")
        assert answer.headers["cache-control"] == "no-store"
        assert path.name not in str(answer.headers)

    def test_a_file_of_another_session_is_not_there(
        self, client: httpx.Client, store: Store, made: Made
    ) -> None:
        answer = client.get(f"{make_session(store).url}/media/{made.media_id}")
        assert (answer.status_code, code_of(answer)) == (404, "not_found")

    def test_a_lost_file_is_not_found_and_says_no_path(
        self, client: httpx.Client, store: Store, made: Made
    ) -> None:
        path = store.media.path(store.media.find(made.session_id, made.media_id))
        path.unlink()
        answer = client.get(f"{made.url}/media/{made.media_id}")
        assert answer.status_code == 404 and path.parent.parent.name not in answer.text

    def test_a_video_is_given_in_parts(
        self, client: httpx.Client, store: Store, made: Made
    ) -> None:
        film = bytes(range(256)) * 8
        file = store.media.add(made.session_id, film, kind="video", suffix=".mp4")
        url = f"{made.url}/media/{file.id}"
        part = client.get(url, headers={"range": "bytes=100-199"})
        assert (part.status_code, part.content) == (206, film[100:200])
        assert part.headers["content-type"] == "video/mp4"
        assert part.headers["content-range"] == f"bytes 100-199/{len(film)}"
        assert client.get(url, headers={"range": "bytes=9999-"}).status_code == 416

    def test_what_a_browser_may_run_is_only_ever_saved(
        self, client: httpx.Client, store: Store, made: Made
    ) -> None:
        file = store.media.add(made.session_id, b"<script>1</script>", kind="other", suffix=".html")
        answer = client.get(f"{made.url}/media/{file.id}")
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment")


class TestExport:
    @pytest.fixture
    def folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Where the server makes its files."""
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        return tmp_path

    def export(self, client: httpx.Client, made: Made, kind: str) -> bytes:
        answer = client.get(f"{made.url}/export", params={"format": kind}, timeout=180)
        assert answer.status_code == 200, answer.text
        name = answer.headers["content-disposition"]
        assert name == f'attachment; filename="A-talk-{made.session_id}.{kind}"'
        return answer.content

    def test_rows_are_those_of_the_store_in_every_format(
        self, client: httpx.Client, store: Store, made: Made
    ) -> None:
        rows = [row for frame in store.frames(made.session_id) for row in rows_of(frame)]
        document = json.loads(self.export(client, made, "json"))
        assert document["rows"] == rows
        assert document["session"]["id"] == made.session_id
        wanted = pd.DataFrame(rows)
        for table in (
            pd.read_csv(io.BytesIO(self.export(client, made, "csv"))),
            pd.read_parquet(io.BytesIO(self.export(client, made, "parquet"))),
        ):
            assert list(table.columns) == list(wanted.columns)
            for name in ("timestamp_s", "track_id", "x1", "p_happiness", "dominant"):
                assert table[name].tolist() == wanted[name].tolist(), name

    def test_reports_are_to_be_read(self, client: httpx.Client, made: Made) -> None:
        page = self.export(client, made, "html").decode()
        assert "<h1>A talk</h1>" in page and "default-src 'none'" in page
        document = pypdfium2.PdfDocument(self.export(client, made, "pdf"))
        words = document[0].get_textpage().get_text_range()
        assert "A talk" in words and f"1 / {len(document)}" in words
        document.close()

    @pytest.mark.parametrize("kind", ["csv", "pdf"])
    def test_nothing_of_an_export_stays_on_the_server(
        self, client: httpx.Client, made: Made, folder: Path, kind: str
    ) -> None:
        self.export(client, made, kind)
        deadline = time.monotonic() + 10
        while list(folder.iterdir()):
            assert time.monotonic() < deadline, list(folder.iterdir())
            time.sleep(0.01)

    def test_an_export_that_fails_leaves_nothing(
        self, client: httpx.Client, made: Made, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: object, **__: object) -> None:
            raise StoreFullError(f"{folder}/x cannot grow")

        monkeypatch.setattr("mien.web.routes.session_files.export_session", fail)
        answer = client.get(f"{made.url}/export")
        assert (answer.status_code, code_of(answer)) == (507, "store_full")
        assert list(folder.iterdir()) == [] and str(folder) not in answer.text

    def test_a_title_is_never_a_path_nor_a_header(self, client: httpx.Client, store: Store) -> None:
        made = make_session(store, '../../"Ü\r\nSet-Cookie: a=b')
        answer = client.get(f"{made.url}/export")
        name = f"%C3%9C-Set-Cookie-a-b-{made.session_id}.csv"
        assert answer.headers["content-disposition"] == f"attachment; filename*=utf-8''{name}"
        assert "set-cookie" not in answer.headers

    @pytest.mark.parametrize("query", ["format=exe", "format=", "format=../csv"])
    def test_other_formats_are_refused(self, client: httpx.Client, made: Made, query: str) -> None:
        assert client.get(f"{made.url}/export?{query}").status_code == 422


@pytest.fixture(scope="module")
def closed(tiny_bundle: Path) -> Iterator[httpx.Client]:
    """A client of a server that keeps nothing."""
    settings = load_settings(port=0, bundle=str(tiny_bundle), detector="haar", recording=False)
    running = RunningServer(settings)
    with httpx.Client(base_url=running.url, timeout=60) as client:
        yield client
    running.stop()


class TestTroubles:
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/v1/sessions"),
            ("GET", "/v1/sessions/1"),
            ("DELETE", "/v1/sessions/1"),
            ("GET", "/v1/sessions/1/export"),
            ("GET", "/v1/sessions/1/media/1"),
        ],
    )
    def test_a_server_that_keeps_nothing_says_so(
        self, closed: httpx.Client, method: str, path: str
    ) -> None:
        answer = closed.request(method, path)
        assert (answer.status_code, code_of(answer)) == (403, "recording_off")
        assert "MIEN_RECORDING" in answer.json()["error"]["message"]

    @pytest.mark.parametrize(
        ("error", "status", "code"),
        [
            (StoreLockedError, 503, "store_locked"),
            (StoreReadOnlyError, 500, "store_read_only"),
        ],
    )
    def test_a_store_in_trouble_says_what_to_do_and_no_path(
        self,
        client: httpx.Client,
        store: Store,
        monkeypatch: pytest.MonkeyPatch,
        error: type[Exception],
        status: int,
        code: str,
    ) -> None:
        def fail(**_: object) -> None:
            raise error(f"{store.name} is in trouble")

        monkeypatch.setattr(store, "sessions", fail)
        answer = client.get("/v1/sessions")
        assert (answer.status_code, code_of(answer)) == (status, code)
        assert store.name not in answer.text
        assert ("retry-after" in answer.headers) == (status == 503)

    def test_a_page_of_another_origin_cannot_delete(self, client: httpx.Client, made: Made) -> None:
        answer = client.delete(made.url, headers={"origin": "https://elsewhere.example"})
        assert (answer.status_code, code_of(answer)) == (403, "origin_refused")
        assert client.get(made.url).status_code == 200

    def test_faces_of_another_label_set_have_its_labels(
        self, client: httpx.Client, store: Store
    ) -> None:
        chance = np.random.default_rng(1)
        with store.record(title="fer2013") as recording:
            recording.add(make_frame(0, [make_face(chance, 1, "fer2013")]))
        told = client.get(f"/v1/sessions/{recording.session_id}").json()
        assert "contempt" not in [label["name"] for label in told["labels"]]
        assert len(told["labels"]) == 7
