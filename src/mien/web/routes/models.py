"""`GET /v1/models` and `/healthz`: what this server reads with, and that it runs."""

from __future__ import annotations

from fastapi import APIRouter

from mien import __version__
from mien.web.examples import HEALTH_REPLY, MODELS_REPLY, answers
from mien.web.schemas.catalogue import HealthReply, ModelsReply
from mien.web.services import ServicesOf

router = APIRouter()


@router.get(
    "/v1/models",
    tags=["models"],
    summary="Models, label sets and detectors",
    responses=answers(MODELS_REPLY, 500, 503),
)
async def list_models(services: ServicesOf) -> ModelsReply:
    """Bundles that are installed, label sets with their colours, detectors and what they need."""
    return await services.queue.run(services.engine.catalogue)


@router.get(
    "/healthz",
    tags=["server"],
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
