"""What a bundle says of its graph where that is not the float network's: how, and at what loss.

Weights and activations of 8 bits make a graph smaller and quicker, and its answers slightly
others. By how much was measured when the bundle was made, on faces that had no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from mien.bundle.fields import FieldReader

FLOAT_PRECISION, INT8_PRECISION = "fp32", "int8"
PRECISIONS = (FLOAT_PRECISION, INT8_PRECISION)
FULL_STORAGE, HALF_STORAGE = "fp32", "fp16"
STORAGES = (FULL_STORAGE, HALF_STORAGE)
# Share of accuracy; what an 8-bit graph loses beyond it is worth a warning.
TOLERATED_LOSS = 0.003
# Differences of shares are not exact in binary.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class QuantisedHead:
    """One head's answers to validation faces, beside those of the float graph.

    Answers are those under the natural prior.

    Attributes:
        agreement: Share of all validation faces that both graphs give the same answer to.
        max_probability_difference: The largest between both, at the bundle's temperature.
        labelled: How many of the faces have a label; 0 where the data has none for the head.
        accuracy: Share of those that the 8-bit graph is right about, or None without any.
        float_accuracy: The same of the float graph.
    """

    agreement: float
    max_probability_difference: float
    labelled: int
    accuracy: float | None = None
    float_accuracy: float | None = None

    @property
    def loss(self) -> float | None:
        """Share of accuracy lost, below 0 where there was a gain; None without labels."""
        if self.accuracy is None or self.float_accuracy is None:
            return None
        return self.float_accuracy - self.accuracy

    @property
    def too_lossy(self) -> bool:
        """Whether more accuracy is lost than `TOLERATED_LOSS`."""
        return self.loss is not None and self.loss > TOLERATED_LOSS + _ROUNDING


@dataclass(frozen=True)
class Quantisation:
    """How a graph came to 8 bits, and what that did to it.

    Attributes:
        method: How it was done, in words.
        data: The name of the dataset that it was calibrated and measured on.
        training_faces: How many faces of the training split its ranges were calibrated on.
        seed: Of the draw of those faces.
        validation_faces: How many faces of the validation split both graphs were compared on.
        heads: Label set name to what became of its answers.
        float_graph_bytes: Size of the float graph.
        ms_per_face: Median milliseconds for one face on one thread.
        float_ms_per_face: The same for the float graph, in turns with the other.
        speed_runs: How many runs each median is of.
        processor: What both ran on.
    """

    method: str
    data: str
    training_faces: int
    seed: int
    validation_faces: int
    heads: Mapping[str, QuantisedHead]
    float_graph_bytes: int
    ms_per_face: float
    float_ms_per_face: float
    speed_runs: int
    processor: str

    @property
    def lossy_heads(self) -> dict[str, QuantisedHead]:
        """The heads that lose more accuracy than `TOLERATED_LOSS`, by label set name."""
        return {name: head for name, head in self.heads.items() if head.too_lossy}

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values; accuracies that were not measured are left out."""
        heads = {
            name: {key: value for key, value in asdict(head).items() if value is not None}
            for name, head in self.heads.items()
        }
        return {**asdict(self), "heads": heads}


def describe_warning(name: str, head: QuantisedHead) -> str:
    """Return in words that a head lost too much, and what to do about it; see `too_lossy`."""
    return (
        f"{name} loses {100 * (head.loss or 0.0):.2f} points of accuracy by 8 bits, more than "
        f"{100 * TOLERATED_LOSS:g}; use the float graph where accuracy counts"
    )


def take_quantisation(reader: FieldReader) -> Quantisation:
    """Read `quantisation`."""
    heads = reader.nested("heads")
    value = Quantisation(
        method=reader.text("method"),
        data=reader.text("data"),
        training_faces=reader.whole("training_faces", least=1),
        seed=reader.whole("seed"),
        validation_faces=reader.whole("validation_faces", least=1),
        heads={name: _take_head(heads.nested(name)) for name in heads.names},
        float_graph_bytes=reader.whole("float_graph_bytes", least=1),
        ms_per_face=reader.number("ms_per_face", above=0.0),
        float_ms_per_face=reader.number("float_ms_per_face", above=0.0),
        speed_runs=reader.whole("speed_runs", least=1),
        processor=reader.text("processor"),
    )
    reader.finish()
    return value


def _take_head(reader: FieldReader) -> QuantisedHead:
    head = QuantisedHead(
        agreement=_take_share(reader, "agreement"),
        max_probability_difference=_take_share(reader, "max_probability_difference"),
        labelled=reader.whole("labelled"),
        accuracy=_take_share(reader, "accuracy") if "accuracy" in reader.names else None,
        float_accuracy=(
            _take_share(reader, "float_accuracy") if "float_accuracy" in reader.names else None
        ),
    )
    reader.finish()
    return head


def _take_share(reader: FieldReader, key: str) -> float:
    share = reader.number(key)
    if not 0 <= share <= 1:
        reader.complain(key, f"expected 0 to 1, got {share:g}")
    return share
