"""What reads pictures for the server: a small interface, and mien's own recognizers behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mien.bundle.config import CONFIG_FILE, BundleConfig
from mien.bundle.find import list_bundles
from mien.bundle.load import load_bundle
from mien.bundle.prior import DEFAULT_PRIOR, PriorLike, is_shares
from mien.core.errors import BundleError, DetectorError, FaceError, ImageError, LabelError
from mien.core.imaging import UInt8Array, decode_image
from mien.core.labels import COLOURS, LabelSet
from mien.core.paths import without_home
from mien.core.types import Box, FrameResult
from mien.faces import DetectedFace
from mien.faces.registry import DETECTORS, open_detector, resolve_name
from mien.faces.yunet import SIDE_LIVE_PX
from mien.recognition.explanation import Explanation
from mien.recognition.recognizer import Recognizer
from mien.web.schemas import catalogue as catalogue_json
from mien.web.settings import Settings


class UnsupportedPictureError(ImageError):
    """The bytes are not of a kind of picture that the server takes."""


@dataclass(frozen=True)
class Choice:
    """What to read a picture with.

    Attributes:
        detector: A name out of the catalogue; `auto` is allowed.
        label_set: The name of one of the bundle's label sets.
        live: Whether the picture is one of a stream, where speed counts more than small faces.
        prior: As `Recognizer` takes it.
        prior_strength: As `Recognizer` takes it.
        uncertain_below: As `Recognizer` takes it.
    """

    detector: str
    label_set: str
    live: bool = False
    prior: PriorLike = DEFAULT_PRIOR
    prior_strength: float | None = None
    uncertain_below: float = 0.0

    def changed(
        self,
        *,
        detector: str | None = None,
        label_set: str | None = None,
        prior: PriorLike | None = None,
        prior_strength: float | None = None,
        uncertain_below: float | None = None,
    ) -> Choice:
        """Return this choice with all that is not None changed.

        A new prior brings its own strength with it. Shares belong to one label set, so with
        another the prior is the bundle's own again.
        """
        label_set = label_set or self.label_set
        strength = self.prior_strength
        if prior is None and is_shares(self.prior) and label_set != self.label_set:
            prior = DEFAULT_PRIOR
        if prior is not None:
            strength = None
        return replace(
            self,
            detector=detector or self.detector,
            label_set=label_set,
            prior=self.prior if prior is None else prior,
            prior_strength=strength if prior_strength is None else prior_strength,
            uncertain_below=self.uncertain_below if uncertain_below is None else uncertain_below,
        )


class Engine(Protocol):
    """Reads pictures; safe to call from several threads."""

    @property
    def bundle_name(self) -> str:
        """The model that reads."""
        ...

    @property
    def default(self) -> Choice:
        """What reads where a client asks for nothing else."""
        ...

    def catalogue(self) -> catalogue_json.ModelsReply:
        """Return what there is to choose from."""
        ...

    def prepare(self, choice: Choice) -> str:
        """Load what a choice needs and return the name of the detector that really runs.

        Raises:
            DetectorError: If the detector is unknown or cannot run.
            LabelError: If the bundle has no such label set.
            ConfigError: If the prior cannot be used with it.
        """
        ...

    def analyze(
        self, picture: bytes, choice: Choice, *, index: int = 0, timestamp_s: float = 0.0
    ) -> FrameResult:
        """Read one encoded picture.

        Raises:
            ImageError: If it cannot be read.
            DetectorError: As `prepare`.
            LabelError: As `prepare`.
            ConfigError: As `prepare`.
        """
        ...

    def explain(
        self, picture: bytes, choice: Choice, which: int | Box = 0, *, label: str | None = None
    ) -> Explanation:
        """Tell which parts of one face of an encoded picture spoke for an expression.

        Args:
            picture: As for `analyze`.
            choice: As for `analyze`.
            which: The face's place, largest first, or a box that it overlaps most of all faces.
            label: The expression; None takes the face's most probable.

        Raises:
            FaceError: If there is no such face.
            LabelError: As `prepare`, or if the label set has no such expression.
            ImageError: As `analyze`.
            DetectorError: As `prepare`.
            ConfigError: As `prepare`.
        """
        ...


class RecognizerEngine:
    """One bundle, and recognizers for the detectors and label sets that are asked for."""

    def __init__(self, settings: Settings) -> None:
        """Load the bundle and the detector to begin with.

        Raises:
            BundleError: If the bundle cannot be loaded.
            DetectorError: If the detector cannot run here.
            ConfigError: If the prior of the settings cannot be used.
        """
        self._settings = settings
        self._bundle = load_bundle(settings.bundle, threads=settings.threads)
        # By what has to be loaded: detector, label set, and whether for a stream.
        self._recognizers: dict[tuple[str, str, bool], Recognizer] = {}
        self._loading = threading.Lock()
        # Whoever starts the server may name files of this machine; its clients may not.
        self._detectors = [name for name in DETECTORS if not name.endswith(":FILE")]
        if settings.detector not in self._detectors:
            self._detectors.insert(0, settings.detector)
        self._default = Choice(
            settings.detector,
            self._bundle.config.default_label_set,
            prior=settings.prior,
            prior_strength=settings.prior_strength,
            uncertain_below=settings.uncertain_below,
        )
        self.prepare(self._default)

    @property
    def bundle_name(self) -> str:
        """The bundle's name."""
        return self._bundle.name

    @property
    def default(self) -> Choice:
        """The detector of the settings and the bundle's own label set."""
        return self._default

    def prepare(self, choice: Choice) -> str:
        """See `Engine.prepare`."""
        return self._recognizer(choice).detector.name

    def analyze(
        self, picture: bytes, choice: Choice, *, index: int = 0, timestamp_s: float = 0.0
    ) -> FrameResult:
        """See `Engine.analyze`; size and kind are checked before any pixel is decoded."""
        recognizer = self._recognizer(choice)
        started_s = time.perf_counter()
        image_bgr = self._decode(picture)
        decode_ms = 1000 * (time.perf_counter() - started_s)
        result = recognizer.analyze(image_bgr, index=index, timestamp_s=timestamp_s)
        return replace(result, milliseconds={**result.milliseconds, "decode": decode_ms})

    def explain(
        self, picture: bytes, choice: Choice, which: int | Box = 0, *, label: str | None = None
    ) -> Explanation:
        """See `Engine.explain`."""
        recognizer = self._recognizer(choice)
        image_bgr = self._decode(picture)
        face = choose_face(recognizer.detector.detect(image_bgr), which)
        return recognizer.explain(image_bgr, face, label=label)

    def catalogue(self) -> catalogue_json.ModelsReply:
        """See `Engine.catalogue`."""
        return catalogue_json.ModelsReply(
            bundles=self._describe_bundles(),
            label_sets=[describe_label_set(s) for s in self._bundle.label_sets.values()],
            detectors=[self._describe_detector(name) for name in self._detectors],
            default=catalogue_json.Choice(
                bundle=self._bundle.name,
                detector=self._default.detector,
                label_set=self._default.label_set,
            ),
        )

    def _decode(self, picture: bytes) -> UInt8Array:
        check_kind(picture)
        return decode_image(picture, max_pixels=self._settings.max_pixels)

    def _recognizer(self, choice: Choice) -> Recognizer:
        if choice.detector not in self._detectors:
            raise DetectorError(
                f"unknown detector {choice.detector!r}; available: {', '.join(self._detectors)}"
            )
        if choice.label_set not in self._bundle.label_sets:
            raise LabelError(
                f"unknown label set {choice.label_set!r}; bundle {self._bundle.name} has: "
                f"{', '.join(self._bundle.label_sets)}"
            )
        # Priors and thresholds cost nothing, and clients may send any number of them.
        return self._loaded(choice).answering(
            prior=choice.prior,
            prior_strength=choice.prior_strength,
            uncertain_below=choice.uncertain_below,
        )

    def _loaded(self, choice: Choice) -> Recognizer:
        key = (choice.detector, choice.label_set, choice.live)
        # What is loaded answers at once, even while another is being loaded.
        if known := self._recognizers.get(key):
            return known
        # Two threads that ask for the same recognizer at once must not load it twice.
        with self._loading:
            if key not in self._recognizers:
                self._recognizers[key] = self._open(choice)
            return self._recognizers[key]

    def _open(self, choice: Choice) -> Recognizer:
        detector = resolve_name(choice.detector)
        # YuNet at full side takes three times as long, which a live picture cannot wait for.
        side = SIDE_LIVE_PX if choice.live and detector.startswith("yunet") else None
        return Recognizer(
            self._bundle,
            detector,
            label_set=choice.label_set,
            side=side,
            threads=self._settings.threads,
        )

    def _describe_detector(self, name: str) -> catalogue_json.Detector:
        try:
            if (name, self._default.label_set, False) not in self._recognizers:
                open_detector(name)
        except DetectorError as error:
            return catalogue_json.Detector(
                name=name, available=False, reason=without_home(str(error))
            )
        return catalogue_json.Detector(name=name, available=True, reason=None)

    def _describe_bundles(self) -> list[catalogue_json.Bundle]:
        configs = {self._bundle.path: self._bundle.config}
        for found in list_bundles():
            try:
                configs.setdefault(found.path, BundleConfig.read(found.path / CONFIG_FILE))
            except BundleError:
                continue  # `mien models` says what is wrong with it; it cannot be served
        return [
            catalogue_json.Bundle(
                name=config.name,
                active=path == self._bundle.path,
                label_sets=[head.label_set for head in config.heads],
                figures=dict(config.figures),
            )
            for path, config in configs.items()
        ]


def describe_label_set(labels: LabelSet) -> catalogue_json.LabelSet:
    """Return a label set with the colour of each expression."""
    return catalogue_json.LabelSet(
        name=labels.name,
        labels=[catalogue_json.Label(name=name, colour=COLOURS[name]) for name in labels.labels],
    )


def choose_face(faces: Sequence[DetectedFace], which: int | Box) -> DetectedFace:
    """Return the face at a place, largest first, or the one that overlaps a box most.

    Raises:
        FaceError: If there is none.
    """
    if not faces:
        raise FaceError("no face was found in the picture")
    if isinstance(which, Box):
        overlaps = [which.iou(face.box) for face in faces]
        best = max(range(len(faces)), key=overlaps.__getitem__)
        if overlaps[best] == 0:
            raise FaceError(
                f"none of the {len(faces)} faces found lies in the box {which.to_dict()}"
            )
        return faces[best]
    if not 0 <= which < len(faces):
        raise FaceError(f"expected a face from 0 to {len(faces) - 1}, got {which}")
    return faces[which]


def check_kind(picture: bytes) -> None:
    """Let pass only what browsers write, whose decoders are the most beaten on.

    Raises:
        UnsupportedPictureError: If the bytes do not begin as a JPEG, PNG or WebP does.
    """
    webp = picture[:4] == b"RIFF" and picture[8:12] == b"WEBP"
    if not webp and not picture.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        raise UnsupportedPictureError(
            f"expected a JPEG, PNG or WebP picture, got {len(picture)} bytes that begin as none"
        )
