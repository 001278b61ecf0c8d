"""Real proxies before a real server: the Caddyfile of the compose file, nginx as the docs say.

Each is skipped where the program is not installed. Certificates are made here and checked.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from mien.web.certificates import self_signed_certificate
from mien.web.settings import load_settings
from tests.web.running import RunningServer, jpeg_of

REPO = Path(__file__).resolve().parents[2]
TOKEN = "the-token-of-this-test"
MINE = {"Authorization": f"Bearer {TOKEN}"}

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Proxy:
    """A proxy that speaks HTTPS, and who signed for it."""

    port: int
    authority: Path
    log: Path

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority))


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def wait_for(proxy: Proxy, process: subprocess.Popen[bytes]) -> None:
    """Wait until it answers with a certificate that its authority signed."""
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(f"{proxy.url}/healthz", verify=proxy.trust, timeout=30)
            return
        except (httpx.TransportError, OSError):
            said = proxy.log.read_text()
            assert time.monotonic() < deadline and process.poll() is None, said
            time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tiny_bundle: Path) -> Iterator[RunningServer]:
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="haar",
        token=TOKEN,
        trusted_proxies=("127.0.0.1",),
    )
    running = RunningServer(settings)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def caddy(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed")
    folder = tmp_path_factory.mktemp("caddy")
    port = free_port()
    environment = {
        **os.environ,
        "DOMAIN": f"localhost:{port}",
        "HTTP_PORT": str(free_port()),
        "UPSTREAM": f"127.0.0.1:{server.settings.port}",
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    config = ["--config", str(REPO / "deploy/Caddyfile"), "--adapter", "caddyfile"]
    checked = subprocess.run(
        [program, "validate", *config], env=environment, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr
    authority = folder / "caddy/pki/authorities/local/root.crt"
    yield from running(
        [program, "run", *config], environment, Proxy(port, authority, folder / "log")
    )


@pytest.fixture(scope="module")
def nginx(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    pytest.importorskip("cryptography", reason="a certificate is made: pip install 'mien[tls]'")
    folder = tmp_path_factory.mktemp("nginx")
    own = self_signed_certificate("localhost", folder / "tls")
    port = free_port()
    text = (REPO / "docs/deploy.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```nginx\n(map .*?)```", text, re.DOTALL)
    for there, here in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "server_name faces.example": "server_name localhost",
        "/etc/letsencrypt/live/faces.example/fullchain.pem": str(own.cert),
        "/etc/letsencrypt/live/faces.example/privkey.pem": str(own.key),
        "/var/log/nginx/mien.log": str(folder / "access.log"),
        "http://127.0.0.1:8765": f"http://127.0.0.1:{server.settings.port}",
    }.items():
        assert there in shown, there
        shown = shown.replace(there, here)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder / kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder / 'pid'}; events {{}}\nhttp {{ {paths}\n{shown}\n}}\n"
    )
    command = [program, "-e", str(folder / "log"), "-p", str(folder), "-c", "nginx.conf"]
    yield from running(command, dict(os.environ), Proxy(port, own.cert, folder / "log"))


def running(command: list[str], environment: dict[str, str], proxy: Proxy) -> Iterator[Proxy]:
    with proxy.log.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_for(proxy, process)
        yield proxy
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(params=["caddy", "nginx"])
def proxy(request: pytest.FixtureRequest) -> Proxy:
    found: Proxy = request.getfixturevalue(request.param)
    return found


def test_pages_and_pictures_pass_and_the_token_guards_them(
    proxy: Proxy, astronaut_path: Path
) -> None:
    with httpx.Client(base_url=proxy.url, verify=proxy.trust, timeout=60) as client:
        assert client.get("/healthz").status_code == 401
        assert client.get("/healthz", headers=MINE).json()["status"] == "ok"
        files = {"image": ("face.jpg", jpeg_of(astronaut_path))}
        answer = client.post("/v1/analyze", headers=MINE, files=files)
        assert len(answer.json()["results"][0]["faces"]) == 1
        # What the server is told of the visitor is believed: it knows that they have HTTPS.
        welcome = client.get(f"/?token={TOKEN}")
        assert "; Secure" in welcome.headers["set-cookie"]


def test_a_live_connection_passes(proxy: Proxy, astronaut_path: Path) -> None:
    address = f"wss://localhost:{proxy.port}/v1/live"
    origin = {"origin": proxy.url}
    with connect(
        address, ssl=proxy.trust, proxy=None, additional_headers={**MINE, **origin}
    ) as socket_:
        assert json.loads(socket_.recv(timeout=60))["type"] == "ready"
        socket_.send(jpeg_of(astronaut_path))
        told = json.loads(socket_.recv(timeout=60))
        assert told["type"] == "result" and len(told["frame"]["faces"]) == 1


def test_rates_are_counted_for_each_visitor_and_not_for_the_proxy(
    proxy: Proxy, server: RunningServer
) -> None:
    """What a visitor claims to be is not believed, what the proxy says of them is."""
    seen: list[str] = []
    limiter = server.app.state.services.uploads
    check = limiter.check
    limiter.check = lambda client: (seen.append(client), check(client))
    try:
        claims = {**MINE, "X-Forwarded-For": "203.0.113.7"}
        httpx.post(f"{proxy.url}/v1/analyze", headers=claims, verify=proxy.trust, timeout=60)
    finally:
        limiter.check = check
    assert seen and seen[0] in ("127.0.0.1", "::/64")


def test_a_larger_body_than_the_server_takes_ends_at_the_proxy(proxy: Proxy) -> None:
    body = b"x" * 36_000_000
    head = {**MINE, "Content-Type": "multipart/form-data; boundary=x"}
    try:
        answer = httpx.post(
            f"{proxy.url}/v1/analyze", content=body, headers=head, verify=proxy.trust, timeout=60
        )
    except httpx.TransportError:
        return  # it hung up before all was sent
    assert answer.status_code in (413, 502)


def test_no_log_of_the_proxy_has_the_token(proxy: Proxy) -> None:
    httpx.get(f"{proxy.url}/?token={TOKEN}", verify=proxy.trust, timeout=60)
    for log in proxy.log.parent.glob("*log"):
        assert TOKEN not in log.read_text()


def test_caddy_keeps_metrics_inside_and_names_requests(caddy: Proxy) -> None:
    with httpx.Client(base_url=caddy.url, verify=caddy.trust, timeout=60) as client:
        assert client.get("/metrics", headers=MINE).status_code == 404
        named = client.get("/healthz", headers=MINE).headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", named)
