"""Writes src/protocol.ts, the page's types, from the server's pydantic models.

Run `python web/make_types.py` after a change in src/mien/web/schemas; a test compares.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from mien.core.protocol import LIVE_PROTOCOL, PROTOCOL_MISMATCH_CODE
from mien.web.schemas.base import ErrorReply
from mien.web.schemas.catalogue import HealthReply, ModelReply, ModelsReply
from mien.web.schemas.jobs import JobResultsReply, JobsReply
from mien.web.schemas.live import (
    Configure,
    LiveError,
    LiveMarked,
    LiveReady,
    LiveRecording,
    LiveResult,
    LiveSkipped,
    Mark,
    ResumeRecording,
    StartRecording,
    StopRecording,
)
from mien.web.schemas.pictures import AnalyzeReply
from mien.web.schemas.server import SettingsReply
from mien.web.schemas.sessions import (
    MarkerNew,
    PeopleMerge,
    PeopleReply,
    PersonEdit,
    SessionEdit,
    SessionReply,
    SessionsReply,
    SummaryReply,
    TimelineReply,
)

TARGET = Path(__file__).parent / "src/protocol.ts"
# A page may leave out what has a default when it sends; the server never does.
SENT = (
    Configure,
    Mark,
    MarkerNew,
    PeopleMerge,
    PersonEdit,
    ResumeRecording,
    SessionEdit,
    StartRecording,
    StopRecording,
)
# What the page gets; the models inside come along.
GOT = (
    AnalyzeReply,
    ErrorReply,
    HealthReply,
    JobResultsReply,
    JobsReply,
    LiveError,
    LiveMarked,
    LiveReady,
    LiveRecording,
    LiveResult,
    LiveSkipped,
    ModelReply,
    ModelsReply,
    PeopleReply,
    SessionReply,
    SessionsReply,
    SettingsReply,
    SummaryReply,
    TimelineReply,
)
HEAD = "// Made by web/make_types.py from src/mien/web/schemas: do not edit by hand.\n"
TAIL = f"""
export type ServerMessage =
  | LiveReady
  | LiveResult
  | LiveSkipped
  | LiveRecording
  | LiveMarked
  | LiveError;
export type ClientMessage = Configure | StartRecording | ResumeRecording | Mark | StopRecording;

/** The version of the live protocol that this page speaks. */
export const PROTOCOL = {LIVE_PROTOCOL};
/** The socket's close code for a client of another version. */
export const PROTOCOL_MISMATCH_CODE = {PROTOCOL_MISMATCH_CODE};
"""
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean"}


def make_types() -> str:
    """Return the TypeScript of all types, ordered by name."""
    _, schema = models_json_schema([(root, "serialization") for root in (*SENT, *GOT)])
    sent = {model.__name__ for model in SENT}
    return (
        HEAD
        + "".join(
            _interface(name, model, optional=name in sent)
            for name, model in sorted(schema["$defs"].items())
        )
        + TAIL
    )


def _interface(name: str, model: dict[str, Any], *, optional: bool) -> str:
    lines = [f"\n/** {model['description']} */"] if "description" in model else [""]
    lines.append(f"export interface {name} {{")
    for field, kind in model["properties"].items():
        mark = "?" if optional and field not in model.get("required", ()) else ""
        lines.append(f"  {field}{mark}: {_type(kind)};")
    return "\n".join([*lines, "}\n"])


def _type(kind: dict[str, Any]) -> str:
    if "$ref" in kind:
        return str(kind["$ref"]).rpartition("/")[2]
    if "const" in kind:
        return repr(kind["const"]).replace("'", '"')
    if "enum" in kind:
        return " | ".join(f'"{value}"' for value in kind["enum"])
    if "anyOf" in kind:
        return " | ".join(_type(option) for option in kind["anyOf"])
    if "prefixItems" in kind:
        return f"[{', '.join(_type(item) for item in kind['prefixItems'])}]"
    match kind.get("type"):
        case "null":
            return "null"
        case "array":
            item = _type(kind["items"])
            return f"({item})[]" if "|" in item else f"{item}[]"
        case "object":
            values = kind.get("additionalProperties")
            return f"Record<string, {_type(values) if isinstance(values, dict) else 'unknown'}>"
        case str(name):
            return PLAIN[name]
    raise ValueError(f"no TypeScript type for {kind}")


if __name__ == "__main__":
    TARGET.write_text(make_types())
    sys.stdout.write(f"wrote {TARGET}\n")
