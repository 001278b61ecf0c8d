"""What `/metrics` counts is what happened, and it names nobody and nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from websockets.sync.client import connect

from mien import __version__
from mien.core.types import Box, Expression, Face, FrameResult
from mien.web.app import create_app
from mien.web.engine import RecognizerEngine
from mien.web.jobs.job import State
from mien.web.metrics import LiveCounts, Metrics
from mien.web.settings import load_settings
from tests.web.running import RunningServer, jpeg_of

TOKEN = "the-token-of-this-test"

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def samples(text: str) -> Samples:
    """Every sample by name and labels, read by the official parser."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float:
    return found.get((name, frozenset(labels.items())), 0.0)


def asked(metrics: Metrics) -> Samples:
    return samples(metrics.exposition()[0].decode())


@pytest.fixture(scope="module")
def server(tiny_bundle: Path) -> Iterator[RunningServer]:
    settings = load_settings(
        port=0, bundle=str(tiny_bundle), detector="haar", max_frame_bytes=500_000
    )
    running = RunningServer(settings)
    yield running
    running.stop()


def scrape(server: RunningServer) -> Samples:
    answer = httpx.get(f"{server.url}/metrics", timeout=60)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return samples(answer.text)


def test_what_runs_is_told(server: RunningServer) -> None:
    about = {"version": __version__, "bundle": "tiny", "detector": "haar"}
    assert value(scrape(server), "mien_info", **about) == 1


def test_recordings_and_jobs_are_told_before_there_are_any(server: RunningServer) -> None:
    found = scrape(server)
    assert found["mien_recordings", frozenset()] == 0
    states = {dict(labels)["state"] for name, labels in found if name == "mien_jobs"}
    assert states == set(get_args(State))


def test_requests_are_counted_by_route_and_status(server: RunningServer) -> None:
    before = scrape(server)
    for path in ("/healthz", "/healthz", "/v1/models/tiny", "/v1/models/geheim", "/nowhere/geheim"):
        httpx.get(server.url + path, timeout=60)
    after = scrape(server)

    def more(route: str, status: str) -> float:
        labels = {"method": "GET", "route": route, "status": status}
        name = "mien_http_requests_total"
        return value(after, name, **labels) - value(before, name, **labels)

    assert more("/healthz", "200") == 2
    assert more("/v1/models/{name}", "200") == 1
    assert more("/v1/models/{name}", "404") == 1
    assert more("unmatched", "404") == 1
    count = {"method": "GET", "route": "/healthz"}
    assert value(after, "mien_http_request_seconds_count", **count) >= 2
    assert 0 < value(after, "mien_http_request_seconds_sum", **count) < 60


def test_nothing_that_a_client_sends_becomes_a_label(server: RunningServer) -> None:
    httpx.request("PROPFIND", f"{server.url}/geheim?x=geheim", timeout=60)
    httpx.get(f"{server.url}/assets/geheim.js", timeout=60)
    httpx.get(f"{server.url}/healthz", headers={"host": "geheim.example"}, timeout=60)
    httpx.get(f"{server.url}/healthz", headers={"origin": "https://geheim.example"}, timeout=60)
    text = httpx.get(f"{server.url}/metrics", timeout=60).text
    assert "geheim" not in text.lower() and "127.0.0.1" not in text
    assert 'method="other"' in text and 'status="421"' in text
    assert '"/assets/{file}"' in text


def test_live_frames_are_counted_with_what_they_took(
    server: RunningServer, astronaut_path: Path
) -> None:
    before = scrape(server)
    url = server.url.replace("http", "ws") + "/v1/live"
    with connect(url, proxy=None) as socket:
        json.loads(socket.recv(timeout=60))
        socket.send(jpeg_of(astronaut_path))
        result = json.loads(socket.recv(timeout=60))
        during = scrape(server)
        socket.send(b"no picture")
        assert json.loads(socket.recv(timeout=60))["type"] == "error"
    after = scrape(server)
    assert value(during, "mien_live_connections") == 1
    for outcome, number in (("read", 1), ("refused", 1), ("skipped", 0)):
        name = "mien_live_frames_total"
        grown = value(after, name, outcome=outcome) - value(before, name, outcome=outcome)
        assert grown == number, outcome
    faces = value(after, "mien_faces_read_total") - value(before, "mien_faces_read_total")
    assert faces == len(result["frame"]["faces"]) == 1
    for stage in ("decode", "detect", "crop", "classify", "waited"):
        assert value(after, "mien_frame_seconds_count", stage=stage) == 1
    took_s = value(after, "mien_frame_seconds_sum", stage="detect")
    assert took_s == pytest.approx(result["frame"]["milliseconds"]["detect"] / 1000, abs=1e-4)
    opened = {"method": "GET", "route": "/v1/live", "status": "101"}
    assert value(after, "mien_http_requests_total", **opened) == 1


def test_the_process_is_measured(server: RunningServer) -> None:
    found = scrape(server)
    assert value(found, "process_resident_memory_bytes") > 10_000_000
    assert value(found, "process_cpu_seconds_total") > 0


def test_metrics_are_behind_the_token_and_can_be_switched_off(tiny_bundle: Path) -> None:
    given = {"bundle": str(tiny_bundle), "detector": "haar"}
    engine = RecognizerEngine(load_settings(**given))

    def ask(headers: dict[str, str], **more: object) -> int:
        app = create_app(load_settings(**given, **more), engine)
        with TestClient(app, base_url="http://127.0.0.1") as client:
            return client.get("/metrics", headers=headers).status_code

    assert ask({}, token=TOKEN) == 401
    assert ask({"authorization": f"Bearer {TOKEN}"}, token=TOKEN) == 200
    assert ask({}, metrics=False) == 404


def test_two_apps_do_not_share_what_they_count() -> None:
    one, other = (Metrics(about=dict, gauges={}) for _ in range(2))
    one.request("GET", "/healthz", 200, 0.1)
    labels = {"method": "GET", "route": "/healthz", "status": "200"}
    assert value(asked(one), "mien_http_requests_total", **labels) == 1
    assert value(asked(other), "mien_http_requests_total", **labels) == 0


def test_gauges_and_jobs_are_asked_for_when_prometheus_asks() -> None:
    states = {"running": 1, "done": 3}
    open_now = [2.0]
    metrics = Metrics(
        about=dict, gauges={"mien_things": ("Things.", lambda: open_now[0])}, jobs=lambda: states
    )
    assert value(asked(metrics), "mien_things") == 2
    open_now[0] = 5.0
    states["done"] = 4
    found = asked(metrics)
    assert value(found, "mien_things") == 5
    assert value(found, "mien_jobs", state="done") == 4


def test_a_connection_counts_its_own_frames_and_the_servers() -> None:
    metrics = Metrics(about=dict, gauges={})
    happy = Expression({"happiness": 0.75, "sadness": 0.25}, "two")
    face = Face(Box(1, 2, 3, 4), 0.5, happy)
    took = {"decode": 4.0, "detect": 20.0, "unheard_of": 1.0}
    frame = FrameResult(0, 0.0, (640, 480), (face, face), "haar", took)
    counts = LiveCounts(metrics)
    counts.count_read(frame, 2.0)
    counts.count_skipped()
    counts.count_refused()
    counts.count_refused()
    LiveCounts(metrics).count_skipped()
    assert (counts.read, counts.skipped, counts.refused) == (1, 1, 2)
    found = asked(metrics)
    assert value(found, "mien_live_frames_total", outcome="skipped") == 2
    assert value(found, "mien_faces_read_total") == 2
    # 20 ms lie in the bucket up to 25 ms and not in the one up to 10 ms.
    assert value(found, "mien_frame_seconds_bucket", stage="detect", le="0.025") == 1
    assert value(found, "mien_frame_seconds_bucket", stage="detect", le="0.01") == 0
    assert value(found, "mien_frame_seconds_sum", stage="waited") == pytest.approx(0.002)


def test_recorded_frames_are_counted_as_kept_or_dropped() -> None:
    metrics = Metrics(about=dict, gauges={})
    metrics.recorded(kept=True)
    metrics.recorded(kept=True)
    metrics.recorded(kept=False)
    found = asked(metrics)
    assert value(found, "mien_recorded_frames_total", outcome="kept") == 2
    assert value(found, "mien_recorded_frames_total", outcome="dropped") == 1
