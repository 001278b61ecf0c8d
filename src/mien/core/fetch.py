"""Bringing a published file onto this machine: from the net or by hand, checked, all or nothing.

Nothing in mien calls this unless the user asked for the file by name.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mien.core.errors import FetchError
from mien.core.weights import PublishedFile

TIMEOUT_S = 20.0
_CHUNK = 64 * 1024
_NETWORK_ERRORS = (TimeoutError, ConnectionError, ssl.SSLError)


def fetch_file(
    published: PublishedFile,
    folder: Path,
    *,
    on_progress: Callable[[int], None] | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Path:
    """Download a file into a folder, unless it is there already.

    The download goes to a temporary name and is moved into place only when size and sha256
    are right; one that fails leaves nothing behind and can simply be tried again.

    Args:
        published: What to get.
        folder: Where to; made if need be.
        on_progress: Called with the number of bytes so far.
        timeout_s: How long the other side may be silent.

    Returns:
        The file's path.

    Raises:
        FetchError: If it cannot be had or is not the file expected; the text says how to put
            it there by hand.
    """
    target = folder / published.file
    if is_installed(published, folder):
        return target
    try:
        with _replacing(target) as file:
            _download(published, file, on_progress or (lambda _: None), timeout_s)
    except urllib.error.HTTPError as error:
        with error:
            raise FetchError(
                f"{published.url} answered {error.code} {error.reason}{_by_hand(published)}"
            ) from error
    except (urllib.error.URLError, http.client.HTTPException, *_NETWORK_ERRORS) as error:
        reason = getattr(error, "reason", None) or error
        raise FetchError(
            f"cannot download {published.url}: {reason}{_by_hand(published)}"
        ) from error
    except OSError as error:
        raise FetchError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def install_file(published: PublishedFile, source: Path, folder: Path) -> Path:
    """Copy a file that was got by other means into a folder, with the same check.

    Raises:
        FetchError: If it cannot be read, is not the file expected, or cannot be written.
    """
    target = folder / published.file
    try:
        with source.open("rb") as opened:
            # One byte more than wanted tells a larger file without reading all of it.
            data = opened.read(published.bytes + 1)
    except OSError as error:
        raise FetchError(f"cannot read {source}: {error.strerror or error}") from error
    _check(published, len(data), hashlib.sha256(data).hexdigest(), str(source))
    try:
        with _replacing(target) as file:
            file.write(data)
    except OSError as error:
        raise FetchError(f"cannot write {target}: {error.strerror or error}") from error
    return target


def is_installed(published: PublishedFile, folder: Path) -> bool:
    """Tell whether the right file is in a folder."""
    path = folder / published.file
    try:
        return (
            path.stat().st_size == published.bytes
            and hashlib.sha256(path.read_bytes()).hexdigest() == published.sha256
        )
    except OSError:
        return False


def _download(
    published: PublishedFile, file: IO[bytes], on_progress: Callable[[int], None], timeout_s: float
) -> None:
    digest, done = hashlib.sha256(), 0
    request = urllib.request.Request(published.url, headers={"User-Agent": "mien"})
    with urllib.request.urlopen(request, timeout=timeout_s) as answer:
        while chunk := answer.read(_CHUNK):
            done += len(chunk)
            if done > published.bytes:
                break
            file.write(chunk)
            digest.update(chunk)
            on_progress(done)
    _check(published, done, digest.hexdigest(), published.url)


def _check(published: PublishedFile, size: int, sha256: str, origin: str) -> None:
    if size < published.bytes:
        problem = f"expected {published.bytes} bytes, got only {size}: it was cut off"
    elif size > published.bytes:
        problem = f"expected {published.bytes} bytes, got more"
    elif sha256 != published.sha256:
        problem = f"expected sha256 {published.sha256}, got {sha256}"
    else:
        return
    raise FetchError(
        f"{origin} is not {published.file} of {published.source}; nothing was kept: {problem}"
        f"{_by_hand(published)}"
    )


def _by_hand(published: PublishedFile) -> str:
    return (
        f"\nTry again, or get {published.file} ({published.source}, {published.licence}) from "
        f"{published.url} by other means and install it with "
        f"`mien models fetch {published.name} --from FILE`"
    )


@contextmanager
def _replacing(target: Path) -> Iterator[IO[bytes]]:
    """Open a file beside `target` that takes its place if the block ends without an error."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        fresh.chmod(0o644)  # mkstemp makes it private, and it is not
        fresh.replace(target)
    finally:
        fresh.unlink(missing_ok=True)
