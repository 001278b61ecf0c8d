"""What a recognizer works with: a detector and a bundle that fit each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.bundle.bundle import Bundle
from mien.bundle.load import load_bundle
from mien.bundle.prior import DEFAULT_PRIOR, PriorLike
from mien.core.errors import BundleError, ConfigError
from mien.core.imaging import ColourOrder, CropFrame, crop_face
from mien.core.types import Face
from mien.faces import DetectedFace, Detector, open_detector
from mien.faces.detector import DEFAULT_MIN_FACE_PX
from mien.faces.registry import resolve_name
from mien.recognition.results import ResultMaker

UInt8Array = NDArray[np.uint8]


class RecognizerParts:
    """A detector and a bundle, and how crops go from one to the other; thread-safe.

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
        self.prior = self.bundle.prior(self.label_set, prior, prior_strength)
        if not 0 <= uncertain_below <= 1:
            raise ConfigError(f"expected uncertain_below of 0 to 1, got {uncertain_below:g}")
        self.uncertain_below = uncertain_below
        self._open_doubtful: Callable[[], Detector] | None = None
        if isinstance(detector, str):
            opening = partial(
                open_detector,
                resolve_name(detector),
                min_face_px=min_face_px,
                threshold=threshold,
                side=side,
                threads=threads,
            )
            detector = opening()
            self._open_doubtful = cache(partial(opening, doubtful=True))
        self.detector = detector
        self.crop_frame = crop_frame or self._kept_frame()
        self._results = ResultMaker(
            labels=self.bundle.config.head(self.label_set).labels,
            label_set=self.label_set,
            uncertain_below=uncertain_below,
            detector=detector,
            prior=self.prior,
        )

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

    def crop(
        self,
        image: UInt8Array,
        faces: Iterable[DetectedFace | Face],
        *,
        colour_order: ColourOrder = "bgr",
    ) -> UInt8Array:
        """Cut out faces as the model sees them.

        Args:
            image: The whole picture, HW3 or gray HW, uint8.
            faces: Faces of this picture, detected or read.
            colour_order: The channel order of an HW3 picture.

        Returns:
            (n, size, size) uint8.
        """
        size = self.bundle.config.input.size
        crops = [
            crop_face(
                image,
                face.box,
                size=size,
                frame=self.crop_frame,
                landmarks=face.landmarks,
                colour_order=colour_order,
            )
            for face in faces
        ]
        return np.stack(crops) if crops else np.empty((0, size, size), np.uint8)

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
