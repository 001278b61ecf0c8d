"""Pictures in, faces with expressions out.

A `Recognizer` joins a detector and a bundle and is all that the doors (Python, command line,
REST, live page) need. It is made once and used from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.bundle.bundle import Bundle
from mien.bundle.load import load_bundle
from mien.bundle.prior import DEFAULT_PRIOR, PriorLike
from mien.core.errors import BundleError, ConfigError, FaceError, ImageError, ShapeError
from mien.core.imaging import (
    ColourOrder,
    CropFrame,
    as_bgr,
    crop_face,
    crop_square,
    sharpness,
    to_gray,
)
from mien.core.types import Expression, Face, FrameResult
from mien.faces import DetectedFace, Detector, open_detector
from mien.faces.detector import DEFAULT_MIN_FACE_PX
from mien.recognition.explain import explain_face
from mien.recognition.explanation import Explanation

UInt8Array = NDArray[np.uint8]
Picture = str | Path | bytes | UInt8Array | Image.Image

# The model's cost for a face falls by about a third from 1 to 16 and hardly further.
BATCH_FACES = 32
# Results wait for a full batch of faces, but no longer than this many pictures.
BATCH_PICTURES = 64


@dataclass
class _Located:
    """A picture whose faces are found and cut out, but not read yet."""

    size: tuple[int, int]
    faces: list[DetectedFace]
    crops_gray: UInt8Array
    milliseconds: dict[str, float]
    source: str | None
    error: str | None = None


class Recognizer:
    """Finds faces and reads their expressions; reusable and thread-safe.

    Attributes:
        bundle: The model.
        detector: The detector that runs; its `name` is never `auto`.
        label_set: The name of the label set that it answers in.
        crop_frame: How the model's square lies about the detector's boxes.
        prior: How common it takes each expression to be; its name is never `default`.
        uncertain_below: The confidence below which an answer counts as uncertain, 0..1.
    """

    def __init__(
        self,
        bundle: str | Path | Bundle = "mien-s",
        detector: str | Detector = "auto",
        *,
        threads: int = 1,
        label_set: str | None = None,
        min_face_px: float = DEFAULT_MIN_FACE_PX,
        threshold: float | None = None,
        side: int | None = None,
        crop_frame: CropFrame | None = None,
        prior: PriorLike = DEFAULT_PRIOR,
        prior_strength: float | None = None,
        uncertain_below: float = 0.0,
    ) -> None:
        """Load the model and open the detector.

        Args:
            bundle: Name or folder of a bundle, or one that is loaded already.
            detector: As `mien.faces.open_detector` takes it, or one that is open already; the
                three detector options below then do not apply.
            threads: CPU threads for each of detector and model.
            label_set: One of the bundle's label sets; None for its default.
            min_face_px: Smallest face to read: mean side of the detector's box, in pixels.
            threshold: Lowest detector confidence, 0..1; None for the detector's default.
            side: Longer side in pixels at which the detector sees a picture; None for its
                default.
            crop_frame: Used instead of the one that the bundle keeps for the detector.
            prior: How common each expression is taken to be: `default`, the bundle's own
                choice; `natural`, as in its training set; `balanced`, all equally; or a
                mapping with a share for each expression.
            prior_strength: How far answers go from the training shares to those, 0..1; None
                is the bundle's own for `default`, else 1.
            uncertain_below: Answers with a lower confidence are flagged as uncertain, 0..1;
                0 flags none.

        Raises:
            BundleError: If the bundle cannot be loaded, lacks the label set, or has no crop
                frame for the detector.
            ConfigError: If prior, strength or `uncertain_below` cannot be used.
            DetectorError: If the detector is unknown or cannot run here.
        """
        self.bundle = bundle if isinstance(bundle, Bundle) else load_bundle(bundle, threads=threads)
        self.label_set = label_set or self.bundle.config.default_label_set
        self._labels = self.bundle.config.head(self.label_set).labels
        self.prior = self.bundle.prior(self.label_set, prior, prior_strength)
        if not 0 <= uncertain_below <= 1:
            raise ConfigError(f"expected uncertain_below of 0 to 1, got {uncertain_below:g}")
        self.uncertain_below = uncertain_below
        if isinstance(detector, str):
            detector = open_detector(
                detector, min_face_px=min_face_px, threshold=threshold, side=side, threads=threads
            )
        self.detector = detector
        self.crop_frame = crop_frame or self._kept_frame()

    def answering(
        self,
        *,
        prior: PriorLike = DEFAULT_PRIOR,
        prior_strength: float | None = None,
        uncertain_below: float = 0.0,
    ) -> Recognizer:
        """Return a recognizer that shares model and detector with this one; nothing is loaded.

        Args:
            prior: As for a new recognizer.
            prior_strength: As for a new recognizer.
            uncertain_below: As for a new recognizer.

        Raises:
            ConfigError: If one of them cannot be used.
        """
        return Recognizer(
            self.bundle,
            self.detector,
            label_set=self.label_set,
            crop_frame=self.crop_frame,
            prior=prior,
            prior_strength=prior_strength,
            uncertain_below=uncertain_below,
        )

    def analyze(
        self,
        image: Picture,
        *,
        colour_order: ColourOrder = "bgr",
        source: str | None = None,
        index: int = 0,
        timestamp_s: float = 0.0,
    ) -> FrameResult:
        """Read one picture.

        Args:
            image: A path, encoded bytes, a Pillow picture or a uint8 array (HW gray or HW3).
            colour_order: The channel order of an array: `bgr` (OpenCV) or `rgb`.
            source: A name for the picture; None takes the path where there is one.
            index: The frame's number in its source.
            timestamp_s: Seconds from the source's start.

        Returns:
            The faces, largest first, and the milliseconds spent on `decode`, `detect`, `crop`
            and `classify`. No face is an empty result.

        Raises:
            ImageError: If the picture cannot be read.
            ShapeError: If an array is not a uint8 picture.
        """
        located = self._locate(image, colour_order=colour_order, source=source)
        started = time.perf_counter()
        probabilities = self.classify(located.crops_gray)
        classify_ms = 1000 * (time.perf_counter() - started)
        return self._result(located, probabilities, classify_ms, index, timestamp_s)

    def analyze_many(
        self,
        images: Iterable[Picture],
        *,
        colour_order: ColourOrder = "bgr",
        batch_faces: int = BATCH_FACES,
    ) -> Iterator[FrameResult]:
        """Read many pictures in constant memory, the faces of several in one batch.

        Pictures are taken from `images` as they are needed and forgotten once their faces are
        cut out. A picture that cannot be read is a result with `error` set, in its place.

        Args:
            images: Pictures as `analyze` takes them; may be endless.
            colour_order: The channel order of arrays.
            batch_faces: Number of faces to gather before the model runs.

        Yields:
            One result for each picture, in order; `index` counts from 0. The time of a batch
            is shared out among its faces.

        Raises:
            ShapeError: If `batch_faces` is below 1.
        """
        if batch_faces < 1:
            raise ShapeError(f"batch_faces is at least 1, got {batch_faces}")
        return self._in_batches(images, colour_order, batch_faces)

    def classify(self, crops_gray: UInt8Array) -> NDArray[np.float32]:
        """Return expression probabilities for faces that are cut out already.

        Args:
            crops_gray: (n, size, size) uint8, `size` being `bundle.config.input.size`; n may
                be 0.

        Returns:
            (n, labels) float32, rows sum to 1, columns as in `bundle.label_sets[label_set]`.

        Raises:
            ShapeError: If the crops have another shape or dtype.
        """
        return self.bundle.predict_probabilities(crops_gray, self.label_set, prior=self.prior)

    def crop(self, image_bgr: UInt8Array, faces: Iterable[DetectedFace | Face]) -> UInt8Array:
        """Cut out faces as the model sees them.

        Args:
            image_bgr: The whole picture, HW3 uint8.
            faces: Faces of this picture, detected or read.

        Returns:
            (n, size, size) uint8.
        """
        gray = to_gray(image_bgr)
        size = self.bundle.config.input.size
        crops = [
            crop_face(gray, face.box, size=size, frame=self.crop_frame, landmarks=face.landmarks)
            for face in faces
        ]
        return np.stack(crops) if crops else np.empty((0, size, size), np.uint8)

    def explain(
        self,
        image: Picture,
        face: DetectedFace | Face | None = None,
        *,
        label: str | None = None,
        colour_order: ColourOrder = "bgr",
    ) -> Explanation:
        """Tell which parts of a face spoke for and against an expression.

        Asks the model some 250 times, see `mien.recognition.explain`.

        Args:
            image: As for `analyze`.
            face: A face of this picture, detected or read; None takes the largest.
            label: An expression of `label_set`, in any usual spelling; None takes the dominant.
            colour_order: The channel order of an array.

        Raises:
            FaceError: If no face is given and none is found.
            ImageError: If the picture cannot be read.
            LabelError: If the label set has no such expression.
            ShapeError: If an array is not a uint8 picture.
        """
        labels = self.bundle.label_sets[self.label_set]
        wanted = None if label is None else labels.labels[labels.index(label)]
        image_bgr = as_bgr(image, colour_order=colour_order)
        if face is None:
            face = next(iter(self.detector.detect(image_bgr)), None)
        if face is None:
            raise FaceError(f"no face found by {self.detector.name}, so there is none to explain")
        crop_gray = self.crop(image_bgr, [face])[0]
        read = self._face(face, self.classify(crop_gray[None])[0], crop_gray)
        return explain_face(
            self.classify,
            image_bgr,
            read,
            crop_gray,
            crop_square(face.box, self.crop_frame, face.landmarks),
            label=wanted or read.expression.dominant,
            bundle=self.bundle.name,
        )

    def _kept_frame(self) -> CropFrame:
        frames = self.bundle.config.crop_frames
        key = self.detector.frame_key
        if key not in frames:
            raise BundleError(
                f"bundle {self.bundle.name} has no crop frame for detector {key} (it has: "
                f"{', '.join(frames)}): measure one with `mien frames` and export the bundle "
                "again, or give one as crop_frame=CropFrame(...)"
            )
        return frames[key]

    def _locate(self, image: Picture, *, colour_order: ColourOrder, source: str | None) -> _Located:
        started = time.perf_counter()
        image_bgr = as_bgr(image, colour_order=colour_order)
        decoded = time.perf_counter()
        faces = self.detector.detect(image_bgr)
        detected = time.perf_counter()
        crops_gray = self.crop(image_bgr, faces)
        cropped = time.perf_counter()
        if source is None and isinstance(image, (str, Path)):
            source = str(image)
        return _Located(
            size=(image_bgr.shape[1], image_bgr.shape[0]),
            faces=faces,
            crops_gray=crops_gray,
            milliseconds={
                "decode": 1000 * (decoded - started),
                "detect": 1000 * (detected - decoded),
                "crop": 1000 * (cropped - detected),
            },
            source=source,
        )

    def _in_batches(
        self, images: Iterable[Picture], colour_order: ColourOrder, batch_faces: int
    ) -> Iterator[FrameResult]:
        waiting: list[_Located] = []
        waiting_faces = done = 0
        for image in images:
            waiting.append(self._located_or_error(image, colour_order))
            waiting_faces += len(waiting[-1].faces)
            if waiting_faces >= batch_faces or len(waiting) >= BATCH_PICTURES:
                yield from self._read_batch(waiting, done)
                done += len(waiting)
                waiting, waiting_faces = [], 0
        yield from self._read_batch(waiting, done)

    def _located_or_error(self, image: Picture, colour_order: ColourOrder) -> _Located:
        try:
            return self._locate(image, colour_order=colour_order, source=None)
        except (ImageError, ShapeError) as error:
            source = str(image) if isinstance(image, (str, Path)) else None
            # The result has the path already, as its source.
            words = str(error).removeprefix(f"{source}: ")
            return _Located((0, 0), [], self.crop(_NO_PICTURE, []), {}, source, words)

    def _read_batch(self, batch: list[_Located], first_index: int) -> Iterator[FrameResult]:
        if not batch:
            return
        started = time.perf_counter()
        probabilities = self.classify(np.concatenate([located.crops_gray for located in batch]))
        face_ms = 1000 * (time.perf_counter() - started) / max(1, len(probabilities))
        start = 0
        for offset, located in enumerate(batch):
            count = len(located.faces)
            rows = probabilities[start : start + count]
            start += count
            yield self._result(located, rows, face_ms * count, first_index + offset, 0.0)

    def _face(
        self, face: DetectedFace | Face, probabilities: NDArray[np.float32], crop_gray: UInt8Array
    ) -> Face:
        shares = dict(zip(self._labels, probabilities.tolist(), strict=True))
        return Face(
            box=face.box,
            confidence=face.confidence,
            expression=Expression(shares, self.label_set, self.uncertain_below),
            landmarks=face.landmarks,
            sharpness=sharpness(crop_gray),
        )

    def _result(
        self,
        located: _Located,
        probabilities: NDArray[np.float32],
        classify_ms: float,
        index: int,
        timestamp_s: float,
    ) -> FrameResult:
        faces = tuple(
            self._face(*seen)
            for seen in zip(located.faces, probabilities, located.crops_gray, strict=True)
        )
        spent = {} if located.error else {**located.milliseconds, "classify": classify_ms}
        return FrameResult(
            index=index,
            timestamp_s=timestamp_s,
            size=located.size,
            faces=faces,
            detector=self.detector.name,
            milliseconds=spent,
            source=located.source,
            error=located.error,
            detector_threshold=self.detector.threshold,
            detector_sha256=self.detector.weights_sha256,
            prior=self.prior.name,
            prior_strength=self.prior.strength,
        )


_NO_PICTURE = np.zeros((1, 1), np.uint8)
