"""Jobs of a real server from Python: sent, waited for, stopped, gone on with, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mien.client import Client, Job
from mien.core.errors import ConfigError, ServerError, VideoSourceError
from mien.web.jobs.work import Work
from mien.web.settings import load_settings
from tests.bundles import write_tiny_bundle
from tests.web.job_films import CONSENT, FRAMES, write_walk
from tests.web.running import RunningServer


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mien.web.jobs.jobs.step_back", lambda: None)
        settings = load_settings(
            port=0,
            bundle=str(write_tiny_bundle(folder)),
            detector="haar",
            database_url=f"sqlite:///{folder / 'sessions.db'}",
            jobs_folder=folder / "jobs",
            disk_reserve_bytes=0,
        )
        running = RunningServer(settings)
        yield running
        running.stop()


@pytest.fixture(scope="module")
def walk(tmp_path_factory: pytest.TempPathFactory, astronaut_path: Path) -> Path:
    return write_walk(astronaut_path, tmp_path_factory.mktemp("films") / "a walk.mp4")


def test_a_video_is_sent_stopped_gone_on_with_and_deleted(
    client: Client, walk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.client.jobs._ASK_EVERY_S", 0.05)
    monkeypatch.setattr(Work, "give_way", lambda work, _: work.halt.rest(0.05))
    job = client.submit_video(walk, "A walk", CONSENT, every_s=0.05, keep_days=3)
    assert (job.kind, job.title, job.files) == ("video", "A walk", ("a walk.mp4",))
    assert not job.is_over
    while client.job(job).progress.frames < 3:
        assert not client.job(job).is_over
    stopped = client.cancel(job.id)
    assert stopped.state == "cancelled" and stopped.is_over and stopped.expires_at is not None
    with pytest.raises(ServerError, match="is still"):
        client.wait(client.resume(stopped), timeout_s=-1)
    seen: list[Job] = []
    done = client.wait(job, on_progress=seen.append, timeout_s=120)
    assert (done.state, done.error, done.progress.frames) == ("done", None, FRAMES)
    assert seen[-1] == done and done.session_id == stopped.session_id
    shares = [one.progress.share or 0 for one in seen]
    assert shares == sorted(shares) and shares[-1] == 1
    assert client.jobs() == [done]
    client.delete_job(done, with_session=True)
    assert client.jobs() == []


def test_photos_have_results(client: Client, astronaut_path: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    done = client.wait(client.submit_photos([astronaut_path, bad]), timeout_s=120)
    first, second = client.job_results(done)
    assert (first.source, first.faces) == ("astronaut.png", client.analyze(astronaut_path).faces)
    assert second.error is not None and second.source == "bad.png"
    client.delete_job(done.id)


def test_what_cannot_be_is_said_as_on_this_machine(
    client: Client, walk: Path, tmp_path: Path
) -> None:
    text = tmp_path / "talk.mp4"
    text.write_text("no video")
    with pytest.raises(VideoSourceError, match="expected a video"):
        client.submit_video(text, consent=CONSENT)
    with pytest.raises(ConfigError, match="agreed"):
        client.submit_video(walk)
    with pytest.raises(ConfigError, match="cannot read"):
        client.submit_video(tmp_path / "none.mp4", consent=CONSENT)
    with pytest.raises(ConfigError, match="at least one"):
        client.submit_photos([])
    with pytest.raises(ServerError, match="no job") as unknown:
        client.job("4f0c1f1e-6f5b-4a53-9d0f-3f6d5b0a7c11")
    assert unknown.value.code == "not_found"
