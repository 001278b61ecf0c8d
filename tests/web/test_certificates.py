"""HTTPS: a certificate of this machine's own, and one that is given."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from mien.core.errors import MienError
from mien.web import certificates
from mien.web.certificates import CertificateFiles, check_certificate, self_signed_certificate
from mien.web.server import make_server
from mien.web.settings import load_settings
from tests.web.running import RunningServer

x509 = pytest.importorskip("cryptography.x509", reason="the extra mien[tls] is not installed")

TOKEN = "the-tests-own-token"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> CertificateFiles:
    return self_signed_certificate("0.0.0.0", tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def secure(own: CertificateFiles, tiny_bundle: Path) -> Iterator[RunningServer]:
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="haar",
        token=TOKEN,
        tls_cert=own.cert,
        tls_key=own.key,
    )
    running = RunningServer(settings)
    yield running
    running.stop()


def test_a_client_that_trusts_the_certificate_speaks_https_and_wss(
    secure: RunningServer, own: CertificateFiles
) -> None:
    trusting = ssl.create_default_context(cafile=str(own.cert))
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    at = f"localhost:{secure.settings.port}"
    with httpx.Client(verify=trusting, headers=bearer) as client:
        assert client.get(f"https://{at}/healthz").json()["status"] == "ok"
    with connect(f"wss://{at}/v1/live", ssl=trusting, additional_headers=bearer, proxy=None) as s:
        assert '"ready"' in str(s.recv(timeout=20))


def test_over_https_the_cookie_never_travels_in_the_clear(
    secure: RunningServer, own: CertificateFiles
) -> None:
    trusting = ssl.create_default_context(cafile=str(own.cert))
    url = f"https://127.0.0.1:{secure.settings.port}/?token={TOKEN}"
    with httpx.Client(verify=trusting) as client:
        assert "; Secure" in client.get(url).headers["set-cookie"]


def test_who_does_not_trust_it_is_warned(secure: RunningServer) -> None:
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"https://localhost:{secure.settings.port}/healthz")


def test_plain_http_gets_nothing_from_an_https_server(secure: RunningServer) -> None:
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{secure.settings.port}/healthz")


def test_fingerprint_is_that_of_the_certificate_which_is_served(
    secure: RunningServer, own: CertificateFiles
) -> None:
    served = ssl.get_server_certificate(("127.0.0.1", secure.settings.port))
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(served)).hexdigest()
    assert own.fingerprint.replace(":", "").lower() == digest


def test_the_key_is_its_owners_alone(own: CertificateFiles) -> None:
    assert own.key.stat().st_mode & 0o077 == 0


def test_the_certificate_vouches_for_no_other_and_ends_in_time(own: CertificateFiles) -> None:
    certificate = x509.load_pem_x509_certificate(own.cert.read_bytes())
    basic = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert basic.ca is False
    lasts = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert lasts <= datetime.timedelta(days=398)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"localhost", socket.gethostname()} <= set(names.get_values_for_type(x509.DNSName))
    assert ipaddress.ip_address("127.0.0.1") in names.get_values_for_type(x509.IPAddress)


def test_it_is_kept_until_it_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = self_signed_certificate("127.0.0.1", tmp_path)
    kept = self_signed_certificate("0.0.0.0", tmp_path)
    assert first.is_new and not kept.is_new
    assert kept.fingerprint == first.fingerprint
    for_a_name = self_signed_certificate("faces.example", tmp_path)
    assert for_a_name.is_new
    # One that ends within a month is made anew while it still holds.
    monkeypatch.setattr(certificates, "_RENEW_DAYS_BEFORE", 398)
    assert self_signed_certificate("faces.example", tmp_path).is_new
    monkeypatch.undo()
    first.key.write_text("damaged")
    assert self_signed_certificate("faces.example", tmp_path).is_new


def test_the_users_data_folder_is_where_it_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path))
    assert self_signed_certificate("127.0.0.1").cert == tmp_path / "tls" / "certificate.pem"


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MienError, match="cannot keep a certificate"):
        self_signed_certificate("127.0.0.1", tmp_path / "file" / "tls")


def test_without_cryptography_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(MienError, match=r"mien\[tls\]"):
        self_signed_certificate("127.0.0.1", tmp_path)


def test_files_that_cannot_be_used_are_named(own: CertificateFiles, tmp_path: Path) -> None:
    other = self_signed_certificate("127.0.0.1", tmp_path)
    with pytest.raises(MienError, match="cannot be used"):
        check_certificate(own.cert, other.key)
    with pytest.raises(MienError, match="cannot read"):
        check_certificate(own.cert, tmp_path / "nothing.pem")


def test_a_key_with_a_password_is_refused_and_not_asked_for(
    own: CertificateFiles, tmp_path: Path
) -> None:
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(own.key.read_bytes(), None)
    locked = tmp_path / "locked.pem"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    settings = load_settings(tls_cert=own.cert, tls_key=locked)
    with pytest.raises(MienError, match="without a password"):
        make_server(None, settings)
