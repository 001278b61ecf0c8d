"""What losses for rare expressions do: the table in experiments.md, measured on PublicTest.

    python docs/losses_table.py reports/losses/*/evaluation.json > docs/figures/losses.json

keeps of each `evaluation.json` of `mien evaluate runs/RUN ... --split validation` what the table
has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
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
# Name of the run, and what its loss is called; in the table's order.
LOSSES = {
    "decoupled": "cross-entropy",
    "decoupled-half-adjusted": "logit adjustment 0.5",
    "decoupled-balanced-softmax": "logit adjustment 1 (balanced softmax)",
    "decoupled-class-weights": "balanced class weights",
    "decoupled-focal": "focal, gamma 2",
}
LABELS = {"fer2013": "FER2013", "majority": "FER+"}
RARE = ("disgust", "fear", "contempt")


def condense(evaluation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what the table has of an evaluation, one rule at a time."""
    for rule in evaluation["rules"]:
        figures = rule["results"][0]["figures"]
        yield {
            "run": evaluation["model"],
            "rule": rule["rule"],
            "n": rule["n"],
            "accuracy": figures["accuracy"]["value"],
            "balanced_accuracy": figures["balanced_accuracy"],
            "macro_f1": figures["macro_f1"],
            "recall": {each["label"]: each["recall"] for each in figures["per_class"]},
            "best": rule["trade_off"]["chosen"],
        }


def losses_rows(found: Sequence[dict[str, Any]]) -> Iterator[list[str]]:
    """Yield a row for every loss and label rule, FER2013's first."""
    by_key = {(each["run"], each["rule"]): each for each in found}
    for rule, labels in LABELS.items():
        for run, loss in LOSSES.items():
            if (run, rule) in by_key:
                yield _row(by_key[run, rule], loss, labels)


def _row(figures: dict[str, Any], loss: str, labels: str) -> list[str]:
    recalls, best = figures["recall"], figures["best"]
    return [
        loss,
        labels,
        _percent(figures["accuracy"]),
        _percent(figures["balanced_accuracy"]),
        f"{figures['macro_f1']:.3f}",
        *(_percent(recalls[label]) if label in recalls else "" for label in RARE),
        f"{best['strength']:g}: {_percent(best['accuracy'])}, "
        f"{_percent(best['balanced_accuracy'])}, {best['macro_f1']:.3f}",
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"


if __name__ == "__main__":
    read = [json.loads(Path(name).read_text(encoding="utf-8")) for name in sys.argv[1:]]
    json.dump([each for one in read for each in condense(one)], sys.stdout, indent=2)
    sys.stdout.write("\n")
