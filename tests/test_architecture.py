"""The rules of docs/architecture.md that import-linter and ruff do not hold."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
SOURCE = REPO / "src" / "mien"
FILES = sorted(SOURCE.rglob("*.py"))

# A library that only these rooms may import, at any depth of a function.
OWNERS = {
    "torch": {"models", "training"},
    "lightning": {"training"},
    "kornia": {"training"},
    "torchmetrics": {"training"},
    "transformers": {"models"},
    "onnxscript": {"training"},
    "cleanlab": {"evaluation"},
    "fastapi": {"web"},
    "starlette": {"web"},
    "uvicorn": {"web", "cli"},
    "pydantic_settings": {"web"},
    "typer": {"cli"},
    # Running a graph is core's; making one of 8 bits is training's.
    "onnxruntime": {"core", "training"},
    "ai_edge_litert": {"faces"},
    "av": {"media"},
    "lap": {"recognition"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "psycopg": {"store"},
    "httpx": {"client"},
    "websockets": {"client"},
}

# What people read or what commands left to be handed on.
WORDS = (
    "*.md",
    "docs/*.md",
    "docs/figures/*.json",
    "recipes/*.toml",
    "src/mien/bundles/*/*.json",
    "src/mien/bundles/*/*.md",
)


def room_of(path: Path) -> str:
    """The room a file lives in; files beside the rooms are of room ``mien``."""
    parts = path.relative_to(SOURCE).parts
    return parts[0] if len(parts) > 1 else "mien"


def imports_in(path: Path) -> Iterator[tuple[int, str]]:
    """Line and top package of every import in a file, those inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name.partition(".")[0]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.lineno, node.module.partition(".")[0]


def test_heavy_libraries_are_imported_only_by_the_room_that_owns_them() -> None:
    trespasses = [
        f"{path.relative_to(REPO)}:{line} imports {package}"
        for path in FILES
        for line, package in imports_in(path)
        if package in OWNERS and room_of(path) not in OWNERS[package]
    ]
    assert trespasses == []


def test_nothing_outside_the_command_line_prints() -> None:
    printing = [
        f"{path.relative_to(REPO)}:{node.lineno}"
        for path in FILES
        if room_of(path) != "cli"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("print", "input")
    ]
    assert printing == []


def test_every_file_says_what_lives_in_it() -> None:
    silent = [
        str(path.relative_to(REPO))
        for path in FILES
        if len(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "") < 20
    ]
    assert silent == []


def test_no_file_is_a_drawer_of_odds_and_ends() -> None:
    assert [
        path.name for path in FILES if path.stem in ("utils", "helpers", "misc", "common")
    ] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_file_is_short_enough_to_read(path: Path) -> None:
    lines = len(path.read_text(encoding="utf-8").splitlines())
    assert lines <= 400, f"{lines} lines: find the seam"


def test_every_room_is_on_the_map() -> None:
    rooms = {room_of(path) for path in FILES} - {"mien"}
    text = (REPO / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = [line for line in text.splitlines() if re.match(r"\| \d \|", line)]
    mapped = {room for line in table for room in re.findall(r"`(\w+)`", line.split("|")[2])}
    assert rooms == mapped


def test_layers_of_the_linter_are_those_of_the_map() -> None:
    config = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))
    contract = config["tool"]["importlinter"]["contracts"][0]
    linted = [set(layer.split(" | ")) for layer in contract["layers"]]
    text = (REPO / "docs" / "architecture.md").read_text(encoding="utf-8")
    floors = re.findall(r"^\| \d \| (.+?) \|", text, re.MULTILINE)
    assert linted == [set(re.findall(r"`(\w+)`", floor)) for floor in floors]
    assert contract["exhaustive"] is True


def test_serving_needs_nothing_of_the_extras() -> None:
    config = tomllib.loads((REPO / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    base = " ".join(config["dependencies"])
    for package in ("torch", "lightning", "kornia", "tensorboard"):
        assert package not in base


def test_no_source_names_a_private_place() -> None:
    # Paths of somebody's own machine in code or docs work nowhere else.
    private = re.compile(r"(?<![\w.])/(?:home|Users|root|work)/\w")
    found = [
        f"{path.relative_to(REPO)}:{number}"
        for path in [*FILES, *(file for glob in WORDS for file in REPO.glob(glob))]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if private.search(line)
    ]
    assert found == []
