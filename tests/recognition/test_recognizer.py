"""A recognizer reads what its parts say, one picture or many, from any thread."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.core.errors import BundleError, DetectorError, ImageError, LabelError, ShapeError
from mien.core.imaging import CropFrame, crop_face, to_gray
from mien.core.labels import FER2013, FERPLUS
from mien.core.types import Box, FrameResult
from mien.faces import DetectedFace
from mien.recognition import batches
from mien.recognition.recognizer import Recognizer
from tests.bundles import CROP_FRAMES, MEAN, SIZE, STD, linear_weights, write_tiny_bundle

UInt8Array = NDArray[np.uint8]


class Fixed:
    """A detector that sees the same boxes in every picture."""

    name = frame_key = "full"
    threshold = 0.25
    weights_sha256 = "ab" * 32

    def __init__(self, *boxes: Box) -> None:
        self.boxes = boxes

    def detect(self, image_bgr: UInt8Array) -> list[DetectedFace]:
        return [DetectedFace(box, 0.9) for box in self.boxes]


def softmax_of_linear(crop_gray: UInt8Array) -> NDArray[np.float64]:
    """What the tiny bundle must answer for FER+, worked out in double precision."""
    pixels = (crop_gray.ravel() / 255.0 - MEAN) / STD
    logits = pixels @ linear_weights(FERPLUS).astype(np.float64)
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def probabilities(result: FrameResult) -> NDArray[np.float64]:
    return np.array([list(face.expression.probabilities.values()) for face in result])


def plain(result: FrameResult) -> tuple:
    """A result without what differs from run to run: its times."""
    return result.size, result.faces, result.source, result.error, result.index


def test_the_face_is_read_by_the_crop_of_its_own_detectors_frame(
    recognizer: Recognizer, astronaut_bgr: UInt8Array
) -> None:
    result = recognizer.analyze(astronaut_bgr)
    (face,) = result
    crop = crop_face(
        to_gray(astronaut_bgr),
        face.box,
        size=SIZE,
        frame=CROP_FRAMES["blazeface"],
        landmarks=face.landmarks,
    )
    np.testing.assert_allclose(probabilities(result)[0], softmax_of_linear(crop), atol=1e-5)
    assert list(face.expression) == list(FERPLUS.labels)
    assert result.size == (512, 512)
    assert result.detector == "blazeface"
    assert set(result.milliseconds) == {"decode", "detect", "crop", "classify"}
    assert all(spent >= 0 for spent in result.milliseconds.values())


def test_a_result_names_threshold_and_weights_of_its_detector(
    recognizer: Recognizer, astronaut_bgr: UInt8Array
) -> None:
    result = recognizer.analyze(astronaut_bgr)
    assert result.detector_threshold == 0.6
    assert result.detector_sha256 == recognizer.detector.weights_sha256
    assert result.to_dict()["detector_sha256"].startswith("99bf9494")


def test_every_form_of_a_picture_is_read_alike(
    recognizer: Recognizer, astronaut_path: Path, astronaut_bgr: UInt8Array
) -> None:
    expected = recognizer.analyze(astronaut_bgr).faces
    rgb = np.ascontiguousarray(astronaut_bgr[:, :, ::-1])
    assert recognizer.analyze(astronaut_path).faces == expected
    assert recognizer.analyze(str(astronaut_path)).faces == expected
    assert recognizer.analyze(astronaut_path.read_bytes()).faces == expected
    assert recognizer.analyze(Image.fromarray(rgb)).faces == expected
    assert recognizer.analyze(rgb, colour_order="rgb").faces == expected


def test_a_path_is_the_source_unless_another_is_given(
    recognizer: Recognizer, astronaut_path: Path
) -> None:
    assert recognizer.analyze(astronaut_path).source == str(astronaut_path)
    named = recognizer.analyze(astronaut_path, source="camera", index=7, timestamp_s=1.5)
    assert (named.source, named.index, named.timestamp_s) == ("camera", 7, 1.5)


def test_no_face_is_an_empty_result(recognizer: Recognizer) -> None:
    result = recognizer.analyze(np.zeros((120, 160, 3), np.uint8))
    assert result.faces == ()
    assert result.error is None
    assert result.size == (160, 120)


def test_what_is_no_picture_is_an_error(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"none\.png"):
        recognizer.analyze(tmp_path / "none.png")
    with pytest.raises(ShapeError, match="float64"):
        recognizer.analyze(np.zeros((4, 4, 3)))  # type: ignore[arg-type]


def test_many_pictures_are_read_as_one_by_one(
    recognizer: Recognizer, astronaut_bgr: UInt8Array
) -> None:
    pictures = [
        astronaut_bgr,
        np.zeros((50, 60, 3), np.uint8),
        np.ascontiguousarray(astronaut_bgr[:, ::-1]),
        np.ascontiguousarray(astronaut_bgr[:300, 100:400]),
    ]
    alone = [recognizer.analyze(picture) for picture in pictures]
    for batch_faces in (1, 2, 32):
        together = list(recognizer.analyze_many(pictures, batch_faces=batch_faces))
        assert [result.index for result in together] == [0, 1, 2, 3]
        assert [result.size for result in together] == [result.size for result in alone]
        for one, other in zip(alone, together, strict=True):
            assert [face.box for face in one] == [face.box for face in other]
            if len(one):
                np.testing.assert_allclose(probabilities(one), probabilities(other), atol=1e-6)


def test_a_bad_picture_is_a_result_in_its_place(
    recognizer: Recognizer, astronaut_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    pictures = [tmp_path / "text.jpg", astronaut_path, tmp_path / "none.jpg", b"", np.zeros(3)]
    results = list(recognizer.analyze_many(pictures))  # type: ignore[arg-type]
    assert [len(result) for result in results] == [0, 1, 0, 0, 0]
    errors = [result.error for result in results]
    assert errors[1] is None
    assert all(errors[i] for i in (0, 2, 3, 4))
    assert results[0].source == str(tmp_path / "text.jpg")
    assert str(tmp_path) not in errors[0]
    assert results[0].size == (0, 0)


def test_memory_stays_constant_over_an_endless_stream(tiny_bundle: Path) -> None:
    taken = 0

    def endless() -> Iterator[UInt8Array]:
        nonlocal taken
        while True:
            taken += 1
            yield np.full((64, 64, 3), taken % 256, np.uint8)

    reader = Recognizer(tiny_bundle, Fixed(Box(0, 0, 64, 64)))
    results = reader.analyze_many(endless(), batch_faces=5)
    for index in range(12):
        assert next(results).index == index
    assert taken == 15


def test_pictures_without_faces_do_not_hold_back_results(recognizer: Recognizer) -> None:
    taken: list[int] = []

    def blank() -> Iterator[UInt8Array]:
        for number in range(1000):
            taken.append(number)
            yield np.zeros((8, 8, 3), np.uint8)

    next(recognizer.analyze_many(blank()))
    assert len(taken) == batches.BATCH_PICTURES


def test_the_model_runs_once_for_the_faces_of_several_pictures(
    tiny_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Recognizer(tiny_bundle, Fixed(Box(0, 0, 30, 30), Box(20, 20, 60, 60)))
    sizes: list[int] = []
    classify = reader.classify

    def count(crops_gray: UInt8Array) -> NDArray[np.float32]:
        sizes.append(len(crops_gray))
        return classify(crops_gray)

    monkeypatch.setattr(reader, "classify", count)
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert len(list(reader.analyze_many([picture] * 5, batch_faces=4))) == 5
    assert sizes == [4, 4, 2]


def test_a_batch_below_one_face_is_refused_at_once(recognizer: Recognizer) -> None:
    with pytest.raises(ShapeError, match="at least 1"):
        recognizer.analyze_many([], batch_faces=0)


def test_boxes_past_the_edge_and_tiny_ones_are_read(tiny_bundle: Path) -> None:
    boxes = (
        Box(-40, -30, 30, 50),
        Box(90, 90, 400, 300),
        Box(10, 10, 10.5, 10.2),
        Box(0, 0, 99, 2),
    )
    result = Recognizer(tiny_bundle, Fixed(*boxes)).analyze(np.full((100, 100, 3), 9, np.uint8))
    assert [face.box for face in result] == list(boxes)
    np.testing.assert_allclose(probabilities(result).sum(axis=1), 1, atol=1e-5)


def test_threads_share_a_recognizer(recognizer: Recognizer, astronaut_bgr: UInt8Array) -> None:
    pictures = [np.ascontiguousarray(np.roll(astronaut_bgr, 25 * k, axis=1)) for k in range(4)]
    alone = [plain(recognizer.analyze(picture)) for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = [plain(result) for result in pool.map(recognizer.analyze, pictures * 2)]
    assert together == alone * 2


def test_a_label_set_is_chosen_among_the_heads(
    tiny_bundle: Path, astronaut_bgr: UInt8Array
) -> None:
    reader = Recognizer(tiny_bundle, "full", label_set="fer2013")
    (face,) = reader.analyze(astronaut_bgr)
    assert list(face.expression) == list(FER2013.labels)
    assert face.expression.label_set == "fer2013"
    with pytest.raises((BundleError, LabelError), match="affectnet"):
        Recognizer(tiny_bundle, "full", label_set="affectnet")


def test_a_detector_without_a_frame_is_refused_unless_one_is_given(
    tmp_path: Path, astronaut_bgr: UInt8Array
) -> None:
    frames = {"full": CROP_FRAMES["full"]}
    bundle = write_tiny_bundle(tmp_path, crop_frames=frames)
    with pytest.raises(BundleError, match=r"no crop frame for detector haar.*mien frames"):
        Recognizer(bundle, "haar")
    given = CropFrame(scale=1.2)
    assert Recognizer(bundle, "haar", crop_frame=given).crop_frame == given


def test_a_cascade_from_a_file_is_framed_as_haar(tiny_bundle: Path) -> None:
    file = Path(cv2.data.haarcascades) / "haarcascade_frontalface_alt.xml"
    assert Recognizer(tiny_bundle, f"cascade:{file}").crop_frame == CROP_FRAMES["haar"]


def test_detector_options_reach_the_detector(tiny_bundle: Path, astronaut_bgr: UInt8Array) -> None:
    assert len(Recognizer(tiny_bundle, "blazeface", min_face_px=200).analyze(astronaut_bgr)) == 0
    assert Recognizer(tiny_bundle, "blazeface", threshold=0.3).detector.threshold == 0.3
    with pytest.raises(DetectorError, match="unknown detector"):
        Recognizer(tiny_bundle, "mtcnn")


def test_auto_says_which_detector_it_took(tiny_bundle: Path, astronaut_bgr: UInt8Array) -> None:
    assert Recognizer(tiny_bundle).analyze(astronaut_bgr).detector == "blazeface"


def test_crops_are_classified_as_the_whole_path_does(
    recognizer: Recognizer, astronaut_bgr: UInt8Array
) -> None:
    result = recognizer.analyze(astronaut_bgr)
    crops = recognizer.crop(astronaut_bgr, result)
    assert crops.shape == (1, SIZE, SIZE)
    np.testing.assert_allclose(recognizer.classify(crops), probabilities(result), atol=1e-6)
    assert recognizer.classify(crops[:0]).shape == (0, len(FERPLUS))
