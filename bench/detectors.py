"""A camera's frame from JPEG to expression on one core, with each detector.

The frame is 640 x 480 with one face of about 100 px, the public picture of the tests.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import cv2

from bench import NOT_HERE
from mien.bundle.load import load_bundle
from mien.core.errors import BundleError, DetectorError
from mien.faces import Detector, open_detector
from mien.faces.yunet import SIDE_LIVE_PX, SIDE_STILL_PX, installed_weights
from mien.recognition.recognizer import Recognizer

REPO = Path(__file__).resolve().parents[1]
PHOTO = REPO / "tests" / "assets" / "astronaut.png"
BESIDE = REPO.parent / "shared" / "models" / "face_detection_yunet_2026may.onnx"
JPEG_QUALITY = 85
RUNS, SLOW_RUNS = 100, 15
FRAME_LIMIT_MS = 15.0


def camera_frame() -> bytes:
    """Return the JPEG of a 640 x 480 frame with one face."""
    image = cv2.imread(str(PHOTO))
    if image is None:
        raise FileNotFoundError(PHOTO)
    frame = cv2.copyMakeBorder(image[:480], 0, 0, 64, 64, cv2.BORDER_REFLECT_101)
    done, encoded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done or frame.shape != (480, 640, 3):
        raise RuntimeError("the frame cannot be encoded")
    return encoded.tobytes()


def measure_path(recognizer: Recognizer, frame_jpeg: bytes, runs: int) -> dict[str, Any]:
    """Return the median milliseconds of the whole path and of each of its stages."""
    for _ in range(max(2, runs // 10)):
        recognizer.analyze(frame_jpeg)
    totals: list[float] = []
    stages: dict[str, list[float]] = {}
    for _ in range(runs):
        started = time.perf_counter()
        result = recognizer.analyze(frame_jpeg)
        totals.append(1000 * (time.perf_counter() - started))
        for stage, spent in result.milliseconds.items():
            stages.setdefault(stage, []).append(spent)
    return {
        "runs": runs,
        "faces": len(result),
        "whole_frame_ms": statistics.median(totals),
        **{f"{stage}_ms": statistics.median(spent) for stage, spent in stages.items()},
    }


def open_all(yunet: Path | None) -> dict[str, Detector | str]:
    """Return the detectors by what the table calls them, or why one cannot run."""
    wanted: dict[str, tuple[str, int | None]] = {"blazeface": ("blazeface", None)}
    for side in (SIDE_LIVE_PX, SIDE_STILL_PX):
        wanted[f"yunet at {side}"] = (f"yunet:{yunet}" if yunet else "yunet", side)
    wanted["haar"] = ("haar", None)
    opened: dict[str, Detector | str] = {}
    for label, (name, side) in wanted.items():
        try:
            opened[label] = open_detector(name, side=side, threads=1)
        except DetectorError as error:
            opened[label] = str(error)
    return opened


def main() -> int:
    """Measure and print JSON; return `NOT_HERE` where there is no bundle."""
    parser = argparse.ArgumentParser(prog="python -m bench.detectors", description=__doc__)
    parser.add_argument("--bundle", default="mien-s")
    parser.add_argument("--yunet", type=Path, help="weights; else those fetched, or the data's")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    yunet = given.yunet or installed_weights() or (BESIDE if BESIDE.is_file() else None)
    try:
        bundle = load_bundle(given.bundle, threads=1)
    except BundleError as error:
        sys.stderr.write(f"{error}\n")
        return NOT_HERE
    frame_jpeg = camera_frame()
    figures: dict[str, Any] = {
        "bundle": bundle.name,
        "frame_bytes": len(frame_jpeg),
        "whole_frame_limit_ms": FRAME_LIMIT_MS,
    }
    for label, detector in open_all(yunet).items():
        if isinstance(detector, str):
            figures[label] = {"not measured": detector}
            continue
        runs = SLOW_RUNS if detector.frame_key == "haar" else RUNS
        figures[label] = measure_path(Recognizer(bundle, detector), frame_jpeg, runs)
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
