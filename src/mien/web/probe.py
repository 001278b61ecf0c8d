"""`python -m mien.web.probe`: ask the server of this machine whether it runs, for containers.

It reads the same settings as the server and needs nothing but them: exit status 0 if the server
answers as it should, 1 if not, with a line that says why.
"""

from __future__ import annotations

import ssl
import sys
import urllib.error
import urllib.request

from mien.core.errors import ConfigError
from mien.web.access import required_token
from mien.web.settings import Settings, load_settings

_PATIENCE_S = 8.0
_UNAUTHORISED = 401


def main() -> int:
    """Ask once and return the exit status."""
    try:
        problem = ask(load_settings())
    except ConfigError as error:
        problem = str(error)
    if problem is None:
        return 0
    sys.stderr.write(f"{problem}\n")
    return 1


def ask(settings: Settings) -> str | None:
    """Return what is wrong with the server of some settings, or None if it runs."""
    try:
        token = required_token(settings)
    except ConfigError:
        # `mien serve` made one up, which only it knows: that it asks for it shows that it runs.
        token = None
    has_tls = settings.tls_self_signed or settings.tls_cert is not None
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    host = f"[{host}]" if ":" in host else host
    address = f"{'https' if has_tls else 'http'}://{host}:{settings.port}/healthz"
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    # This machine asks itself, so nobody can stand between; the certificate is for other names.
    context = ssl._create_unverified_context() if has_tls else None
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
    request = urllib.request.Request(address, headers=headers)
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=_PATIENCE_S):
            return None
    except urllib.error.HTTPError as error:
        with error:
            if error.code == _UNAUTHORISED and token is None:
                return None
            return f"{address} answers {error.code}"
    except OSError as error:
        return f"{address} does not answer: {error}"


if __name__ == "__main__":
    sys.exit(main())
