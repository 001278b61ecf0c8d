"""The client against a real server: results are those of this machine, errors say what to do."""

from __future__ import annotations

import http.server
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import mien
from mien.client import Client
from mien.core import errors
from mien.core.labels import FER2013, FERPLUS
from mien.core.types import Box
from tests.bundles import SIZE
from tests.web.running import RunningServer

Answer = Callable[[http.server.BaseHTTPRequestHandler], None]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server that is none of mien's: the address of one that gives this answer to anything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{other.server_port}"
        finally:
            other.shutdown()
            thread.join()


def send(
    handler: http.server.BaseHTTPRequestHandler, status: int, body: Any, **headers: str
) -> None:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def told(code: str, message: str = "so it is") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": []}}


def test_a_picture_is_read_there_as_it_is_here(
    server: RunningServer, client: Client, astronaut_path: Path
) -> None:
    here = mien.Recognizer(server.settings.bundle, "haar").analyze(astronaut_path)
    there = client.analyze(astronaut_path)
    assert isinstance(there, mien.FrameResult)
    assert there.source == str(astronaut_path)
    assert [face.to_dict() for face in there] == [
        # Entropy is that of the rounded probabilities.
        {**face.to_dict(), "expression": got.expression.to_dict()}
        for face, got in zip(here, there, strict=True)
    ]
    for face, got in zip(here, there, strict=True):
        assert got.expression.label_set == "ferplus"
        for label in face.expression:
            assert got.expression[label] == pytest.approx(face.expression[label], abs=1e-4)


def test_pictures_of_every_kind_give_the_same_faces(
    client: Client, astronaut_path: Path, astronaut_bgr: NDArray[np.uint8], tmp_path: Path
) -> None:
    rgb = np.ascontiguousarray(astronaut_bgr[:, :, ::-1])
    tiff = tmp_path / "astronaut.tiff"
    assert cv2.imwrite(str(tiff), astronaut_bgr)
    with Image.open(astronaut_path) as opened:
        kinds: list[Any] = [str(astronaut_path), astronaut_path.read_bytes(), opened, tiff]
        results = [client.analyze(kind) for kind in [*kinds, astronaut_bgr]]
    results.append(client.analyze(rgb, colour_order="rgb"))
    first = results[0].faces
    assert len(first) == 1
    assert all(result.faces == first for result in results)
    assert [result.source for result in results] == [
        str(astronaut_path),
        None,
        None,
        str(tiff),
        None,
        None,
    ]


def test_choices_reach_the_server(client: Client, astronaut_path: Path) -> None:
    shares = dict.fromkeys(FER2013.labels, 0.1) | {"fear": 0.4}
    result = client.analyze(
        astronaut_path,
        detector="full",
        label_set="fer2013",
        prior=shares,
        prior_strength=0.5,
        uncertain_below=1.0,
    )
    assert (result.detector, result.prior, result.prior_strength) == ("full", "given", 0.5)
    (face,) = result
    assert list(face.expression) == list(FER2013.labels)
    assert face.expression.uncertain and face.box == Box(0, 0, 512, 512)


def test_a_model_is_chosen_by_name(client: Client, astronaut_path: Path) -> None:
    own = client.analyze(astronaut_path, detector="full")[0].expression
    named = client.analyze(astronaut_path, bundle="tiny", detector="full")[0].expression
    other = client.analyze(astronaut_path, bundle="mien-s", detector="full")[0].expression
    assert named == own != other
    here = mien.Recognizer(bundle="mien-s", detector="full").analyze(astronaut_path)[0].expression
    assert dict(other.probabilities) == pytest.approx(dict(here.probabilities), abs=1e-4)
    assert client.explain(astronaut_path, bundle="mien-s", detector="full").bundle == "mien-s"
    with pytest.raises(errors.BundleError, match=r"unknown bundle '\.\./tiny'; available: tiny"):
        client.analyze(astronaut_path, bundle="../tiny")


def test_a_picture_without_a_face_is_no_error(client: Client) -> None:
    result = client.analyze(np.full((80, 120), 128, np.uint8))
    assert (result.size, len(result)) == ((120, 80), 0)


def test_a_face_is_explained(client: Client, astronaut_path: Path) -> None:
    (face,) = client.analyze(astronaut_path)
    why = client.explain(astronaut_path, face, label="angry", label_set="fer2013")
    assert why.label == "anger" and why.map.shape == (SIZE, SIZE) and not why.map.flags.writeable
    assert why.face.box == face.box and "anger" in repr(why)
    by_place = client.explain(astronaut_path, 0, label="anger", label_set="fer2013")
    assert np.array_equal(by_place.map, why.map)
    centre = why.square.to_picture(SIZE) @ (SIZE / 2, SIZE / 2, 1)
    assert face.box.x1 < centre[0] < face.box.x2 and face.box.y1 < centre[1] < face.box.y2


def test_models_and_health_say_what_reads(client: Client) -> None:
    models, health = client.models(), client.health()
    assert models.label_sets == {"fer2013": FER2013, "ferplus": FERPLUS}
    assert [model.name for model in models.bundles if model.active] == ["tiny"]
    assert models.default_detector == "haar"
    assert {"haar", "full"} <= {one.name for one in models.detectors if one.available}
    assert (health.version, health.bundle, health.detector) == (mien.__version__, "tiny", "haar")


@pytest.mark.parametrize(
    ("ask", "kind", "says"),
    [
        ({"detector": "nonesuch"}, errors.DetectorError, "available"),
        ({"label_set": "moods"}, errors.LabelError, "ferplus"),
        ({"prior": "sometimes"}, errors.ConfigError, "prior"),
        ({"prior_strength": 2.0}, errors.ConfigError, "less than or equal to 1"),
    ],
)
def test_what_the_server_refuses_is_mien_s_own_error(
    client: Client, astronaut_path: Path, ask: dict[str, Any], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        client.analyze(astronaut_path, **ask)


def test_what_is_no_picture_is_an_image_error_here_or_there(
    client: Client, tmp_path: Path, jpeg: bytes
) -> None:
    with pytest.raises(errors.ImageError, match=r"cannot read .*absent"):
        client.analyze(tmp_path / "absent.jpg")
    with pytest.raises(errors.ImageError):
        client.analyze(b"no picture")
    with pytest.raises(errors.ImageError):
        client.analyze(jpeg[:2000])
    with pytest.raises(errors.FaceError, match="no face"):
        client.explain(np.zeros((80, 80), np.uint8))


def test_no_server_is_told_with_its_address() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Client(url) as client, pytest.raises(errors.ServerUnreachableError) as told_:
        client.health()
    assert url in str(told_.value) and "mien serve" in str(told_.value)


def test_a_server_that_does_not_answer_is_given_up() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with (
            Client(url, timeout_s=0.2) as client,
            pytest.raises(errors.ServerUnreachableError, match=r"within 0.2 s"),
        ):
            client.health()


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"status": "fine"}', b"[]"])
@pytest.mark.parametrize("status", [200, 404])
def test_something_else_than_mien_is_told(body: bytes, status: int) -> None:
    with answering(lambda handler: send(handler, status, body)) as url, Client(url) as client:
        with pytest.raises(errors.ServerUnreachableError, match="mien"):
            client.health()
        with pytest.raises(errors.ServerUnreachableError, match="mien"):
            client.analyze(np.zeros((8, 8), np.uint8))


def test_the_token_is_sent_and_a_refusal_says_to_give_it() -> None:
    shown = []

    def gate(handler: http.server.BaseHTTPRequestHandler) -> None:
        shown.append(handler.headers.get("Authorization"))
        if shown[-1] == "Bearer right":
            send(handler, 200, {"version": "1", "bundle": "b", "detector": "d"})
        else:
            send(handler, 401, told("unauthorized", "no token"))

    with answering(gate) as url:
        with Client(url) as client, pytest.raises(errors.ServerAccessError, match="token=") as got:
            client.health()
        with Client(url, "right") as client:
            assert client.health().bundle == "b"
    assert shown == [None, "Bearer right"]
    assert (got.value.code, str(got.value)[:8]) == ("unauthorized", "no token")


def test_a_busy_server_is_asked_again_when_it_says() -> None:
    asked = []

    def busy_once(handler: http.server.BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        if len(asked) == 1:
            send(handler, 503, told("busy"), Retry_After="0")
        else:
            send(handler, 200, {"version": "1", "bundle": "b", "detector": "d"})

    with answering(busy_once) as url, Client(url) as client:
        assert client.health().version == "1"
    assert asked == ["/healthz", "/healthz"]


def test_patience_ends() -> None:
    def busy(handler: http.server.BaseHTTPRequestHandler) -> None:
        send(handler, 429, told("too_many_requests"), Retry_After="60")

    with (
        answering(busy) as url,
        Client(url, patience_s=5) as client,
        pytest.raises(errors.ServerBusyError) as got,
    ):
        client.health()
    assert got.value.retry_after_s == 60


def test_a_fault_of_the_server_is_told_in_its_words() -> None:
    with (
        answering(lambda h: send(h, 500, told("internal_error", "it broke"))) as url,
        Client(url) as client,
        pytest.raises(errors.ServerError, match="it broke") as got,
    ):
        client.models()
    assert type(got.value) is errors.ServerError and got.value.code == "internal_error"


@pytest.mark.parametrize("url", ["127.0.0.1:8765", "ftp://there", "http://", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(errors.ConfigError, match="expected an address"):
        Client(url)


@pytest.mark.parametrize("token", ["two words", "line\n", "m\u00fcde"])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(errors.ConfigError, match="token") as got:
        Client("http://127.0.0.1:1", token)
    assert token not in str(got.value)


def test_a_certificate_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigError, match=r"absent\.pem"):
        Client("https://127.0.0.1", certificate=tmp_path / "absent.pem")


def test_without_its_library_the_client_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "httpx", None)
    with pytest.raises(errors.MissingExtraError, match=r"mien\[client\]"):
        Client()
