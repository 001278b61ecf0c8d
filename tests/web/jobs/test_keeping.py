"""How long files of jobs are kept, for whom, and what a full disk and a bug do."""

from __future__ import annotations

import errno
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from mien.web.jobs import uploads
from tests.web.job_films import (
    FRAMES,
    frames_of,
    is_over,
    send_photos,
    send_video,
    wait_for,
)
from tests.web.running import RunningServer


def test_what_is_over_time_is_deleted_at_the_start_and_daily(
    server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
) -> None:
    done = wait_for(client, send_video(client, walk).json()["id"], is_over)
    expires = datetime.fromisoformat(done["expires_at"])
    assert expires - datetime.now(UTC) == pytest.approx(timedelta(days=7), abs=timedelta(minutes=2))
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


def test_only_its_user_may_look(client: httpx.Client, walk: Path, tmp_path: Path) -> None:
    done = wait_for(client, send_video(client, walk).json()["id"], is_over)
    folder = tmp_path / "jobs" / done["id"]
    for path in (folder.parent, folder, *folder.iterdir()):
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_disk_that_fills_up_fails_the_job_which_can_go_on_later(
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
