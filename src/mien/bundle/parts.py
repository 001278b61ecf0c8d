"""The parts of a bundle's config: what each holds, and how it is read.

A reader notes every problem and goes on; see `mien.bundle.fields`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from mien.bundle.fields import FieldReader
from mien.bundle.figures import take_strength
from mien.core.imaging import CropFrame
from mien.core.labels import LABEL_SETS, label_set

GRAPH_FILE = "model.onnx"
WEIGHTS_FILE = "model.safetensors"
CARD_FILE = "MODEL_CARD.md"
# A photo that was changed in known ways, and what the model answers to it.
PICTURE_FILE = "failures.png"
# The files beside config.json; their checksums are kept in the config.
BUNDLE_FILES = (GRAPH_FILE, CARD_FILE)
# Weights stand by themselves where the graph has not those that one can go on training from.
OPTIONAL_FILES = (WEIGHTS_FILE, PICTURE_FILE)

GRAPH_INPUT = "images"
# What `core.imaging` does; a bundle made for anything else cannot be run rightly.
INTERPOLATION = "area-down-linear-up"
COLOUR = "gray"
# What a crop frame can be measured for: the `frame_key` of each detector in `mien.faces`.
DETECTORS = ("blazeface", "yunet", "haar", "full")

_Value = TypeVar("_Value")

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
        training_priors: How common training taught each label to be: its share in what was
            learned, times its weight in the loss. They sum to 1.
        prior_strength: How far its answers go from those shares towards equal ones where
            nothing else is asked for, 0..1, as in `mien.bundle.prior`; chosen on validation
            faces. 0 leaves them natural.
    """

    label_set: str
    labels: tuple[str, ...]
    output: str
    training_priors: tuple[float, ...]
    temperature: float = 1.0
    prior_strength: float = 0.0


@dataclass(frozen=True)
class FileEntry:
    """What a file of the bundle must be.

    Attributes:
        sha256: In lower-case hexadecimal.
        bytes: Its size.
    """

    sha256: str
    bytes: int


def take_architecture(reader: FieldReader) -> Architecture:
    """Read `architecture`."""
    value = Architecture(
        name=reader.text("name"),
        options=reader.mapping("options"),
        parameters=reader.whole("parameters", least=1),
    )
    reader.finish()
    return value


def take_input(reader: FieldReader) -> InputSpec:
    """Read `input`."""
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


def take_heads(reader: FieldReader) -> tuple[Head, ...]:
    """Read `heads` of the whole config."""
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
        prior_strength=take_strength(reader),
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


def take_crop_frames(reader: FieldReader) -> dict[str, CropFrame]:
    """Read `crop_frames`."""
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


def take_files(reader: FieldReader) -> dict[str, FileEntry]:
    """Read `files`."""
    entries = {}
    for name in (*BUNDLE_FILES, *(each for each in OPTIONAL_FILES if each in reader.names)):
        part = reader.nested(name)
        entry = FileEntry(sha256=part.text("sha256"), bytes=part.whole("bytes", least=1))
        part.finish()
        if entry.sha256 and not _SHA256.fullmatch(entry.sha256):
            part.complain("sha256", f"expected 64 hexadecimal digits, got {entry.sha256!r}")
        entries[name] = entry
    reader.finish()
    return entries
