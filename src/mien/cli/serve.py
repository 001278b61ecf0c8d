"""`mien serve`: the live page and the REST interface, on this machine."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import sys
import threading
import webbrowser
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
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in a browser.")
    ] = True,
) -> None:
    """Open the live page: your camera or your photos, read on this machine.

    Every option, and the server's limits, can also be set by the environment: MIEN_HOST,
    MIEN_PORT, MIEN_BUNDLE and so on; docs/live-protocol.md lists them.
    """
    from mien.cli.greeting import without_greeting
    from mien.core.errors import MienError
    from mien.web.app import create_app
    from mien.web.engine import RecognizerEngine
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
    )
    if not page_is_built():
        raise MienError(HOW_TO_BUILD)
    with open_port(settings) as listener:
        with without_greeting():
            engine = RecognizerEngine(settings)
        server = make_server(create_app(settings, engine), settings)
        address = page_address(settings.host, listener.getsockname()[1])
        _introduce(console, settings, engine, address)
        if open_browser and _has_desktop():
            _open_when_started(server, address)
        # uvicorn closes everything at Ctrl-C and then passes it on.
        with contextlib.suppress(KeyboardInterrupt):
            server.run(sockets=[listener])
        console.print("\nstopped")


def page_address(host: str, port: int) -> str:
    """Return the address at which a browser on this machine finds a server bound to `host`."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"


def is_loopback(host: str) -> bool:
    """Say whether only this machine can reach a server bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _introduce(console: Console, settings: Settings, engine: Engine, address: str) -> None:
    running = engine.prepare(engine.default)
    chosen = f" (chosen by {settings.detector})" if settings.detector != running else ""
    console.print(f"[bold]mien[/] is at [bold link={address}]{address}[/]")
    console.print(f"  model     {engine.bundle_name}, {engine.default.label_set}", markup=False)
    console.print(f"  detector  {running}{chosen}", markup=False)
    if is_loopback(settings.host):
        console.print("  privacy   only this machine can open it; no picture leaves it or is kept")
    else:
        console.print("  privacy   other machines can open it and send pictures; none is kept")
        console.print(
            "[yellow]note:[/] browsers give their camera only to HTTPS pages or to this machine "
            "itself. Put a proxy with a certificate before it and name its address in "
            "MIEN_ALLOWED_ORIGINS; photos work without."
        )
    console.print("Ctrl-C stops it.")


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
