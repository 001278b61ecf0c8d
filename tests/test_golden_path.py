"""One face, by every path that there is, is one and the same array to a model.

Data readers, training, evaluation, Python, the command line and REST each bring a picture to
a network in their own way. Here the arrays that arrive are compared: bit for bit where the
code promises it, within rounding where training works in torch.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner

import mien
from mien.bundle.load import load_bundle
from mien.cli.main import app
from mien.core.session import OnnxSession
from mien.data import open_dataset
from mien.evaluation.predictors import BundlePredictor
from mien.recognition import api
from mien.recognition.recognizer import Recognizer
from mien.training.batches import FaceBatches, make_loader
from tests.bundles import MEAN, SIZE, STD, write_tiny_bundle
from tests.fer2013_files import csv_text, write_packed

UInt8Array = NDArray[np.uint8]
Seen = Callable[[], NDArray[np.float32]]


@pytest.fixture(scope="module")
def face_gray(tmp_path_factory: pytest.TempPathFactory) -> UInt8Array:
    """The astronaut's face as FER2013 would have it: 48 x 48, gray."""
    image = cv2.imread(str(Path(__file__).parent / "assets" / "astronaut.png"))
    assert image is not None
    gray = cv2.cvtColor(image[60:180, 165:285], cv2.COLOR_BGR2GRAY)
    return np.asarray(cv2.resize(gray, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_bundle(tmp_path_factory.mktemp("golden"))


@pytest.fixture
def model_input(face_gray: UInt8Array) -> NDArray[np.float32]:
    """What must arrive, worked out without mien's code."""
    values = face_gray.astype(np.float32) / np.float32(255)
    return ((values - np.float32(MEAN)) / np.float32(STD))[None, None]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """Gives the one batch that reached ONNX Runtime since the last call."""
    batches: list[NDArray[np.float32]] = []
    run = OnnxSession.run

    def record(self: OnnxSession, batch: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        batches.append(batch.copy())
        return run(self, batch)

    def take() -> NDArray[np.float32]:
        (batch,) = batches
        batches.clear()
        return batch

    monkeypatch.setattr(OnnxSession, "run", record)
    api._open.cache_clear()
    yield take
    api._open.cache_clear()


def png_of(image: UInt8Array) -> bytes:
    done, encoded = cv2.imencode(".png", image)
    assert done
    return encoded.tobytes()


def test_readers_of_csv_and_folders_give_the_same_pixels(
    face_gray: UInt8Array, tmp_path: Path
) -> None:
    table = write_packed(tmp_path / "fer2013.csv", csv_text(face_gray[None], [3], ["Training"]))
    tree = tmp_path / "tree" / "train" / "happy"
    tree.mkdir(parents=True)
    (tree / "face.png").write_bytes(png_of(face_gray))
    for source in (table, tmp_path / "tree"):
        dataset = open_dataset(source, cache_dir=tmp_path / "cache")
        np.testing.assert_array_equal(dataset.images_gray[0], face_gray)
        assert dataset.label_set.labels[int(dataset.class_ids[0])] == "happiness"


def test_training_feeds_the_network_what_serving_does(
    face_gray: UInt8Array, model_input: NDArray[np.float32]
) -> None:
    from mien.training.module import FaceModule
    from mien.training.recipe import load_recipe

    recipe = load_recipe(Path(__file__).resolve().parents[1] / "recipes" / "mien-s-first.toml")
    arrived: list[torch.Tensor] = []

    class Watch(torch.nn.Module):
        def forward(self, images: torch.Tensor) -> dict[str, torch.Tensor]:
            arrived.append(images)
            return {}

    module = FaceModule(Watch(), recipe, {}, {})
    module._log_epoch = lambda *_: None  # type: ignore[method-assign]
    (batch,) = make_loader(FaceBatches(face_gray[None], SIZE), batch_size=1)
    module.validation_step(batch, 0)
    spec = recipe.input
    gray = model_input * STD + MEAN
    expected = (gray - spec.mean) / spec.std
    np.testing.assert_allclose(arrived[0].numpy(), expected, atol=2e-6)


def test_evaluation_and_python_feed_the_same_array(
    face_gray: UInt8Array,
    model_input: NDArray[np.float32],
    bundle: Path,
    seen: Seen,
    tmp_path: Path,
) -> None:
    path = tmp_path / "face.png"
    path.write_bytes(png_of(face_gray))
    BundlePredictor(load_bundle(bundle)).predict_logits(face_gray[None])
    np.testing.assert_array_equal(seen(), model_input)
    colour = np.repeat(face_gray[:, :, None], 3, axis=2)
    forms = (path, str(path), path.read_bytes(), Image.fromarray(face_gray), face_gray, colour)
    reader = Recognizer(bundle, "full")
    for form in forms:
        reader.analyze(form)
        np.testing.assert_array_equal(seen(), model_input)
        mien.analyze(form, bundle=bundle, detector="full")
        np.testing.assert_array_equal(seen(), model_input)
    list(reader.analyze_many(forms))
    np.testing.assert_array_equal(seen(), np.repeat(model_input, len(forms), axis=0))


def test_the_command_line_feeds_the_same_array(
    face_gray: UInt8Array,
    model_input: NDArray[np.float32],
    bundle: Path,
    seen: Seen,
    tmp_path: Path,
) -> None:
    path, crops = tmp_path / "face.png", tmp_path / "crops"
    path.write_bytes(png_of(face_gray))
    words = ["predict", str(path), "--detector", "full", "--bundle", str(bundle)]
    done = CliRunner().invoke(app, [*words, "--crops", str(crops)])
    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(seen(), model_input)
    kept = cv2.imread(str(crops / "face.png.face1.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(kept, face_gray)


def test_rest_feeds_the_same_array(
    face_gray: UInt8Array, model_input: NDArray[np.float32], bundle: Path, seen: Seen
) -> None:
    from mien.web.settings import load_settings
    from tests.web.running import RunningServer

    server = RunningServer(load_settings(port=0, bundle=str(bundle), detector="full"))
    try:
        picture = {"image": ("face.png", png_of(face_gray))}
        reply = httpx.post(f"{server.url}/v1/analyze", files=picture, timeout=20)
    finally:
        server.stop()
    assert reply.status_code == 200, reply.text
    np.testing.assert_array_equal(seen(), model_input)


@pytest.mark.parametrize("factor", [2, 3])
def test_a_larger_face_is_averaged_alike_by_readers_and_serving(
    factor: int, face_gray: UInt8Array, bundle: Path, seen: Seen, tmp_path: Path
) -> None:
    generator = np.random.default_rng(0)
    large = generator.integers(0, 256, (factor * SIZE, factor * SIZE), dtype=np.uint8)
    tree = tmp_path / "train" / "sad"
    tree.mkdir(parents=True)
    (tree / "face.png").write_bytes(png_of(large))
    dataset = open_dataset(tmp_path)
    Recognizer(bundle, "full").analyze(large)
    served = seen()[0, 0] * np.float32(STD) + np.float32(MEAN)
    np.testing.assert_allclose(255 * served, dataset.images_gray[0], atol=1e-3)


def test_a_turned_photo_is_read_upright_everywhere(
    face_gray: UInt8Array,
    model_input: NDArray[np.float32],
    bundle: Path,
    seen: Seen,
    tmp_path: Path,
) -> None:
    # As a phone held sideways stores it: turned pixels, and a note to turn them back.
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(face_gray)))
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    turned.save(data, "PNG", exif=exif)
    Recognizer(bundle, "full").analyze(data.getvalue())
    np.testing.assert_array_equal(seen(), model_input)
    tree = tmp_path / "train" / "happy"
    tree.mkdir(parents=True)
    (tree / "face.png").write_bytes(data.getvalue())
    np.testing.assert_array_equal(open_dataset(tmp_path).images_gray[0], face_gray)
