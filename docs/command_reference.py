"""The reference of the command line, read from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from mien.cli.main import app


def commands(group: Any = None, path: str = "mien") -> Iterator[tuple[str, Any]]:
    """Yield (whole name, command) of every command; of a group too, if it does something alone."""
    group = group or typer.main.get_command(app)
    for name, command in sorted(group.commands.items()):
        whole = f"{path} {name}"
        if command.hidden:
            continue
        inner = getattr(command, "commands", None)
        if not inner or command.invoke_without_command:
            yield whole, command
        if inner:
            yield from commands(command, whole)


def paragraphs(text: str) -> str:
    """Return help text in Markdown, each paragraph on one line; examples become code."""
    parts = [" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip())]
    return "\n\n".join(re.sub(r"^Examples?: (.+)$", r"`\1`", part) for part in parts)


def cell(text: str) -> str:
    """Return text that can stand in a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def default_of(parameter: Any) -> str:
    """Return what a parameter is when it is not given, in words."""
    if parameter.required:
        return "required"
    value = parameter.default
    if value is None or value is False or value in ((), []) or callable(value):
        return ""
    if value is True:
        return "on"
    if isinstance(value, (list, tuple)):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{getattr(value, 'value', value)}`"


def spelling(parameter: Any) -> str:
    """Return how a parameter is written: `--long, -s / --no-long`, or NAME for an argument."""
    if parameter.param_type_name == "argument":
        return f"`{(parameter.metavar or parameter.name).upper()}`"
    names = ", ".join(f"`{name}`" for name in parameter.opts)
    off = ", ".join(f"`{name}`" for name in parameter.secondary_opts)
    return f"{names} / {off}" if off else names


def parameters_of(command: Any) -> list[Any]:
    """Return the parameters that a user can give, without --help."""
    return [
        one for one in command.params if not getattr(one, "hidden", False) and one.name != "help"
    ]


def command_reference() -> str:
    """Return one section for each command: what it does and a table of what can be given."""
    sections = []
    for name, command in commands():
        rows = [
            f"| {spelling(one)} | {cell(one.help or '')} | {default_of(one)} |"
            for one in parameters_of(command)
        ]
        table = ["| | what it does | default |", "| --- | --- | --- |", *rows] if rows else []
        sections.append(
            "\n".join([f"## `{name}`", "", paragraphs(command.help or ""), "", *table]).rstrip()
        )
    return "\n" + "\n\n".join(sections) + "\n"
