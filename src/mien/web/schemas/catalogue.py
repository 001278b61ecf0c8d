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


class HealthReply(JsonModel):
    """That the server runs, and what it runs."""

    status: Literal["ok"]
    version: str
    bundle: str
    detector: str
