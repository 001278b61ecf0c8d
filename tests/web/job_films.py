"""Uploads for jobs: small videos of a face, forms in pieces, and waiting for a job."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from mien.core.types import FrameResult
from mien.media import VideoWriter
from mien.web.jobs.job import Job, JobOrder, Upload
from mien.web.jobs.jobs import Jobs
from tests.web.running import RunningServer

Start = Callable[..., RunningServer]
FRAMES, FPS = 40, 20
CONSENT = "All in view agreed."
BOUNDARY = "a-boundary"


def write_walk(astronaut: Path, path: Path, frames: int = FRAMES) -> Path:
    """Write a face that moves to the right by 2 px a frame, at 20 frames a second."""
    portrait_rgb = cv2.resize(cv2.imread(str(astronaut))[:320, 96:352, ::-1], (112, 140))
    with VideoWriter(path, threads=1) as writer:
        for number in range(frames):
            canvas = np.full((160, 240, 3), 90, np.uint8)
            left = 8 + 2 * number
            canvas[10:150, left : left + 112] = portrait_rgb
            writer.write(canvas, number / FPS)
    return path


def form_of(*files: tuple[str, bytes], field: str = "file", close: bool = True) -> bytes:
    """Return a multipart body with these files."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; '
        f'filename="{name}"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for name, content in files
    ]
    return b"".join(parts) + (f"--{BOUNDARY}--\r\n".encode() if close else b"")


FORM_HEADERS = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def send_video(client: httpx.Client, path: Path, **query: Any) -> httpx.Response:
    """Send a video to be read frame by frame."""
    asked = {"kind": "video", "consent": CONSENT, "every_s": 0.05, **query}
    with path.open("rb") as stream:
        return client.post("/v1/jobs", params=asked, files={"file": (path.name, stream)})


def send_photos(client: httpx.Client, *photos: tuple[str, bytes], **query: Any) -> httpx.Response:
    """Send photos."""
    return client.post("/v1/jobs", params=query, files=[("file", photo) for photo in photos])


def wait_for(
    client: httpx.Client, job_id: str, wanted: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """Ask for a job until it is as wanted."""
    deadline = time.monotonic() + 120
    while True:
        job: dict[str, Any] = client.get(f"/v1/jobs/{job_id}").json()
        if wanted(job):
            return job
        assert job["state"] in ("waiting", "running"), job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def is_over(job: dict[str, Any]) -> bool:
    return job["state"] not in ("waiting", "running")


def frames_of(server: RunningServer, session_id: int) -> list[FrameResult]:
    """The frames that a session has."""
    return list(server.app.state.services.store().frames(session_id, as_recorded=True))


def stopped_job(jobs: Jobs) -> str:
    """Make a job of one photo that somebody has stopped, and return its id."""
    jobs.open()
    folder = jobs.folder(str(uuid.uuid4()))
    folder.make()
    folder.upload(0).write_bytes(cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1])
    order = JobOrder(
        kind="photos",
        title="A photo",
        every_s=0.2,
        bundle="tiny",
        detector="haar",
        label_set="ferplus",
    )
    sent = (Upload(name="a.png", bytes=100),)
    job = Job(id=folder.job_id, order=order, created_at=datetime.now(UTC), uploads=sent)
    jobs._keep(job.changed(state="cancelled"))
    return job.id


def in_pieces(body: bytes, size: int = 10_000) -> Iterator[bytes]:
    """A body of which nobody is told how long it is."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


def settings_of(bundle: Path, folder: Path, **given: Any) -> dict[str, Any]:
    """Settings of a server whose jobs and sessions are in a folder."""
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


def job_files(folder: Path) -> list[str]:
    """All files of jobs but the lock."""
    jobs = folder / "jobs"
    return sorted(p.name for p in jobs.rglob("*") if p.is_file() and p.name != ".lock")


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


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


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
