"""A publisher of one file on this machine, in every mood: honest, lying, cut off, missing."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from mien.core.weights import PublishedFile

CONTENT = bytes(range(256)) * 1200  # 300 kB: several reads


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        path = self.path
        if path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/good")
            self.end_headers()
            return
        bodies = {
            "/good": CONTENT,
            "/other": CONTENT[::-1],
            "/larger": CONTENT + b"x",
            "/endless": CONTENT * 50,
            "/cut": CONTENT[: len(CONTENT) // 2],
            "/short": CONTENT[:1000],
        }
        if path not in bodies:
            self.send_error(404)
            return
        self.send_response(200)
        # A connection that breaks: all is announced, half is sent.
        announced = CONTENT if path == "/cut" else bodies[path]
        if path != "/endless":
            self.send_header("Content-Length", str(len(announced)))
        self.end_headers()
        with suppress(BrokenPipeError, ConnectionResetError):  # the reader had enough
            self.wfile.write(bodies[path])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def publishing() -> Iterator[str]:
    """Serve on a free port of 127.0.0.1; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def published_at(url: str) -> PublishedFile:
    """Return what is expected of `CONTENT` at an address."""
    return PublishedFile(
        name="thing",
        file="thing.onnx",
        url=url,
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        bytes=len(CONTENT),
        licence="MIT",
        source="the tests",
    )
