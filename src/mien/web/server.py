"""Running the app: a socket that is ours before anything is loaded, and uvicorn on it."""

from __future__ import annotations

import errno
import socket

import uvicorn
from fastapi import FastAPI
from uvicorn.config import LOGGING_CONFIG

from mien.core.errors import MienError
from mien.web.certificates import check_certificate
from mien.web.settings import Settings
from mien.web.watch import BelievedProxies


def open_port(settings: Settings) -> socket.socket:
    """Bind the host and port of the settings.

    Raises:
        MienError: If the port is taken or the address is not one of this machine.
    """
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    # Lets a restarted server take its port again at once; two servers still cannot share it.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        advice = {
            errno.EADDRINUSE: f"port {port} is taken, perhaps by another `mien serve`; "
            f"stop that one or choose another port: --port {port + 1}",
            errno.EACCES: f"port {port} needs special rights; choose one above 1023",
            errno.EADDRNOTAVAIL: "that is no address of this machine; try --host 127.0.0.1",
        }
        words = advice.get(error.errno or 0, error.strerror or str(error))
        raise MienError(f"cannot listen on {host}:{port}: {words}") from error
    return listener


def make_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """Return the server for an app; run it with `server.run(sockets=[open_port(settings)])`.

    Raises:
        MienError: If the certificate of the settings cannot be used.
    """
    if settings.tls_cert and settings.tls_key:
        check_certificate(settings.tls_cert, settings.tls_key)
    # A client's word for its own address would let it walk around the rate limits: only proxies
    # that are named are believed.
    proxies = list(settings.trusted_proxies)
    config = uvicorn.Config(
        BelievedProxies(app, proxies) if proxies else app,
        log_level="warning",
        # Addresses say who asks for what, and one of them has the token in it.
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # What the app logs is set up before, or not at all.
        log_config=None if settings.log_format else LOGGING_CONFIG,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        # A frame somewhat too large gets an answer, a huge one ends the connection unread.
        ws_max_size=4 * settings.max_frame_bytes,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=3,
    )
    return uvicorn.Server(config)
