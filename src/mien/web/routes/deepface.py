"""`POST /analyze`: expressions in the form of deepface's API, for programs that speak it.

Only where `MIEN_DEEPFACE_API` is set; docs/deepface-api.md tells what differs. The form is that of
https://github.com/serengil/deepface, `deepface/api/src/modules/core/routes.py`, and of what
`DeepFace.analyze` returns there.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Body, Request

from mien.core.errors import MienError
from mien.core.labels import DEEPFACE_SPELLINGS, FER2013
from mien.core.types import Face, FrameResult
from mien.web.engine import Choice
from mien.web.errors import ApiError
from mien.web.examples import DEEPFACE_REPLY, DEEPFACE_REQUESTS, answers
from mien.web.limits import client_of
from mien.web.schemas.deepface import DeepfaceFace, DeepfaceRegion, DeepfaceReply, DeepfaceRequest
from mien.web.services import Services, ServicesOf

router = APIRouter()

_DATA_URI = re.compile(r"data:image/[A-Za-z0-9.+-]{1,40};base64,", re.ASCII)
# What deepface's API takes and mien has no use for.
_UNUSED = ("align", "expand_percentage", "max_faces", "silent")


@router.post(
    "/analyze",
    tags=["deepface"],
    summary="Read a picture's expressions in the form of deepface's API",
    responses=answers(DEEPFACE_REPLY, 400, 413, 422, 429, 500, 503),
)
async def analyze_as_deepface(
    request: Request,
    services: ServicesOf,
    wanted: Annotated[DeepfaceRequest, Body(openapi_examples=DEEPFACE_REQUESTS)],
) -> DeepfaceReply:
    """Takes a picture as a base64 data URI in `img` and answers in deepface's names and percent.

    What cannot be done is refused with 400 and says why: pictures by path or address, which are
    never fetched, and age, gender and race, which mien does not judge.
    """
    services.uploads.check(client_of(request))
    _check_actions(wanted)
    choice = services.engine.default.changed(label_set=FER2013.name)
    try:
        result = await services.queue.run(_read, services, wanted, choice)
    except MienError as error:
        answer = ApiError.from_mien(error)
        # Every refusal of deepface's API is a 400; a fault of the server stays one.
        status = 400 if answer.status < 500 else answer.status
        raise ApiError(status, answer.body.code, answer.body.message) from error
    return DeepfaceReply(
        results=[_as_deepface(face, result.size) for face in result],
        notes=_notes(wanted, result),
    )


def _check_actions(wanted: DeepfaceRequest) -> None:
    """Refuse what mien does not do, and what must not be left out in silence.

    Raises:
        ApiError: 400, which says why.
    """
    actions = wanted.actions
    if isinstance(actions, str):
        # Forms of deepface's clients: "emotion", "emotion,age", "['emotion']".
        actions = [word for word in re.split(r"[\s,\[\]()'\"]+", actions) if word]
    others = [action for action in actions if action != "emotion"]
    if others or not actions:
        raise ApiError(
            400,
            "unsupported_action",
            f"expected the actions ['emotion'], got {actions}: mien reads expressions only, and "
            "does not judge age, gender or race",
        )
    if wanted.anti_spoofing:
        raise ApiError(
            400,
            "unsupported_option",
            "expected anti_spoofing to be false: mien does not tell a face from a picture of one",
        )


def _read(services: Services, wanted: DeepfaceRequest, choice: Choice) -> FrameResult:
    """Read the picture, in a worker's thread.

    Raises:
        ApiError: 400, if there is none, or no face where there must be one.
        MienError: If it cannot be read.
    """
    picture = _decode(wanted.img if wanted.img is not None else wanted.img_path)
    result = services.engine.analyze(picture, choice)
    if result.faces:
        return result
    if wanted.enforce_detection:
        raise ApiError(
            400,
            "no_such_face",
            "no face was found in the picture; with enforce_detection false all of it is read "
            "as one",
        )
    whole = services.engine.analyze(picture, choice.changed(detector="full"))
    return replace(whole, faces=tuple(replace(face, confidence=0.0) for face in whole))


def _decode(img: object) -> bytes:
    """Return the bytes of a base64 data URI.

    Raises:
        ApiError: 400, if it is none.
    """
    if not isinstance(img, str) or not img:
        raise ApiError(
            400,
            "invalid_request",
            "expected a picture as a base64 data URI in `img` (or `img_path`), got "
            f"{'none' if not img else type(img).__name__}",
        )
    begins = _DATA_URI.match(img)
    if begins is None:
        kind = "an address" if re.match(r"\w+://", img) else "a path or something else"
        raise ApiError(
            400,
            "unsupported_picture",
            f"expected a picture as 'data:image/jpeg;base64,...', got {kind}: this server opens "
            "no files and fetches nothing for its clients; send the picture itself",
        )
    try:
        return base64.b64decode(img[begins.end() :], validate=True)
    except (binascii.Error, ValueError) as error:
        words = f"the picture is no base64: {error}"
        raise ApiError(400, "unsupported_picture", words) from error


def _as_deepface(face: Face, size: tuple[int, int]) -> DeepfaceFace:
    """Return a face as `DeepFace.analyze` returns one, its box cut at the picture's edge."""
    width, height = size
    x, y = max(0, int(face.box.x1)), max(0, int(face.box.y1))
    right, bottom = min(width, int(face.box.x2)), min(height, int(face.box.y2))
    # Both call the person's own left eye so.
    eyes = [(int(x), int(y)) for x, y in face.landmarks[:2]] if face.landmarks else [None, None]
    return DeepfaceFace(
        emotion={
            spelt: 100 * face.expression[label] for label, spelt in DEEPFACE_SPELLINGS.items()
        },
        dominant_emotion=DEEPFACE_SPELLINGS[face.expression.dominant],
        region=DeepfaceRegion(
            x=x, y=y, w=right - x, h=bottom - y, right_eye=eyes[0], left_eye=eyes[1]
        ),
        face_confidence=round(face.confidence, 2),
    )


def _notes(wanted: DeepfaceRequest, result: FrameResult) -> list[str]:
    given = wanted.model_fields_set
    notes = [f"{name} is not used by mien" for name in _UNUSED if name in given]
    if "detector_backend" in given:
        notes.append(f"detector_backend is not used: mien reads with {result.detector}")
    if extra := sorted(wanted.model_extra or ()):
        notes.append(f"not known: {', '.join(name[:40] for name in extra[:10])}")
    return notes
