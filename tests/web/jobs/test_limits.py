"""What is too large, too much, malformed or stalled is refused and leaves nothing."""

from __future__ import annotations

import errno
import io
import socket
from pathlib import Path

import httpx
import pytest

from mien.web.jobs import uploads
from tests.web.job_films import (
    CONSENT,
    FORM_HEADERS,
    Start,
    error_of,
    form_of,
    in_pieces,
    job_files,
    send_photos,
    send_video,
    wait_for,
    wait_until,
)
from tests.web.running import RunningServer

WRONG_FIELD = form_of(("a", b"b"), field="image")


@pytest.mark.parametrize("is_announced", [True, False])
@pytest.mark.parametrize("kind", ["photos", "video"])
def test_what_is_too_large_is_cut_off(
    client: httpx.Client, walk: Path, tmp_path: Path, kind: str, is_announced: bool
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
    server: RunningServer, client: httpx.Client, tmp_path: Path
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


def test_too_many_photos(client: httpx.Client, tmp_path: Path) -> None:
    photos = [(f"{number}.png", b"\x89PNG\r\n\x1a\n") for number in range(4)]
    assert error_of(send_photos(client, *photos)) == (413, "too_large")
    assert job_files(tmp_path) == []


def test_an_upload_that_breaks_off_leaves_nothing(
    server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
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
    server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    client: httpx.Client, tmp_path: Path, content: bytes, kind: str, expected: object
) -> None:
    answer = client.post("/v1/jobs", content=content, headers={"Content-Type": kind})
    assert error_of(answer) == expected
    assert job_files(tmp_path) == []


def test_a_full_disk_takes_nothing_and_keeps_nothing(
    client: httpx.Client, walk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class FullDisk(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads.JobFolder, "open_upload", lambda *_: FullDisk())
    assert error_of(send_video(client, walk)) == (507, "disk_full")
    monkeypatch.undo()
    assert job_files(tmp_path) == []
    assert send_video(client, walk).status_code == 200


def test_room_on_the_disk_is_left_to_others(start: Start, walk: Path) -> None:
    server = start(disk_reserve_bytes=2**62)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert error_of(send_video(client, walk)) == (507, "disk_full")


@pytest.mark.usefixtures("slowly")
def test_only_so_many_wait(start: Start, walk: Path) -> None:
    server = start(max_jobs=1)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        first = send_video(client, walk).json()["id"]
        wait_for(client, first, lambda now: now["state"] == "running")
        assert send_video(client, walk).status_code == 200
        answer = send_video(client, walk)
        assert error_of(answer) == (503, "busy")
        assert int(answer.headers["Retry-After"]) > 0


def test_where_nothing_is_recorded_nothing_is_taken(
    start: Start, walk: Path, astronaut_path: Path, tmp_path: Path
) -> None:
    server = start(recording=False)
    with httpx.Client(base_url=server.url, timeout=60) as client:
        photo = ("a.png", astronaut_path.read_bytes())
        answers = [send_video(client, walk), send_photos(client, photo), client.get("/v1/jobs")]
    assert {error_of(answer) for answer in answers} == {(403, "recording_off")}
    assert not (tmp_path / "jobs").exists()


def test_one_server_reads_a_folder(server: RunningServer, start: Start) -> None:
    with httpx.Client(base_url=server.url, timeout=60) as client:
        assert client.get("/v1/jobs").status_code == 200
    with httpx.Client(base_url=start().url, timeout=60) as client:
        answer = client.get("/v1/jobs")
    assert error_of(answer) == (503, "busy") and "MIEN_JOBS_FOLDER" in answer.text
