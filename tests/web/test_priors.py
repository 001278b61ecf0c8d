"""Priors and the threshold of uncertainty over REST, the live socket and the settings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from mien.core.errors import ConfigError
from mien.core.labels import FERPLUS
from mien.web.engine import Choice, RecognizerEngine
from mien.web.settings import load_settings
from tests.bundles import write_tiny_bundle
from tests.web.running import RunningServer

SHARES = (0.33, 0.27, 0.12, 0.14, 0.09, 0.01, 0.03, 0.01)
GIVEN = ",".join(f"{label}=0.125" for label in FERPLUS.labels)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(
        tmp_path_factory.mktemp("bundles"), training_priors={"ferplus": SHARES}
    )


@pytest.fixture(scope="module")
def half(bundle: Path) -> Iterator[RunningServer]:
    """A server that goes half way to equal shares, unless it is asked for something else."""
    running = RunningServer(
        load_settings(
            port=0, bundle=str(bundle), detector="full", prior="balanced", prior_strength=0.5
        )
    )
    yield running
    running.stop()


def read(server: RunningServer, picture: bytes, **query: object) -> httpx.Response:
    return httpx.post(
        f"{server.url}/v1/analyze",
        params={name: str(value) for name, value in query.items()},
        files={"image": ("face.png", picture)},
        timeout=20,
    )


def test_the_query_chooses_and_the_result_says_so(
    half: RunningServer, astronaut_path: Path
) -> None:
    picture = astronaut_path.read_bytes()
    made = {}
    for name, query in {
        "as set": {},
        "natural": {"prior": "natural"},
        "full": {"prior": "balanced"},
        "weak": {"prior_strength": 0.25},
        "given": {"prior": GIVEN, "uncertain_below": 1},
    }.items():
        (made[name],) = read(half, picture, **query).json()["results"]
    said = {name: (result["prior"], result["prior_strength"]) for name, result in made.items()}
    assert said == {
        "as set": ("balanced", 0.5),
        "natural": ("natural", 0.0),
        "full": ("balanced", 1.0),
        "weak": ("balanced", 0.25),
        "given": ("given", 1.0),
    }
    shares = {name: result["faces"][0]["expression"] for name, result in made.items()}
    assert shares["full"]["probabilities"] == shares["given"]["probabilities"]
    assert shares["full"]["probabilities"] != shares["natural"]["probabilities"]
    assert shares["given"]["uncertain"] is (shares["given"]["confidence"] < 1)
    assert shares["full"]["uncertain"] is False


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"prior": "equal"}, "natural, balanced"),
        ({"prior": "neutral=1"}, "missing happiness"),
        ({"prior": "natural", "prior_strength": 0.5}, "natural changes nothing"),
        ({"prior_strength": 2}, "less than or equal to 1"),
        ({"uncertain_below": -1}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_used_is_a_422_that_says_what_can(
    half: RunningServer, astronaut_path: Path, query: dict[str, object], told: str
) -> None:
    response = read(half, astronaut_path.read_bytes(), **query)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (422, "invalid_request")
    assert told in " ".join([error["message"], *error["details"]])


def test_the_live_socket_takes_them_and_keeps_them(
    half: RunningServer, astronaut_path: Path
) -> None:
    picture = astronaut_path.read_bytes()
    with connect(half.url.replace("http", "ws") + "/v1/live", max_size=None, proxy=None) as socket:

        def ask(**fields: object) -> dict[str, object]:
            socket.send(json.dumps({"type": "configure", **fields}))
            answer: dict[str, object] = json.loads(socket.recv(timeout=20))
            return answer

        def made() -> tuple[str, float, bool]:
            socket.send(picture)
            frame = json.loads(socket.recv(timeout=20))["frame"]
            return (
                frame["prior"],
                frame["prior_strength"],
                frame["faces"][0]["smoothed"]["uncertain"],
            )

        assert json.loads(socket.recv(timeout=20))["uncertain_below"] == 0.0
        assert made() == ("balanced", 0.5, False)
        given = dict.fromkeys(FERPLUS.labels, 0.125)
        assert ask(prior=given, uncertain_below=1)["uncertain_below"] == 1
        assert made()[:2] == ("given", 1.0)
        refused = ask(prior="equal")
        assert refused["type"] == "error"
        assert made()[:2] == ("given", 1.0)
        # Shares of eight expressions are none of seven.
        assert ask(label_set="fer2013")["type"] == "ready"
        assert made()[0] == "natural"


class TestChoice:
    def test_a_new_prior_brings_its_own_strength(self) -> None:
        choice = Choice("auto", "ferplus", prior="balanced", prior_strength=0.25)
        assert choice.changed(prior="natural").prior_strength is None
        assert choice.changed(prior="balanced", prior_strength=0.5).prior_strength == 0.5
        assert choice.changed(prior_strength=0.75).prior == "balanced"
        assert choice.changed(detector="haar", label_set="fer2013") == Choice(
            "haar", "fer2013", prior="balanced", prior_strength=0.25
        )

    def test_shares_stay_with_their_label_set(self) -> None:
        choice = Choice("auto", "ferplus", prior=GIVEN, prior_strength=0.25)
        assert choice.changed(label_set="ferplus") == choice
        other = choice.changed(label_set="fer2013")
        assert (other.prior, other.prior_strength) == ("default", None)


def test_any_number_of_priors_loads_no_more_recognizers(bundle: Path) -> None:
    engine = RecognizerEngine(load_settings(bundle=str(bundle), detector="full"))
    for step in range(20):
        engine.prepare(engine.default.changed(prior="balanced", prior_strength=step / 20))
    assert len(engine._recognizers) == 1


def test_a_prior_that_the_model_cannot_have_stops_the_server_at_its_start(bundle: Path) -> None:
    settings = load_settings(bundle=str(bundle), detector="full", prior="neutral=1")
    with pytest.raises(ConfigError, match="missing happiness"):
        RecognizerEngine(settings)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_PRIOR", "balanced")
    monkeypatch.setenv("MIEN_PRIOR_STRENGTH", "0.25")
    monkeypatch.setenv("MIEN_UNCERTAIN_BELOW", "0.4")
    settings = load_settings()
    assert (settings.prior, settings.prior_strength) == ("balanced", 0.25)
    assert settings.uncertain_below == 0.4
    with pytest.raises(ConfigError, match="prior_strength"):
        load_settings(prior_strength=2)
