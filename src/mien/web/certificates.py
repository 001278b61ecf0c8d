"""HTTPS without a certificate authority: a certificate that this machine makes for itself."""

from __future__ import annotations

import datetime
import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mien.core.errors import MienError
from mien.core.paths import home_folder

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

# Apple's systems refuse longer ones: https://support.apple.com/en-us/103769
_VALID_DAYS = 397
_RENEW_DAYS_BEFORE = 30
_ANY_ADDRESS = ("0.0.0.0", "::", "")


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate and its key on disk.

    Attributes:
        cert: PEM.
        key: PEM, readable for its owner alone.
        fingerprint: SHA-256 of the certificate as browsers show it: AB:CD:...
        is_new: Whether it was made just now, so that browsers do not know it yet.
    """

    cert: Path
    key: Path
    fingerprint: str
    is_new: bool


def self_signed_certificate(host: str, folder: Path | None = None) -> CertificateFiles:
    """Return this machine's own certificate, made anew where there is none that fits.

    Args:
        host: What the server listens on; the certificate holds for it, and for this machine's
            name and addresses.
        folder: Where it is kept; None takes `tls` in the user's data folder.

    Raises:
        MienError: If the package `cryptography` is missing, or the files cannot be written.
    """
    try:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
    except ImportError as error:
        raise MienError(
            'a certificate is made with the package cryptography: pip install "mien[tls]"; '
            "or give one of your own with --tls-cert and --tls-key"
        ) from error
    folder = folder or home_folder() / "tls"
    cert_file, key_file = folder / "certificate.pem", folder / "key.pem"
    try:
        is_new = not _fits(cert_file, key_file, host)
        if is_new:
            _make(cert_file, key_file, host)
        certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
    except OSError as error:
        words = error.strerror or error
        raise MienError(f"cannot keep a certificate in {folder}: {words}") from error
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return CertificateFiles(cert_file, key_file, fingerprint, is_new)


def check_certificate(cert: Path, key: Path) -> None:
    """Make sure that a server can use a certificate with its key.

    Raises:
        MienError: If it cannot; the text says which file is wrong.
    """
    for file in (cert, key):
        try:
            file.open("rb").close()
        except OSError as error:
            raise MienError(f"cannot read {file}: {error.strerror or error}") from error
    try:
        # The password is an answer for encrypted keys, which would be asked for in the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(cert, key, password="")
    except (ssl.SSLError, ValueError) as error:
        raise MienError(
            f"{cert} and {key} cannot be used: {error}; expected a certificate and its own "
            "key without a password, both PEM"
        ) from error


def own_address() -> str | None:
    """Return the address by which others in the network reach this machine, if it has one.

    The system is asked which way a packet would leave; none is sent.
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # an address for documentation: nobody has it
            return str(probe.getsockname()[0])
    except OSError:
        return None


def _fits(cert_file: Path, key_file: Path, host: str) -> bool:
    from cryptography import x509

    if not (cert_file.is_file() and key_file.is_file()):
        return False
    try:
        check_certificate(cert_file, key_file)
        certificate = x509.load_pem_x509_certificate(cert_file.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (MienError, ValueError, x509.ExtensionNotFound):
        return False
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    holds = host in _ANY_ADDRESS or _name(host) in names
    return holds and left > datetime.timedelta(days=_RENEW_DAYS_BEFORE)


def _make(cert_file: Path, key_file: Path, host: str) -> None:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    cert_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Nobody else may read the key, not even for the moment until its rights are changed.
    key_file.unlink(missing_ok=True)
    with os.fdopen(os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(pem)
    certificate = _sign(key, host)
    cert_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _sign(key: EllipticCurvePrivateKey, host: str) -> x509.Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    here = socket.gethostname()
    hosts = [host, "localhost", "127.0.0.1", "::1", here, f"{here}.local", own_address() or ""]
    names = [_name(one) for one in dict.fromkeys(hosts) if one not in _ANY_ADDRESS]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mien on this machine")])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=_VALID_DAYS))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        # Trusted or not, it can never vouch for another.
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _name(host: str) -> x509.GeneralName:
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
