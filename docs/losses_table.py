"""What losses for rare expressions do: the table in experiments.md, measured on PublicTest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

HEAD = (
    "loss",
    "labels",
    "accuracy",
    "balanced",
    "macro-F1",
    "recall of disgust",
    "of fear",
    "of contempt",
    "with the best prior strength: accuracy, balanced, macro-F1",
)
# Name of the run without what all share, and what its loss is called.
LOSSES = {
    "decoupled": "cross-entropy",
    "decoupled-half-adjusted": "logit adjustment 0.5",
    "decoupled-balanced-softmax": "logit adjustment 1 (balanced softmax)",
    "decoupled-class-weights": "balanced class weights",
    "decoupled-focal": "focal, gamma 2",
}
LABELS = {"fer2013": "FER2013", "majority": "FER+"}
RARE = ("disgust", "fear", "contempt")


def losses_rows(evaluations: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    """Yield a row for every loss and label rule, FER2013's first."""
    by_name = {evaluation["model"]: evaluation for evaluation in evaluations}
    for rule_name, labels in LABELS.items():
        for name, loss in LOSSES.items():
            for rule in by_name.get(name, {"rules": []})["rules"]:
                if rule["rule"] == rule_name:
                    yield _row(rule, loss, labels)


def _row(rule: dict[str, Any], loss: str, labels: str) -> list[str]:
    figures = rule["results"][0]["figures"]
    recalls = {each["label"]: each["recall"] for each in figures["per_class"]}
    best = rule["trade_off"]["chosen"]
    return [
        loss,
        labels,
        _percent(figures["accuracy"]["value"]),
        _percent(figures["balanced_accuracy"]),
        f"{figures['macro_f1']:.3f}",
        *(_percent(recalls[label]) if label in recalls else "" for label in RARE),
        f"{best['strength']:g}: {_percent(best['accuracy'])}, "
        f"{_percent(best['balanced_accuracy'])}, {best['macro_f1']:.3f}",
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
