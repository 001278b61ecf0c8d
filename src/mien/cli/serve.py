"""`mien serve`: the live page and the REST interface, on this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    import uvicorn

    from mien.web.engine import Engine
    from mien.web.settings import Settings


def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0 takes a free one. [default: 8765]")
    ] = None,
    bundle: Annotated[
        str | None, typer.Option(help="Name or folder of the model. [default: mien-s]")
    ] = None,
    detector: Annotated[
        str | None, typer.Option(help="Face detector to begin with. [default: auto]")
    ] = None,
    prior: Annotated[
        str | None,
        typer.Option(
            help="How common each expression is taken to be: default (the model's own choice), "
            "natural (as in training), balanced, or shares: neutral=0.4,happiness=0.3,..."
        ),
    ] = None,
    prior_strength: Annotated[
        float | None,
        typer.Option(
            help="How far answers go from the training shares to those, 0 to 1. "
            "[default: the model's own, or 1]"
        ),
    ] = None,
    uncertain_below: Annotated[
        float | None,
        typer.Option(help="Flag answers with a lower confidence as uncertain. [default: 0]"),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads for one picture. [default: 1]")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="What others must show; others on this machine can see it in the list of "
            "processes, so MIEN_TOKEN or --token-file are better. [default: made up where others "
            "can reach the server]",
            show_default=False,
        ),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="A file with the token.")] = None,
    tls_self_signed: Annotated[
        bool | None,
        typer.Option(
            "--tls-self-signed",
            help="Serve HTTPS with a certificate made on this machine, which browsers warn of "
            "once; cameras of other machines need HTTPS.",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None, typer.Option(help="Serve HTTPS with this certificate (PEM).")
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="The certificate's private key.")] = None,
    log_format: Annotated[
        str | None,
        typer.Option(
            help="Log each request to standard error, as text or json; never addresses, names or "
            "tokens. [default: only trouble]",
            show_default=False,
        ),
    ] = None,
    open_browser: Annotated[
        bool,
        typer.Option(
            "--open/--no-open",
            help="Open the page in a browser; not where a token is asked for, since it would "
            "stand in the list of processes.",
        ),
    ] = True,
) -> None:
    """Open the live page: your camera or your photos, read on this machine.

    Every option, and the server's limits, can also be set by the environment: MIEN_HOST,
    MIEN_PORT, MIEN_BUNDLE and so on; docs/live-protocol.md lists them. Where other machines can
    reach it, it asks for a token; docs/security.md says how.
    """
    from mien.cli.greeting import without_greeting
    from mien.core.errors import MienError
    from mien.web.access import settle_token
    from mien.web.app import create_app
    from mien.web.engine import RecognizerEngine
    from mien.web.logs import set_up_logging
    from mien.web.routes.page import HOW_TO_BUILD, page_is_built
    from mien.web.server import make_server, open_port
    from mien.web.settings import load_settings

    console = Console(highlight=False, soft_wrap=True)
    settings = load_settings(
        host=host,
        port=port,
        bundle=bundle,
        detector=detector,
        prior=prior,
        prior_strength=prior_strength,
        uncertain_below=uncertain_below,
        threads=threads,
        token=token,
        token_file=token_file,
        tls_self_signed=tls_self_signed,
        tls_cert=tls_cert,
        tls_key=tls_key,
        log_format=log_format,
    )
    if settings.log_format is not None:
        set_up_logging(settings.log_format)
    if not page_is_built():
        raise MienError(HOW_TO_BUILD)
    settings, is_made_up = settle_token(settings)
    if settings.tls_self_signed:
        settings = _with_own_certificate(console, settings)
    with open_port(settings) as listener:
        with without_greeting():
            engine = RecognizerEngine(settings)
        server = make_server(create_app(settings, engine), settings)
        scheme = "https" if settings.tls_cert else "http"
        address = page_address(settings.host, listener.getsockname()[1], scheme)
        _introduce(console, settings, engine, address, link_has_token=is_made_up)
        if open_browser and not settings.token and _has_desktop():
            _open_when_started(server, address)
        # uvicorn closes everything at Ctrl-C, or when it is told to end, and then passes it on.
        with contextlib.suppress(KeyboardInterrupt), _told_to_end_as_ctrl_c():
            server.run(sockets=[listener])
        console.print("\nstopped")


def page_address(host: str, port: int, scheme: str = "http") -> str:
    """Return the address at which a browser on this machine finds a server bound to `host`."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"{scheme}://{shown}:{port}"


@contextlib.contextmanager
def _told_to_end_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, by which services and containers are stopped, end with the same words."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        # Told once is enough: another one would break into what is being closed.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _with_own_certificate(console: Console, settings: Settings) -> Settings:
    from mien.web.certificates import self_signed_certificate

    own = self_signed_certificate(settings.host)
    state = "made now" if own.is_new else "kept"
    console.print(f"certificate {own.cert} ({state}); browsers warn of it once. Compare there:")
    # Rich takes the :CD: in a fingerprint for the picture of one.
    console.print(f"  SHA-256   {own.fingerprint}", markup=False, emoji=False)
    files = {"tls_cert": own.cert, "tls_key": own.key, "tls_self_signed": False}
    return settings.model_copy(update=files)


def _introduce(
    console: Console, settings: Settings, engine: Engine, address: str, *, link_has_token: bool
) -> None:
    from mien.web.access import is_loopback

    running = engine.prepare(engine.default)
    chosen = f" (chosen by {settings.detector})" if settings.detector != running else ""
    console.print(f"[bold]mien[/] is at [bold link={address}]{address}[/]")
    console.print(f"  model     {engine.bundle_name}, {engine.default.label_set}", markup=False)
    console.print(f"  detector  {running}{chosen}", markup=False)
    if is_loopback(settings.host) and not settings.trusted_proxies:
        console.print("  privacy   only this machine can open it; no picture leaves it or is kept")
    else:
        console.print("  privacy   others with the token can send pictures; none is kept")
    if settings.token is not None:
        _show_token(console, settings, address, link_has_token=link_has_token)
    if not is_loopback(settings.host) and not settings.tls_cert:
        console.print(
            "[yellow]note:[/] browsers give their camera only to HTTPS pages or to this machine "
            "itself, and without HTTPS the token and all pictures can be read on the way. Start "
            "with --tls-self-signed, or put a proxy with a certificate before it "
            "(docs/deploy.md); photos work without."
        )
    console.print("Ctrl-C stops it.")


def _show_token(
    console: Console, settings: Settings, address: str, *, link_has_token: bool
) -> None:
    """Show the link to open; a token that was given is known already and stays out of logs."""
    from mien.web.certificates import own_address

    if not link_has_token or settings.token is None:
        console.print("  token     the one that was given; open /?token=TOKEN once in a browser")
        return
    query = f"/?token={settings.token.get_secret_value()}"
    console.print(f"  open      {address}{query}", markup=False)
    if settings.host == "0.0.0.0" and (elsewhere := own_address()):
        console.print(f"  elsewhere {address.replace('127.0.0.1', elsewhere)}{query}", markup=False)


def _has_desktop() -> bool:
    """Say whether a browser window can be opened; a text browser would take the terminal."""
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open_when_started(server: uvicorn.Server, address: str) -> None:
    def wait_and_open() -> None:
        for _ in range(100):
            if server.started:
                webbrowser.open(address)
                return
            pause.wait(0.1)

    pause = threading.Event()
    threading.Thread(target=wait_and_open, daemon=True).start()
