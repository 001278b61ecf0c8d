"""Explanations over REST, by a real client and a real server."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from mien.core.labels import FER2013, FERPLUS
from mien.web.routes.explain import WORDS_HEADER
from mien.web.settings import load_settings
from tests.bundles import SIZE
from tests.web.running import RunningServer
from tests.web.test_analyze import error_of, png, png_bomb


@pytest.fixture(scope="module")
def pair(astronaut_path: Path) -> bytes:
    """The same face large on the left and small on the right."""
    image = cv2.imread(str(astronaut_path))
    assert image is not None
    left, small = image[:260, 100:360], cv2.resize(image, (400, 400))[:260, 80:280]
    return cv2.imencode(".png", np.hstack([left, small]))[1].tobytes()


def test_a_face_is_explained_as_a_picture_with_its_words(
    client: httpx.Client, astronaut_path: Path
) -> None:
    response = client.post("/v1/explain", files={"image": astronaut_path.read_bytes()})
    assert response.status_code == 200
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "no-store"
    with Image.open(io.BytesIO(response.content)) as image:
        assert image.format == "PNG" and image.width > image.height > 500
    label = response.headers[WORDS_HEADER].partition(" ")[0]
    assert label in FERPLUS.labels


def test_the_map_comes_as_json_and_of_the_label_that_is_asked_for(
    client: httpx.Client, astronaut_path: Path
) -> None:
    response = client.post(
        "/v1/explain",
        params={"format": "json", "label": "angry", "label_set": "fer2013", "detector": "full"},
        files={"image": astronaut_path.read_bytes()},
    )
    reply = response.json()
    assert (reply["label"], reply["bundle"]) == ("anger", "tiny")
    assert list(reply["face"]["expression"]["probabilities"]) == list(FER2013.labels)
    assert np.array(reply["map"]).shape == (SIZE, SIZE)
    assert "log-odds" in reply["unit"]
    assert reply["square"]["side_px"] == 512


def test_faces_are_chosen_by_place_or_by_a_box_that_they_overlap(
    client: httpx.Client, pair: bytes
) -> None:
    def centre_x(**params: object) -> float:
        response = client.post(
            "/v1/explain", params={"format": "json", **params}, files={"image": pair}
        )
        assert response.status_code == 200, response.text
        return float(response.json()["square"]["centre_x"])

    assert centre_x() == centre_x(face=0) < 260 < centre_x(face=1)
    assert centre_x(box="270,20,420,180") == centre_x(face=1)
    assert centre_x(box="-1e9,-1e9,200,1e9") == centre_x(face=0)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"face": 7}, "no_such_face"),
        ({"face": -1}, "invalid_request"),
        ({"box": "0,0,3,3"}, "no_such_face"),
        ({"box": "5,5,1,1"}, "invalid_request"),
        ({"box": "1,2,3"}, "invalid_request"),
        ({"box": "nan,0,inf,5"}, "invalid_request"),
        ({"label": "boredom"}, "unknown_label"),
        ({"label": "contempt", "label_set": "fer2013"}, "unknown_label"),
        ({"label_set": "moods"}, "unknown_label_set"),
        ({"detector": "cascade:/etc/passwd"}, "detector_unavailable"),
        ({"format": "gif"}, "invalid_request"),
    ],
)
def test_what_cannot_be_explained_is_a_422_in_the_one_shape(
    client: httpx.Client, astronaut_path: Path, params: dict[str, object], code: str
) -> None:
    response = client.post(
        "/v1/explain", params=params, files={"image": astronaut_path.read_bytes()}
    )
    assert (response.status_code, error_of(response)["code"]) == (422, code)


@pytest.mark.parametrize(
    ("picture", "status", "code"),
    [
        (b"hello", 415, "unsupported_picture"),
        (png_bomb(60_000, 60_000), 422, "unreadable_picture"),
        (png(64, 64), 422, "no_such_face"),
        (bytes(3_100_000), 413, "too_large"),
    ],
)
def test_limits_are_those_of_analyze(
    client: httpx.Client, picture: bytes, status: int, code: str
) -> None:
    response = client.post("/v1/explain", files={"image": ("x.png", picture)})
    assert (response.status_code, error_of(response)["code"]) == (status, code)


def test_exactly_one_picture_is_taken(client: httpx.Client) -> None:
    response = client.post("/v1/explain", files=[("image", png(8, 8))] * 2)
    assert (response.status_code, error_of(response)["code"]) == (422, "invalid_request")
    response = client.post("/v1/explain", content=b"x")
    assert (response.status_code, error_of(response)["code"]) == (415, "unsupported_media_type")


def test_explanations_count_against_the_same_rate_as_uploads(tiny_bundle: Path) -> None:
    settings = load_settings(
        port=0, bundle=str(tiny_bundle), detector="haar", requests_per_s=0.1, request_burst=2
    )
    running = RunningServer(settings)
    paths = ("/v1/explain", "/v1/analyze", "/v1/explain")
    answers = [httpx.post(f"{running.url}{path}", files={"image": png(8, 8)}) for path in paths]
    running.stop()
    assert [answer.status_code for answer in answers] == [422, 200, 429]
    assert error_of(answers[-1])["code"] == "too_many_requests"


def test_openapi_tells_of_both_answers(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    route = document["paths"]["/v1/explain"]["post"]
    content = route["responses"]["200"]["content"]
    assert content["application/json"]["schema"] == {"$ref": "#/components/schemas/ExplainReply"}
    assert "image/png" in content
    assert {"400", "413", "415", "422", "429", "503"} <= set(route["responses"])
