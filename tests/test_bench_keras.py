"""Training beside Keras: the same network or none, and a clear word where there is no Keras."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench import NOT_HERE, keras_cnn6
from mien.models import build_model, count_parameters

REPO = Path(__file__).resolve().parents[1]


def test_the_counts_are_those_of_our_cnn6_and_no_others_pass() -> None:
    ours = count_parameters(build_model("cnn6", {"ferplus": keras_cnn6.CLASSES}))
    keras_cnn6.check_parameters(*ours)
    with pytest.raises(RuntimeError, match="2,598,733 and 1,896: this is not the same network"):
        keras_cnn6.check_parameters(ours.total + 1, ours.untrained)


def run_without_keras(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "keras.py").write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "bench.keras_cnn6", "--compete", "keras", "--threads", "1"],
        cwd=REPO,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("module", "why"),
    [("raise ImportError('no Keras here')", "no Keras here"), ("__version__ = '2.15.0'", "2.15.0")],
)
def test_where_there_is_no_keras_3_it_says_what_to_install(
    module: str, why: str, tmp_path: Path
) -> None:
    (tmp_path / "tensorflow.py").write_text("")
    done = run_without_keras(tmp_path, module)
    assert done.returncode == NOT_HERE
    assert "pip install keras tensorflow-cpu" in done.stderr and "--keras-python" in done.stderr
    assert why in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_miens_side_is_measured_in_turns(tmp_path: Path) -> None:
    faces = tmp_path / "faces.npz"
    keras_cnn6.save_faces(faces, None, steps=2)
    pythons = {"mien": sys.executable}
    figures = keras_cnn6.measure(pythons, faces, threads=[1], rounds=1)
    row = figures["rows"]["1 thread"]["mien"]
    assert row["images_per_s"] > 0 and row["runs"] == 1
    assert row["times_keras"] is None
    assert "torch" in figures["versions"]
