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
from typing import Any

from mien.bundle.fields import FieldReader
from mien.bundle.figures import (
    EvaluationSummary,
    figures_to_dict,
    read_figures,
    take_figures,
)
from mien.bundle.parts import (
    BUNDLE_FILES,
    CARD_FILE,
    DETECTORS,
    GRAPH_FILE,
    GRAPH_INPUT,
    OPTIONAL_FILES,
    PICTURE_FILE,
    WEIGHTS_FILE,
    Architecture,
    FileEntry,
    Head,
    InputSpec,
    take_architecture,
    take_crop_frames,
    take_files,
    take_heads,
    take_input,
)
from mien.bundle.quantisation import (
    FLOAT_PRECISION,
    FULL_STORAGE,
    INT8_PRECISION,
    PRECISIONS,
    STORAGES,
    Quantisation,
    take_quantisation,
)
from mien.bundle.robustness import RobustnessSummary, take_robustness
from mien.core.errors import BundleError
from mien.core.imaging import CropFrame

__all__ = [
    "BUNDLE_FILES",
    "CARD_FILE",
    "CONFIG_FILE",
    "DETECTORS",
    "FORMAT",
    "GRAPH_FILE",
    "GRAPH_INPUT",
    "OPTIONAL_FILES",
    "PICTURE_FILE",
    "WEIGHTS_FILE",
    "Architecture",
    "BundleConfig",
    "FileEntry",
    "Head",
    "InputSpec",
    "is_bundle_name",
]

FORMAT = 1
CONFIG_FILE = "config.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


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
        precision: What the graph computes in: `fp32` or `int8`.
        storage: How its float weights are kept, in the graph or in a file of their own: `fp16`
            are rounded to 16 bits, and widened when they are loaded.
        quantisation: How an `int8` graph was made and what it lost; None for `fp32`.
        robustness: What changed faces cost this very graph; may be empty.
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
    precision: str = FLOAT_PRECISION
    storage: str = FULL_STORAGE
    quantisation: Quantisation | None = None
    robustness: tuple[RobustnessSummary, ...] = ()

    @property
    def described_precision(self) -> str:
        """What the graph computes in and how its weights are kept, as people read it."""
        if self.precision == INT8_PRECISION or self.storage == self.precision:
            return self.precision
        return f"{self.precision}, weights stored as {self.storage}"

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
        values = {"format": FORMAT, **asdict(self)}
        if self.quantisation is None:
            del values["quantisation"]
        else:
            values["quantisation"] = self.quantisation.to_dict()
        if not self.robustness:
            del values["robustness"]
        return values

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
            architecture=take_architecture(reader.nested("architecture")),
            input=take_input(reader.nested("input")),
            heads=take_heads(reader),
            default_label_set=reader.text("default_label_set"),
            crop_frames=take_crop_frames(reader.nested("crop_frames")),
            files=take_files(reader.nested("files")),
            data=reader.mapping("data"),
            licence=reader.text("licence"),
            figures=figures_to_dict(take_figures(reader.nested("figures"))),
            training=reader.mapping("training"),
            precision=_one_of(reader, "precision", PRECISIONS, FLOAT_PRECISION),
            storage=_one_of(reader, "storage", STORAGES, FULL_STORAGE),
            quantisation=(
                take_quantisation(reader.nested("quantisation"))
                if "quantisation" in reader.names
                else None
            ),
            robustness=take_robustness(reader),
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
    if (config.precision == INT8_PRECISION) != (config.quantisation is not None):
        problems.append(
            f"quantisation: expected with a precision of {INT8_PRECISION} and only then, got "
            f"{config.precision} {'without' if config.quantisation is None else 'with'} it"
        )
    elif config.quantisation is not None and set(config.quantisation.heads) != set(heads):
        problems.append(
            f"quantisation.heads: expected {', '.join(heads)}, "
            f"got {', '.join(config.quantisation.heads) or 'none'}"
        )
    for index, evaluation in enumerate(read_figures(config.figures)):
        again = "evaluate this bundle and export it with the new report"
        _check_measured(config, evaluation, f"figures.evaluations[{index}]", again, problems)
    for index, measured in enumerate(config.robustness):
        again = "run `mien robustness` on this bundle and export it with the new report"
        _check_measured(config, measured, f"robustness[{index}]", again, problems)


def _check_measured(
    config: BundleConfig,
    measured: EvaluationSummary | RobustnessSummary,
    where: str,
    again: str,
    problems: list[str],
) -> None:
    """Report figures that are not those of this very graph, temperature and prior."""
    head = next((head for head in config.heads if head.label_set == measured.label_set), None)
    if head is None:
        problems.append(f"{where}.label_set: no head is called {measured.label_set!r}")
    elif not math.isclose(measured.temperature, head.temperature, rel_tol=1e-6):
        problems.append(
            f"{where}.temperature: figures were measured at {measured.temperature:g}, the "
            f"head has {head.temperature:g}; {again}"
        )
    elif not math.isclose(measured.prior_strength, head.prior_strength, abs_tol=1e-6):
        problems.append(
            f"{where}.prior_strength: figures were measured at {measured.prior_strength:g}, "
            f"the head has {head.prior_strength:g}; {again}"
        )
    graph = config.files.get(GRAPH_FILE)
    if graph is not None and measured.graph_sha256 != graph.sha256:
        problems.append(
            f"{where}.graph_sha256: figures of another graph, {measured.graph_sha256}; "
            f"this one is {graph.sha256}; {again}"
        )


def _name(reader: FieldReader) -> str:
    name = reader.text("name")
    if name and not is_bundle_name(name):
        reader.complain("name", f"expected letters, digits, dots, dashes, got {name!r}")
    return name


def _one_of(reader: FieldReader, key: str, known: tuple[str, ...], before: str) -> str:
    """Read a field that may be missing, as in configs of before there was a choice."""
    if key not in reader.names:
        return before
    value = reader.text(key)
    if value and value not in known:
        reader.complain(key, f"expected {' or '.join(known)}, got {value!r}")
    return value


def is_bundle_name(text: str) -> bool:
    """Tell whether a bundle may be called so: letters, digits and inner `.`, `_`, `-`."""
    return _NAME.fullmatch(text) is not None
