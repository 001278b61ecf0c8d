"""`/healthz`, `/v1/settings`, `/metrics`: that the server runs, what is set, what it counts."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from mien import __version__
from mien.store import kind_of_database
from mien.web.access import needs_token
from mien.web.examples import HEALTH_REPLY, answers, errors_told
from mien.web.examples_server import SETTINGS_REPLY
from mien.web.jobs.kinds import VIDEO_KINDS
from mien.web.schemas.catalogue import HealthReply
from mien.web.schemas.server import Limits, SettingsReply
from mien.web.services import Services, ServicesOf

router = APIRouter(tags=["server"])
# Only where the settings say so.
metrics_router = APIRouter(tags=["server"])

PICTURE_TYPES = ("image/jpeg", "image/png", "image/webp")
VIDEO_TYPES = tuple(kind.media_type for kind in VIDEO_KINDS)


@router.get(
    "/healthz",
    summary="Whether the server runs",
    responses=answers(HEALTH_REPLY, 500),
)
async def health(services: ServicesOf) -> HealthReply:
    """Answers at once; says which model and detector run."""
    engine = services.engine
    return HealthReply(
        status="ok",
        version=__version__,
        bundle=engine.bundle_name,
        detector=engine.prepare(engine.default),
    )


@router.get(
    "/v1/settings",
    summary="What is set about the server",
    responses=answers(SETTINGS_REPLY, 500, 503),
)
async def show_settings(services: ServicesOf) -> SettingsReply:
    """Settings and limits as far as clients need them; no path, token or password."""
    return await services.disk.run(describe_settings, services)


@metrics_router.get(
    "/metrics",
    summary="Counts and times, for Prometheus",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **errors_told(500, 503),
    },
)
async def show_metrics(services: ServicesOf) -> Response:
    """Requests, live frames and what they took, jobs, recordings, and the process itself."""
    body, content_type = await services.disk.run(services.metrics.exposition)
    return Response(body, headers={"Content-Type": content_type})


def describe_settings(services: Services) -> SettingsReply:
    """Return what clients may know of the settings."""
    settings, engine = services.settings, services.engine
    return SettingsReply(
        version=__version__,
        recording=settings.recording,
        store=_store_in_words(services),
        local=not needs_token(settings),
        token=bool(needs_token(settings) or settings.token or settings.token_file),
        https=settings.tls_cert is not None,
        metrics=settings.metrics,
        deepface_api=settings.deepface_api,
        # The names of what runs: in the settings both may be files of this machine.
        bundle=engine.bundle_name,
        detector=engine.prepare(engine.default),
        prior=settings.prior,
        prior_strength=settings.prior_strength,
        uncertain_below=settings.uncertain_below,
        smoothing_s=settings.smoothing_s,
        workers=settings.workers,
        threads=settings.threads,
        limits=Limits(
            max_upload_bytes=settings.max_upload_bytes,
            max_video_bytes=settings.max_video_bytes,
            max_video_s=settings.max_video_s,
            max_job_photos=settings.max_job_photos,
            job_days=settings.job_days,
            max_images=settings.max_images,
            max_pixels=settings.max_pixels,
            max_frame_bytes=settings.max_frame_bytes,
            frames_per_s=settings.frames_per_s,
            max_connections=settings.max_connections,
            requests_per_s=settings.requests_per_s,
            request_burst=settings.request_burst,
        ),
        picture_types=list(PICTURE_TYPES),
        video_types=list(VIDEO_TYPES),
    )


def _store_in_words(services: Services) -> str | None:
    """Return what keeps sessions, without a path, user or password; None where nothing does."""
    settings = services.settings
    if not settings.recording:
        return None
    if settings.database_url is None:
        return kind_of_database(None)
    return kind_of_database(settings.database_url.get_secret_value())
