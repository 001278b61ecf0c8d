"""`import mien` is inert: it loads no heavy library and changes nothing around it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

# Everything that costs time or memory, or that only some users have installed.
HEAVY = [
    "numpy",
    "cv2",
    "PIL",
    "onnxruntime",
    "ai_edge_litert",
    "torch",
    "lightning",
    "kornia",
    "pandas",
    "pyarrow",
    "matplotlib",
    "sklearn",
    "fastapi",
    "starlette",
    "uvicorn",
    "pydantic",
    "typer",
    "rich",
    "sqlalchemy",
    "alembic",
]

PROBE = """
import json, os, sys, threading, warnings, logging, signal, locale
from pathlib import Path

def state():
    return {
        "environment": dict(os.environ),
        "folder": os.getcwd(),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "warning filters": [str(entry) for entry in warnings.filters],
        "warning printer": str(warnings.showwarning),
        "log handlers": [str(handler) for handler in logging.getLogger().handlers],
        "log level": logging.getLogger().level,
        "signals": str(signal.getsignal(signal.SIGINT)),
        "locale": locale.setlocale(locale.LC_ALL),
        "path": list(sys.path),
        "home": sorted(str(path) for path in Path(os.environ["HOME"]).rglob("*")),
    }

before = state()
import mien
after = state()
changed = [key for key in before if before[key] != after[key]]
print(json.dumps({"changed": changed, "loaded": sorted(sys.modules)}))
"""


def run_python(code: str, home: str) -> str:
    return subprocess.run(
        [sys.executable, "-B", "-c", code],
        env={"HOME": home, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    ).stdout


def test_import_loads_nothing_heavy_and_changes_nothing(tmp_path: object) -> None:
    report = json.loads(run_python(PROBE, str(tmp_path)))
    assert report["changed"] == []
    loaded = {name.partition(".")[0] for name in report["loaded"]}
    assert loaded.isdisjoint(HEAVY), f"import mien loads {sorted(loaded & set(HEAVY))}"


def test_help_needs_no_model_library(tmp_path: object) -> None:
    code = (
        "import sys\n"
        "from mien.cli.main import app\n"
        "app(['--help'], standalone_mode=False)\n"
        "sys.stderr.write('')\n"
        "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    loaded = set(run_python(code, str(tmp_path)).rpartition("LOADED")[2].split())
    models = {"cv2", "onnxruntime", "ai_edge_litert", "torch", "pandas", "matplotlib", "fastapi"}
    assert "typer" in loaded
    assert loaded.isdisjoint(models), f"mien --help loads {sorted(loaded & models)}"


def test_every_public_name_is_found_and_belongs_to_mien() -> None:
    import mien

    for name in mien.__all__:
        assert getattr(mien, name).__module__.startswith("mien."), name
        assert name in dir(mien)


def test_unknown_name_is_an_attribute_error() -> None:
    import mien

    with pytest.raises(AttributeError, match="'mien' has no attribute 'analyse'"):
        _ = mien.analyse  # type: ignore[attr-defined]


def test_version_is_that_of_the_installed_package() -> None:
    from importlib.metadata import version

    import mien

    assert mien.__version__ == version("mien")
