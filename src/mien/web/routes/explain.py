"""`POST /v1/explain`: a picture in, and which parts of one face spoke for an expression."""

from __future__ import annotations

import io
import math
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from mien.core.errors import LabelError
from mien.core.types import Box
from mien.recognition.explanation import Explanation
from mien.web.engine import Choice
from mien.web.errors import ApiError
from mien.web.examples import EXPLAIN_REPLY, errors_told, shown
from mien.web.limits import client_of
from mien.web.routes.analyze import ERRORS, picture_form, read_pictures
from mien.web.schemas.pictures import ExplainReply
from mien.web.services import Services, ServicesOf

router = APIRouter()

# Says in words what the PNG shows, for those who cannot see it.
WORDS_HEADER = "Mien-Words"

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ExplainReply,
        "description": "The picture, or the map as JSON.",
        "content": {
            "image/png": {"schema": {"type": "string", "format": "binary"}},
            **shown(EXPLAIN_REPLY),
        },
        "headers": {WORDS_HEADER: {"schema": {"type": "string"}, "description": "PNG in words."}},
    },
    **errors_told(*ERRORS),
}


@router.post(
    "/v1/explain",
    tags=["pictures"],
    summary="Show which parts of a face spoke for an expression",
    openapi_extra=picture_form(
        {"type": "string", "format": "binary", "description": "A JPEG, PNG or WebP picture."}
    ),
    responses=_ANSWERS,
    response_model=None,
)
async def explain(
    request: Request,
    services: ServicesOf,
    face: Annotated[
        int, Query(ge=0, description="Which face, largest first, from 0.", examples=[0])
    ] = 0,
    box: Annotated[
        str | None,
        Query(
            max_length=200,
            description="Instead of `face`: x1,y1,x2,y2 in pixels; the face that overlaps it most.",
            examples=["170,60,280,180"],
        ),
    ] = None,
    label: Annotated[
        str | None,
        Query(
            max_length=100,
            description="The expression; else the face's most probable.",
            examples=["happiness"],
        ),
    ] = None,
    kind: Annotated[
        Literal["png", "json"],
        Query(alias="format", description="A picture, or the map.", examples=["png", "json"]),
    ] = "png",
    bundle: Annotated[
        str | None,
        Query(
            max_length=200,
            description="A model of /v1/models; else the server's own.",
            examples=["mien-s"],
        ),
    ] = None,
    detector: Annotated[
        str | None,
        Query(max_length=100, description="A detector of /v1/models.", examples=["blazeface"]),
    ] = None,
    label_set: Annotated[
        str | None,
        Query(max_length=100, description="A label set of /v1/models.", examples=["fer2013"]),
    ] = None,
    prior: Annotated[
        str | None, Query(max_length=400, description="As for /v1/analyze.", examples=["balanced"])
    ] = None,
    prior_strength: Annotated[
        float | None, Query(ge=0, le=1, description="As for /v1/analyze.", examples=[0.5])
    ] = None,
) -> Response:
    """Parts of the face are hidden in turn and the model is asked again, some 250 times.

    A map tells what this model used, not what the person feels. Pictures live in memory while
    they are read and are never stored.
    """
    services.uploads.check(client_of(request))
    which = face if box is None else _read_box(box)
    choice = services.engine.default.changed(
        bundle=bundle,
        detector=detector,
        label_set=label_set,
        prior=prior,
        prior_strength=prior_strength,
    )
    await services.queue.run(services.engine.prepare, choice)
    pictures = await read_pictures(request, services)
    if len(pictures) != 1:
        raise ApiError(422, "invalid_request", f"expected one picture, got {len(pictures)}")
    try:
        return await services.queue.run(
            _answer, services, pictures[0][1], choice, which, label=label, kind=kind
        )
    except LabelError as error:
        # The label set is known by now, so what is not is the expression.
        raise ApiError(422, "unknown_label", str(error)) from error


def _answer(
    services: Services,
    picture: bytes,
    choice: Choice,
    which: int | Box,
    *,
    label: str | None,
    kind: Literal["png", "json"],
) -> Response:
    """Explain and draw, all in the worker's thread."""
    explanation = services.engine.explain(picture, choice, which, label=label)
    headers = {"Cache-Control": "no-store"}
    if kind == "json":
        reply = ExplainReply.model_validate(explanation.to_dict())
        return Response(reply.model_dump_json(), headers=headers, media_type="application/json")
    words = f"{explanation.label} {explanation.probability:.0%}: {explanation.to_words()}"
    headers[WORDS_HEADER] = words
    return Response(_png_of(explanation), headers=headers, media_type="image/png")


def _png_of(explanation: Explanation) -> bytes:
    out = io.BytesIO()
    explanation.to_image().save(out, "PNG")
    return out.getvalue()


def _read_box(words: str) -> Box:
    """Return the box of x1,y1,x2,y2.

    Raises:
        ApiError: If it is none with an area.
    """
    try:
        x1, y1, x2, y2 = (float(word) for word in words.split(","))
    except ValueError:
        x1 = y1 = x2 = y2 = math.nan
    if not (x1 < x2 and y1 < y2 and all(map(math.isfinite, (x1, y1, x2, y2)))):
        raise ApiError(
            422, "invalid_request", f"expected box=x1,y1,x2,y2 with an area, got {words!r}"
        )
    return Box(x1, y1, x2, y2)
