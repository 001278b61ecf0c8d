"""What a user gets from the base install alone: every serving room, and no torch.

Builds the wheel, installs it with its dependencies in a clean environment, and works there
from an empty folder, so that nothing of this checkout or its environment can help.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
SERVING_ROOMS = (
    "core",
    "bundle",
    "faces",
    "data",
    "recognition",
    "evaluation",
    "reports",
    "web",
    "media",
    "store",
    "client",
    "cli",
)
OFFLINE = re.compile(r"NewConnectionError|Max retries exceeded|name resolution|ENOTFOUND")

pytestmark = pytest.mark.slow

IMPORT_ALL = """
import importlib, json, pkgutil, sys
names = []
for room in sys.argv[1:]:
    package = importlib.import_module(f"mien.{room}")
    names.append(package.__name__)
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
        names.append(module.name)
print(json.dumps({"imported": names, "loaded": sorted(sys.modules)}))
"""


def run(*command: str | Path, cwd: Path, expect: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with no trace of this environment in its own."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=keep,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    if done.returncode != expect and OFFLINE.search(done.stdout + done.stderr):
        pytest.skip("no package registry can be reached, so nothing can be installed")
    assert done.returncode == expect, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done


@dataclass(frozen=True)
class BaseInstall:
    """A clean environment with the base install of mien in it."""

    wheel: Path
    bin: Path
    empty: Path

    def run(self, command: str, *arguments: str | Path, expect: int = 0) -> str:
        """Run a program of the environment in the empty folder; return what it prints."""
        return run(self.bin / command, *arguments, cwd=self.empty, expect=expect).stdout


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> BaseInstall:
    folder = tmp_path_factory.mktemp("base-install")
    empty = folder / "empty"
    empty.mkdir()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    run(*pip, "wheel", "--no-deps", "--wheel-dir", folder / "wheel", REPO, cwd=empty)
    (wheel,) = (folder / "wheel").glob("mien-*.whl")
    run(sys.executable, "-m", "venv", folder / "venv", cwd=empty)
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    install = [
        scripts / "python",
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "-q",
        "--no-compile",
    ]
    run(*install, "-c", REPO / "constraints.txt", wheel, cwd=empty)
    return BaseInstall(wheel, scripts, empty)


def test_base_install_brings_no_training_library(base: BaseInstall) -> None:
    listed = json.loads(base.run("python", "-m", "pip", "list", "--format", "json"))
    names = {entry["name"].lower() for entry in listed}
    assert "mien" in names
    assert names.isdisjoint({"torch", "lightning", "kornia", "torchmetrics", "tensorboard"})


def test_every_module_of_every_serving_room_can_be_imported(base: BaseInstall) -> None:
    report = json.loads(base.run("python", "-c", IMPORT_ALL, *SERVING_ROOMS))
    in_source = {
        "mien." + ".".join(path.relative_to(REPO / "src/mien").with_suffix("").parts)
        for room in SERVING_ROOMS
        for path in (REPO / "src/mien" / room).rglob("*.py")
        if path.name != "__init__.py"
    }
    assert in_source <= set(report["imported"]), "the wheel lacks modules"
    assert "torch" not in report["loaded"]


def test_wheel_carries_the_page_the_detector_and_the_licences(base: BaseInstall) -> None:
    names = set(zipfile.ZipFile(base.wheel).namelist())
    assert "mien/py.typed" in names
    assert "mien/web/static/index.html" in names
    assert any(re.fullmatch(r"mien/faces/weights/.*\.tflite", name) for name in names)
    for licence in ("LICENSE", "NOTICE"):
        assert any(name.endswith(f"dist-info/licenses/{licence}") for name in names)


def test_help_lists_the_commands(base: BaseInstall) -> None:
    text = base.run("mien", "--help")
    for command in ("predict", "serve", "train", "evaluate", "data", "models"):
        assert command in text


def test_training_names_the_extra_that_it_needs(base: BaseInstall) -> None:
    done = run(
        base.bin / "mien",
        *("train", "mien-s-plain", "--data", "nowhere", "--out", "runs"),
        cwd=base.empty,
        expect=1,
    )
    assert "mien[train]" in done.stderr


def test_a_photo_is_read_with_what_the_wheel_brings(
    base: BaseInstall, astronaut_path: Path
) -> None:
    rows = json.loads(base.run("mien", "predict", astronaut_path, "--json"))
    (face,) = rows[0]["faces"]
    assert 150 < face["box"]["x1"] < face["box"]["x2"] < 310
    assert face["expression"]["dominant"] == "happiness"
