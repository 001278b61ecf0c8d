"""A map shows what the answer depends on, in its own units, at the right place in the photo."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import FaceError, ImageError, LabelError, ShapeError
from mien.core.imaging import CropFrame, CropSquare
from mien.core.labels import FERPLUS, LabelSet
from mien.core.types import Box
from mien.faces import DetectedFace
from mien.recognition.explain import log_odds, occlusion_map
from mien.recognition.explanation import Explanation, project, times
from mien.recognition.recognizer import Recognizer
from tests.bundles import SIZE, STD, write_tiny_bundle

UInt8Array = NDArray[np.uint8]
FloatArray = NDArray[np.float32]

# What the answer of the bundle below depends on: rows and columns of the crop, off its middle.
ROWS, COLUMNS = slice(30, 37), slice(8, 15)
REGION_XY = (11.5, 33.5)
GAIN = 6.0


def region_weights(labels: LabelSet) -> FloatArray:
    """`happiness` rises with the mean of the region; nothing else matters to any label."""
    weights = np.zeros((SIZE, SIZE, len(labels)), np.float32)
    weights[ROWS, COLUMNS, labels.index("happiness")] = GAIN * STD / 49
    return weights.reshape(SIZE * SIZE, len(labels))


@pytest.fixture(scope="module")
def region_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("region"), weights_of=region_weights)


class Fixed:
    """A detector that sees one face, or none, in every picture."""

    name = frame_key = "blazeface"
    threshold = 0.25
    weights_sha256 = "ab" * 32

    def __init__(self, *faces: DetectedFace) -> None:
        self.faces = faces

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        return list(self.faces)


def rolled_face(box: Box, roll_degrees: float) -> DetectedFace:
    """A face whose five landmarks are turned clockwise about the middle of its box."""
    angle = math.radians(roll_degrees)
    spots = ((-0.2, -0.15), (0.2, -0.15), (0, 0.05), (-0.15, 0.25), (0.15, 0.25))
    turned = [
        (
            box.centre[0] + box.width * (x * math.cos(angle) - y * math.sin(angle)),
            box.centre[1] + box.width * (x * math.sin(angle) + y * math.cos(angle)),
        )
        for x, y in spots
    ]
    return DetectedFace(box, 0.9, tuple(turned))


def logistic_of_region(crops_gray: UInt8Array) -> FloatArray:
    """Two labels; the log-odds of the first are GAIN times the region's mean, 0..1."""
    z = GAIN * crops_gray[:, ROWS, COLUMNS].mean(axis=(1, 2)) / 255
    p = 1 / (1 + np.exp(-z))
    return np.stack([p, 1 - p], axis=1).astype(np.float32)


def crop_with_bright_region() -> UInt8Array:
    crop = np.full((SIZE, SIZE), 20, np.uint8)
    crop[ROWS, COLUMNS] = 230
    return crop


def middle_of(values: FloatArray) -> tuple[float, float]:
    """Centre (x, y) of the part of a map above half of its highest value, pixels at +0.5."""
    rows, columns = np.nonzero(np.nan_to_num(values) > 0.5 * np.nanmax(values))
    return columns.mean() + 0.5, rows.mean() + 0.5


def test_log_odds_are_those_of_the_formula_even_next_to_one() -> None:
    shares = np.array([[0.8, 0.15, 0.05], [1.0, 2e-12, 1e-12], [1.0, 0.0, 0.0]], np.float32)
    odds = log_odds(shares, 0)
    assert odds[0] == pytest.approx(math.log(0.8 / 0.2), rel=1e-6)
    assert odds[1] == pytest.approx(-math.log(3e-12), rel=1e-6)
    assert np.isfinite(odds).all()
    assert log_odds(shares, 1)[0] == pytest.approx(math.log(0.15 / 0.85), rel=1e-6)


def test_map_is_highest_where_the_answer_comes_from_and_nothing_elsewhere() -> None:
    values = occlusion_map(logistic_of_region, crop_with_bright_region(), 0)
    assert (values.shape, values.dtype) == ((SIZE, SIZE), np.float32)
    assert middle_of(values) == pytest.approx(REGION_XY, abs=1)
    # Hiding the region wholly, were nothing left of it, would cost all that it gives.
    assert 0.25 * GAIN * 210 / 255 < values.max() < GAIN * 210 / 255
    assert np.abs(values[:, 32:]).max() < 0.01 * values.max()
    assert np.abs(values[:15]).max() < 0.01 * values.max()


def test_map_agrees_with_the_stated_method_patch_by_patch() -> None:
    crop = np.random.default_rng(3).integers(0, 256, (SIZE, SIZE)).astype(np.uint8)
    blurred = cv2.GaussianBlur(
        crop.astype(np.float64), (0, 0), SIZE / 6, borderType=cv2.BORDER_REPLICATE
    )
    before = GAIN * crop[ROWS, COLUMNS].mean() / 255
    maps = []
    for part_of_side in (1 / 6, 1 / 4, 1 / 3):
        half = SIZE * part_of_side / 2
        total, weight = np.zeros((2, SIZE, SIZE))
        for y in np.arange(half / 2, SIZE, half):
            for x in np.arange(half / 2, SIZE, half):
                ys, xs = np.mgrid[:SIZE, :SIZE] + 0.5
                window = 2.0 ** -((((ys - y) / half) ** 4) + ((xs - x) / half) ** 4)
                hidden = (1 - window) * crop + window * blurred
                drop = before - GAIN * hidden[ROWS, COLUMNS].mean() / 255
                total, weight = total + window * drop, weight + window
        maps.append(total / weight)
    values = occlusion_map(logistic_of_region, crop, 0)
    # Hidden crops are rounded to whole grays: on average over 49 pixels, next to nothing.
    np.testing.assert_allclose(values, np.mean(maps, axis=0), atol=0.01)


def test_what_speaks_for_one_of_two_labels_speaks_against_the_other() -> None:
    crop = crop_with_bright_region()
    one, other = (occlusion_map(logistic_of_region, crop, k) for k in (0, 1))
    np.testing.assert_allclose(one, -other, atol=1e-5)
    assert other.min() < -1


def test_an_answer_that_depends_on_nothing_has_a_map_of_zeros() -> None:
    crop = np.random.default_rng(1).integers(0, 256, (44, 44)).astype(np.uint8)
    values = occlusion_map(lambda crops: np.full((len(crops), 3), 1 / 3, np.float32), crop, 2)
    assert (values == 0).all()


def test_the_model_is_asked_once_for_all_patches() -> None:
    asked: list[int] = []

    def count(crops: UInt8Array) -> FloatArray:
        asked.append(len(crops))
        return logistic_of_region(crops)

    occlusion_map(count, crop_with_bright_region(), 0)
    assert asked == [1 + 12**2 + 8**2 + 6**2]


@pytest.mark.parametrize(
    "crop", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4)), np.zeros((0, 0))]
)
def test_only_a_gray_crop_is_taken(crop: UInt8Array) -> None:
    with pytest.raises(ShapeError, match="crop"):
        occlusion_map(logistic_of_region, crop, 0)


@pytest.mark.parametrize("roll_degrees", [0.0, 35.0, -70.0])
def test_map_lands_on_the_spot_of_the_photo_also_for_a_rolled_face(
    region_bundle: Path, roll_degrees: float
) -> None:
    box, frame = Box(140, 90, 300, 260), CropFrame(scale=1.1, shift_x=0.04, shift_y=-0.05)
    # Where the region of the crop lies in the photo, by the definition of a crop frame.
    angle, side = math.radians(roll_degrees), 1.1 * math.sqrt(160 * 170)
    right = np.array([math.cos(angle), math.sin(angle)])
    down = np.array([-math.sin(angle), math.cos(angle)])
    middle = np.array(box.centre) + 0.04 * 160 * right - 0.05 * 170 * down
    away = (np.array(REGION_XY) / SIZE - 0.5) * side
    spot = middle + away[0] * right + away[1] * down

    photo = np.full((360, 420, 3), 30, np.uint8)
    cv2.circle(photo, (round(spot[0] - 0.5), round(spot[1] - 0.5)), 14, (240, 240, 240), -1)
    reader = Recognizer(region_bundle, Fixed(rolled_face(box, roll_degrees)), crop_frame=frame)
    explanation = reader.explain(photo, label="happy")
    assert explanation.label == "happiness"
    assert explanation.strongest > 0.5

    on_photo = explanation.on_picture()
    assert on_photo.shape == (360, 420)
    assert middle_of(on_photo) == pytest.approx(spot, abs=4)
    shown = np.array([[x + 0.5, y + 0.5] for y in range(0, 360, 7) for x in range(0, 420, 7)])
    off = (shown - middle) @ np.stack([right, down], axis=1)
    inside = (np.abs(off) < side / 2).all(axis=1)
    assert (~np.isnan(on_photo[::7, ::7]).ravel() == inside).all()

    # The view is drawn of the same square: its brightest spot is the map's.
    view = explanation.view_bgr[:, :, 0]
    assert middle_of(explanation.on_view()) == pytest.approx(
        middle_of(np.where(view > 200, 1, 0).astype(np.float32)), abs=8
    )


def test_a_map_laid_over_its_own_crop_is_itself() -> None:
    values = np.random.default_rng(0).normal(size=(12, 12)).astype(np.float32)
    same = project(values, CropSquare(6, 6, 12), np.eye(3), (12, 12))
    np.testing.assert_allclose(same, values, atol=1e-6)
    shifted = project(values, CropSquare(6, 6, 12), np.eye(3), (14, 10))
    np.testing.assert_allclose(shifted[:, :12], values[:10], atol=1e-6)
    assert np.isnan(shifted[:, 12:]).all()


def test_parts_are_read_off_the_map_at_the_landmarks(region_bundle: Path) -> None:
    box = Box(100, 100, 196, 196)
    face = rolled_face(box, 0)
    # The person's right eye lies on the region: 2 pixels of the photo for each of the crop's.
    eye = (100 + 2 * REGION_XY[0], 100 + 2 * REGION_XY[1])
    face = DetectedFace(box, 0.9, (eye, (188.0, eye[1]), *(face.landmarks or ())[2:]))
    photo = np.full((300, 300, 3), 30, np.uint8)
    cv2.circle(photo, (round(eye[0]), round(eye[1])), 8, (240, 240, 240), -1)
    reader = Recognizer(region_bundle, Fixed(face), crop_frame=CropFrame())
    explanation = reader.explain(photo, label="happiness")
    parts = explanation.parts
    assert list(parts) == ["right eye", "left eye", "nose", "mouth"]
    assert parts["right eye"] == pytest.approx(explanation.strongest, rel=0.1)
    assert abs(parts["left eye"]) < 0.02
    assert explanation.to_words().startswith(f"right eye {times(parts['right eye'])}, ")


@pytest.fixture
def explanation(region_bundle: Path) -> Explanation:
    face = rolled_face(Box(40, 40, 160, 160), 10)
    photo = np.random.default_rng(2).integers(0, 256, (200, 220, 3)).astype(np.uint8)
    return Recognizer(region_bundle, Fixed(face)).explain(photo)


def test_explanation_is_frozen_and_has_the_answer_that_analyze_gives(
    region_bundle: Path, explanation: Explanation
) -> None:
    photo = np.random.default_rng(2).integers(0, 256, (200, 220, 3)).astype(np.uint8)
    reader = Recognizer(region_bundle, Fixed(rolled_face(Box(40, 40, 160, 160), 10)))
    (face,) = reader.analyze(photo)
    assert explanation.label == face.expression.dominant
    assert explanation.probability == pytest.approx(face.expression.confidence, abs=1e-6)
    assert explanation.face.box == face.box
    assert explanation.bundle == "tiny"
    np.testing.assert_array_equal(explanation.crop_gray, reader.crop(photo, [face])[0])
    with pytest.raises(AttributeError):
        explanation.label = "fear"  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        explanation.map[0, 0] = 1


def test_the_label_that_is_asked_for_is_explained_not_the_dominant(region_bundle: Path) -> None:
    face = rolled_face(Box(40, 40, 160, 160), 0)
    reader = Recognizer(region_bundle, Fixed(face))
    bright = np.full((200, 200, 3), 250, np.uint8)
    bright[:60] = 0
    happy, sad = (reader.explain(bright, label=label) for label in ("happiness", "sadness"))
    assert happy.label == reader.analyze(bright)[0].expression.dominant
    assert happy.probability > sad.probability
    # What made happiness likely made sadness unlikely.
    assert happy.map.max() * sad.map.min() < 0


def test_to_dict_is_json_with_units_and_the_whole_map(explanation: Explanation) -> None:
    told = json.loads(json.dumps(explanation.to_dict()))
    assert np.array(told["map"]).shape == (SIZE, SIZE)
    np.testing.assert_allclose(told["map"], explanation.map, atol=1e-4)
    assert "log-odds" in told["unit"]
    assert set(told["square"]) == {"centre_x", "centre_y", "side_px", "roll_degrees"}
    assert told["square"]["roll_degrees"] == pytest.approx(10, abs=0.01)
    assert told["face"]["expression"]["probabilities"][told["label"]] == told["probability"]


def test_no_face_bad_pictures_and_unknown_labels_are_named(
    region_bundle: Path, tmp_path: Path
) -> None:
    reader = Recognizer(region_bundle, Fixed())
    photo = np.zeros((50, 60, 3), np.uint8)
    with pytest.raises(FaceError, match="no face found by blazeface"):
        reader.explain(photo)
    with pytest.raises(LabelError, match="boredom"):
        reader.explain(photo, label="boredom")
    with pytest.raises(ImageError, match=r"none\.png"):
        reader.explain(tmp_path / "none.png")
    seven = Recognizer(region_bundle, Fixed(), label_set="fer2013")
    with pytest.raises(LabelError, match="contempt"):
        seven.explain(photo, label="contempt")


def test_every_face_of_a_picture_can_be_explained_by_itself(region_bundle: Path) -> None:
    faces = [rolled_face(Box(x, 40, x + 96, 136), 0) for x in (20, 180)]
    photo = np.full((180, 300, 3), 30, np.uint8)
    # Only the second face has the bright spot that the answer comes from.
    cv2.circle(photo, (180 + 2 * 12, 40 + 2 * 33), 9, (240, 240, 240), -1)
    reader = Recognizer(region_bundle, Fixed(*faces), crop_frame=CropFrame(align=False))
    dark, bright = (reader.explain(photo, face, label="happiness") for face in faces)
    assert dark.is_weak and not bright.is_weak
    assert "no part matters" in dark.to_words()
    assert reader.explain(photo, label="happiness").square == dark.square


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (math.log(2.7), "x2.7"),
        (0.0, "x1"),
        (-math.log(2), "x0.5"),
        (math.log(36), "x36"),
        (-math.log(12), "x1/12"),
        (90.0, "x1000"),
    ],
)
def test_a_drop_is_told_as_the_factor_of_the_odds(value: float, words: str) -> None:
    assert times(value) == words
    assert words.isascii()


def test_label_sets_order_is_the_bundles(explanation: Explanation) -> None:
    assert list(explanation.face.expression) == list(FERPLUS.labels)
