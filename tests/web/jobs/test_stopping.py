"""Jobs that are stopped, by whom ever, go on as if nothing had been."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.web.job_films import (
    FRAMES,
    Start,
    error_of,
    frames_of,
    hold_alike,
    is_over,
    job_files,
    send_video,
    settings_of,
    wait_for,
)
from tests.web.running import RunningServer

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


@pytest.mark.usefixtures("slowly")
def test_stopping_and_going_on_gives_the_session_that_one_go_gives(
    server: RunningServer, client: httpx.Client, walk: Path
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
def test_the_end_of_a_server_interrupts_and_its_next_start_waits_to_be_told(
    server: RunningServer, client: httpx.Client, walk: Path
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
def test_a_kill_loses_a_second_and_goes_on_as_in_one_go(
    start: Start, tiny_bundle: Path, walk: Path, tmp_path: Path
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
def test_deleting_the_session_meanwhile_leaves_nothing_to_go_on_with(
    server: RunningServer, client: httpx.Client, walk: Path
) -> None:
    job_id = send_video(client, walk).json()["id"]
    wait_for(client, job_id, lambda now: now["progress"]["frames"] >= 2)
    stopped = client.post(f"/v1/jobs/{job_id}/cancel").json()
    server.app.state.services.store().delete(stopped["session_id"])
    client.post(f"/v1/jobs/{job_id}/resume")
    failed = wait_for(client, job_id, is_over)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "not_found")


@pytest.mark.usefixtures("slowly")
def test_what_waits_is_cancelled_and_what_runs_is_deleted(
    server: RunningServer, client: httpx.Client, walk: Path, tmp_path: Path
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


def test_a_job_is_deleted_with_its_session_if_wanted(
    server: RunningServer, client: httpx.Client, walk: Path
) -> None:
    done = wait_for(client, send_video(client, walk).json()["id"], is_over)
    query = {"with_session": True}
    assert client.delete(f"/v1/jobs/{done['id']}", params=query).status_code == 204
    assert server.app.state.services.store().sessions() == []
