"""Who gets in where a server has a token, as an attacker and as an owner would try it."""

from __future__ import annotations

import ast
import inspect
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import HTTPConnection
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mien.core.errors import ConfigError
from mien.web import access
from mien.web.access import required_token, settle_token
from mien.web.app import create_app
from mien.web.limits import client_of
from mien.web.settings import Settings, load_settings
from tests.web.running import RunningServer

TOKEN = "the-tests-own-token"
GUESSED_TOO_OFTEN = "too_many_requests"
EVERYTHING = ("/", "/docs", "/icon.svg", "/assets/x.js", "/v1/models", "/healthz", "/openapi.json")


@pytest.fixture(scope="module")
def guarded(tiny_bundle: Path) -> Iterator[RunningServer]:
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="haar",
        token=TOKEN,
        allowed_origins=("https://faces.example",),
    )
    running = RunningServer(settings)
    yield running
    running.stop()


@pytest.fixture
def stranger(guarded: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=guarded.url, timeout=20) as client:
        yield client


@pytest.fixture
def visitor(stranger: httpx.Client) -> httpx.Client:
    """A browser's stand-in: it has opened the link, and has its cookie."""
    assert stranger.get("/", params={"token": TOKEN}).status_code == 200
    assert len(stranger.cookies) == 1
    return stranger


def code_of(answer: httpx.Response) -> str:
    return str(answer.json()["error"]["code"])


def socket_status(server: RunningServer, **options: object) -> int:
    """What the handshake of a live socket is answered with."""
    url = server.url.replace("http", "ws") + "/v1/live"
    try:
        with connect(url, proxy=None, **options) as socket:
            socket.recv(timeout=20)
            return 101
    except InvalidStatus as refused:
        return refused.response.status_code


@pytest.mark.parametrize("path", EVERYTHING)
def test_without_the_token_there_is_nothing(stranger: httpx.Client, path: str) -> None:
    answer = stranger.get(path)
    assert (answer.status_code, code_of(answer)) == (401, "token_required")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_a_person_without_the_token_is_told_what_to_do(stranger: httpx.Client) -> None:
    answer = stranger.get("/", headers={"accept": "text/html"})
    assert answer.status_code == 401
    assert "Open the link" in answer.text and TOKEN not in answer.text


@pytest.mark.parametrize("path", ["/upload", "/sessions/3?from=2", "/compare?ids=1%2C2", "/docs"])
def test_who_signs_in_comes_to_the_page_that_they_wanted(stranger: httpx.Client, path: str) -> None:
    asked = stranger.get(path, headers={"accept": "text/html"})
    assert asked.status_code == 401
    assert f'action="{path}"' in asked.text
    # What a browser sends off with the form, and what it does with the answer.
    origin = {"origin": str(stranger.base_url)}
    answer = stranger.post(path, data={"token": f" {TOKEN}\n"}, headers=origin)
    assert answer.headers["refresh"] == f"0; url={path}"
    assert TOKEN not in answer.text
    assert stranger.get("/v1/models").status_code == 200


def test_the_link_leads_to_every_page_and_leaves_its_address(stranger: httpx.Client) -> None:
    answer = stranger.get("/compare", params={"ids": "1,2", "token": TOKEN})
    assert answer.headers["refresh"] == "0; url=/compare?ids=1%2C2"
    assert TOKEN not in answer.text + answer.headers["refresh"]


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/",
        "/\\evil.example",
        "/upload/..//evil.example",
        "/sessions/3%0Ahttps://evil.example",
        "/v1/models",
        "/sessions/evil",
    ],
)
def test_nobody_is_led_to_an_address_that_is_no_page(guarded: RunningServer, path: str) -> None:
    url = guarded.url + path
    headers = {"accept": "text/html", "authorization": f"Bearer {TOKEN}x"}
    with_link = httpx.get(f"{url}?token={TOKEN}", headers={"accept": "text/html"})
    assert with_link.status_code in (401, 429) and "refresh" not in with_link.headers
    posted = httpx.post(url, data={"token": TOKEN})
    assert posted.status_code in (401, 429) and "refresh" not in posted.headers
    asked = httpx.get(url, headers=headers)
    assert "evil" not in asked.text or "text/html" not in asked.headers["content-type"]


def test_what_the_form_page_shows_of_an_address_is_no_markup(stranger: httpx.Client) -> None:
    asked = stranger.get('/upload?a="><script>x</script>', headers={"accept": "text/html"})
    assert "<script" not in asked.text and '""' not in asked.text
    assert "form-action 'self'" in asked.headers["content-security-policy"]
    assert "script-src" not in asked.headers["content-security-policy"]


def test_a_wrong_token_in_the_form_is_refused_and_asked_for_again(tiny_bundle: Path) -> None:
    settings = load_settings(port=0, bundle=str(tiny_bundle), detector="haar", token=TOKEN)
    running = RunningServer(settings)
    headers = {"accept": "text/html", "origin": running.url}
    with httpx.Client(base_url=running.url, headers=headers) as client:
        wrong = client.post("/upload", data={"token": "<b>guess</b>"})
        assert wrong.status_code == 401
        assert "not this server&#x27;s token" in wrong.text and "<b>" not in wrong.text
        assert not client.cookies
        statuses = {client.post("/", data={"token": "guess"}).status_code for _ in range(12)}
        assert statuses == {401, 429}
        assert client.post("/", data={"x": "y"}).status_code == 429
        large = client.post("/", data={"token": "x" * 10_000})
        assert (large.status_code, "text/html" in large.headers["content-type"]) == (413, True)
        elsewhere = {"origin": "https://evil.example"}
        foreign = client.post("/", data={"token": TOKEN}, headers=elsewhere)
        assert (foreign.status_code, code_of(foreign)) == (403, "origin_refused")
        assert client.post("/", data={"token": TOKEN}).status_code == 200
        assert client.get("/healthz").status_code == 200
    running.stop()


def test_a_program_shows_the_token_in_a_header(stranger: httpx.Client) -> None:
    for scheme in ("Bearer", "bearer"):
        headers = {"authorization": f"{scheme} {TOKEN}"}
        assert stranger.get("/v1/models", headers=headers).status_code == 200
    # The header proves more than a cookie: a browser sends it for no page by itself.
    post = stranger.post("/v1/analyze", headers=headers)
    assert (post.status_code, code_of(post)) == (415, "unsupported_media_type")


@pytest.mark.parametrize(
    "header",
    ["Bearer wrong", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer \u00e9"],
)
def test_a_wrong_token_is_refused(stranger: httpx.Client, header: str) -> None:
    answer = stranger.get("/v1/models", headers={"authorization": header.encode()})
    assert (answer.status_code, code_of(answer)) in ((401, "token_wrong"), (429, GUESSED_TOO_OFTEN))


def test_who_guesses_is_slowed_down_and_who_knows_is_not(tiny_bundle: Path) -> None:
    settings = load_settings(port=0, bundle=str(tiny_bundle), detector="haar", token=TOKEN)
    running = RunningServer(settings)
    with httpx.Client(base_url=running.url) as client:
        guesses = [
            client.get("/healthz", headers={"authorization": f"Bearer guess-{n}"}).status_code
            for n in range(12)
        ]
        right = client.get("/healthz", headers={"authorization": f"Bearer {TOKEN}"})
    running.stop()
    assert guesses[:10] == [401] * 10
    assert guesses[10:] == [429] * 2
    assert right.status_code == 200


def test_tokens_and_cookies_are_compared_in_constant_time() -> None:
    """No secret meets `==`, which stops at the first letter that differs."""
    tree = ast.parse(inspect.getsource(access.TokenGate))
    compared = [
        ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Compare | ast.Match)
    ]
    assert not [words for words in compared if re.search(r"_token\b(?! is)|_cookie_value", words)]
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    safe = [words for words in calls if words.startswith("hmac.compare_digest")]
    assert len(safe) == 2
    for secret in ("self._token", "self._cookie_value"):
        assert any(secret in words for words in safe)


def test_the_link_gives_a_cookie_and_leaves_the_address(stranger: httpx.Client) -> None:
    answer = stranger.get("/", params={"token": TOKEN})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and "Path=/" in cookie
    assert TOKEN not in cookie and TOKEN not in answer.text
    assert answer.headers["refresh"] == "0; url=/"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert stranger.get("/v1/models").status_code == 200


def test_a_wrong_link_gives_no_cookie(stranger: httpx.Client) -> None:
    answer = stranger.get("/", params={"token": "someone-elses-token"})
    assert answer.status_code in (401, 429)
    assert "set-cookie" not in answer.headers


def test_only_a_pages_address_takes_the_token(stranger: httpx.Client) -> None:
    for path in ("/v1/models", "/healthz", "/icon.svg"):
        answer = stranger.get(f"{path}?token={TOKEN}")
        assert answer.status_code == 401
        assert "refresh" not in answer.headers


def test_a_made_up_cookie_opens_nothing(stranger: httpx.Client, visitor: httpx.Client) -> None:
    name = next(iter(visitor.cookies))
    for value in ("", TOKEN, "0" * 64):
        answer = httpx.get(f"{stranger.base_url}/healthz", headers={"cookie": f"{name}={value}"})
        assert (answer.status_code, code_of(answer)) == (401, "token_required")


def test_cookies_of_two_servers_have_different_names() -> None:
    names = {access.TokenGate(create_app, token)._cookie_name for token in (TOKEN, TOKEN + "2")}
    assert len(names) == 2


@pytest.mark.parametrize(
    ("origin", "status", "code"),
    [
        (None, 403, "origin_required"),
        ("https://evil.example", 403, "origin_refused"),
        ("null", 403, "origin_refused"),
        # Another port is another site's page for all but cookies.
        ("http://127.0.0.1:1", 403, "origin_refused"),
        ("own", 415, "unsupported_media_type"),
    ],
)
def test_a_post_with_the_cookie_must_come_from_the_page(
    visitor: httpx.Client, origin: str | None, status: int, code: str
) -> None:
    own = str(visitor.base_url).rstrip("/")
    headers = {} if origin is None else {"origin": own if origin == "own" else origin}
    answer = visitor.post("/v1/analyze", headers=headers)
    assert (answer.status_code, code_of(answer)) == (status, code)


def test_a_socket_needs_the_token_and_by_cookie_the_page(
    guarded: RunningServer, visitor: httpx.Client
) -> None:
    cookie = {"Cookie": "; ".join(f"{k}={v}" for k, v in visitor.cookies.items())}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert socket_status(guarded) == 401
    assert socket_status(guarded, additional_headers=bearer) == 101
    assert socket_status(guarded, additional_headers=cookie) == 403
    assert socket_status(guarded, additional_headers=cookie, origin="http://evil.example") == 403
    assert socket_status(guarded, additional_headers=bearer, origin="http://evil.example") == 403
    assert socket_status(guarded, additional_headers=cookie, origin=guarded.url) == 101


def test_a_socket_may_show_the_token_as_a_subprotocol(guarded: RunningServer) -> None:
    """A browser cannot set a header on a socket, but it can offer subprotocols."""
    url = guarded.url.replace("http", "ws") + "/v1/live"
    offered = ["mien.live.v1", f"mien.token.{TOKEN}"]
    with connect(url, proxy=None, subprotocols=offered) as socket:
        assert socket.subprotocol == "mien.live.v1"
    wrong = ["mien.live.v1", "mien.token.someone-elses"]
    assert socket_status(guarded, subprotocols=wrong) in (401, 429)


def test_a_named_origin_may_ask_whether_it_may_send_the_token(stranger: httpx.Client) -> None:
    asks = {"access-control-request-method": "POST"}
    asks["access-control-request-headers"] = "authorization"
    answer = stranger.options("/v1/analyze", headers={"origin": "https://faces.example", **asks})
    assert answer.status_code == 200
    assert "authorization" in answer.headers["access-control-allow-headers"].lower()


def test_no_log_line_has_the_token(
    stranger: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.WARNING, "httpx")  # the test's own client
    stranger.get("/", params={"token": TOKEN})
    stranger.get(f"/nothing?token={TOKEN}")
    stranger.get("/v1/models", headers={"authorization": f"Bearer {TOKEN}x"})
    assert TOKEN not in caplog.text


def test_a_server_for_this_machine_asks_for_no_token(server: RunningServer) -> None:
    assert required_token(server.settings) is None
    assert httpx.get(f"{server.url}/healthz").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "faces.example"])
def test_a_server_that_others_reach_has_a_token_or_does_not_start(host: str) -> None:
    settings = load_settings(host=host)
    with pytest.raises(ConfigError, match="MIEN_TOKEN"):
        create_app(settings)
    settled, made_up = settle_token(settings)
    assert made_up and settled.token is not None
    assert len(settled.token.get_secret_value()) >= 32
    assert required_token(settled) == settled.token.get_secret_value()
    assert settle_token(settings)[0].token != settled.token


def test_a_proxy_makes_a_local_server_one_that_others_reach() -> None:
    settings = load_settings(trusted_proxies=("127.0.0.1",))
    with pytest.raises(ConfigError, match="it needs a token"):
        required_token(settings)


def test_a_token_comes_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    assert required_token(load_settings(token_file=file)) == TOKEN
    assert settle_token(load_settings(token_file=file))[0].token == SecretStr(TOKEN)
    monkeypatch.setenv("MIEN_TOKEN", TOKEN + "2")
    assert settle_token(load_settings(host="0.0.0.0"))[0].token == SecretStr(TOKEN + "2")


@pytest.mark.parametrize(
    "token", ["", "short", "with a space in it", "x" * 201, "umlaut-\u00e4" * 4]
)
def test_a_token_that_cannot_be_used_is_refused_and_not_shown(token: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        settle_token(Settings(token=SecretStr(token)))
    assert "16 to 200" in str(error.value)
    assert not token or token not in str(error.value)
    with pytest.raises(ConfigError, match="cannot read a token"):
        settle_token(load_settings(token_file=tmp_path / "nothing"))


def test_settings_never_show_the_token() -> None:
    with pytest.raises(ConfigError) as error:
        load_settings(token=TOKEN, token_file="x", tls_cert="a")
    assert TOKEN not in str(error.value)
    assert TOKEN not in repr(load_settings(token=TOKEN))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"token": TOKEN, "token_file": "x"}, "either token or token_file"),
        ({"tls_cert": "a"}, "together"),
        ({"tls_cert": "a", "tls_key": "b", "tls_self_signed": True}, "not both"),
        ({"trusted_proxies": ("somewhere",)}, "trusted_proxies"),
        ({"trusted_proxies": ("0.0.0.0/0",)}, "every address"),
    ],
)
def test_settings_that_do_not_fit_together_say_so(given: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_settings(**given)


def forwarded_client(tiny_bundle: Path, **given: object) -> list[int]:
    """Statuses of uploads that each claim another client address."""
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="haar",
        token=TOKEN,
        requests_per_s=0.01,
        request_burst=2,
        **given,
    )
    running = RunningServer(settings)
    statuses = [
        httpx.post(
            f"{running.url}/v1/analyze",
            headers={"authorization": f"Bearer {TOKEN}", "x-forwarded-for": f"203.0.113.{n}"},
        ).status_code
        for n in range(4)
    ]
    running.stop()
    return statuses


def test_a_clients_word_for_its_address_counts_only_from_a_named_proxy(tiny_bundle: Path) -> None:
    assert forwarded_client(tiny_bundle) == [415, 415, 429, 429]
    assert forwarded_client(tiny_bundle, trusted_proxies=("127.0.0.1",)) == [415] * 4


def test_a_proxys_word_for_https_makes_the_cookie_secure(tiny_bundle: Path) -> None:
    settings = load_settings(
        port=0, bundle=str(tiny_bundle), detector="haar", token=TOKEN, trusted_proxies=("::1/128",)
    )
    running = RunningServer(settings)
    link = f"{running.url}/?token={TOKEN}"
    headers = {"x-forwarded-proto": "https"}
    believed_from_another = "Secure" in httpx.get(link, headers=headers).headers["set-cookie"]
    running.stop()
    running.settings = settings.model_copy(update={"trusted_proxies": ("127.0.0.0/8",)})
    running.start()
    link = f"{running.url}/?token={TOKEN}"
    assert "; Secure" in httpx.get(link, headers=headers).headers["set-cookie"]
    assert "; Secure" not in httpx.get(link).headers["set-cookie"]
    running.stop()
    assert not believed_from_another


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
    ],
)
def test_clients_are_counted_by_address_or_ipv6_network(one: str, other: str, same: bool) -> None:
    clients = [
        client_of(HTTPConnection({"type": "http", "client": (host, 1), "headers": []}))
        for host in (one, other)
    ]
    assert (clients[0] == clients[1]) is same
