"""`mien explain` from its arguments to its files, by the command itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from mien.cli.main import app
from mien.core.errors import ConfigError, LabelError
from mien.core.labels import FER2013, FERPLUS
from tests.bundles import SIZE, write_tiny_bundle

Explain = Callable[..., Result]


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture(autouse=True)
def nothing_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def explain(tiny_bundle: Path) -> Explain:
    def run(*arguments: object, stdin: bytes | None = None) -> Result:
        words = ["explain", *map(str, arguments), "--bundle", str(tiny_bundle)]
        return CliRunner().invoke(app, words, input=stdin)

    return run


@pytest.fixture
def photos(tmp_path: Path, astronaut_path: Path) -> Path:
    """Two faces side by side, a blank, and a broken picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    image = cv2.imread(str(astronaut_path))
    assert image is not None
    pair = np.hstack([image[:260, 100:360], cv2.resize(image, (400, 400))[:260, 80:280]])
    cv2.imwrite(str(folder / "pair.png"), pair)
    cv2.imwrite(str(folder / "blank.jpg"), np.full((64, 64, 3), 200, np.uint8))
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return folder


def test_a_photo_is_told_in_words_and_drawn(
    explain: Explain, astronaut_path: Path, tmp_path: Path
) -> None:
    done = explain(astronaut_path, "--out", tmp_path / "why")
    assert done.exit_code == 0, done.output
    assert str(astronaut_path) in done.stdout
    assert "mouth x" in done.stdout and "right eye x" in done.stdout
    (drawn,) = (tmp_path / "why").iterdir()
    label = drawn.name.removeprefix("astronaut.png.face1.").removesuffix(".png")
    assert label in FERPLUS.labels and f"{label} " in done.stdout
    with Image.open(drawn) as image:
        assert image.format == "PNG"
        assert image.width > image.height > 500


def test_each_face_of_each_picture_is_explained(
    explain: Explain, photos: Path, tmp_path: Path
) -> None:
    done = explain(photos, "--out", tmp_path / "why", "--label", "sad", "--json")
    assert done.exit_code == 0, done.output
    told = {Path(one["source"]).name: one for one in json.loads(done.stdout)}
    assert set(told) == {"pair.png", "blank.jpg", "broken.jpg"}
    assert "not a picture" in told["broken.jpg"]["error"]
    assert told["blank.jpg"] == {**told["blank.jpg"], "explanations": [], "error": None}
    first, second = told["pair.png"]["explanations"]
    for face in (first, second):
        assert face["label"] == "sadness"
        assert np.array(face["map"]).shape == (SIZE, SIZE)
        assert abs(face["strongest"]) == pytest.approx(np.abs(face["map"]).max(), abs=1e-4)
    assert first["square"]["side_px"] > second["square"]["side_px"]
    assert first["square"]["centre_x"] < 260 < second["square"]["centre_x"]
    names = sorted(path.name for path in (tmp_path / "why").iterdir())
    assert names == ["pair.png.face1.sadness.png", "pair.png.face2.sadness.png"]


def test_no_face_and_bad_pictures_are_rows(explain: Explain, photos: Path) -> None:
    done = explain(photos / "blank.jpg", photos / "broken.jpg", photos / "none.jpg")
    assert done.exit_code == 0
    assert "no face" in done.stdout
    assert done.stdout.count("error") == 2
    assert "No such file" in " ".join(done.stdout.split())


def test_nothing_but_bad_pictures_is_a_failure(explain: Explain, photos: Path) -> None:
    assert explain(photos / "broken.jpg").exit_code == 1


def test_an_expression_that_is_not_in_the_label_set_is_named_before_any_work(
    explain: Explain, astronaut_path: Path
) -> None:
    wrong = explain(astronaut_path, "--label", "boredom").exception
    assert isinstance(wrong, LabelError) and "boredom" in str(wrong)
    wrong = explain(astronaut_path, "--label", "contempt", "--label-set", "fer2013").exception
    assert isinstance(wrong, LabelError)
    assert all(label in str(wrong) for label in FER2013.labels)


def test_the_prior_is_asked_for_and_told_as_by_predict(
    explain: Explain, astronaut_path: Path
) -> None:
    asked = (astronaut_path, "--detector", "full", "--label", "fear", "--json")
    # The tiny bundle was trained on equal shares, so its natural answer is the balanced one.
    shares = "fear=0.93," + ",".join(f"{label}=0.01" for label in FERPLUS.labels if label != "fear")
    natural, given = explain(*asked), explain(*asked, "--prior", shares, "--prior-strength", 0.5)
    assert given.exit_code == 0, given.output
    assert "prior given 0.5; detector full" in given.stderr and "prior" not in natural.stderr
    (before,), (after,) = (json.loads(done.stdout) for done in (natural, given))
    assert (before["prior"], before["prior_strength"]) == ("natural", 0.0)
    assert (after["prior"], after["prior_strength"]) == ("given", 0.5)
    odds = [
        probability / (1 - probability)
        for probability in (one["explanations"][0]["probability"] for one in (before, after))
    ]
    # Half of the way to shares of 93 to 1: the odds of fear grow by the root of 93, as far as
    # the four decimals of a small probability tell.
    assert odds[1] / odds[0] == pytest.approx(93**0.5, rel=0.1)
    refused = explain(astronaut_path, "--prior", "fair").exception
    assert isinstance(refused, ConfigError) and "expected prior default" in str(refused)


def test_a_picture_comes_by_standard_input_too(explain: Explain, astronaut_path: Path) -> None:
    done = explain("-", "--json", "--detector", "full", stdin=astronaut_path.read_bytes())
    ((one,),) = [told["explanations"] for told in json.loads(done.stdout)]
    # The whole picture is the face, and such a face has no landmarks.
    assert one["square"] == {
        "centre_x": 256.0,
        "centre_y": 256.0,
        "side_px": 512.0,
        "roll_degrees": 0.0,
    }
    assert one["parts"] == {}
