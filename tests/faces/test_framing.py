"""Framing recovers the frame of a detector whose boxes are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.core.errors import BundleError, DetectorError, ShapeError
from mien.core.imaging import CropFrame, crop_face
from mien.core.types import Box
from mien.faces import DetectedFace
from mien.faces.framing import lay_on_canvas, measure_frame, read_frames, write_frames

REPO = Path(__file__).resolve().parents[2]


def make_faces(n: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (n, 48, 48), dtype=np.uint8)


def boxes_for(frame: CropFrame, *, width_over_height: float, roll_degrees: float = 0.0) -> Any:
    """A detector whose boxes `frame` leads back to the middle square of half a canvas."""

    def see(image_bgr: NDArray[np.uint8]) -> list[DetectedFace]:
        side = image_bgr.shape[0]
        mean_side = side / 2 / frame.scale
        width = mean_side * math.sqrt(width_over_height)
        height = mean_side / math.sqrt(width_over_height)
        roll = math.radians(roll_degrees)
        along, down = frame.shift_x * width, frame.shift_y * height
        x = side / 2 - (math.cos(roll) * along - math.sin(roll) * down)
        y = side / 2 - (math.sin(roll) * along + math.cos(roll) * down)
        eye = (10 * math.cos(roll), 10 * math.sin(roll))
        landmarks = ((x - eye[0], y - eye[1]), (x + eye[0], y + eye[1]), *((x, y),) * 3)
        box = Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)
        return [DetectedFace(box, 0.9, landmarks if frame.align else None)]

    return see


@pytest.mark.parametrize("roll_degrees", [0.0, 20.0, -35.0])
def test_scale_and_shift_come_back_whatever_the_roll(stand_in: Any, roll_degrees: float) -> None:
    wanted = CropFrame(scale=1.25, shift_x=0.03, shift_y=-0.08, align=True)
    see = boxes_for(wanted, width_over_height=0.8, roll_degrees=roll_degrees)
    measured = measure_frame(stand_in(see), make_faces())
    assert measured.frame.scale == pytest.approx(wanted.scale)
    assert measured.frame.shift_x == pytest.approx(wanted.shift_x)
    assert measured.frame.shift_y == pytest.approx(wanted.shift_y)
    assert measured.frame.align
    assert measured.recall == 1
    assert measured.spread_scale == pytest.approx(0, abs=1e-9)


def test_a_measured_frame_crops_the_very_face_that_was_shown(stand_in: Any) -> None:
    wanted = CropFrame(scale=0.9, shift_x=-0.02, shift_y=0.05, align=False)
    detector = stand_in(boxes_for(wanted, width_over_height=1.0))
    faces = make_faces()
    frame = measure_frame(detector, faces, face_px=96).frame
    assert not frame.align
    smooth = np.tile(np.linspace(20, 230, 48).astype(np.uint8), (48, 1))
    canvas_bgr, square = lay_on_canvas(smooth, face_px=96, canvas_ratio=2.0)
    assert (square.x1, square.x2) == (48, 144)
    (face,) = detector.detect(canvas_bgr)
    crop = crop_face(canvas_bgr[:, :, 0], face.box, size=48, frame=frame)
    np.testing.assert_allclose(crop.astype(int), smooth.astype(int), atol=4)


def test_medians_withstand_wild_boxes_and_spread_is_a_standard_deviation(stand_in: Any) -> None:
    generator = np.random.default_rng(1)

    def see(image_bgr: NDArray[np.uint8]) -> list[DetectedFace]:
        middle = image_bgr.shape[0] / 2
        half = 20.0 if generator.random() < 0.1 else 100 / generator.normal(1.1, 0.05)
        return [DetectedFace(Box(middle - half, middle - half, middle + half, middle + half), 0.9)]

    measured = measure_frame(stand_in(see), make_faces(600))
    assert measured.frame.scale == pytest.approx(1.1, abs=0.02)
    assert measured.spread_scale == pytest.approx(0.05, rel=0.3)


def test_faces_found_elsewhere_and_surer_ones_do_not_count(stand_in: Any) -> None:
    def see(image_bgr: NDArray[np.uint8]) -> list[DetectedFace]:
        corner = DetectedFace(Box(0, 0, 30, 30), 0.99)
        middle = image_bgr.shape[0] / 2
        right = Box(middle - 100, middle - 100, middle + 100, middle + 100)
        unsure = Box(middle - 50, middle - 50, middle + 50, middle + 50)
        return [DetectedFace(unsure, 0.6), DetectedFace(right, 0.8), corner]

    assert measure_frame(stand_in(see), make_faces()).frame.scale == pytest.approx(1.0)


def test_too_few_faces_are_no_measurement(stand_in: Any) -> None:
    with pytest.raises(DetectorError, match="found 0 of 40"):
        measure_frame(stand_in(lambda image: []), make_faces())


def test_faces_must_be_square(stand_in: Any) -> None:
    with pytest.raises(ShapeError, match="square"):
        measure_frame(stand_in(lambda image: []), np.zeros((3, 48, 40), np.uint8))


def test_frames_survive_their_file(stand_in: Any, tmp_path: Path) -> None:
    wanted = CropFrame(scale=1.125, shift_x=0.0, shift_y=-0.0625, align=True)
    measured = measure_frame(stand_in(boxes_for(wanted, width_over_height=1.0)), make_faces())
    write_frames(tmp_path / "frames.json", [measured], data="random")
    assert read_frames(tmp_path / "frames.json") == {"stand-in": wanted}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"detectors": {"a": {"frame": {"size": 1}}}}'])
def test_other_files_have_no_frames(text: str, tmp_path: Path) -> None:
    path = tmp_path / "frames.json"
    path.write_text(text)
    with pytest.raises(BundleError, match="mien frames"):
        read_frames(path)
    with pytest.raises(BundleError, match="cannot read"):
        read_frames(tmp_path / "none.json")


def test_the_kept_frames_are_near_the_box_and_upright() -> None:
    frames = read_frames(REPO / "recipes" / "crop_frames.json")
    assert set(frames) == {"blazeface", "yunet", "haar"}
    for frame in frames.values():
        assert 0.9 < frame.scale < 1.3
        assert abs(frame.shift_x) < 0.02
        assert abs(frame.shift_y) < 0.1
    assert frames["blazeface"].align and frames["yunet"].align and not frames["haar"].align
