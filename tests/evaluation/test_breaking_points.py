"""One face, changed until the answer is another: which step that is, and how it is drawn."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bundles import write_tiny_bundle
from mien.core.errors import FaceError
from mien.core.imaging import crop_face, resize_gray, to_gray
from mien.core.labels import COLOURS, FERPLUS, LabelSet
from mien.evaluation.breaking_picture import draw_breaking_points
from mien.evaluation.breaking_points import LADDERS, Ladder, find_breaking_points
from mien.evaluation.perturbations import change_gamma
from mien.recognition.recognizer import Recognizer

# Gamma 1 changes nothing; from 2 on everything becomes darker.
DARKER = Ladder("gamma", tuple((f"{by}", partial(change_gamma, gamma=by)) for by in (1, 2, 8)))
NOTHING = Ladder("nothing", tuple((f"{by}", np.copy) for by in (1, 2)))


def brightness_weights(labels: LabelSet) -> NDArray[np.float32]:
    """Return weights by which a light face is happy and a dark one sad."""
    weights = np.zeros((48 * 48, len(labels)), np.float32)
    weights[:, labels.index("happiness")] = 1 / (48 * 48)
    weights[:, labels.index("sadness")] = -1 / (48 * 48)
    return weights


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    folder = write_tiny_bundle(tmp_path_factory.mktemp("bundle"), weights_of=brightness_weights)
    return Recognizer(folder, detector="full", label_set="ferplus")


@pytest.fixture
def light_bgr() -> NDArray[np.uint8]:
    return np.full((96, 96, 3), 200, np.uint8)


def test_the_first_step_with_another_answer_is_kept(
    recognizer: Recognizer, light_bgr: NDArray[np.uint8]
) -> None:
    unchanged, darker, nothing = find_breaking_points(recognizer, light_bgr, [DARKER, NOTHING])
    assert (unchanged.kind, unchanged.label, unchanged.breaks) == ("unchanged", "happiness", False)
    # 200 of 255 to the power of 2 is 157, still lighter than the middle, and to that of 8 is 37.
    assert (darker.strength, darker.held_to, darker.label) == ("8", "2", "sadness")
    assert darker.breaks and np.all(darker.face_gray == round(255 * (200 / 255) ** 8))
    # The light is 37 / 255 in 0..1, brought to (37 / 255 - 0.5) / 0.25 for both logits.
    logit = (37 / 255 - 0.5) / 0.25
    odds = np.exp([logit, -logit, *[0] * 6])
    assert darker.probabilities["sadness"] == pytest.approx(odds[1] / odds.sum(), rel=1e-3)
    assert list(darker.probabilities) == list(FERPLUS.labels)
    assert (nothing.breaks, nothing.held_to, nothing.label) == (False, "2", "happiness")


def test_a_face_that_breaks_at_once_was_never_held(
    recognizer: Recognizer, light_bgr: NDArray[np.uint8]
) -> None:
    at_once = Ladder("gamma", DARKER.steps[2:])
    assert find_breaking_points(recognizer, light_bgr, [at_once])[1].held_to is None


def test_the_face_is_cut_out_as_for_reading(
    astronaut_bgr: NDArray[np.uint8], tmp_path: Path
) -> None:
    recognizer = Recognizer(write_tiny_bundle(tmp_path), detector="blazeface")
    (face,) = recognizer.analyze(astronaut_bgr)
    unchanged = find_breaking_points(recognizer, astronaut_bgr, [NOTHING])[0]
    expected = crop_face(
        to_gray(astronaut_bgr),
        face.box,
        size=48,
        frame=recognizer.crop_frame,
        landmarks=face.landmarks,
    )
    assert np.array_equal(unchanged.face_gray, expected)
    for label, probability in unchanged.probabilities.items():
        assert face.expression[label] == pytest.approx(probability, abs=1e-4)


def test_a_picture_without_a_face_says_what_to_do(tmp_path: Path) -> None:
    recognizer = Recognizer(write_tiny_bundle(tmp_path), detector="blazeface")
    with pytest.raises(FaceError, match="no face found by blazeface; give a photo with one"):
        find_breaking_points(recognizer, np.full((96, 96, 3), 200, np.uint8))


def test_every_ladder_climbs(astronaut_bgr: NDArray[np.uint8]) -> None:
    face = resize_gray(to_gray(astronaut_bgr)[60:190, 160:290], 48)
    for ladder in LADDERS:
        far = [
            float(np.abs(change(face[None])[0].astype(float) - face).mean())
            for _, change in ladder.steps
        ]
        assert far[0] > 0, ladder.kind
        assert far[-1] > far[0], ladder.kind
        assert len({text for text, _ in ladder.steps}) == len(ladder.steps), ladder.kind


def test_the_picture_shows_each_face_with_its_shares(
    recognizer: Recognizer, light_bgr: NDArray[np.uint8]
) -> None:
    points = find_breaking_points(recognizer, light_bgr, [DARKER, NOTHING])
    sheet = np.asarray(draw_breaking_points(points, title="T", note="N"))
    dark = round(255 * (200 / 255) ** 8)
    # Two faces as they are and one that is dark, 192 px a side.
    for gray, faces in ((200, 2), (dark, 1)):
        pixels = int((sheet == gray).all(axis=2).sum())
        assert pixels == pytest.approx(faces * 192**2, rel=0.02), gray
    # A bar below each: its longest part is that of the answer.
    sadness = tuple(int(COLOURS["sadness"][i : i + 2], 16) for i in (1, 3, 5))
    lengths = (sheet == sadness).all(axis=2).sum(axis=1)
    share = points[1].probabilities["sadness"] + 2 * points[0].probabilities["sadness"]
    assert lengths.max() == pytest.approx(192 * share, abs=4)
