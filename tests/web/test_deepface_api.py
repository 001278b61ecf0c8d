"""The route in deepface's form: its names and percent, and what it will not do, refused clearly."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from mien.core.labels import DEEPFACE_SPELLINGS, FER2013, canonical_label
from mien.web.settings import load_settings
from tests.web.running import RunningServer
from tests.web.test_analyze import error_of, png, png_bomb

# The labels of deepface's emotion model, in its order.
THEIRS = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]


@pytest.fixture(scope="module")
def deepface_server(tiny_bundle: Path) -> Iterator[RunningServer]:
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="blazeface",
        deepface_api=True,
        max_pixels=4_000_000,
        request_burst=1000,
    )
    running = RunningServer(settings)
    yield running
    running.stop()


def uri(picture: bytes, kind: str = "png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(picture).decode()}"


def ask(server: RunningServer, **body: Any) -> httpx.Response:
    return httpx.post(f"{server.url}/analyze", json=body, timeout=30)


def test_spellings_are_theirs_in_their_order() -> None:
    assert list(DEEPFACE_SPELLINGS) == list(FER2013.labels)
    assert list(DEEPFACE_SPELLINGS.values()) == THEIRS
    assert [canonical_label(name) for name in THEIRS] == list(FER2013.labels)


def test_a_face_is_told_as_deepface_tells_it(
    deepface_server: RunningServer, astronaut_path: Path
) -> None:
    picture = astronaut_path.read_bytes()
    answer = ask(deepface_server, img=uri(picture), actions=["emotion"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (set(body), body["notes"]) == ({"results", "notes"}, [])
    (face,) = body["results"]
    assert set(face) == {"emotion", "dominant_emotion", "region", "face_confidence"}
    assert list(face["emotion"]) == THEIRS
    assert sum(face["emotion"].values()) == pytest.approx(100)
    assert face["dominant_emotion"] == max(face["emotion"], key=face["emotion"].__getitem__)

    own = httpx.post(
        f"{deepface_server.url}/v1/analyze?label_set=fer2013", files={"image": picture}
    ).json()["results"][0]["faces"][0]
    for label, share in own["expression"]["probabilities"].items():
        assert face["emotion"][DEEPFACE_SPELLINGS[label]] == pytest.approx(100 * share, abs=0.01)
    assert face["face_confidence"] == pytest.approx(own["confidence"], abs=0.006)
    region, box = face["region"], own["box"]
    assert [type(region[name]) for name in "xywh"] == [int] * 4
    assert region["x"] == pytest.approx(box["x1"], abs=1.1)
    assert region["y"] == pytest.approx(box["y1"], abs=1.1)
    assert region["x"] + region["w"] == pytest.approx(box["x2"], abs=1.1)
    assert region["y"] + region["h"] == pytest.approx(box["y2"], abs=1.1)
    # The person's own left eye is on the right of the picture, as in deepface.
    assert region["left_eye"][0] > region["right_eye"][0]


@pytest.mark.parametrize("actions", ["emotion", "['emotion']", "(emotion)", ["emotion"], None])
@pytest.mark.parametrize("field", ["img", "img_path"])
def test_forms_that_clients_write_are_taken(
    deepface_server: RunningServer, astronaut_path: Path, field: str, actions: Any
) -> None:
    body: dict[str, Any] = {field: uri(astronaut_path.read_bytes())}
    if actions is not None:
        body["actions"] = actions
    answer = ask(deepface_server, **body)
    assert answer.status_code == 200 and len(answer.json()["results"]) == 1


def test_what_was_not_used_is_noted(deepface_server: RunningServer, astronaut_path: Path) -> None:
    answer = ask(
        deepface_server,
        img=uri(astronaut_path.read_bytes()),
        detector_backend="retinaface",
        align=True,
        model_name="VGG-Face",
    )
    assert answer.json()["notes"] == [
        "align is not used by mien",
        "detector_backend is not used: mien reads with blazeface",
        "not known: model_name",
    ]


def test_no_face_is_an_error_unless_all_may_be_read_as_one(
    deepface_server: RunningServer,
) -> None:
    empty = uri(png(120, 80))
    refused = ask(deepface_server, img=empty)
    assert refused.status_code == 400
    assert error_of(refused)["code"] == "no_such_face"
    for no in (False, "false"):
        (face,) = ask(deepface_server, img=empty, enforce_detection=no).json()["results"]
        assert face["face_confidence"] == 0
        assert face["region"] == {
            "x": 0,
            "y": 0,
            "w": 120,
            "h": 80,
            "left_eye": None,
            "right_eye": None,
        }
        assert sum(face["emotion"].values()) == pytest.approx(100)


@pytest.mark.parametrize("actions", [["age"], ["emotion", "gender"], "emotion,race", [], "[]"])
def test_other_actions_are_refused_with_the_reason(
    deepface_server: RunningServer, actions: Any
) -> None:
    answer = ask(deepface_server, img=uri(png(8, 8)), actions=actions)
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["code"] == "unsupported_action" and "expressions only" in str(error["message"])


def test_anti_spoofing_is_never_promised(deepface_server: RunningServer) -> None:
    answer = ask(deepface_server, img=uri(png(8, 8)), anti_spoofing=True)
    assert answer.status_code == 400 and error_of(answer)["code"] == "unsupported_option"


@pytest.mark.parametrize(
    "img",
    [
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:1/face.jpg",
        "https://example.org/face.jpg",
        "..\\face.jpg",
        base64.b64encode(bytes(30)).decode(),
    ],
)
def test_nothing_is_opened_or_fetched_for_a_client(
    deepface_server: RunningServer, img: str
) -> None:
    answer = ask(deepface_server, img=img)
    assert answer.status_code == 400
    error = error_of(answer)
    assert error["code"] == "unsupported_picture" and "fetches nothing" in str(error["message"])
    assert "passwd" not in answer.text


@pytest.mark.parametrize(
    ("img", "code"),
    [
        (None, "invalid_request"),
        ("", "invalid_request"),
        (["data:image/png;base64,AAAA"], "invalid_request"),
        (7, "invalid_request"),
        ("data:image/png;base64,%%%", "unsupported_picture"),
        ("data:image/png;base64,AAA", "unsupported_picture"),
        (uri(b"GIF89a" + bytes(50)), "unsupported_picture"),
        (uri(png(8, 8)[:40]), "unreadable_picture"),
        (uri(png_bomb(40_000, 40_000)), "unreadable_picture"),
    ],
)
def test_what_is_no_picture_is_refused(deepface_server: RunningServer, img: Any, code: str) -> None:
    answer = ask(deepface_server, img=img)
    assert (answer.status_code, error_of(answer)["code"]) == (400, code)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"enforce_detection": "perhaps"}'])
def test_other_json_is_refused_in_the_one_shape(
    deepface_server: RunningServer, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = httpx.post(f"{deepface_server.url}/analyze", content=body, headers=headers)
    assert (answer.status_code, error_of(answer)["code"]) == (422, "invalid_request")


def test_it_counts_against_the_rate_of_uploads(tiny_bundle: Path) -> None:
    settings = load_settings(
        port=0, bundle=str(tiny_bundle), detector="full", deepface_api=True, request_burst=1,
        requests_per_s=0.01,
    )  # fmt: skip
    running = RunningServer(settings)
    try:
        assert ask(running, img=uri(png(8, 8))).status_code == 200
        assert ask(running, img=uri(png(8, 8))).status_code == 429
    finally:
        running.stop()


def test_there_is_no_such_route_unless_it_is_asked_for(server: RunningServer) -> None:
    answer = ask(server, img=uri(np.zeros(4).tobytes()))
    assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    assert "/analyze" not in httpx.get(f"{server.url}/openapi.json").json()["paths"]
