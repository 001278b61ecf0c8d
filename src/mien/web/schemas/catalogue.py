"""What this server reads with, and that it runs."""

from __future__ import annotations

from typing import Any, Literal

from mien.web.schemas.base import JsonModel


class Label(JsonModel):
    """An expression and the colour it has everywhere, as #rrggbb."""

    name: str
    colour: str


class LabelSet(JsonModel):
    """An ordered set of expressions that a bundle can name."""

    name: str
    labels: list[Label]


class Detector(JsonModel):
    """A face detector by name, and where it cannot run, why and how to get it."""

    name: str
    available: bool
    reason: str | None


class Bundle(JsonModel):
    """An installed model; `figures` is what its config says of its measured quality."""

    name: str
    active: bool
    label_sets: list[str]
    figures: dict[str, Any]


class Choice(JsonModel):
    """What reads a picture if nothing else is asked for; `detector` may be `auto`."""

    bundle: str
    detector: str
    label_set: str


class ModelsReply(JsonModel):
    """What this server can read with."""

    bundles: list[Bundle]
    label_sets: list[LabelSet]
    detectors: list[Detector]
    default: Choice


class ModelInput(JsonModel):
    """What a model looks at: one face of so many pixels a side, in this colour."""

    size_px: int
    channels: int
    colour: str


class ModelHead(JsonModel):
    """One label set of a model, and how common training taught each expression to be."""

    label_set: str
    labels: list[Label]
    training_shares: dict[str, float]
    temperature: float
    prior_strength: float


class ModelResult(JsonModel):
    """One way an evaluation was measured; shares are 0..1, `log_loss` is in nats.

    `crops` is `single`, `flip` (mean with the mirror image) or `ten` (mean of ten crops);
    `images` is `published`, `unseen` (without those that are also training images) or `unlike`
    (without those either that nearly are: the same picture, a little changed).
    `baseline_accuracy` is what always answering the most frequent label reaches; null where that
    is not known.
    """

    crops: str
    images: str
    n: int
    accuracy: float
    accuracy_low: float
    accuracy_high: float
    log_loss: float
    macro_f1: float
    balanced_accuracy: float
    expected_calibration_error: float
    baseline_accuracy: float | None
    recall: dict[str, float]


class ModelEvaluation(JsonModel):
    """What one split measured under one label rule; the first result is the headline."""

    dataset: str
    split: str
    label_set: str
    rule: str
    rule_text: str
    command: str
    results: list[ModelResult]


class ModelCondition(JsonModel):
    """What changed faces cost: `loss` is the accuracy lost, with its 95 % interval."""

    name: str
    accuracy: float
    loss: float
    loss_low: float
    loss_high: float


class ModelRobustness(JsonModel):
    """What changed faces cost on one split under one rule, the costliest condition first."""

    dataset: str
    split: str
    label_set: str
    rule: str
    n: int
    accuracy: float
    command: str
    conditions: list[ModelCondition]


class ModelReply(JsonModel):
    """One model: what it is, what it was made of, how well it reads, and its card.

    `card_html` has no scripts, no raw HTML and no headings above the second level, so a page can
    show it as it is. `failures` is the address of a picture of where the model fails, if there
    is one.
    """

    name: str
    active: bool
    version: str
    created: str
    architecture: str
    parameters: int
    precision: str
    graph_bytes: int
    licence: str
    input: ModelInput
    default_label_set: str
    heads: list[ModelHead]
    data: dict[str, Any]
    evaluations: list[ModelEvaluation]
    robustness: list[ModelRobustness]
    card_markdown: str
    card_html: str
    failures: str | None


class HealthReply(JsonModel):
    """That the server runs, and what it runs."""

    status: Literal["ok"]
    version: str
    bundle: str
    detector: str
