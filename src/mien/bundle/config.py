"""What a bundle's `config.json` says: all that is needed to run the model rightly.

Frozen dataclasses that are written by `to_dict` and read by `BundleConfig.from_dict`, which
reports everything that is wrong with a file at once.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from mien.bundle.fields import FieldReader
from mien.bundle.figures import figures_to_dict, read_figures, take_figures
from mien.core.errors import BundleError
from mien.core.imaging import CropFrame
from mien.core.labels import LABEL_SETS, label_set

FORMAT = 1
CONFIG_FILE = "config.json"
GRAPH_FILE = "model.onnx"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "MODEL_CARD.md"
# Every file beside config.json; its checksum is kept in the config.
BUNDLE_FILES = (GRAPH_FILE, WEIGHTS_FILE, CARD_FILE)

GRAPH_INPUT = "images"
# What `core.imaging` does; a bundle made for anything else cannot be run rightly.
INTERPOLATION = "area-down-linear-up"
COLOUR = "gray"
# The detectors that a crop frame can be measured for; `cascade` is any cascade from a file.
DETECTORS = ("blazeface", "yunet", "haar", "cascade", "full")

_Value = TypeVar("_Value")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Architecture:
    """Which network it is.

    Attributes:
        name: As `mien.models.build_model` knows it.
        options: The options it was built with.
        parameters: Number of parameters, trained or not.
    """

    name: str
    options: Mapping[str, Any]
    parameters: int


@dataclass(frozen=True)
class InputSpec:
    """What the graph's input `images` (n, channels, size, size) float32 is made of.

    Attributes:
        size: Side of a face crop in pixels.
        mean: Subtracted from gray values scaled to 0..1.
        std: Divided by after that.
        channels: 1.
        interpolation: How a crop is brought to `size`: as `core.imaging.resize_gray` does.
        colour: `gray`, ITU-R BT.601 luma.
    """

    size: int
    mean: float
    std: float
    channels: int = 1
    interpolation: str = INTERPOLATION
    colour: str = COLOUR


@dataclass(frozen=True)
class Head:
    """One output of the graph.

    Attributes:
        label_set: The name of its label set, as in `mien.core.labels`.
        labels: The expressions in the order of the output's columns.
        output: The graph's name for it.
        temperature: Logits are divided by it before the softmax; fitted on validation faces.
        training_priors: Share of each label in what it was trained on; they sum to 1.
    """

    label_set: str
    labels: tuple[str, ...]
    output: str
    training_priors: tuple[float, ...]
    temperature: float = 1.0


@dataclass(frozen=True)
class FileEntry:
    """What a file of the bundle must be.

    Attributes:
        sha256: In lower-case hexadecimal.
        bytes: Its size.
    """

    sha256: str
    bytes: int


@dataclass(frozen=True)
class BundleConfig:
    """A whole `config.json`.

    Attributes:
        name: The bundle's name, which is also its folder's where it is installed.
        version: The version of mien that wrote it.
        created: When, ISO 8601 in UTC.
        architecture: Which network.
        input: What it takes.
        heads: What it gives, in graph order.
        default_label_set: The head that answers where none is asked for.
        crop_frames: Detector name to how the model's square lies about its boxes; `full`, a
            picture that is a face already, is always there.
        files: File name to checksum and size, for every file but config.json.
        data: What it was trained on and by which label rules.
        licence: Licence of the weights.
        figures: Summary of its evaluations, as `mien.bundle.figures` has it; may be empty.
        training: Recipe, seed, epochs, versions, git commit.
    """

    name: str
    version: str
    created: str
    architecture: Architecture
    input: InputSpec
    heads: tuple[Head, ...]
    default_label_set: str
    crop_frames: Mapping[str, CropFrame]
    files: Mapping[str, FileEntry]
    data: Mapping[str, Any]
    licence: str
    figures: Mapping[str, Any]
    training: Mapping[str, Any]

    def head(self, name: str) -> Head:
        """Return the head of a label set.

        Raises:
            BundleError: If the bundle has none of that name; the text lists those it has.
        """
        for head in self.heads:
            if head.label_set == name:
                return head
        known = ", ".join(head.label_set for head in self.heads)
        raise BundleError(f"bundle {self.name} has no label set {name!r}; it has: {known}")

    def to_dict(self) -> dict[str, Any]:
        """Return the whole config as JSON-ready values, `format` first."""
        return {"format": FORMAT, **asdict(self)}

    def to_json(self) -> str:
        """Return the text of `config.json`.

        Raises:
            BundleError: If a free-form part holds something that JSON cannot.
        """
        try:
            return json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise BundleError(f"the config of bundle {self.name} is not JSON: {error}") from error

    @classmethod
    def from_dict(cls, data: object) -> BundleConfig:
        """Read what JSON gave.

        Raises:
            BundleError: With every unknown, missing, ill-typed or impossible field at once.
        """
        problems: list[str] = []
        reader = FieldReader(data, "", problems)
        _check_format(data)
        reader.whole("format")
        config = cls(
            name=_name(reader),
            version=reader.text("version"),
            created=reader.text("created"),
            architecture=_architecture(reader.nested("architecture")),
            input=_input(reader.nested("input")),
            heads=_heads(reader),
            default_label_set=reader.text("default_label_set"),
            crop_frames=_crop_frames(reader.nested("crop_frames")),
            files=_files(reader.nested("files")),
            data=reader.mapping("data"),
            licence=reader.text("licence"),
            figures=figures_to_dict(take_figures(reader.nested("figures"))),
            training=reader.mapping("training"),
        )
        reader.finish()
        if not problems:
            _check_together(config, problems)
        if problems:
            listed = "".join(f"\n  {problem}" for problem in problems)
            count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
            raise BundleError(f"{count} in {CONFIG_FILE}:{listed}")
        return config

    @classmethod
    def read(cls, path: Path) -> BundleConfig:
        """Read a `config.json`.

        Raises:
            BundleError: If it cannot be read, is no JSON, or does not fit; the text has the path.
        """
        try:
            data = json.loads(path.read_bytes())
        except OSError as error:
            raise BundleError(f"cannot read {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise BundleError(f"{path} is not JSON: {error}; export the bundle again") from error
        try:
            return cls.from_dict(data)
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from error


def _check_format(data: object) -> None:
    """Refuse another format at once: what its fields mean is not known here."""
    found = data.get("format", FORMAT) if isinstance(data, dict) else FORMAT
    if found != FORMAT:
        raise BundleError(
            f"expected bundle format {FORMAT}, got {found!r}; use the version of mien that wrote "
            "it (field `version`), or export the run again with this one"
        )


def _check_together(config: BundleConfig, problems: list[str]) -> None:
    """Report fields that are right by themselves and do not fit each other."""
    heads = {head.label_set: head for head in config.heads}
    if config.default_label_set not in ("", *heads):
        problems.append(
            f"default_label_set: expected one of the heads ({', '.join(heads)}), "
            f"got {config.default_label_set!r}"
        )
    graph = config.files.get(GRAPH_FILE)
    for index, evaluation in enumerate(read_figures(config.figures)):
        where = f"figures.evaluations[{index}]"
        again = "; evaluate this bundle and export it with the new report"
        head = heads.get(evaluation.label_set)
        if head is None:
            problems.append(f"{where}.label_set: no head is called {evaluation.label_set!r}")
        elif not math.isclose(evaluation.temperature, head.temperature, rel_tol=1e-6):
            problems.append(
                f"{where}.temperature: figures were measured at {evaluation.temperature:g}, the "
                f"head has {head.temperature:g}{again}"
            )
        if graph is not None and evaluation.graph_sha256 != graph.sha256:
            problems.append(
                f"{where}.graph_sha256: figures of another graph, {evaluation.graph_sha256}; "
                f"this one is {graph.sha256}{again}"
            )


def _name(reader: FieldReader) -> str:
    name = reader.text("name")
    if name and not is_bundle_name(name):
        reader.complain("name", f"expected letters, digits, dots, dashes, got {name!r}")
    return name


def is_bundle_name(text: str) -> bool:
    """Tell whether a bundle may be called so: letters, digits and inner `.`, `_`, `-`."""
    return _NAME.fullmatch(text) is not None


def _architecture(reader: FieldReader) -> Architecture:
    value = Architecture(
        name=reader.text("name"),
        options=reader.mapping("options"),
        parameters=reader.whole("parameters", least=1),
    )
    reader.finish()
    return value


def _input(reader: FieldReader) -> InputSpec:
    value = InputSpec(
        size=reader.whole("size", least=1),
        mean=reader.number("mean"),
        std=reader.number("std", above=0.0),
        channels=_exactly(reader, "channels", 1, reader.whole("channels", least=1)),
        interpolation=_exactly(
            reader, "interpolation", INTERPOLATION, reader.text("interpolation")
        ),
        colour=_exactly(reader, "colour", COLOUR, reader.text("colour")),
    )
    reader.finish()
    return value


def _exactly(reader: FieldReader, key: str, wanted: _Value, found: _Value) -> _Value:
    if found and found != wanted:
        reader.complain(key, f"this version of mien runs only {wanted!r}, got {found!r}")
    return found


def _heads(reader: FieldReader) -> tuple[Head, ...]:
    heads = tuple(_head(part) for part in reader.parts("heads", least=1))
    for what in ("label_set", "output"):
        names = [getattr(head, what) for head in heads]
        if len(set(names)) < len(names):
            reader.complain("heads", f"each needs its own {what}, got {', '.join(names)}")
    return heads


def _head(reader: FieldReader) -> Head:
    head = Head(
        label_set=reader.text("label_set"),
        labels=reader.strings("labels"),
        output=reader.text("output"),
        training_priors=reader.numbers("training_priors"),
        temperature=reader.number("temperature", above=0.0),
    )
    reader.finish()
    if head.label_set and head.label_set not in LABEL_SETS:
        reader.complain("label_set", f"unknown {head.label_set!r}; known: {', '.join(LABEL_SETS)}")
    elif (
        head.label_set and reader.has("labels") and head.labels != label_set(head.label_set).labels
    ):
        reader.complain(
            "labels",
            f"expected {head.label_set}'s own order ({', '.join(label_set(head.label_set).labels)})"
            f", got {', '.join(head.labels)}",
        )
    priors = head.training_priors
    if reader.has("training_priors") and (
        len(priors) != len(head.labels)
        or not all(share > 0 for share in priors)
        or not math.isclose(sum(priors), 1.0, abs_tol=1e-3)
    ):
        reader.complain(
            "training_priors",
            f"expected {len(head.labels)} shares above 0 that sum to 1, got {list(priors)}",
        )
    return head


def _crop_frames(reader: FieldReader) -> dict[str, CropFrame]:
    frames = {}
    for detector in reader.names:
        part = reader.nested(detector)
        frames[detector] = CropFrame(
            scale=part.number("scale", above=0.0),
            shift_x=part.number("shift_x"),
            shift_y=part.number("shift_y"),
            align=part.flag("align"),
        )
        part.finish()
        if detector not in DETECTORS:
            reader.complain(detector, f"unknown detector; known: {', '.join(DETECTORS)}")
    if not reader.empty and "full" not in frames:
        reader.complain("full", "missing; every bundle reads pictures that are a face already")
    return frames


def _files(reader: FieldReader) -> dict[str, FileEntry]:
    entries = {}
    for name in BUNDLE_FILES:
        part = reader.nested(name)
        entry = FileEntry(sha256=part.text("sha256"), bytes=part.whole("bytes", least=1))
        part.finish()
        if entry.sha256 and not _SHA256.fullmatch(entry.sha256):
            part.complain("sha256", f"expected 64 hexadecimal digits, got {entry.sha256!r}")
        entries[name] = entry
    reader.finish()
    return entries
