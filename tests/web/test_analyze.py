"""Pictures over REST, by a real client and a real server."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import httpx
import pytest
from PIL import Image

from mien.core.labels import COLOURS, FER2013, FERPLUS
from mien.web.engine import RecognizerEngine
from mien.web.settings import load_settings
from tests.web.running import RunningServer


def error_of(response: httpx.Response) -> dict[str, object]:
    """Return the error after checking that it has the one shape and tells nothing of the inside."""
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "details"}
    assert body["error"]["message"]
    assert "Traceback" not in response.text
    return dict(body["error"])


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "gray").save(out, "PNG")
    return out.getvalue()


def png_bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def test_a_face_is_found_and_named(client: httpx.Client, astronaut_path: Path) -> None:
    response = client.post(
        "/v1/analyze", files={"image": ("astronaut.png", astronaut_path.read_bytes())}
    )
    assert response.status_code == 200
    (result,) = response.json()["results"]
    assert (result["width"], result["height"], result["detector"]) == (512, 512, "haar")
    assert result["source"] == "astronaut.png"
    face = result["faces"][0]
    assert 150 < face["box"]["x1"] < 240 < face["box"]["x2"] < 320
    assert list(face["expression"]["probabilities"]) == list(FERPLUS.labels)
    assert sum(face["expression"]["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert set(result["milliseconds"]) == {"decode", "detect", "crop", "classify"}


def test_label_set_and_detector_are_taken_from_the_query(
    client: httpx.Client, astronaut_path: Path
) -> None:
    response = client.post(
        "/v1/analyze",
        params={"label_set": "fer2013", "detector": "full"},
        files={"image": ("astronaut.png", astronaut_path.read_bytes())},
    )
    (result,) = response.json()["results"]
    assert result["detector"] == "full"
    assert list(result["faces"][0]["expression"]["probabilities"]) == list(FER2013.labels)


def test_several_pictures_answer_in_order_and_a_bad_one_is_a_row(client: httpx.Client) -> None:
    files = [
        ("image", ("one.png", png(40, 30))),
        ("image", ("two.png", b"not a picture")),
        ("image", ("three.png", png(50, 20))),
    ]
    results = client.post("/v1/analyze", files=files).json()["results"]
    assert [r["source"] for r in results] == ["one.png", "two.png", "three.png"]
    assert [r["width"] for r in results] == [40, 0, 50]
    assert [r["error"] is None for r in results] == [True, False, True]
    assert [r["faces"] for r in results] == [[], [], []]


def test_a_row_with_an_error_names_the_detector_that_runs_not_auto(client: httpx.Client) -> None:
    files = [("image", ("one.png", png(40, 30))), ("image", ("two.png", b"not a picture"))]
    answer = client.post("/v1/analyze", params={"detector": "auto"}, files=files)
    read, unread = answer.json()["results"]
    assert unread["error"] and unread["detector"] == read["detector"] != "auto"


def test_the_default_detector_is_one_that_can_be_chosen(tiny_bundle: Path, tmp_path: Path) -> None:
    """So that a page which offers the list can show it, and asks for no other one in silence."""
    cascade = tmp_path / "mine.xml"
    shutil.copy(Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt.xml", cascade)
    for detector in ("auto", f"cascade:{cascade}"):
        engine = RecognizerEngine(load_settings(bundle=str(tiny_bundle), detector=detector))
        catalogue = engine.catalogue()
        offered = [entry.name for entry in catalogue.detectors if entry.available]
        assert catalogue.default.detector == detector
        assert detector in offered


@pytest.mark.parametrize(
    ("picture", "status", "code"),
    [
        (b"", 415, "unsupported_picture"),
        (b"hello", 415, "unsupported_picture"),
        (b"GIF89a" + bytes(50), 415, "unsupported_picture"),
        (b"\xff\xd8\xff" + bytes(50), 422, "unreadable_picture"),
        (png(64, 64)[:80], 422, "unreadable_picture"),
        (png_bomb(60_000, 60_000), 422, "unreadable_picture"),
        (png_bomb(2001, 2001), 422, "unreadable_picture"),
    ],
)
def test_a_picture_that_cannot_be_read_is_a_4xx(
    client: httpx.Client, picture: bytes, status: int, code: str
) -> None:
    response = client.post("/v1/analyze", files={"image": ("x.png", picture)})
    assert (response.status_code, error_of(response)["code"]) == (status, code)


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({}, b"", 415, "unsupported_media_type"),
        ({"content-type": "application/json"}, b"{}", 415, "unsupported_media_type"),
        ({"content-type": "image/jpeg"}, b"\xff\xd8\xff", 415, "unsupported_media_type"),
        ({"content-type": "multipart/form-data"}, b"x", 400, "malformed_form"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"garbage", 400, "malformed_form"),
        ({"content-type": "multipart/form-data; boundary=b"}, b"--b--\r\n", 422, "invalid_request"),
    ],
)
def test_a_body_that_is_no_form_of_pictures_is_a_4xx(
    client: httpx.Client, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    response = client.post("/v1/analyze", headers=headers, content=body)
    assert (response.status_code, error_of(response)["code"]) == (status, code)


def test_unknown_choices_are_named(client: httpx.Client) -> None:
    files = {"image": png(10, 10)}
    wrong = client.post("/v1/analyze", params={"detector": "cascade:/etc/passwd"}, files=files)
    assert (wrong.status_code, error_of(wrong)["code"]) == (422, "detector_unavailable")
    assert "passwd'; available" in wrong.text
    wrong = client.post("/v1/analyze", params={"label_set": "moods"}, files=files)
    assert (wrong.status_code, error_of(wrong)["code"]) == (422, "unknown_label_set")
    wrong = client.post("/v1/analyze", params={"label_set": "x" * 200}, files=files)
    assert (wrong.status_code, error_of(wrong)["code"]) == (422, "invalid_request")


def test_too_many_pictures_are_refused(client: httpx.Client) -> None:
    response = client.post("/v1/analyze", files=[("image", png(8, 8))] * 4)
    assert (response.status_code, error_of(response)["code"]) == (400, "malformed_form")


def test_a_large_body_is_refused_by_its_announced_size(client: httpx.Client) -> None:
    response = client.post("/v1/analyze", files={"image": bytes(3_100_000)})
    assert (response.status_code, error_of(response)["code"]) == (413, "too_large")


def test_a_large_body_of_unknown_size_is_refused_while_it_comes(client: httpx.Client) -> None:
    sent = 0

    def endless() -> object:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
        while sent < 50_000_000:
            sent += 100_000
            yield bytes(100_000)

    try:
        response = client.post(
            "/v1/analyze",
            headers={"content-type": "multipart/form-data; boundary=b"},
            content=endless(),
        )
        assert (response.status_code, error_of(response)["code"]) == (413, "too_large")
    except httpx.TransportError:
        pass  # the server hung up before the client was done, which is as well
    assert sent < 50_000_000
    assert client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/assets/nothing.js", 404, "not_found"),
        ("GET", "/assets/../app.py", 404, "not_found"),
        ("GET", "/assets/..%2f..%2fapp.py", 404, "not_found"),
        ("GET", "/v1/analyze", 405, "method_not_allowed"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
    ],
)
def test_wrong_addresses_and_methods_have_the_same_error_shape(
    client: httpx.Client, method: str, path: str, status: int, code: str
) -> None:
    response = client.request(method, path)
    assert (response.status_code, error_of(response)["code"]) == (status, code)


def test_models_tell_labels_colours_and_what_cannot_run(client: httpx.Client) -> None:
    reply = client.get("/v1/models").json()
    sets = {s["name"]: s["labels"] for s in reply["label_sets"]}
    assert [label["name"] for label in sets["fer2013"]] == list(FER2013.labels)
    assert all(label["colour"] == COLOURS[label["name"]] for label in sets["ferplus"])
    detectors = {d["name"]: d for d in reply["detectors"]}
    assert detectors["haar"] == {"name": "haar", "available": True, "reason": None}
    assert all(d["available"] == (d["reason"] is None) for d in detectors.values())
    assert not any(":" in name for name in detectors)
    assert [b["name"] for b in reply["bundles"] if b["active"]] == ["tiny"]
    assert reply["default"] == {"bundle": "tiny", "detector": "haar", "label_set": "ferplus"}


def test_health_says_what_runs(client: httpx.Client) -> None:
    reply = client.get("/healthz").json()
    assert (reply["status"], reply["bundle"], reply["detector"]) == ("ok", "tiny", "haar")


def test_openapi_lists_the_routes_and_their_errors(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    assert set(document["paths"]) >= {"/v1/analyze", "/v1/explain", "/v1/models", "/healthz"}
    responses = document["paths"]["/v1/analyze"]["post"]["responses"]
    for status in ("400", "413", "415", "422", "429", "500", "503"):
        schema = responses[status]["content"]["application/json"]["schema"]
        assert schema == {"$ref": "#/components/schemas/ErrorReply"}


def test_a_client_that_asks_too_often_is_told_when_to_come_back(tiny_bundle: Path) -> None:
    settings = load_settings(
        port=0, bundle=str(tiny_bundle), detector="haar", requests_per_s=0.1, request_burst=2
    )
    running = RunningServer(settings)
    answers = [
        httpx.post(f"{running.url}/v1/analyze", files={"image": png(8, 8)}) for _ in range(3)
    ]
    running.stop()
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert error_of(answers[-1])["code"] == "too_many_requests"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
