"""The app: settings and an engine in, an ASGI application out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from mien import __version__
from mien.web.access import TokenGate, required_token
from mien.web.engine import Engine, RecognizerEngine
from mien.web.errors import install_error_handlers
from mien.web.examples import restore_nulls
from mien.web.gate import BodyLimit, KnownHosts, SecureHeaders
from mien.web.jobs.uploads import FORM_BYTES
from mien.web.routes import (
    analyze,
    deepface,
    explain,
    jobs,
    live,
    models,
    server,
    session_files,
    session_people,
    sessions,
)
from mien.web.routes.page import add_page
from mien.web.services import Services
from mien.web.settings import Settings
from mien.web.watch import REQUEST_ID_HEADER, Watch

_ABOUT = (
    "Reads facial expressions in pictures. A label is an expression as annotators saw it, not "
    "what a person feels. Pictures are read in memory and never stored.\n\n"
    "The live socket `/v1/live` is described in docs/live-protocol.md. A server that others can "
    "reach asks for its token: `Authorization: Bearer TOKEN`."
)


class _App(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the description of the interface, examples with the nulls that FastAPI drops."""
        return restore_nulls(super().openapi())


def create_app(settings: Settings | None = None, engine: Engine | None = None) -> FastAPI:
    """Make the server's app.

    Args:
        settings: What is set about it; None takes defaults and environment.
        engine: What reads pictures; None loads the bundle and detector of the settings.

    Raises:
        BundleError: If the bundle cannot be loaded.
        DetectorError: If the detector cannot run here.
        ConfigError: If others can reach the server and the settings have no token.
    """
    settings = settings or Settings()
    token = required_token(settings)
    services = Services(settings, engine or RecognizerEngine(settings))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await services.disk.run(services.jobs.open_if_there)
        yield
        await services.end()

    app = _App(
        title="mien",
        version=__version__,
        summary="Facial expressions, read on your own machine",
        description=_ABOUT,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        lifespan=lifespan,
        # FastAPI's own pages load from a CDN; /docs is ours and loads from here.
        docs_url=None,
        redoc_url=None,
    )
    app.state.services = services
    install_error_handlers(app)
    groups = (analyze, explain, models, jobs, server, live)
    for group in (*groups, sessions, session_people, session_files):
        app.include_router(group.router)
    if settings.deepface_api:
        app.include_router(deepface.router)
    if settings.metrics:
        app.include_router(server.metrics_router)
    add_page(app)
    app.add_middleware(
        BodyLimit,
        max_bytes=settings.max_upload_bytes,
        others={jobs.PATH: settings.max_video_bytes + FORM_BYTES},
    )
    if token is not None:
        app.add_middleware(TokenGate, token=token)
    # Without these headers a page of another origin may ask, but not read the answer.
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[origin.rstrip("/").lower() for origin in settings.allowed_origins],
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["Authorization"],
        expose_headers=[
            "Retry-After",
            "Content-Disposition",
            explain.WORDS_HEADER,
            REQUEST_ID_HEADER,
        ],
    )
    app.add_middleware(KnownHosts, settings=settings)
    app.add_middleware(SecureHeaders)
    app.add_middleware(Watch, metrics=services.metrics)
    return app
