"""Uploads as background jobs: a video becomes a session, photos have results, limits hold."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from mien.core.types import FrameResult
from mien.recognition.recognizer import Recognizer
from mien.web.engine import RecognizerEngine
from mien.web.jobs import uploads
from mien.web.jobs.halt import Halt, step_back
from mien.web.jobs.work import Pace, Work
from mien.web.settings import load_settings
from tests.films import make_wave
from tests.web.job_films import (
    CONSENT,
    FORM_HEADERS,
    FRAMES,
    form_of,
    frames_of,
    in_pieces,
    is_over,
    send_photos,
    send_video,
    wait_for,
    write_walk,
)
from tests.web.running import RunningServer

Start = Callable[..., RunningServer]
# A server of its own process, whose frames take a tenth of a second; it says its port.
SERVE = """
import json, sys
from mien.web.app import create_app
from mien.web.jobs import jobs
from mien.web.jobs.work import Work
from mien.web.server import make_server, open_port
from mien.web.settings import load_settings

Work.give_way = lambda work, _: work.halt.rest(0.1)
jobs.step_back = lambda: None
settings = load_settings(**json.loads(sys.argv[1]))
app, listener = create_app(settings), open_port(settings)
print(listener.getsockname()[1], flush=True)
make_server(app, settings).run(sockets=[listener])
"""
WRONG_FIELD = form_of(("a", b"b"), field="image")


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, astronaut_path: Path) -> Path:
    return write_walk(astronaut_path, tmp_path_factory.mktemp("films") / "a walk.mp4")


@pytest.fixture(scope="module")
def engine(tiny_bundle: Path) -> RecognizerEngine:
    return RecognizerEngine(load_settings(bundle=str(tiny_bundle), detector="haar"))


@pytest.fixture
def start(
    tiny_bundle: Path, tmp_path: Path, engine: RecognizerEngine, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Start a server whose jobs and sessions are in the test's own folder."""
    servers: list[RunningServer] = []
    # On a busy machine a thread that steps back may wait for very long.
    monkeypatch.setattr("mien.web.jobs.jobs.step_back", lambda: None)

    def start(**given: Any) -> RunningServer:
        settings = load_settings(**settings_of(tiny_bundle, tmp_path, **given))
        servers.append(RunningServer(settings, engine))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def settings_of(bundle: Path, folder: Path, **given: Any) -> dict[str, Any]:
    return {
        "port": 0,
        "bundle": str(bundle),
        "detector": "haar",
        "requests_per_s": 1000,
        "request_burst": 1000,
        "database_url": f"sqlite:///{folder / 'sessions.db'}",
        "jobs_folder": folder / "jobs",
        "disk_reserve_bytes": 0,
        **given,
    }


@pytest.fixture
def server(start: Start) -> RunningServer:
    return start(max_upload_bytes=1_000_000, max_video_bytes=4_000_000, max_job_photos=3)


@pytest.fixture
def client(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        yield client


@pytest.fixture
def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame takes a tenth of a second, so that a job can be met while it runs."""
    monkeypatch.setattr(Work, "give_way", lambda work, _: work.halt.rest(0.1))


def job_files(folder: Path) -> list[str]:
    """All files of jobs but the lock."""
    jobs = folder / "jobs"
    return sorted(p.name for p in jobs.rglob("*") if p.is_file() and p.name != ".lock")


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


class TestVideo:
    def test_becomes_a_session_with_the_rows_of_the_same_video_read_here(
        self, server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
    ) -> None:
        answer = send_video(client, walk, title="Rehearsal", keep_days=30)
        assert answer.status_code == 200, answer.text
        job = answer.json()
        assert (job["kind"], job["title"], job["session_id"]) == ("video", "Rehearsal", None)
        assert job["files"] == [{"name": "a walk.mp4", "bytes": walk.stat().st_size}]
        done = wait_for(client, job["id"], is_over)
        assert (done["state"], done["error"]) == ("done", None)
        progress = done["progress"]
        assert (progress["frames"], progress["share"], progress["left_s"]) == (FRAMES, 1.0, 0.0)
        assert progress["done"] == progress["total"] == pytest.approx(FRAMES / 20, abs=0.06)
        kept = frames_of(server, done["session_id"])
        reader = Recognizer(server.settings.bundle, "haar")
        here = list(reader.video(walk, every_s=0.05))
        assert [one.timestamp_s for one in kept] == [one.timestamp_s for one in here]
        assert progress["faces"] == sum(map(len, here)) >= FRAMES - 2
        for got, wanted in zip(kept, here, strict=True):
            assert [face.to_dict()["box"] for face in got] == [
                face.to_dict()["box"] for face in wanted
            ]
            assert [face.track_id for face in got] == [face.track_id for face in wanted]
        session = server.app.state.services.store().session(done["session_id"])
        assert (session.title, session.source, session.bundle) == (
            "Rehearsal",
            "a walk.mp4",
            "tiny",
        )
        assert (session.consent_text, session.state) == (CONSENT, "ended")
        assert session.consent_at < session.started_at
        assert session.settings["job"] == job["id"]
        assert session.keep_until - session.started_at == pytest.approx(
            timedelta(days=30), abs=timedelta(minutes=1)
        )
        assert job_files(tmp_path) == ["job.json"]

    def test_is_kept_with_its_session_only_if_asked_for(
        self, server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
    ) -> None:
        ids = [send_video(client, walk, keep_video=keep).json()["id"] for keep in (True, False)]
        sessions = [wait_for(client, one, is_over)["session_id"] for one in ids]
        media = server.app.state.services.store().media
        (kept,) = media.of(sessions[0])
        assert (kept.kind, Path(kept.file).suffix) == ("video", ".mp4")
        assert media.path(kept).read_bytes() == walk.read_bytes()
        assert media.of(sessions[1]) == []
        assert job_files(tmp_path) == ["job.json", "job.json"]

    def test_needs_the_consent_of_those_in_it(self, client: httpx.Client, walk: Path) -> None:
        for consent in ("", "  "):
            assert error_of(send_video(client, walk, consent=consent)) == (422, "consent_required")
        assert client.get("/v1/jobs").json() == {"jobs": []}

    def test_is_told_by_its_bytes_whatever_it_is_called(
        self, client: httpx.Client, walk: Path, astronaut_path: Path, tmp_path: Path
    ) -> None:
        text = tmp_path / "talk.mp4"
        text.write_text("ffconcat version 1.0\nfile '/etc/passwd'\n" * 200)
        for path in (text, astronaut_path):
            assert error_of(send_video(client, path)) == (415, "unsupported_video")
        hidden = tmp_path / "notes.txt"
        hidden.write_bytes(walk.read_bytes())
        assert send_video(client, hidden).status_code == 200
        sound = make_wave(tmp_path / "sound.wav")
        assert error_of(send_video(client, sound)) == (415, "unsupported_video")

    def test_that_is_corrupt_is_refused_and_leaves_nothing(
        self, client: httpx.Client, walk: Path, tmp_path: Path
    ) -> None:
        broken = tmp_path / "broken.mp4"
        broken.write_bytes(walk.read_bytes()[:600])
        answer = send_video(client, broken)
        assert error_of(answer) == (422, "unreadable_video")
        assert "the video" in answer.text and str(tmp_path) not in answer.text
        assert job_files(tmp_path) == []

    def test_with_frames_or_a_length_beyond_all_measure_is_refused(
        self, start: Start, walk: Path, tmp_path: Path
    ) -> None:
        for given, words in (
            ({"max_pixels": 10_000}, "frames of 240 x 160 pixels"),
            ({"max_video_s": 1.0}, "h long"),
        ):
            server = start(**given, jobs_folder=tmp_path / next(iter(given)))
            with httpx.Client(base_url=server.url, timeout=60) as client:
                answer = send_video(client, walk)
            assert error_of(answer) == (422, "unreadable_video")
            assert words in answer.json()["error"]["message"]

    def test_one_at_a_time(self, client: httpx.Client, walk: Path) -> None:
        content = walk.read_bytes()
        body = form_of(("a.mp4", content), ("b.mp4", content))
        query = {"kind": "video", "consent": CONSENT}
        answer = client.post("/v1/jobs", params=query, content=body, headers=FORM_HEADERS)
        assert error_of(answer) == (413, "too_large")


class TestStopping:
    @pytest.mark.usefixtures("slowly")
    def test_and_going_on_gives_the_session_that_one_go_gives(
        self, server: RunningServer, client: httpx.Client, walk: Path
    ) -> None:
        job = send_video(client, walk).json()
        wait_for(client, job["id"], lambda now: now["progress"]["frames"] >= 7)
        asked_s = time.monotonic()
        stopped = client.post(f"/v1/jobs/{job['id']}/cancel").json()
        assert time.monotonic() - asked_s < 5
        assert (stopped["state"], stopped["progress"]["left_s"]) == ("cancelled", None)
        part = frames_of(server, stopped["session_id"])
        assert 7 <= len(part) == stopped["progress"]["frames"] < FRAMES
        assert client.post(f"/v1/jobs/{job['id']}/resume").json()["state"] == "waiting"
        done = wait_for(client, job["id"], is_over)
        assert done["state"] == "done"
        assert done["session_id"] == stopped["session_id"]
        assert done["progress"]["frames"] == FRAMES
        whole = wait_for(client, send_video(client, walk).json()["id"], is_over)
        assert done["progress"]["faces"] == whole["progress"]["faces"]
        hold_alike(frames_of(server, done["session_id"]), frames_of(server, whole["session_id"]))
        answer = client.post(f"/v1/jobs/{job['id']}/resume")
        assert error_of(answer) == (409, "job_is_done")

    @pytest.mark.usefixtures("slowly")
    def test_of_a_server_interrupts_and_its_next_start_waits_to_be_told(
        self, server: RunningServer, client: httpx.Client, walk: Path
    ) -> None:
        running, waiting = (send_video(client, walk).json()["id"] for _ in range(2))
        wait_for(client, running, lambda now: now["progress"]["frames"] >= 3)
        server.stop()
        server.start()
        again = wait_for(client, running, lambda _: True)
        assert again["state"] == "interrupted"
        assert again["progress"]["frames"] == len(frames_of(server, again["session_id"]))
        # What had not begun goes on by itself.
        assert wait_for(client, waiting, is_over)["state"] == "done"
        assert client.post(f"/v1/jobs/{running}/resume").json()["state"] == "waiting"
        done = wait_for(client, running, is_over)
        other = wait_for(client, waiting, is_over)
        hold_alike(frames_of(server, done["session_id"]), frames_of(server, other["session_id"]))

    @pytest.mark.usefixtures("slowly")
    def test_by_a_kill_loses_a_second_and_goes_on_as_in_one_go(
        self, start: Start, tiny_bundle: Path, walk: Path, tmp_path: Path
    ) -> None:
        given = json.dumps(settings_of(tiny_bundle, tmp_path), default=str)
        killed = subprocess.Popen(
            [sys.executable, "-c", SERVE, given], stdout=subprocess.PIPE, text=True
        )
        try:
            assert killed.stdout is not None
            url = f"http://127.0.0.1:{int(killed.stdout.readline())}"
            with httpx.Client(base_url=url, timeout=120) as client:
                job_id = send_video(client, walk).json()["id"]
                seen = wait_for(client, job_id, lambda now: now["progress"]["frames"] >= 15)
        finally:
            killed.kill()
            killed.communicate()
        server = start()
        with httpx.Client(base_url=server.url, timeout=60) as client:
            left = client.get(f"/v1/jobs/{job_id}").json()
            assert (left["state"], left["session_id"]) == ("interrupted", seen["session_id"])
            assert left["files"] == seen["files"]
            # A frame takes a tenth of a second, so a second and what is on its way is some 15.
            assert len(frames_of(server, left["session_id"])) >= seen["progress"]["frames"] - 15
            assert client.post(f"/v1/jobs/{job_id}/resume").status_code == 200
            done = wait_for(client, job_id, is_over)
            assert (done["state"], done["progress"]["frames"]) == ("done", FRAMES)
            other = wait_for(client, send_video(client, walk).json()["id"], is_over)
        hold_alike(frames_of(server, done["session_id"]), frames_of(server, other["session_id"]))

    @pytest.mark.usefixtures("slowly")
    def test_and_deleting_the_session_meanwhile_leaves_nothing_to_go_on_with(
        self, server: RunningServer, client: httpx.Client, walk: Path
    ) -> None:
        job_id = send_video(client, walk).json()["id"]
        wait_for(client, job_id, lambda now: now["progress"]["frames"] >= 2)
        stopped = client.post(f"/v1/jobs/{job_id}/cancel").json()
        server.app.state.services.store().delete(stopped["session_id"])
        client.post(f"/v1/jobs/{job_id}/resume")
        failed = wait_for(client, job_id, is_over)
        assert (failed["state"], failed["error"]["code"]) == ("failed", "not_found")

    @pytest.mark.usefixtures("slowly")
    def test_what_waits_and_deleting_what_runs(
        self, server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
    ) -> None:
        running, waiting = (send_video(client, walk).json()["id"] for _ in range(2))
        wait_for(client, running, lambda now: now["progress"]["frames"] >= 2)
        assert client.post(f"/v1/jobs/{waiting}/cancel").json()["state"] == "cancelled"
        session_id = client.get(f"/v1/jobs/{running}").json()["session_id"]
        assert client.delete(f"/v1/jobs/{running}").status_code == 204
        assert server.app.state.services.store().session(session_id).state == "ended"
        assert client.delete(f"/v1/jobs/{waiting}").status_code == 204
        assert job_files(tmp_path) == []
        assert error_of(client.get(f"/v1/jobs/{running}")) == (404, "not_found")

    def test_and_deleting_with_the_session(
        self, server: RunningServer, client: httpx.Client, walk: Path
    ) -> None:
        done = wait_for(client, send_video(client, walk).json()["id"], is_over)
        query = {"with_session": True}
        assert client.delete(f"/v1/jobs/{done['id']}", params=query).status_code == 204
        assert server.app.state.services.store().sessions() == []


def hold_alike(one: list[FrameResult], other: list[FrameResult]) -> None:
    """Hold a session that was gone on with against one of one go.

    What the tracker recalls are figures rounded as in a row, so what is smoothed may differ by
    that; everything that is read of a frame alone is the same, and so are the tracks.
    """
    assert len(one) == len(other)
    for got, wanted in zip(one, other, strict=True):
        assert (got.index, got.timestamp_s) == (wanted.index, wanted.timestamp_s)
        assert [face.to_dict() | {"smoothed": None} for face in got] == [
            face.to_dict() | {"smoothed": None} for face in wanted
        ]
        for face, like in zip(got, wanted, strict=True):
            assert face.smoothed is not None and like.smoothed is not None
            for label in like.smoothed:
                assert face.smoothed[label] == pytest.approx(like.smoothed[label], abs=2e-3)


class TestPhotos:
    def test_are_read_in_order_and_one_that_cannot_be_is_a_result(
        self, client: httpx.Client, astronaut_path: Path, tmp_path: Path
    ) -> None:
        portrait = astronaut_path.read_bytes()
        answer = send_photos(
            client, ("one.png", portrait), ("../two.txt", b"no picture"), ("three.png", portrait)
        )
        job = wait_for(client, answer.json()["id"], is_over)
        assert (job["state"], job["title"]) == ("done", "one and 2 more")
        assert [one["name"] for one in job["files"]] == ["one.png", "two.txt", "three.png"]
        assert (job["progress"]["done"], job["progress"]["total"]) == (3.0, 3.0)
        place = f"/v1/jobs/{job['id']}/results"
        results = client.get(place).json()
        assert (results["total"], len(results["results"])) == (3, 3)
        first, bad, last = results["results"]
        assert [one["source"] for one in (first, bad, last)] == ["one.png", "two.txt", "three.png"]
        assert bad["faces"] == [] and "expected a JPEG, PNG or WebP" in bad["error"]
        here = client.post("/v1/analyze", files={"image": portrait}).json()["results"][0]
        assert first["faces"] == last["faces"] == here["faces"] != []
        page = client.get(place, params={"limit": 1, "offset": 1}).json()
        assert (page["results"], page["total"]) == ([bad], 3)
        assert client.get(place, params={"offset": 7}).json()["total"] == 3
        assert job_files(tmp_path) == ["job.json", "results.jsonl"]

    def test_are_exported_as_tables_and_as_json(
        self, client: httpx.Client, astronaut_path: Path
    ) -> None:
        portrait = astronaut_path.read_bytes()
        answer = send_photos(
            client, ("one.png", portrait), ("two.png", portrait), label_set="fer2013"
        )
        job_id = wait_for(client, answer.json()["id"], is_over)["id"]
        place = f"/v1/jobs/{job_id}/export"
        rows = list(csv.DictReader(io.StringIO(client.get(place).text)))
        assert [row["source"] for row in rows] == ["one.png", "two.png"]
        assert {row["label_set"] for row in rows} == {"fer2013"}
        answer = client.get(place, params={"format": "parquet"})
        assert f"photos-{job_id}.parquet" in answer.headers["content-disposition"]
        table = pq.read_table(io.BytesIO(answer.content))
        assert table.column("source").to_pylist() == ["one.png", "two.png"]
        results = client.get(f"/v1/jobs/{job_id}/results").json()["results"]
        assert client.get(place, params={"format": "json"}).json() == results

    @pytest.mark.usefixtures("slowly")
    def test_are_gone_on_with_after_the_last_that_is_whole(
        self, server: RunningServer, client: httpx.Client, astronaut_path: Path, tmp_path: Path
    ) -> None:
        photos = [(f"{number}.png", astronaut_path.read_bytes()) for number in range(3)]
        job_id = send_photos(client, *photos).json()["id"]
        wait_for(client, job_id, lambda now: now["progress"]["frames"] >= 1)
        read = client.post(f"/v1/jobs/{job_id}/cancel").json()["progress"]["frames"]
        with (tmp_path / "jobs" / job_id / "results.jsonl").open("ab") as stream:
            stream.write(b'{"index": 9, "torn')
        assert client.get(f"/v1/jobs/{job_id}/results").json()["total"] == read
        client.post(f"/v1/jobs/{job_id}/resume")
        assert wait_for(client, job_id, is_over)["state"] == "done"
        results = client.get(f"/v1/jobs/{job_id}/results").json()["results"]
        assert [one["index"] for one in results] == [0, 1, 2]

    def test_of_which_none_is_a_picture_are_refused(
        self, client: httpx.Client, tmp_path: Path
    ) -> None:
        answer = send_photos(client, ("a.txt", b"text"), ("b.jpg", b""))
        assert error_of(answer) == (415, "unsupported_picture")
        assert [one.split(":")[0] for one in answer.json()["error"]["details"]] == [
            "a.txt",
            "b.jpg",
        ]
        assert job_files(tmp_path) == []

    def test_have_no_session_and_a_video_has_no_results_here(
        self, client: httpx.Client, walk: Path
    ) -> None:
        done = wait_for(client, send_video(client, walk).json()["id"], is_over)
        assert client.get(f"/v1/jobs/{done['id']}/results").json()["total"] == 0
        answer = client.get(f"/v1/jobs/{done['id']}/export")
        assert error_of(answer) == (422, "invalid_request")
        assert f"/v1/sessions/{done['session_id']}/export" in answer.text

    @pytest.mark.parametrize(
        ("sent", "shown"),
        [
            ("../../etc/passwd", "passwd"),
            ("C:\\fakepath\\me.jpg", "me.jpg"),
            ("\u202egpj.me\x07.png", "gpj.me.png"),
            ("", "photo 1"),
            ("..", "photo 1"),
            (f"{'x' * 500}.jpeg", f"{'x' * 114}….jpeg"),
            ("a%22b.png", 'a"b.png'),
            ("日本 🎬.png", "日本 🎬.png"),
        ],
    )
    def test_names_are_shown_and_never_paths(
        self, client: httpx.Client, tmp_path: Path, astronaut_path: Path, sent: str, shown: str
    ) -> None:
        body = form_of((sent, astronaut_path.read_bytes()))
        answer = client.post("/v1/jobs", content=body, headers=FORM_HEADERS)
        assert answer.status_code == 200, answer.text
        assert answer.json()["files"][0]["name"] == shown
        wait_for(client, answer.json()["id"], is_over)
        assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {
            "job.json",
            "results.jsonl",
            ".lock",
            "sessions.db",
        }


class TestLimits:
    @pytest.mark.parametrize("is_announced", [True, False])
    @pytest.mark.parametrize("kind", ["photos", "video"])
    def test_what_is_too_large_is_cut_off(
        self, client: httpx.Client, walk: Path, tmp_path: Path, kind: str, is_announced: bool
    ) -> None:
        most = {"photos": 1_000_000, "video": 4_000_000}[kind]
        body = form_of(("big", walk.read_bytes() + bytes(most)))
        query = {"kind": kind, "consent": CONSENT}
        content = body if is_announced else in_pieces(body)
        answer = client.post("/v1/jobs", params=query, content=content, headers=FORM_HEADERS)
        assert error_of(answer) == (413, "too_large")
        assert job_files(tmp_path) == []
        assert client.get("/v1/jobs").json() == {"jobs": []}

    def test_what_announces_to_be_too_large_is_refused_unread(
        self, server: RunningServer, client: httpx.Client, tmp_path: Path
    ) -> None:
        """Nothing of the body is sent at all, so only the announcement can be judged."""
        with socket.create_connection(("127.0.0.1", server.settings.port), timeout=20) as raw:
            head = (
                f"POST /v1/jobs?kind=video&consent=yes HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Content-Type: {FORM_HEADERS['Content-Type']}\r\n"
                "Content-Length: 900000000000\r\n\r\n"
            )
            raw.sendall(head.encode())
            assert b"413" in raw.recv(4096).splitlines()[0]
        assert job_files(tmp_path) == []
        # The wider limit is of this one path only.
        answer = client.post("/v1/analyze", files={"image": bytes(1_500_000)})
        assert error_of(answer) == (413, "too_large")

    def test_too_many_photos(self, client: httpx.Client, tmp_path: Path) -> None:
        photos = [(f"{number}.png", b"\x89PNG\r\n\x1a\n") for number in range(4)]
        assert error_of(send_photos(client, *photos)) == (413, "too_large")
        assert job_files(tmp_path) == []

    def test_an_upload_that_breaks_off_leaves_nothing(
        self, server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
    ) -> None:
        body = form_of(("walk.mp4", walk.read_bytes()))
        with socket.create_connection(("127.0.0.1", server.settings.port), timeout=20) as raw:
            head = (
                f"POST /v1/jobs?kind=video&consent=yes HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Content-Type: {FORM_HEADERS['Content-Type']}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            raw.sendall(head.encode() + body[: len(body) // 2])
            wait_until(lambda: any((tmp_path / "jobs").glob("*-*")))
        wait_until(lambda: not any((tmp_path / "jobs").glob("*-*")))
        cut = form_of(("walk.mp4", walk.read_bytes()), close=False)
        query = {"kind": "video", "consent": CONSENT}
        answer = client.post("/v1/jobs", params=query, content=cut, headers=FORM_HEADERS)
        assert error_of(answer) == (400, "malformed_form")
        assert job_files(tmp_path) == []
        assert client.get("/v1/jobs").json() == {"jobs": []}

    def test_a_client_that_stalls_loses_its_place(
        self, server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(uploads, "SILENT_AFTER_S", 0.2)
        with socket.create_connection(("127.0.0.1", server.settings.port), timeout=60) as raw:
            head = (
                f"POST /v1/jobs HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Content-Type: {FORM_HEADERS['Content-Type']}\r\nContent-Length: 999\r\n\r\n"
            )
            raw.sendall(head.encode() + form_of(("a.png", b""), close=False))
            answer = raw.recv(4096)
            assert b"408" in answer.splitlines()[0], answer
        wait_until(lambda: not any((tmp_path / "jobs").glob("*-*")))

    @pytest.mark.parametrize(
        ("content", "kind", "expected"),
        [
            (b"text", "text/plain", (415, "unsupported_media_type")),
            (b"", "multipart/form-data", (400, "malformed_form")),
            (b"", f"multipart/form-data; boundary={'x' * 400}", (400, "malformed_form")),
            (b"nonsense", FORM_HEADERS["Content-Type"], (400, "malformed_form")),
            (form_of(), FORM_HEADERS["Content-Type"], (422, "invalid_request")),
            (
                form_of(("a", b"b"), field="image"),
                FORM_HEADERS["Content-Type"],
                (422, "invalid_request"),
            ),
        ],
    )
    def test_what_is_no_form_of_files_is_refused(
        self, client: httpx.Client, tmp_path: Path, content: bytes, kind: str, expected: object
    ) -> None:
        answer = client.post("/v1/jobs", content=content, headers={"Content-Type": kind})
        assert error_of(answer) == expected
        assert job_files(tmp_path) == []

    def test_a_full_disk_takes_nothing_and_keeps_nothing(
        self, client: httpx.Client, walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class FullDisk(io.BytesIO):
            def write(self, _: object) -> int:
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(uploads.JobFolder, "open_upload", lambda *_: FullDisk())
        assert error_of(send_video(client, walk)) == (507, "disk_full")
        monkeypatch.undo()
        assert job_files(tmp_path) == []
        assert send_video(client, walk).status_code == 200

    def test_room_on_the_disk_is_left_to_others(self, start: Start, walk: Path) -> None:
        server = start(disk_reserve_bytes=2**62)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            assert error_of(send_video(client, walk)) == (507, "disk_full")

    @pytest.mark.usefixtures("slowly")
    def test_only_so_many_wait(self, start: Start, walk: Path) -> None:
        server = start(max_jobs=1)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            first = send_video(client, walk).json()["id"]
            wait_for(client, first, lambda now: now["state"] == "running")
            assert send_video(client, walk).status_code == 200
            answer = send_video(client, walk)
            assert error_of(answer) == (503, "busy")
            assert int(answer.headers["Retry-After"]) > 0

    def test_where_nothing_is_recorded_nothing_is_taken(
        self, start: Start, walk: Path, astronaut_path: Path, tmp_path: Path
    ) -> None:
        server = start(recording=False)
        with httpx.Client(base_url=server.url, timeout=60) as client:
            photo = ("a.png", astronaut_path.read_bytes())
            answers = [send_video(client, walk), send_photos(client, photo), client.get("/v1/jobs")]
        assert {error_of(answer) for answer in answers} == {(403, "recording_off")}
        assert not (tmp_path / "jobs").exists()

    def test_one_server_reads_a_folder(self, server: RunningServer, start: Start) -> None:
        with httpx.Client(base_url=server.url, timeout=60) as client:
            assert client.get("/v1/jobs").status_code == 200
        with httpx.Client(base_url=start().url, timeout=60) as client:
            answer = client.get("/v1/jobs")
        assert error_of(answer) == (503, "busy") and "MIEN_JOBS_FOLDER" in answer.text


class TestKeeping:
    def test_what_is_over_time_is_deleted_at_the_start_and_daily(
        self, server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
    ) -> None:
        done = wait_for(client, send_video(client, walk).json()["id"], is_over)
        expires = datetime.fromisoformat(done["expires_at"])
        assert expires - datetime.now(UTC) == pytest.approx(
            timedelta(days=7), abs=timedelta(minutes=2)
        )
        jobs = server.app.state.services.jobs
        assert jobs.purge() == []
        server.stop()
        record = tmp_path / "jobs" / done["id"] / "job.json"
        told = json.loads(record.read_text())
        record.write_text(json.dumps({**told, "expires_at": "2026-01-01T00:00:00Z"}))
        # What was being sent when a server was killed, and what is no job at all.
        left = tmp_path / "jobs" / "3d6f0a52-1111-4f0e-8a57-9f5f3c1d2e60"
        left.mkdir()
        (left / "upload-0").write_bytes(b"half a video")
        (tmp_path / "jobs" / "notes").mkdir()
        server.start()
        assert client.get("/v1/jobs").json() == {"jobs": []}
        assert sorted(path.name for path in (tmp_path / "jobs").iterdir()) == [".lock", "notes"]
        # The session is another matter.
        assert len(frames_of(server, done["session_id"])) == FRAMES

    def test_only_its_user_may_look(self, client: httpx.Client, walk: Path, tmp_path: Path) -> None:
        done = wait_for(client, send_video(client, walk).json()["id"], is_over)
        folder = tmp_path / "jobs" / done["id"]
        for path in (folder.parent, folder, *folder.iterdir()):
            assert path.stat().st_mode & 0o077 == 0, path

    def test_a_disk_that_fills_up_fails_the_job_which_can_go_on_later(
        self,
        server: RunningServer,
        client: httpx.Client,
        astronaut_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        def full(_: object) -> io.BytesIO:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(uploads.JobFolder, "append_results", full)
        photo = ("a.png", astronaut_path.read_bytes())
        failed = wait_for(client, send_photos(client, photo).json()["id"], is_over)
        assert (failed["state"], failed["error"]["code"]) == ("failed", "disk_full")
        monkeypatch.undo()
        client.post(f"/v1/jobs/{failed['id']}/resume")
        done = wait_for(client, failed["id"], is_over)
        assert (done["state"], done["error"]) == ("done", None)

    def test_a_bug_fails_one_job_and_not_the_next(
        self,
        client: httpx.Client,
        astronaut_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def broken(*_: object) -> None:
            raise RuntimeError("a bug of /home/somebody")

        monkeypatch.setattr("mien.web.jobs.photos._read_photo", broken)
        photo = ("a.png", astronaut_path.read_bytes())
        failed = wait_for(client, send_photos(client, photo).json()["id"], is_over)
        assert (failed["state"], failed["error"]["code"]) == ("failed", "internal_error")
        assert "/home" not in json.dumps(failed)
        assert "a bug, while reading job" in caplog.text
        monkeypatch.undo()
        done = wait_for(client, send_photos(client, photo).json()["id"], is_over)
        assert done["state"] == "done"


def test_the_pace_is_that_of_lately() -> None:
    now_s = 100.0
    pace = Pace(10.0, lambda: now_s)
    assert pace.left_s(10.0, 100.0) is None
    now_s = 102.0
    assert pace.left_s(20.0, 100.0) == pytest.approx(80 / 5)
    assert pace.left_s(30.0, None) is None
    for _ in range(60):
        now_s += 1
        left_s = pace.left_s(30.0 + now_s - 102.0, 100.0)
    assert left_s == pytest.approx((100 - 30 - 60) / 1, rel=0.01)


def test_a_job_is_told_to_stop_by_the_first_who_asks() -> None:
    halt, interrupted = Halt(), []
    assert not halt.rest(0)
    halt.on_ask(lambda: interrupted.append("early"))
    halt.ask("cancelled")
    halt.ask("interrupted")
    assert halt.wish == "cancelled" and halt.rest(60)
    halt.on_ask(lambda: interrupted.append("late"))
    assert interrupted == ["early", "early", "late"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_a_jobs_threads_step_back_and_no_others() -> None:
    def nice_of_this_thread() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    before, seen = nice_of_this_thread(), []

    def job() -> None:
        step_back()
        inner = threading.Thread(target=lambda: seen.append(nice_of_this_thread()))
        inner.start()
        inner.join()
        seen.append(nice_of_this_thread())

    thread = threading.Thread(target=job)
    thread.start()
    thread.join()
    assert seen == [min(19, before + 10)] * 2
    assert nice_of_this_thread() == before


def test_a_job_gives_way_only_while_somebody_is_live() -> None:
    rests: list[float] = []

    class Resting(Halt):
        def rest(self, seconds: float) -> bool:
            rests.append(seconds)
            return False

    for is_live in (True, False):
        asked = partial(bool, is_live)
        work = Work(None, None, None, None, None, Resting(), asked, None)  # type: ignore[arg-type]
        work.give_way(time.monotonic() - 0.1)
    assert rests == [pytest.approx(0.1, abs=0.05)]


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
