"""Photos that were sent have results, as pages and as files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from tests.web.job_films import (
    FORM_HEADERS,
    error_of,
    form_of,
    is_over,
    job_files,
    send_photos,
    send_video,
    wait_for,
)
from tests.web.running import RunningServer


def test_photos_are_read_in_order_and_one_that_cannot_be_is_a_result(
    client: httpx.Client, astronaut_path: Path, tmp_path: Path
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


def test_photos_are_exported_as_tables_and_as_json(
    client: httpx.Client, astronaut_path: Path
) -> None:
    portrait = astronaut_path.read_bytes()
    answer = send_photos(client, ("one.png", portrait), ("two.png", portrait), label_set="fer2013")
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
def test_photos_are_gone_on_with_after_the_last_that_is_whole(
    server: RunningServer, client: httpx.Client, astronaut_path: Path, tmp_path: Path
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


def test_photos_of_which_none_is_a_picture_are_refused(
    client: httpx.Client, tmp_path: Path
) -> None:
    answer = send_photos(client, ("a.txt", b"text"), ("b.jpg", b""))
    assert error_of(answer) == (415, "unsupported_picture")
    assert [one.split(":")[0] for one in answer.json()["error"]["details"]] == [
        "a.txt",
        "b.jpg",
    ]
    assert job_files(tmp_path) == []


def test_photos_have_no_session_and_a_video_has_no_results_here(
    client: httpx.Client, walk: Path
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
    client: httpx.Client, tmp_path: Path, astronaut_path: Path, sent: str, shown: str
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
