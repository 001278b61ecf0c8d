"""Writes src/protocol, the page's types, from the server's pydantic models.

Run `python web/make_types.py` after a change in src/mien/web/schemas; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
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

TARGET = Path(__file__).parent / "src/protocol"
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


def make_types() -> dict[str, str]:
    """Return the TypeScript by file name: one for each room of the schemas, and `index.ts`.

    Types are ordered by name; `index.ts` exports all of them, so that a page need not know rooms.
    """
    _, schema = models_json_schema([(root, "serialization") for root in (*SENT, *GOT)])
    models = dict(sorted(schema["$defs"].items()))
    sent = {model.__name__ for model in SENT}
    rooms = _rooms()
    files = {}
    for room in sorted({rooms[name] for name in models}):
        own = {name: model for name, model in models.items() if rooms[name] == room}
        elsewhere: dict[str, list[str]] = {}
        for name in sorted({ref for model in own.values() for ref in _references(model)}):
            if rooms[name] != room:
                elsewhere.setdefault(rooms[name], []).append(name)
        imports = "".join(
            f'import type {{ {", ".join(names)} }} from "./{other}";\n'
            for other, names in sorted(elsewhere.items())
        )
        files[f"{room}.ts"] = (
            HEAD
            + (f"\n{imports}" if imports else "")
            + "".join(_interface(name, model, optional=name in sent) for name, model in own.items())
            + (TAIL if room == "live" else "")
        )
    rows = "".join(f'export * from "./{name.removesuffix(".ts")}";\n' for name in files)
    return {**files, "index.ts": f"{HEAD}\n{rows}"}


def write_types(folder: Path) -> None:
    """Write all files, and take away those whose room is no more."""
    folder.mkdir(exist_ok=True)
    files = make_types()
    for path in folder.glob("*.ts"):
        if path.name not in files:
            path.unlink()
    for name, text in files.items():
        (folder / name).write_text(text)


def _rooms() -> dict[str, str]:
    """Return the module in `mien.web.schemas` that defines each model, by the model's name."""
    found: dict[str, str] = {}
    waiting: list[type[BaseModel]] = [BaseModel]
    while waiting:
        for model in waiting.pop().__subclasses__():
            waiting.append(model)
            package, _, room = model.__module__.rpartition(".")
            if package == "mien.web.schemas":
                found[model.__name__] = room
    return found


def _references(part: Any) -> Iterator[str]:
    """Yield the names of the models that a schema refers to."""
    if isinstance(part, dict):
        if "$ref" in part:
            yield str(part["$ref"]).rpartition("/")[2]
        for value in part.values():
            yield from _references(value)
    elif isinstance(part, list):
        for value in part:
            yield from _references(value)


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
    write_types(TARGET)
    sys.stdout.write(f"wrote {TARGET}\n")
