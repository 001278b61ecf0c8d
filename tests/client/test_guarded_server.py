"""The client at a real server that asks for a token and speaks HTTPS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mien.client import Client
from mien.core import errors
from mien.web.certificates import CertificateFiles, self_signed_certificate
from mien.web.settings import load_settings
from tests.bundles import write_tiny_bundle
from tests.web.running import RunningServer

TOKEN = "a-token-of-this-test-0123456789"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return self_signed_certificate("127.0.0.1", tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def port(own: CertificateFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    settings = load_settings(
        port=0,
        bundle=str(write_tiny_bundle(tmp_path_factory.mktemp("bundles"))),
        detector="haar",
        token=TOKEN,
        tls_cert=own.cert,
        tls_key=own.key,
    )
    running = RunningServer(settings)
    yield running.settings.port
    running.stop()


def test_with_token_and_certificate_all_is_as_ever(
    port: int, own: CertificateFiles, jpeg: bytes
) -> None:
    for url, token in (
        (f"https://127.0.0.1:{port}", TOKEN),
        (f"https://127.0.0.1:{port}/?token={TOKEN}", None),
    ):
        with Client(url, token, certificate=own.cert) as client:
            assert len(client.analyze(jpeg)) == 1
            with client.live() as live:
                assert len(live.read(jpeg)) == 1
        assert TOKEN not in client.url


@pytest.mark.parametrize("token", [None, "another-token-0123456789"])
def test_without_the_token_it_is_told_to_give_it(
    port: int, own: CertificateFiles, token: str | None
) -> None:
    with Client(f"https://127.0.0.1:{port}", token, certificate=own.cert) as client:
        with pytest.raises(errors.ServerAccessError, match="token="):
            client.models()
        with pytest.raises(errors.ServerAccessError, match="token="):
            client.live().__enter__()


def test_a_certificate_that_is_not_trusted_is_told(port: int) -> None:
    with Client(f"https://127.0.0.1:{port}", TOKEN) as client:
        with pytest.raises(errors.ServerUnreachableError, match="certificate"):
            client.health()
        with pytest.raises(errors.ServerUnreachableError, match="certificate"):
            client.live().__enter__()


def test_http_to_an_https_server_is_told(port: int) -> None:
    with Client(f"http://127.0.0.1:{port}", TOKEN) as client:
        with pytest.raises(errors.ServerUnreachableError):
            client.health()
        with pytest.raises(errors.ServerUnreachableError):
            client.live().__enter__()
