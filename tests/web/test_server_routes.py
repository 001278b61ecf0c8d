"""What the server says of itself: its settings, its models, their cards."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from mien.bundle.config import BundleConfig
from mien.bundle.find import PACKAGED
from mien.web.app import create_app
from mien.web.cards import render_card
from mien.web.engine import RecognizerEngine
from mien.web.settings import Settings, load_settings

CONFIG = json.loads((PACKAGED / "mien-s/config.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def engine(tiny_bundle: Path) -> RecognizerEngine:
    return RecognizerEngine(load_settings(bundle=str(tiny_bundle), detector="haar"))


def ask_settings(engine: RecognizerEngine, bundle: Path, **given: Any) -> httpx.Response:
    settings = load_settings(bundle=str(bundle), detector="haar", **given)
    client = TestClient(create_app(settings, engine), base_url="http://127.0.0.1")
    headers = {}
    if settings.token is not None:
        headers["Authorization"] = f"Bearer {settings.token.get_secret_value()}"
    with client:
        return client.get("/v1/settings", headers=headers)


def test_settings_say_what_clients_need(client: httpx.Client) -> None:
    told = client.get("/v1/settings").json()
    assert told["local"] is True and told["token"] is False and told["https"] is False
    assert told["bundle"] == "tiny" and told["detector"] == "haar"
    assert told["store"] == "SQLite" and told["recording"] is True
    # The shared server's own limits, not the defaults.
    assert told["limits"]["max_upload_bytes"] == 3_000_000
    assert told["limits"]["max_images"] == 3
    assert "image/webp" in told["picture_types"] and "video/mp4" in told["video_types"]


def test_every_limit_told_is_that_of_the_settings(
    engine: RecognizerEngine, tiny_bundle: Path
) -> None:
    told = ask_settings(engine, tiny_bundle, max_connections=3, max_video_bytes=123_456).json()
    assert told["limits"]["max_connections"] == 3
    assert told["limits"]["max_video_bytes"] == 123_456
    for name, value in told["limits"].items():
        if name in Settings.model_fields and name not in ("max_connections", "max_video_bytes"):
            assert value == Settings.model_fields[name].default, name


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://anna:geheim@db.example:5433/mien", "PostgreSQL at db.example"),
        ("postgres://anna:geheim@db.example/mien", "PostgreSQL at db.example"),
        ("postgresql:///mien?user=anna&password=geheim", "PostgreSQL at this machine"),
        ("sqlite:////home/anna/secret.db", "SQLite"),
        ("/home/anna/secret.db", "SQLite"),
        ("geheim://anna", "unusable"),
        (None, "SQLite"),
    ],
)
def test_the_store_is_told_without_path_user_or_password(
    engine: RecognizerEngine, tiny_bundle: Path, url: str | None, words: str
) -> None:
    answer = ask_settings(engine, tiny_bundle, database_url=url)
    assert answer.json()["store"] == words
    assert "geheim" not in answer.text and "anna" not in answer.text


def test_settings_tell_no_path_and_no_token(engine: RecognizerEngine, tiny_bundle: Path) -> None:
    token = "a-token-of-this-test"
    answer = ask_settings(engine, tiny_bundle, token=token, recording=False)
    assert answer.json()["token"] is True and answer.json()["store"] is None
    assert token not in answer.text and str(tiny_bundle) not in answer.text


def test_a_packaged_model_is_told_by_its_own_config(client: httpx.Client) -> None:
    told = client.get("/v1/models/mien-s").json()
    assert told["parameters"] == CONFIG["architecture"]["parameters"]
    assert told["input"]["size_px"] == CONFIG["input"]["size"]
    assert told["licence"] == CONFIG["licence"] and told["active"] is False
    assert [head["label_set"] for head in told["heads"]] == [
        head["label_set"] for head in CONFIG["heads"]
    ]
    for head, written in zip(told["heads"], CONFIG["heads"], strict=True):
        assert list(head["training_shares"]) == written["labels"]
        assert list(head["training_shares"].values()) == written["training_priors"]
    first, written = told["evaluations"][0], CONFIG["figures"]["evaluations"][0]
    assert first["results"][0]["accuracy"] == written["results"][0]["accuracy"]
    assert first["results"][0]["recall"] == written["results"][0]["recall"]
    losses = [one["loss"] for one in told["robustness"][0]["conditions"]]
    assert losses == sorted(losses, reverse=True) and len(losses) > 5
    assert told["card_markdown"].startswith("# mien-s")
    assert "<h2>mien-s</h2>" in told["card_html"] and "<table>" in told["card_html"]
    assert f'src="{told["failures"]}"' in told["card_html"]


def test_the_served_model_is_told_even_where_it_is_a_folder(client: httpx.Client) -> None:
    told = client.get("/v1/models/tiny").json()
    assert told["active"] is True and told["failures"] is None and told["evaluations"] == []
    assert client.get("/v1/models/tiny/failures.png").status_code == 404


def test_the_picture_of_failures_is_the_one_of_the_bundle(client: httpx.Client) -> None:
    answer = client.get("/v1/models/mien-s/failures.png")
    assert answer.headers["content-type"] == "image/png"
    entry = CONFIG["files"]["failures.png"]
    assert hashlib.sha256(answer.content).hexdigest() == entry["sha256"]


@pytest.mark.parametrize(
    "name", ["nobody", "..", "%2e%2e", "..%2fmien-s", "%2Fetc%2Fpasswd", "mien-s%00", "x" * 65]
)
def test_no_name_leads_out_of_the_list(client: httpx.Client, name: str) -> None:
    for address in (f"/v1/models/{name}", f"/v1/models/{name}/failures.png"):
        answer = client.get(address)
        assert answer.status_code in (404, 422), address
        assert "/bundles" not in answer.text and "root:" not in answer.text


def test_a_model_that_was_changed_is_not_shown(
    engine: RecognizerEngine, tiny_bundle: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "tiny")
    (tmp_path / "tiny/MODEL_CARD.md").write_text("# better than it is\n")
    settings = load_settings(bundle=str(tmp_path / "tiny"), detector="haar")
    with TestClient(create_app(settings, engine), base_url="http://127.0.0.1") as client:
        answer = client.get("/v1/models/tiny")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "bundle_unusable"
    assert str(tmp_path) not in answer.text


def test_cards_are_shown_without_what_a_page_must_not_run_or_load() -> None:
    card = (
        "# one\n\n<script>alert(1)</script> <b onclick=x>bold</b>\n\n"
        "[a](javascript:alert(1)) [b](data:text/html,x) [c](https://example.org) [d](other.md)\n\n"
        "![seen](https://example.org/pixel.png) ![fails](failures.png)\n\n"
        "| left | right |\n| :--- | ---: |\n| 1 | 2 |\n"
    )
    html = render_card(card, picture="/v1/models/one/failures.png")
    assert "<script" not in html and "<b " not in html and "style" not in html
    assert 'href="javascript' not in html and 'href="data' not in html
    assert '<a href="https://example.org" rel="noopener noreferrer">c</a>' in html
    assert "<a>d</a>" in html and "pixel.png" not in html and "seen" in html
    assert 'src="/v1/models/one/failures.png"' in html and 'alt="fails"' in html
    assert html.startswith("<h2>one</h2>") and "<th>left</th>" in html
    assert "<img" not in render_card("![fails](failures.png)", picture=None)


@pytest.mark.parametrize("name", ["mien-s", "mien-m"])
def test_packaged_cards_become_html_with_every_section(name: str) -> None:
    config = BundleConfig.read(PACKAGED / name / "config.json")
    card = (PACKAGED / name / "MODEL_CARD.md").read_text(encoding="utf-8")
    html = render_card(card, picture="/x")
    headings = [line[3:] for line in card.splitlines() if line.startswith("## ")]
    for heading in headings:
        assert f"<h3>{heading}</h3>" in html
    assert len(headings) > 8 and f"<h2>{config.name}</h2>" in html
