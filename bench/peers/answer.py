"""The peers that run in Python: read faces, write what the networks answer, say what they are.

    PYTHON -m bench.peers.answer PEER --faces FILE --answers FILE [--turns N]

The faces are raw bytes, n x 48 x 48; the answers raw float32, n x 7. Each network is run alone,
on what its library would give it for this crop: no detector, no padding. Run by
`python -m bench.peers`, in the Python that has the peers, which may have no mien.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import NOT_HERE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SIDE_PX, BATCH = 48, 64
FER_SIDE_PX = 64
FER_RUNS_ON = ("tensorflow-cpu", "opencv-python-headless")


@dataclass(frozen=True)
class Opened:
    """A network that is ready.

    Attributes:
        answer: Faces (n, 48, 48) uint8 to scores (n, 7), in the library's order.
        weights: The file that they were read from.
        parameters: How many there are, or None where the file does not say.
        package: That has the weights.
        runs_on: The packages that compute.
    """

    answer: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
    weights: Path
    parameters: int | None
    package: str
    runs_on: tuple[str, ...]


def folder_of(package: str) -> Path:
    """Return the folder of an installed package, without importing it and what it imports.

    Raises:
        ModuleNotFoundError: If it is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {package!r}")
    return Path(spec.submodule_search_locations[0])


def prepare_fer(images_gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what `fer` gives its network: 64 x 64 by OpenCV, -1..1, (n, 64, 64, 1) float32.

    As `FER.detect_emotions` of fer 25.10.3 has it, whichever network is chosen.
    """
    import cv2
    import numpy as np

    resized = [cv2.resize(face, (FER_SIDE_PX, FER_SIDE_PX)) for face in images_gray]
    return ((np.array(resized, np.float32) / 255.0 - 0.5) * 2.0)[..., None]


def prepare_pyemotion(images_gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what `PyEmotion` gives its network: -1..1 at 48 pixels, (n, 1, 48, 48) float32.

    As the transform of PyEmotion 1.0.0 has it, whose resizing changes nothing at this size.
    """
    import numpy as np

    return ((images_gray.astype(np.float32) / 255.0 - 0.5) / 0.5)[:, None]


def open_fer_keras() -> Opened:
    """Return the network of `FER(use_tflite=False)`."""
    import keras
    import numpy as np

    weights = folder_of("fer") / "data" / "emotion_model.hdf5"
    model = keras.models.load_model(weights, compile=False)

    def answer(images_gray: NDArray[np.uint8]) -> NDArray[np.float32]:
        return np.asarray(model(prepare_fer(images_gray), training=False), np.float32)

    return Opened(answer, weights, model.count_params(), "fer", (*FER_RUNS_ON, "keras"))


def open_fer_tflite() -> Opened:
    """Return the network of `FER()`, which is quantised and answers one face at a time."""
    import numpy as np
    import tensorflow as tf

    weights = folder_of("fer") / "data" / "emotion_model_quantized.tflite"
    interpreter = tf.lite.Interpreter(model_path=str(weights), num_threads=1)
    interpreter.allocate_tensors()
    face_at = interpreter.get_input_details()[0]["index"]
    scores_at = interpreter.get_output_details()[0]["index"]

    def answer(images_gray: NDArray[np.uint8]) -> NDArray[np.float32]:
        scores = []
        for face in prepare_fer(images_gray):
            interpreter.set_tensor(face_at, face[None])
            interpreter.invoke()
            scores.append(interpreter.get_tensor(scores_at)[0])
        return np.array(scores, np.float32)

    return Opened(answer, weights, None, "fer", FER_RUNS_ON)


def open_pyemotion() -> Opened:
    """Return the network of `PyEmotion`, whose scores are sigmoids that do not sum to 1."""
    import numpy as np
    import torch

    folder = folder_of("PyEmotion")
    # Its own __init__ imports a face detector and a banner.
    spec = importlib.util.spec_from_file_location("pyemotion_networks", folder / "networks.py")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError("No module named 'PyEmotion.networks'")
    networks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(networks)
    network = networks.NetworkV2(in_c=1, nl=32, out_f=7)
    weights = folder / "model" / "main_model.pkl"
    network.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["network"])
    network.eval()
    torch.set_num_threads(1)

    def answer(images_gray: NDArray[np.uint8]) -> NDArray[np.float32]:
        with torch.inference_mode():
            scores = network(torch.from_numpy(prepare_pyemotion(images_gray)))
        return np.asarray(scores.numpy(), np.float32)

    parameters = sum(weight.numel() for weight in network.parameters())
    return Opened(answer, weights, parameters, "PyEmotion", ("torch",))


PEERS: dict[str, Callable[[], Opened]] = {
    "fer": open_fer_tflite,
    "fer-keras": open_fer_keras,
    "pyemotion": open_pyemotion,
}


def time_faces(opened: Opened, faces: NDArray[np.uint8], turns: int) -> list[float]:
    """Return the milliseconds of single faces, after a tenth that warms up."""
    took = []
    for turn in range(turns):
        face = faces[turn % len(faces)][None]
        begun = time.perf_counter()
        opened.answer(face)
        took.append(1000 * (time.perf_counter() - begun))
    return took[-(-turns // 10) :]


def describe(opened: Opened, ms: list[float]) -> dict[str, Any]:
    """Return what the other end should know of a peer, JSON-ready."""
    contents = opened.weights.read_bytes()
    file = {
        "name": opened.weights.name,
        "bytes": len(contents),
        "sha256": hashlib.sha256(contents).hexdigest(),
    }
    return {
        "version": version(opened.package),
        "parameters": opened.parameters,
        "files": [file],
        "runs_on": {package: version(package) for package in opened.runs_on},
        "ms": ms,
    }


def main() -> int:
    """Answer for all faces; return `NOT_HERE` where the peer is not installed."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers.answer")
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("--faces", type=Path, required=True)
    parser.add_argument("--answers", type=Path, required=True)
    parser.add_argument("--turns", type=int, default=0)
    wanted = parser.parse_args()
    try:
        opened = PEERS[wanted.peer]()
    except ImportError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_HERE

    import numpy as np

    faces = np.fromfile(wanted.faces, np.uint8).reshape(-1, SIDE_PX, SIDE_PX)
    batches = range(0, len(faces), BATCH)
    scores = [opened.answer(faces[start : start + BATCH]) for start in batches]
    np.concatenate(scores).astype("<f4").tofile(wanted.answers)
    facts = describe(opened, time_faces(opened, faces, wanted.turns))
    sys.stdout.write(f"\n{json.dumps(facts)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
