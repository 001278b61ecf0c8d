"""The runner of `make bench`: figures kept with the machine, and nothing swept under the rug."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import bench.__main__ as runner
from bench import NOT_HERE
from bench.machine import describe_machine

SCRIPTS = {
    "sound": 'print(\'{"face": {"median_ms": 1.25}, "runs": [3, 4]}\')',
    "absent": f"import sys; print('needs ../data', file=sys.stderr); sys.exit({NOT_HERE})",
    "broken": "raise RuntimeError('no such graph')",
    "chatty": "print('hello')",
    "threads": "import os, json; print(json.dumps(os.environ['OMP_NUM_THREADS']))",
}


@pytest.fixture
def bench_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bench"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    for name, code in SCRIPTS.items():
        (folder / f"{name}.py").write_text(code)
    monkeypatch.setattr(runner, "FOLDER", folder)
    return folder


def test_measurements_are_the_modules_of_the_folder(bench_folder: Path) -> None:
    assert runner.measurements() == sorted(SCRIPTS)


def test_without_names_all_are_measured_but_those_on_request(
    bench_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "ON_REQUEST", {"broken", "chatty"})
    monkeypatch.setattr(sys, "argv", ["bench", "--out", str(tmp_path / "results.json")])
    assert runner.main() == 0
    written = json.loads((tmp_path / "results.json").read_text())
    assert set(written["results"]) == set(SCRIPTS) - {"broken", "chatty"}


def test_what_is_on_request_is_a_measurement_and_helpers_are_none() -> None:
    assert set(runner.measurements()) >= runner.ON_REQUEST
    folder = {path.stem for path in runner.FOLDER.glob("*.py")}
    assert folder >= runner.NOT_MEASUREMENTS


def test_figures_come_from_standard_output(bench_folder: Path) -> None:
    result = runner.run_measurement("sound")
    assert result["status"] == "measured"
    assert result["figures"] == {"face": {"median_ms": 1.25}, "runs": [3, 4]}


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("absent", "not here", "needs ../data"),
        ("broken", "failed", "exit code 1: RuntimeError: no such graph"),
        ("chatty", "failed", "printed no JSON: 'hello\\n'"),
    ],
)
def test_what_was_not_measured_says_why(
    name: str, status: str, reason: str, bench_folder: Path
) -> None:
    assert runner.run_measurement(name) == {"status": status, "reason": reason}


def test_measurements_run_on_one_thread_unless_told(
    bench_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert runner.run_measurement("threads")["figures"] == "1"
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert runner.run_measurement("threads")["figures"] == "2"


def test_nested_figures_become_rows() -> None:
    figures = {"a": {"b": 1.0, "c": [2, {"d": 3}]}, "e": "text"}
    assert dict(runner.flatten(figures)) == {"a.b": 1.0, "a.c[0]": 2, "a.c[1].d": 3, "e": "text"}


def test_run_writes_all_results_with_the_machine_and_fails_if_one_failed(
    bench_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "results.json"
    monkeypatch.setattr(sys, "argv", ["bench", "sound", "absent", "--out", str(out)])
    assert runner.main() == 0
    written = json.loads(out.read_text())
    assert written["machine"]["cores"] == describe_machine()["cores"]
    assert {name: one["status"] for name, one in written["results"].items()} == {
        "sound": "measured",
        "absent": "not here",
    }
    monkeypatch.setattr(sys, "argv", ["bench", "broken", "--out", str(out)])
    assert runner.main() == 1


def test_unknown_measurement_is_wrong_use(
    bench_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["bench", "nonesuch"])
    with pytest.raises(SystemExit, match="2"):
        runner.main()
