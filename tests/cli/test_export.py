"""`mien export`: from a run folder on disk to a bundle that its own figures fit."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from bundles import CROP_FRAMES, write_tiny_bundle
from mien.bundle.figures import read_figures
from mien.bundle.load import load_bundle
from mien.bundle.picture import encode_picture
from mien.cli.main import app
from mien.core.errors import BundleError, ConfigError
from mien.core.imaging import CropFrame
from mien.evaluation.predictors import BundlePredictor
from mien.evaluation.report import Provenance, write_json
from mien.evaluation.robustness import measure_robustness
from mien.evaluation.robustness_conditions import CONDITIONS
from mien.evaluation.robustness_report import write_json as write_robustness
from mien.evaluation.run import evaluate
from mien.training.recipe import parse_recipe
from mien.training.train import train
from training.conftest import make_faces

runner = CliRunner()


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    values: dict[str, Any] = {
        "name": "tiny",
        "model": {"name": "residual", "options": {"widths": [8], "blocks": [1]}},
        "input": {"size": 24},
        "heads": {"fer2013": {"target": "labels"}},
        "loop": {"epochs": 1, "batch_size": 16, "precision": "fp32"},
    }
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(parse_recipe(values), make_faces(90), folder, console=Console(file=StringIO()))
    return folder


def write_report(bundle: Path, path: Path) -> None:
    """Evaluate a bundle on the faces that can be learned, as `mien evaluate` does."""
    predictor = BundlePredictor(load_bundle(bundle))
    provenance = Provenance("mien evaluate x", "now", predictor.describe(), "faces", 1.0, 1.0, {})
    write_json(evaluate(predictor, make_faces(90)), provenance, path)


def test_a_run_is_exported_evaluated_and_exported_with_its_figures(
    run: Path, tmp_path: Path
) -> None:
    out, report = tmp_path / "out", tmp_path / "evaluation.json"
    frame = {"scale": 1.3, "shift_x": 0.01, "shift_y": -0.1, "align": True}
    measured = tmp_path / "frames.json"
    measured.write_text(json.dumps({"detectors": {"yunet": {"frame": frame, "n": 10}}}))
    base = ["export", str(run), "--out", str(out)]
    first = runner.invoke(app, [*base, "--crop-frames", str(measured)])
    assert first.exit_code == 0, first.output
    assert "Next: mien evaluate" in first.output
    frames = load_bundle(out).config.crop_frames
    assert dict(frames) == {"full": CropFrame(align=False), "yunet": CropFrame(**frame)}

    write_report(out, report)
    donor = write_tiny_bundle(tmp_path / "donor")
    with_figures = [*base, "--figures", str(report), "--name", "mine", "--licence", "MIT"]
    with_figures += ["--crop-frames", str(donor)]
    refused = runner.invoke(app, with_figures)
    assert isinstance(refused.exception, BundleError), "a bundle is not replaced unasked"
    second = runner.invoke(app, [*with_figures, "--overwrite"])
    assert second.exit_code == 0, second.output
    config = load_bundle(out).config
    assert (config.name, config.licence) == ("mine", "MIT")
    assert dict(config.crop_frames) == dict(CROP_FRAMES)
    (summary,) = read_figures(config.figures)
    assert summary.headline.n == 30
    assert "rule fer2013, n 30" in (out / "MODEL_CARD.md").read_text()


def test_where_a_model_fails_comes_into_its_card(run: Path, tmp_path: Path) -> None:
    out, report, png = (tmp_path / name for name in ("out", "robustness.json", "failures.png"))
    base = ["export", str(run), "--out", str(out)]
    first = runner.invoke(app, base)
    assert first.exit_code == 0, first.output
    assert "fp32, weights stored as fp16" in first.output
    assert "Rounded to fp16: same answer to" in first.output
    predictor = BundlePredictor(load_bundle(out))
    provenance = Provenance("mien robustness x", "now", predictor.describe(), "f", 1.0, 1.0, {})
    conditions = [each for each in CONDITIONS if each.family == "blur"]
    measured = measure_robustness(predictor, make_faces(90), conditions=conditions)
    write_robustness(measured, provenance, report)
    graph = load_bundle(out).config.files["model.onnx"].sha256
    png.write_bytes(encode_picture(Image.new("L", (8, 8)), graph))
    told = [*base, "--robustness", str(report), "--picture", str(png), "--overwrite"]
    second = runner.invoke(app, told)
    assert second.exit_code == 0, second.output
    (summary,) = load_bundle(out).config.robustness
    assert [each.name for each in summary.conditions] == ["blur 1 px", "blur 2 px"]
    card = (out / "MODEL_CARD.md").read_text()
    assert "| blur 2 px |" in card and "](failures.png)" in card
    # The same answers with weights kept otherwise are those of another graph.
    refused = runner.invoke(app, [*told, "--storage", "fp32"]).exception
    assert isinstance(refused, BundleError) and "figures of another graph" in str(refused)
    assert load_bundle(out).config.storage == "fp16"


def test_figures_of_another_model_are_refused(run: Path, tmp_path: Path) -> None:
    other = write_tiny_bundle(tmp_path / "other")
    write_report(other, tmp_path / "evaluation.json")
    content = json.loads((tmp_path / "evaluation.json").read_text())
    content["rules"] = [rule for rule in content["rules"] if rule["rule"] == "fer2013"]
    (tmp_path / "evaluation.json").write_text(json.dumps(content))
    arguments = ["export", str(run), "--out", str(tmp_path / "out"), "--figures"]
    result = runner.invoke(app, [*arguments, str(tmp_path / "evaluation.json")])
    assert isinstance(result.exception, BundleError)
    assert "figures of another graph" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "told", "kind"),
    [
        (["--checkpoint", "first"], "--checkpoint is best or last, got 'first'", ConfigError),
        (["--figures", "missing.json"], "cannot read missing.json", BundleError),
        (["--crop-frames", "missing.json"], "cannot read the crop frames", BundleError),
        (["--crop-frames", "nothing"], "unknown bundle 'nothing'", BundleError),
    ],
)
def test_wrong_options_are_told_before_any_work(
    run: Path, tmp_path: Path, arguments: list[str], told: str, kind: type[Exception]
) -> None:
    result = runner.invoke(app, ["export", str(run), "--out", str(tmp_path / "out"), *arguments])
    assert isinstance(result.exception, kind)
    assert told in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    result = runner.invoke(app, ["export", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, ConfigError)
    assert "is no run folder" in str(result.exception)


def test_a_report_that_is_no_json_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("not json")
    arguments = ["export", str(run), "--out", str(tmp_path / "out"), "--figures"]
    result = runner.invoke(app, [*arguments, str(tmp_path / "report.json")])
    assert isinstance(result.exception, BundleError)
    assert "is not JSON" in str(result.exception)


def test_a_prior_strength_goes_into_the_bundle_and_into_what_is_printed(
    run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = runner.invoke(app, ["export", str(run), "--out", str(out), "--prior-strength", "0.25"])
    assert done.exit_code == 0, done.output
    assert "prior strength 0.25" in done.stdout
    assert load_bundle(out).config.head("fer2013").prior_strength == 0.25
    for words, told in (("much", "0 to 1 or auto, got 'much'"), ("auto", "--calibrate")):
        refused = runner.invoke(
            app, ["export", str(run), "--out", str(tmp_path / "no"), "--prior-strength", words]
        )
        assert isinstance(refused.exception, ConfigError)
        assert told in str(refused.exception)
