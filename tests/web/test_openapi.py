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
from tests.web.job_films import stopped_job
from tests.web.made_sessions import make_session
from tests.web.running import RunningServer

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def server(tiny_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    settings = load_settings(
        port=0,
        bundle=str(tiny_bundle),
        detector="haar",
        deepface_api=True,
        request_burst=1000,
        database_url=f"sqlite:///{tmp_path_factory.mktemp('sessions') / 'sessions.db'}",
        jobs_folder=tmp_path_factory.mktemp("jobs"),
        disk_reserve_bytes=0,
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


def is_a_file(content: dict[str, Any]) -> bool:
    """Whether an answer in JSON is a document to keep, which has no schema."""
    return bool(content["application/json"]["schema"].get("format") == "binary")


def test_every_answer_in_json_has_an_example_that_fits_its_schema(api: dict[str, Any]) -> None:
    checked = 0
    for method, path, operation in operations(api):
        for status, answer in operation["responses"].items():
            content = answer.get("content", {})
            if "application/json" not in content or is_a_file(content):
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
                if not status.startswith("2"):
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
                place = path.format(**{**places, **made_for(server, path)})
                url = server.url + place
                answer = httpx.request(method, url, params=query, timeout=60, **body)
                told = next(one for one in operation["responses"] if one.startswith("2"))
                assert answer.status_code == int(told), (method, place, query, answer.text)
                hold_against(api, operation["responses"][told].get("content", {}), answer)
                sent += 1
    assert sent > 15


def made_for(server: RunningServer, path: str) -> dict[str, Any]:
    """What the numbers of a path name is made anew for each request, since some delete it."""
    if "{job_id}" in path:
        return {"job_id": stopped_job(server.app.state.services.jobs)}
    if "{session_id}" not in path:
        return {}
    made = make_session(server.app.state.services.store())
    return vars(made)


def hold_against(api: dict[str, Any], content: dict[str, Any], answer: httpx.Response) -> None:
    """Hold an answer against what is described of it; a file's own JSON is nobody's schema."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    assert kind in content if content else not kind, (answer.url, kind)
    if kind == "application/json" and not is_a_file(content):
        check(api, content[kind]["schema"], answer.json())


def bodies(operation: dict[str, Any], picture: bytes) -> list[dict[str, Any]]:
    """The bodies to send: each example, or a form with a picture, or none."""
    content = operation.get("requestBody", {}).get("content", {})
    if "multipart/form-data" in content:
        (field,) = content["multipart/form-data"]["schema"]["properties"]
        return [{"files": {field: picture}}]
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
