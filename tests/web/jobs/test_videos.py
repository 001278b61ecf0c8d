"""A video that was sent becomes a session."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from mien.recognition.recognizer import Recognizer
from tests.films import make_wave
from tests.web.job_films import (
    CONSENT,
    FORM_HEADERS,
    FRAMES,
    Start,
    error_of,
    form_of,
    frames_of,
    is_over,
    job_files,
    send_video,
    wait_for,
)
from tests.web.running import RunningServer


def test_a_video_becomes_a_session_with_the_rows_of_the_same_video_read_here(
    server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
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
        assert [face.to_dict()["box"] for face in got] == [face.to_dict()["box"] for face in wanted]
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


def test_a_video_is_kept_with_its_session_only_if_asked_for(
    server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
) -> None:
    ids = [send_video(client, walk, keep_video=keep).json()["id"] for keep in (True, False)]
    sessions = [wait_for(client, one, is_over)["session_id"] for one in ids]
    media = server.app.state.services.store().media
    (kept,) = media.of(sessions[0])
    assert (kept.kind, Path(kept.file).suffix) == ("video", ".mp4")
    assert media.path(kept).read_bytes() == walk.read_bytes()
    assert media.of(sessions[1]) == []
    assert job_files(tmp_path) == ["job.json", "job.json"]


def test_a_video_needs_the_consent_of_those_in_it(client: httpx.Client, walk: Path) -> None:
    for consent in ("", "  "):
        assert error_of(send_video(client, walk, consent=consent)) == (422, "consent_required")
    assert client.get("/v1/jobs").json() == {"jobs": []}


def test_a_video_is_told_by_its_bytes_whatever_it_is_called(
    client: httpx.Client, walk: Path, astronaut_path: Path, tmp_path: Path
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


def test_a_video_that_is_corrupt_is_refused_and_leaves_nothing(
    client: httpx.Client, walk: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(walk.read_bytes()[:600])
    answer = send_video(client, broken)
    assert error_of(answer) == (422, "unreadable_video")
    assert "the video" in answer.text and str(tmp_path) not in answer.text
    assert job_files(tmp_path) == []


def test_a_video_with_frames_or_a_length_beyond_all_measure_is_refused(
    start: Start, walk: Path, tmp_path: Path
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


def test_videos_come_one_at_a_time(client: httpx.Client, walk: Path) -> None:
    content = walk.read_bytes()
    body = form_of(("a.mp4", content), ("b.mp4", content))
    query = {"kind": "video", "consent": CONSENT}
    answer = client.post("/v1/jobs", params=query, content=body, headers=FORM_HEADERS)
    assert error_of(answer) == (413, "too_large")
