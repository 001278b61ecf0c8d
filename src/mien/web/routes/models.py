"""`/v1/models`: what this server reads with, and each model by itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import Response

from mien.bundle.config import PICTURE_FILE
from mien.web.cards import describe_model, find_model
from mien.web.examples import MODELS_REPLY, answers, errors_told
from mien.web.examples_server import MODEL_REPLY
from mien.web.schemas.catalogue import ModelReply, ModelsReply
from mien.web.services import Services, ServicesOf

router = APIRouter(tags=["models"])

ModelName = Annotated[
    str,
    Path(
        max_length=64,
        description="A model of `GET /v1/models`; files of the server cannot be named.",
        examples=["mien-s"],
    ),
]


@router.get(
    "/v1/models",
    summary="Models, label sets and detectors",
    responses=answers(MODELS_REPLY, 500, 503),
)
async def list_models(services: ServicesOf) -> ModelsReply:
    """Bundles that are installed, label sets with their colours, detectors and what they need."""
    return await services.queue.run(services.engine.catalogue)


@router.get(
    "/v1/models/{name}",
    summary="One model: facts, figures, card",
    responses=answers(MODEL_REPLY, 404, 422, 500, 503),
)
async def show_model(name: ModelName, services: ServicesOf) -> ModelReply:
    """What a model was made of, what was measured of it, and its card as Markdown and HTML."""
    return await services.disk.run(_describe, name, services)


@router.get(
    f"/v1/models/{{name}}/{PICTURE_FILE}",
    summary="Where a model fails, as a picture",
    response_class=Response,
    responses={
        200: {
            "description": "One face, changed until the answer is another.",
            "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
        },
        **errors_told(404, 422, 500, 503),
    },
)
async def show_failures(name: ModelName, services: ServicesOf) -> Response:
    """A face that may be shown, changed in known ways, and what the model answers to it."""
    picture = await services.disk.run(_read_failures, name, services)
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(picture, media_type="image/png", headers=headers)


def _describe(name: str, services: Services) -> ModelReply:
    model = find_model(name, services.settings.bundle)
    return describe_model(model, active=model.name == services.engine.bundle_name)


def _read_failures(name: str, services: Services) -> bytes:
    return find_model(name, services.settings.bundle).read(PICTURE_FILE)
