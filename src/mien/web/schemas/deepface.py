"""What deepface's API takes and gives."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from mien.web.schemas.base import JsonModel


class DeepfaceRequest(BaseModel):
    """What deepface's API takes; other fields are named in the answer's `notes`."""

    model_config = ConfigDict(extra="allow")

    img: Any = Field(default=None, description="A base64 data URI: data:image/jpeg;base64,...")
    img_path: Any = Field(default=None, description="The same, as older clients call it.")
    actions: list[str] | Annotated[str, Field(max_length=200)] = Field(
        default=["emotion"], max_length=20, description="Nothing but emotion."
    )
    enforce_detection: bool = Field(
        default=True, description="Whether no face is an error, or else all is read as one."
    )
    anti_spoofing: bool = Field(default=False, description="Refused.")
    detector_backend: Any = Field(default=None, description="Not used.")
    align: Any = Field(default=None, description="Not used.")
    expand_percentage: Any = Field(default=None, description="Not used.")
    max_faces: Any = Field(default=None, description="Not used.")
    silent: Any = Field(default=None, description="Not used.")


class DeepfaceRegion(JsonModel):
    """A face's rectangle in whole pixels, and the person's own eyes as (x, y), where known."""

    x: int
    y: int
    w: int
    h: int
    left_eye: tuple[int, int] | None
    right_eye: tuple[int, int] | None


class DeepfaceFace(JsonModel):
    """A face as deepface tells it: percent that sum to 100, in its names."""

    emotion: dict[str, float]
    dominant_emotion: str
    region: DeepfaceRegion
    face_confidence: float


class DeepfaceReply(JsonModel):
    """The faces as deepface tells them; `notes` says what of the request was not used."""

    results: list[DeepfaceFace]
    notes: list[str]
