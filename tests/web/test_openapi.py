"""What /openapi.json shows as examples is what the server takes and answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from mien.core.result_json import frame_from_dict
from mien.web.settings import load_settings
from tests.web.running import RunningServer

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tiny_bundle: Path) -> Iterator[RunningServer]:
    settings = load_settings(
        port=0, bundle=str(tiny_bundle), detector="haar", deepface_api=True, request_burst=1000
    )
    running = RunningServer(settings)
    yield running
    running.stop()


@pytest.fixture(scope="module")
def api(server: RunningServer) -> dict[str, Any]:
    described: dict[str, Any] = httpx.get(f"{server.url}/openapi.json", timeout=60).json()
    return described


def operations(api: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in api["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def check(api: dict[str, Any], schema: dict[str, Any], value: Any) -> None:
    """Hold a value against a schema, whose references are to the description's components."""
    Draft202012Validator({**schema, "components": api["components"]}).validate(value)


def json_examples(content: dict[str, Any]) -> list[Any]:
    media = content.get("application/json", {})
    several = [example["value"] for example in media.get("examples", {}).values()]
    return [*several, *([media["example"]] if "example" in media else [])]


def test_every_answer_in_json_has_an_example_that_fits_its_schema(api: dict[str, Any]) -> None:
    checked = 0
    for method, path, operation in operations(api):
        for status, answer in operation["responses"].items():
            content = answer.get("content", {})
            if "application/json" not in content:
                continue
            examples = json_examples(content)
            if not status.startswith("2"):
                shape = {"$ref": "#/components/schemas/ErrorReply"}
                assert content["application/json"]["schema"] == shape, f"{method} {path} {status}"
            assert examples, f"{method} {path} {status} has no example"
            for example in examples:
                check(api, content["application/json"]["schema"], example)
                checked += 1
    assert checked > 30


def test_every_code_of_an_example_is_in_the_document_beside_its_status(
    api: dict[str, Any],
) -> None:
    document = (REPO / "docs/live-protocol.md").read_text(encoding="utf-8")
    rows = [line for line in document.splitlines() if line.startswith("| ")]
    for _, _, operation in operations(api):
        for status, answer in operation["responses"].items():
            for example in json_examples(answer.get("content", {})):
                if "error" in example:
                    code = f"`{example['error']['code']}`"
                    assert any(status in row.split("|")[1] and code in row for row in rows), code


def test_every_parameter_has_an_example_and_every_example_is_taken(
    server: RunningServer, api: dict[str, Any], astronaut_path: Path
) -> None:
    """One request for each example of each parameter, and one without any."""
    sent = 0
    picture = astronaut_path.read_bytes()
    for method, path, operation in operations(api):
        queries: list[dict[str, Any]] = [{}]
        places: dict[str, Any] = {}
        for parameter in operation.get("parameters", []):
            examples = parameter["schema"].get("examples", [])
            assert examples, f"{method} {path}: {parameter['name']} has no example"
            if parameter["in"] == "path":
                places[parameter["name"]] = examples[0]
            else:
                queries += [{parameter["name"]: example} for example in examples]
        for query in queries:
            for body in bodies(operation, picture):
                url = server.url + path.format(**places)
                answer = httpx.request(method, url, params=query, timeout=60, **body)
                assert answer.status_code == 200, (method, path, query, answer.text)
                if answer.headers["content-type"] == "application/json":
                    content = operation["responses"]["200"]["content"]
                    check(api, content["application/json"]["schema"], answer.json())
                else:
                    assert (
                        answer.headers["content-type"] in operation["responses"]["200"]["content"]
                    )
                sent += 1
    assert sent > 15


def bodies(operation: dict[str, Any], picture: bytes) -> list[dict[str, Any]]:
    """The bodies to send: each example, or a form with a picture, or none."""
    content = operation.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        return [{"files": {"image": picture}}]
    if "application/json" in content:
        examples = json_examples(content)
        assert examples, "a request in JSON has no example"
        return [{"json": example} for example in examples]
    return [{}]


def test_the_example_of_a_result_is_read_by_the_client(api: dict[str, Any]) -> None:
    content = api["paths"]["/v1/analyze"]["post"]["responses"]["200"]["content"]
    (example,) = json_examples(content)
    (result,) = example["results"]
    assert frame_from_dict(result).to_dict() == result
