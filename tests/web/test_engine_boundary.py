"""The live page's views know recognition through one interface alone, web/src/engine.ts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[2] / "web/src"
# What the engine that is the server is made of; one inside the browser would have none of it.
SERVERS_OWN = {"server-engine", "live", "frames", "questions", "api-pictures"}
# Where it is chosen which engine it is.
COMPOSITION = "main"
IMPORT = re.compile(r'(?:from|import)\s*\(?\s*"(\.[^"]+)"')


def imports(name: str) -> set[str]:
    """Return the modules of web/src that one of them imports, by name."""
    found = IMPORT.findall((SOURCES / f"{name}.ts").read_text())
    return {target.removeprefix("./") for target in found if target.startswith("./")}


def modules_behind(name: str) -> set[str]:
    """Return a module and all that it needs, but nothing behind the server's engine."""
    behind, waiting = set(), [name]
    while waiting:
        module = waiting.pop()
        if module in behind or not (SOURCES / f"{module}.ts").is_file():
            continue
        behind.add(module)
        if module not in SERVERS_OWN:
            waiting += imports(module)
    return behind


def test_views_know_no_more_of_recognition_than_the_engine() -> None:
    views = modules_behind(COMPOSITION) - SERVERS_OWN
    assert {"engine", "recorder", "choices", "photos", "why", "timeline-panel"} <= views
    known = {view: imports(view) & SERVERS_OWN for view in views - {COMPOSITION}}
    assert {view: names for view, names in known.items() if names} == {}
    assert imports(COMPOSITION) & SERVERS_OWN == {"server-engine"}


def test_views_ask_no_address_of_the_servers_api() -> None:
    views = modules_behind(COMPOSITION) - SERVERS_OWN
    asking = [view for view in views if "/v1/" in (SOURCES / f"{view}.ts").read_text()]
    assert asking == []
    assert all("api" not in imports(view) for view in views)


def test_the_interface_itself_knows_no_engine() -> None:
    assert imports("engine") <= {"events", "protocol"}


def test_the_scan_finds_every_way_to_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.web.test_engine_boundary.SOURCES", tmp_path)
    (tmp_path / "view.ts").write_text(
        'import a from "./live";\nimport {\n  b,\n} from "./frames";\nimport "./questions";\n'
        'const c = await import("./api-pictures");\nexport { d } from "./other";\n'
    )
    assert imports("view") == {"live", "frames", "questions", "api-pictures", "other"}
