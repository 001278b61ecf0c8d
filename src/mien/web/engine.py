"""What reads pictures for the server: a small interface, and mien's own recognizers behind it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from typing import Protocol

from mien.bundle.bundle import Bundle
from mien.core.errors import BundleError, DetectorError, LabelError
from mien.core.imaging import UInt8Array, decode_image
from mien.core.labels import COLOURS, LabelSet, label_set
from mien.core.paths import without_home
from mien.core.types import Box, FrameResult
from mien.faces.registry import DETECTORS, open_detector, resolve_name
from mien.faces.yunet import SIDE_LIVE_PX
from mien.recognition.explanation import Explanation
from mien.recognition.recognizer import Recognizer
from mien.recognition.together import Seen, read_together
from mien.web.bundles import BundleShelf

# Those who speak of an engine speak of choices.
from mien.web.choice import Choice as Choice
from mien.web.pictures import check_kind, choose_face
from mien.web.schemas import catalogue as catalogue_json
from mien.web.settings import Settings


class Engine(Protocol):
    """Reads pictures; safe to call from several threads."""

    @property
    def bundle_name(self) -> str:
        """The model that reads where a choice names none."""
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
            UnknownBundleError: If there is no such bundle.
            BundleError: If it cannot be loaded.
            DetectorError: If the detector is unknown or cannot run, or the bundle does not know it.
            LabelError: If the bundle has no such label set.
            ConfigError: If the prior cannot be used with it.
        """
        ...

    def recognizer(self, choice: Choice) -> Recognizer:
        """Return what reads videos with a choice; it shares all that is loaded with others.

        Raises:
            BundleError, DetectorError, LabelError, ConfigError: As `prepare`.
        """
        ...

    def locate(
        self, picture: bytes, choice: Choice, *, index: int = 0, timestamp_s: float = 0.0
    ) -> Seen:
        """Find the faces of one encoded picture, for `read` to read.

        Raises:
            ImageError: If it cannot be read.
            BundleError, DetectorError, LabelError, ConfigError: As `prepare`.
        """
        ...

    def read(self, seen: Sequence[Seen]) -> list[FrameResult]:
        """Read what `locate` found in any number of pictures, whatever their choices."""
        ...

    def analyze(
        self, picture: bytes, choice: Choice, *, index: int = 0, timestamp_s: float = 0.0
    ) -> FrameResult:
        """Read one encoded picture: `locate` and `read` in one.

        Raises:
            ImageError: If it cannot be read.
            BundleError, DetectorError, LabelError, ConfigError: As `prepare`.
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
            BundleError, DetectorError, ConfigError: As `prepare`.
        """
        ...


class RecognizerEngine:
    """Recognizers for the bundles, detectors and label sets that are asked for."""

    def __init__(self, settings: Settings) -> None:
        """Load the bundle and the detector to begin with.

        Raises:
            BundleError: If the bundle cannot be loaded.
            DetectorError: If the detector cannot run here.
            ConfigError: If the prior of the settings cannot be used.
        """
        self._settings = settings
        self._bundles = BundleShelf(settings.bundle, threads=settings.threads)
        # By what has to be loaded: bundle, detector, and whether for a stream.
        self._recognizers: dict[tuple[str, str, bool], Recognizer] = {}
        self._loading = threading.Lock()
        # Whoever starts the server may name files of this machine; its clients may not.
        self._detectors = [name for name in DETECTORS if not name.endswith(":FILE")]
        if settings.detector not in self._detectors:
            self._detectors.insert(0, settings.detector)
        self._default = Choice(
            settings.detector,
            self._bundles.own.config.default_label_set,
            prior=settings.prior,
            prior_strength=settings.prior_strength,
            uncertain_below=settings.uncertain_below,
        )
        self.prepare(self._default)

    @property
    def bundle_name(self) -> str:
        """The name of the bundle of the settings."""
        return self._bundles.own.name

    @property
    def default(self) -> Choice:
        """The detector of the settings and the bundle's own label set."""
        return self._default

    def prepare(self, choice: Choice) -> str:
        """See `Engine.prepare`."""
        return self.recognizer(choice).detector.name

    def locate(
        self, picture: bytes, choice: Choice, *, index: int = 0, timestamp_s: float = 0.0
    ) -> Seen:
        """See `Engine.locate`; size and kind are checked before any pixel is decoded."""
        recognizer = self.recognizer(choice)
        started_s = time.perf_counter()
        image_bgr = self._decode(picture)
        decode_ms = 1000 * (time.perf_counter() - started_s)
        located = recognizer.locate(image_bgr, index=index, timestamp_s=timestamp_s)
        located.milliseconds["decode"] = decode_ms
        return Seen(recognizer, located)

    def read(self, seen: Sequence[Seen]) -> list[FrameResult]:
        """See `Engine.read`."""
        return read_together(seen)

    def analyze(
        self, picture: bytes, choice: Choice, *, index: int = 0, timestamp_s: float = 0.0
    ) -> FrameResult:
        """See `Engine.analyze`."""
        return self.read([self.locate(picture, choice, index=index, timestamp_s=timestamp_s)])[0]

    def explain(
        self, picture: bytes, choice: Choice, which: int | Box = 0, *, label: str | None = None
    ) -> Explanation:
        """See `Engine.explain`."""
        recognizer = self.recognizer(choice)
        image_bgr = self._decode(picture)
        face = choose_face(recognizer.detector.detect(image_bgr), which)
        return recognizer.explain(image_bgr, face, label=label)

    def catalogue(self) -> catalogue_json.ModelsReply:
        """See `Engine.catalogue`."""
        configs = self._bundles.configs()
        label_sets = dict.fromkeys(
            head.label_set for config in configs.values() for head in config.heads
        )
        return catalogue_json.ModelsReply(
            bundles=[
                catalogue_json.Bundle(
                    name=name,
                    active=name == self.bundle_name,
                    label_sets=[head.label_set for head in config.heads],
                    figures=dict(config.figures),
                )
                for name, config in configs.items()
            ],
            label_sets=[describe_label_set(label_set(name)) for name in label_sets],
            detectors=[self._describe_detector(name) for name in self._detectors],
            default=catalogue_json.Choice(
                bundle=self.bundle_name,
                detector=self._default.detector,
                label_set=self._default.label_set,
            ),
        )

    def recognizer(self, choice: Choice) -> Recognizer:
        """Return the recognizer of a choice; it shares all that is loaded with others.

        Raises:
            As `Engine.prepare`.
        """
        if choice.detector not in self._detectors:
            raise DetectorError(
                f"unknown detector {choice.detector!r}; available: {', '.join(self._detectors)}"
            )
        loaded = self._loaded(choice)
        if choice.label_set not in loaded.bundle.label_sets:
            raise LabelError(
                f"unknown label set {choice.label_set!r}; bundle {loaded.bundle.name} has: "
                f"{', '.join(loaded.bundle.label_sets)}"
            )
        # Priors and thresholds cost nothing, and clients may send any number of them.
        return loaded.answering(
            label_set=choice.label_set,
            prior=choice.prior,
            prior_strength=choice.prior_strength,
            uncertain_below=choice.uncertain_below,
        )

    def _decode(self, picture: bytes) -> UInt8Array:
        check_kind(picture)
        return decode_image(picture, max_pixels=self._settings.max_pixels)

    def _loaded(self, choice: Choice) -> Recognizer:
        name = choice.bundle or self.bundle_name
        key = (name, choice.detector, choice.live)
        self._bundles.mark_used(name)
        # What is loaded answers at once, even while another is being loaded.
        if known := self._recognizers.get(key):
            return known
        # Two threads that ask for the same recognizer at once must not load it twice.
        with self._loading:
            bundle = self._bundles.take(name)
            kept = {k: r for k, r in self._recognizers.items() if self._bundles.has(r.bundle)}
            if key not in kept:
                kept[key] = self._open(choice, bundle, kept)
            self._recognizers = kept
            return kept[key]

    def _open(
        self, choice: Choice, bundle: Bundle, known: Mapping[tuple[str, str, bool], Recognizer]
    ) -> Recognizer:
        try:
            for (_, detector, live), other in known.items():
                if (detector, live) == (choice.detector, choice.live):
                    return other.answering(bundle=bundle)
            detector = resolve_name(choice.detector)
            # YuNet at full side takes three times as long, which a live picture cannot wait for.
            side = SIDE_LIVE_PX if choice.live and detector.startswith("yunet") else None
            return Recognizer(bundle, detector, side=side, threads=self._settings.threads)
        except BundleError as error:
            # It loads, so what is wrong is the pair: there is no crop frame for this detector.
            raise DetectorError(str(error)) from error

    def _describe_detector(self, name: str) -> catalogue_json.Detector:
        try:
            if (self.bundle_name, name, False) not in self._recognizers:
                open_detector(name)
        except DetectorError as error:
            return catalogue_json.Detector(
                name=name, available=False, reason=without_home(str(error))
            )
        return catalogue_json.Detector(name=name, available=True, reason=None)


def describe_label_set(labels: LabelSet) -> catalogue_json.LabelSet:
    """Return a label set with the colour of each expression."""
    return catalogue_json.LabelSet(
        name=labels.name,
        labels=[catalogue_json.Label(name=name, colour=COLOURS[name]) for name in labels.labels],
    )
