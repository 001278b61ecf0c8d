"""What all JSON of the server has in common, and the one shape of its errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class JsonModel(BaseModel):
    """JSON with these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class ErrorBody(JsonModel):
    """What went wrong: a word for programs, a sentence for people, and particulars."""

    code: str
    message: str
    details: list[str] = Field(default_factory=list)


class ErrorReply(JsonModel):
    """The one shape of every error."""

    error: ErrorBody
