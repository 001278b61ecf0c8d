"""A native library's greeting, and what a command line shows of standard error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mien.cli.greeting import without_greeting
from tests.bundles import write_tiny_bundle

GREETING = b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n"


def test_only_the_greeting_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with without_greeting():
        os.write(2, GREETING + b"WARNING: odd\n")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "WARNING: odd\nafter\n"


def test_more_than_a_pipe_holds_passes_whole(capfd: pytest.CaptureFixture[str]) -> None:
    words = "x" * 99 + "\n"
    with without_greeting():
        os.write(2, words.encode() * 5000)
    assert capfd.readouterr().err == words * 5000


def test_an_error_passes_and_standard_error_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="inside"), without_greeting():
        os.write(2, b"before the error\n")
        raise ValueError("inside")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "before the error\nafter\n"


def test_predict_says_only_its_own_words(tmp_path: Path, astronaut_path: Path) -> None:
    """In a process of its own, since the library greets once a process."""
    bundle = write_tiny_bundle(tmp_path)
    program = [sys.executable, "-c", "from mien.cli.main import run; run()", "predict"]
    words = [str(astronaut_path), "--bundle", str(bundle), "--detector", "blazeface"]
    done = subprocess.run([*program, *words], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    first, last = done.stderr.splitlines()
    assert first.startswith("model tiny") and last == "1 face in 1 picture"
