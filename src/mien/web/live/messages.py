"""Messages of the live socket: text that comes in, checked, and results that go out."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from starlette.websockets import WebSocketDisconnect

from mien.core.types import FrameResult
from mien.web.errors import ApiError
from mien.web.schemas import live as live_json

# A title, a consent and a note at their longest, in JSON that escapes every letter.
MAX_TEXT_CHARACTERS = 32_768
# The second is Starlette's word for a socket that closed while an answer was on its way.
SOCKET_IS_CLOSED = (WebSocketDisconnect, RuntimeError)

RecordingMessage = (
    live_json.StartRecording | live_json.ResumeRecording | live_json.Mark | live_json.StopRecording
)
ClientMessage = live_json.Configure | RecordingMessage

_CLIENT_MESSAGE: TypeAdapter[ClientMessage] = TypeAdapter(
    Annotated[ClientMessage, Field(discriminator="type")]
)


def read_message(text: str) -> ClientMessage:
    """Return what a client says.

    Raises:
        ApiError: If the text is too long, or none of the messages that there are.
    """
    if len(text) > MAX_TEXT_CHARACTERS:
        raise ApiError(413, "too_large", f"a message has at most {MAX_TEXT_CHARACTERS} characters")
    try:
        return _CLIENT_MESSAGE.validate_json(text)
    except ValidationError as error:
        raise ApiError(
            422,
            "invalid_message",
            "expected a `configure`, `record`, `resume`, `mark` or `stop` message; see "
            "docs/live-protocol.md",
            details=[f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()],
        ) from error


def result_message(
    tracked: FrameResult, *, waited_ms: float, session_s: float | None
) -> live_json.LiveResult:
    """Return a tracked frame as the message that tells it.

    Args:
        tracked: A frame whose faces all have a smoothed expression.
        waited_ms: How long the frame waited for a free worker.
        session_s: Its time in the session that is being recorded, or None.
    """
    return live_json.LiveResult(
        type="result",
        frame=live_json.LiveFrame.model_validate(tracked.to_dict()),
        waited_ms=round(waited_ms, 2),
        session_s=None if session_s is None else round(session_s, 4),
    )
