"""The example of docs/client.md does what it says, against a real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mien.core.labels import FER2013
from tests.web.running import RunningServer

DOCUMENT = Path(__file__).resolve().parents[2] / "docs/client.md"


def test_the_example_of_the_document_runs(
    server: RunningServer,
    jpeg: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    example = re.search(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    code = example[1].replace("http://127.0.0.1:8765", server.url)
    assert server.url in code and code.count("\n") <= 10
    for name in ("group.jpg", "one.jpg", "two.jpg"):
        (tmp_path / name).write_bytes(jpeg)
    monkeypatch.chdir(tmp_path)
    exec(compile(code, str(DOCUMENT), "exec"), {})
    bundle, face, first, second = capsys.readouterr().out.splitlines()
    assert bundle == "tiny"
    assert face.split()[0] in FER2013.labels and 1 / 7 <= float(face.split()[1]) <= 1
    assert [line.split()[::2] for line in (first, second)] == [["0", "1"], ["1", "1"]]
