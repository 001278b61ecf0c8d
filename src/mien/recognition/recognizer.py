"""Pictures in, faces with expressions out.

A `Recognizer` joins a detector and a bundle and is all that the doors (Python, command line,
REST, live page) need. It is made once and used from any thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.bundle.prior import DEFAULT_PRIOR, PriorLike
from mien.core.errors import ConfigError, FaceError, ImageError, ShapeError
from mien.core.imaging import ColourOrder, as_bgr, crop_square
from mien.core.types import Face, FrameResult
from mien.faces import DetectedFace
from mien.recognition.batches import BATCH_FACES, in_batches, read_batch
from mien.recognition.explain import explain_face
from mien.recognition.explanation import Explanation
from mien.recognition.parts import RecognizerParts
from mien.recognition.results import Located

if TYPE_CHECKING:
    from mien.bundle.bundle import Bundle
    from mien.media import VideoSource
    from mien.media.images import PictureTimes
    from mien.recognition.tracking.following import DetectEvery
    from mien.recognition.video import Reader, VideoReading

UInt8Array = NDArray[np.uint8]
Picture = str | Path | bytes | UInt8Array | Image.Image


class Recognizer(RecognizerParts):
    """Finds faces and reads their expressions; reusable and thread-safe.

    Attributes:
        bundle: The model.
        detector: The detector that runs; its `name` is never `auto`.
        label_set: The name of the label set that it answers in.
        crop_frame: How the model's square lies about the detector's boxes.
        prior: How common it takes each expression to be; its name is never `default`.
        uncertain_below: The confidence below which an answer counts as uncertain, 0..1.
    """

    def answering(
        self,
        *,
        bundle: Bundle | None = None,
        label_set: str | None = None,
        prior: PriorLike = DEFAULT_PRIOR,
        prior_strength: float | None = None,
        uncertain_below: float = 0.0,
    ) -> Recognizer:
        """Return a recognizer that shares what is loaded with this one; nothing is loaded.

        Args:
            bundle: Another model to answer with, with its own label set and crop frame; None
                keeps this one's.
            label_set: One of the bundle's; None keeps this one's, or takes the other bundle's
                default.
            prior: As for a new recognizer.
            prior_strength: As for a new recognizer.
            uncertain_below: As for a new recognizer.

        Raises:
            BundleError: If the bundle lacks the label set, or a crop frame for the detector.
            ConfigError: If one of the others cannot be used.
        """
        is_own = bundle is None or bundle is self.bundle
        other = Recognizer(
            bundle or self.bundle,
            self.detector,
            label_set=label_set or (self.label_set if is_own else None),
            crop_frame=self.crop_frame if is_own else None,
            prior=prior,
            prior_strength=prior_strength,
            uncertain_below=uncertain_below,
        )
        other._open_doubtful = self._open_doubtful
        return other

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
        located = self.locate(
            image, colour_order=colour_order, source=source, index=index, timestamp_s=timestamp_s
        )
        return read_batch([located], self.classify, self._results)[0]

    def locate(
        self,
        image: Picture,
        *,
        colour_order: ColourOrder = "bgr",
        source: str | None = None,
        index: int = 0,
        timestamp_s: float = 0.0,
    ) -> Located:
        """Find the faces of a picture and cut them out, for `read_together` to read.

        Args:
            image: As for `analyze`, and so are the others.
            colour_order: The channel order of an array.
            source: A name for the picture.
            index: The frame's number in its source.
            timestamp_s: Seconds from the source's start.

        Raises:
            ImageError: If the picture cannot be read.
            ShapeError: If an array is not a uint8 picture.
        """
        started = time.perf_counter()
        image_bgr = as_bgr(image, colour_order=colour_order)
        decoded = time.perf_counter()
        faces = self.detector.detect(image_bgr)
        detected = time.perf_counter()
        crops_gray = self.crop(image_bgr, faces)
        cropped = time.perf_counter()
        if source is None and isinstance(image, (str, Path)):
            source = str(image)
        return Located(
            size=(image_bgr.shape[1], image_bgr.shape[0]),
            faces=faces,
            crops_gray=crops_gray,
            milliseconds={
                "decode": 1000 * (decoded - started),
                "detect": 1000 * (detected - decoded),
                "crop": 1000 * (cropped - detected),
            },
            source=source,
            index=index,
            timestamp_s=timestamp_s,
        )

    def answer(
        self, located: Located, logits: NDArray[np.float32], *, classify_ms: float
    ) -> FrameResult:
        """Return the result of a picture from what the model said of its faces.

        Args:
            located: As `locate` returned it.
            logits: (n, labels) float32 of `label_set`, a row for each of its faces, as
                `bundle.predict_logits` returns them.
            classify_ms: The time that the model took for them.
        """
        shares = self.bundle.to_probabilities(logits, self.label_set, prior=self.prior)
        return self._results.frame(located, shares, classify_ms)

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
        located = (
            self._located_or_error(image, colour_order, index) for index, image in enumerate(images)
        )
        batches = in_batches(located, batch_faces=batch_faces)
        return (
            result
            for batch in batches
            for result in read_batch(batch, self.classify, self._results)
        )

    def video(
        self,
        source: str | Path | int | BinaryIO | VideoSource,
        *,
        every_n: int | None = None,
        every_s: float | None = None,
        start_s: float | None = None,
        end_s: float | None = None,
        picture_times: PictureTimes | None = None,
        detect_every: DetectEvery = 1,
        track: bool = True,
        time_constant_s: float = 0.35,
        max_gap_s: float = 1.5,
        threads: int | None = None,
        live: bool | None = None,
    ) -> VideoReading:
        """Read a video, a camera or a stream, frame by frame, in constant memory.

        Args:
            source: As `mien.media.open_source` takes it, or one that is open already, which has
                its sampling; it is closed at the end.
            every_n: Read every n-th frame only.
            every_s: Read one frame in every slot of so many seconds only.
            start_s: Begin with the first frame that is not before this time.
            end_s: End before this time.
            picture_times: Of several pictures only: pictures a second, or `"file-times"`.
            detect_every: Look for faces in every n-th frame that is read, and follow their motion
                in between, where `Face.predicted` is set; or `auto`, where that is safe.
            track: Whether to tell who is who, and to smooth expressions over time.
            time_constant_s: Of the smoothing; see `mien.recognition.tracking.tracker.FaceTracker`.
            max_gap_s: How long a face may be out of sight and still keep its `track_id`.
            threads: Frames to work at at a time; None for as many as there are cores.
            live: Whether to drop frames rather than to fall behind; None does so for cameras and
                for streams without an end.

        Returns:
            The reading: iterate over it for a result for each frame, in order.

        Raises:
            ConfigError: If a setting is out of its range, or sampling is asked of an open source.
            VideoSourceError: If the source is missing, cannot be opened, or has no frame that can
                be read.
        """
        # Not on top: PyAV takes its time to load, and pictures do not need it.
        from mien.media import VideoSource, open_source
        from mien.recognition.video import ReadingSettings, VideoReading

        settings = ReadingSettings(
            detect_every=detect_every,
            track=track,
            time_constant_s=time_constant_s,
            max_gap_s=max_gap_s,
            threads=threads,
            live=live,
        )
        # Before the source is opened, so that nothing is left open if this cannot be.
        reader = self._video_reader(track)
        tracker = settings.tracker(reader.start_confidence)
        if isinstance(source, VideoSource):
            if (every_n, every_s, start_s, end_s, picture_times) != (None,) * 5:
                raise ConfigError(
                    "the source is open already and keeps its own sampling; give sampling to "
                    "open_source instead"
                )
            return VideoReading(source, reader, tracker, settings)
        opened = open_source(
            source,
            every_n=every_n,
            every_s=every_s,
            start_s=start_s,
            end_s=end_s,
            picture_times=picture_times,
            threads=settings.decoder_threads,
        )
        return VideoReading(opened, reader, tracker, settings)

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
        read = self._results.face(face, self.classify(crop_gray[None])[0], crop_gray)
        return explain_face(
            self.classify,
            image_bgr,
            read,
            crop_gray,
            crop_square(face.box, self.crop_frame, face.landmarks),
            label=wanted or read.expression.dominant,
            bundle=self.bundle.name,
        )

    def _video_reader(self, track: bool) -> Reader:
        from mien.recognition.video import Reader

        usual, detector = self.detector.threshold, self.detector
        if track and self._open_doubtful is not None:
            detector = self._open_doubtful()
        return Reader(
            detector=detector,
            start_confidence=0.0 if detector is self.detector else usual,
            crop=partial(self.crop, colour_order="rgb"),
            classify=self.classify,
            results=replace(self._results, detector=detector),
        )

    def _located_or_error(self, image: Picture, colour_order: ColourOrder, index: int) -> Located:
        try:
            located = self.locate(image, colour_order=colour_order, index=index)
        except (ImageError, ShapeError) as error:
            source = str(image) if isinstance(image, (str, Path)) else None
            # The result has the path already, as its source.
            words = str(error).removeprefix(f"{source}: ")
            located = Located((0, 0), [], self.crop(_NO_PICTURE, []), {}, source, words, index)
        return located


_NO_PICTURE = np.zeros((1, 1), np.uint8)
