"""`POST /v1/analyze`: pictures in, faces with expressions out."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from python_multipart.exceptions import MultipartParseError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from mien.core.errors import ImageError
from mien.core.types import FrameResult
from mien.web.errors import ApiError
from mien.web.examples import ANALYZE_REPLY, answers
from mien.web.limits import client_of
from mien.web.schemas.pictures import AnalyzeReply, Frame
from mien.web.services import Services, ServicesOf

router = APIRouter()

ERRORS = (400, 413, 415, 422, 429, 500, 503)


def picture_form(image: dict[str, Any]) -> dict[str, Any]:
    """Return OpenAPI's words for a form whose field `image` has the given schema."""
    form = {"type": "object", "required": ["image"], "properties": {"image": image}}
    body = {"required": True, "content": {"multipart/form-data": {"schema": form}}}
    return {"requestBody": body}


@router.post(
    "/v1/analyze",
    tags=["pictures"],
    summary="Read the faces of one or more pictures",
    openapi_extra=picture_form(
        {
            "type": "array",
            "items": {"type": "string", "format": "binary"},
            "description": "One or more JPEG, PNG or WebP pictures.",
        }
    ),
    responses=answers(ANALYZE_REPLY, *ERRORS),
)
async def analyze(
    request: Request,
    services: ServicesOf,
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
        str | None,
        Query(
            max_length=400,
            description="How common each expression is taken to be: default (the model's own), "
            "natural, balanced, or shares: neutral=0.4,happiness=0.3,...",
            examples=["balanced"],
        ),
    ] = None,
    prior_strength: Annotated[
        float | None,
        Query(
            ge=0,
            le=1,
            description="How far answers go from the training shares to those.",
            examples=[0.5],
        ),
    ] = None,
    uncertain_below: Annotated[
        float | None,
        Query(
            ge=0,
            le=1,
            description="Answers with less confidence are flagged `uncertain`.",
            examples=[0.6],
        ),
    ] = None,
) -> AnalyzeReply:
    """One result for each picture, in order; a picture without a face has an empty list.

    A picture that cannot be read is a result with its `error`; where that is all of them, the
    answer is an error. Pictures live in memory while they are read and are never stored.
    """
    services.uploads.check(client_of(request))
    choice = services.engine.default.changed(
        bundle=bundle,
        detector=detector,
        label_set=label_set,
        prior=prior,
        prior_strength=prior_strength,
        uncertain_below=uncertain_below,
    )
    detector_that_runs = await services.queue.run(services.engine.prepare, choice)
    results: list[FrameResult] = []
    problems: list[ImageError] = []
    for index, (name, picture) in enumerate(await read_pictures(request, services)):
        try:
            read = await services.queue.run(services.engine.analyze, picture, choice, index=index)
            results.append(replace(read, source=name))
        except ImageError as error:
            problems.append(error)
            results.append(_unreadable(error, detector_that_runs, name, index))
    if len(problems) == len(results):
        answer = ApiError.from_mien(problems[0])
        answer.body.details = [f"{r.source or 'image'}: {r.error}" for r in results]
        raise answer
    return AnalyzeReply(results=[Frame.model_validate(result.to_dict()) for result in results])


def _unreadable(error: ImageError, detector: str, name: str | None, index: int) -> FrameResult:
    return FrameResult(
        index=index,
        timestamp_s=0.0,
        size=(0, 0),
        faces=(),
        detector=detector,
        milliseconds={},
        source=name,
        error=str(error),
    )


async def read_pictures(request: Request, services: Services) -> list[tuple[str | None, bytes]]:
    """Return file name and bytes of each picture of a form, in order, at least one.

    Raises:
        ApiError: If the body is no such form, or has too many pictures.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "multipart/form-data":
        raise ApiError(
            415,
            "unsupported_media_type",
            f"expected multipart/form-data with a field `image`, got {kind or 'no content type'}; "
            "for example: curl -F image=@face.jpg",
        )
    parser = MultiPartParser(
        request.headers, request.stream(), max_files=services.settings.max_images, max_fields=16
    )
    # Larger parts than this would be spooled to a file on disk, and pictures are never stored.
    parser.spool_max_size = services.settings.max_upload_bytes
    try:
        form = await parser.parse()
    except (MultiPartException, MultipartParseError, KeyError) as error:
        words = str(error) or "the multipart body is malformed"
        raise ApiError(400, "malformed_form", words) from error
    try:
        files = [part for part in form.getlist("image") if isinstance(part, UploadFile)]
        if not files:
            raise ApiError(
                422, "invalid_request", "expected at least one picture in the form's field `image`"
            )
        return [(part.filename, await part.read()) for part in files]
    finally:
        await form.close()
