"""The server's log: one line an event, for people or as JSON for programs.

Lines say what happened and how long it took: routes as they are written in the source, statuses,
milliseconds, counts. Never an address, a query, a token, nor the name of a picture, session or
person. The standard library's logging is enough for that, and what uvicorn and SQLAlchemy log
comes out in the same form.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Literal

LogFormat = Literal["text", "json"]

# Of the request or live connection that is being answered; its errors in the log have it too.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
# What a line says beside its words is given as `extra={FIELDS: {...}}`.
FIELDS = "mien_fields"

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def note(log: logging.Logger, event: str, **fields: Any) -> None:
    """Log an event with numbers and short words beside it."""
    log.info(event, extra={FIELDS: fields})


class JsonLines(logging.Formatter):
    """A line of JSON for each record: time, level, logger, message, request_id, its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": _utc(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if (asked := request_id.get()) is not None:
            line["request_id"] = asked
        line |= getattr(record, FIELDS, {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """The same for people: what would break a line or colour a terminal is spelt out."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; an exception adds its own."""
        words = [_utc(record), record.levelname.lower(), record.getMessage()]
        words += [f"{name}={value}" for name, value in getattr(record, FIELDS, {}).items()]
        if (asked := request_id.get()) is not None:
            words.append(f"request_id={asked}")
        line = _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], " ".join(words))
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return line


def set_up_logging(log_format: LogFormat) -> None:
    """Let everything that this process logs go to standard error in a form.

    mien's own lines from `info` on, others' from `warning` on.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if log_format == "json" else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("mien").setLevel(logging.INFO)


def _utc(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
