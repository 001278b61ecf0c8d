"""An audit as a table of faces (CSV), as a summary (JSON), and in the terminal."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mien.core.labels import FERPLUS_VOTE_COLUMNS
from mien.data.corrections import SUGGESTIONS
from mien.data.duplicates import face_fingerprints
from mien.evaluation.audit import Audit, voters_agree
from mien.evaluation.words import UNDEFINED, count, percent

FORMAT = 1
_VOTE_COLUMNS = ("votes", "votes_given", "votes_likely", "votes_top")
_PAIRS_SHOWN = 12


@dataclass(frozen=True, eq=False)
class AuditReport:
    """All that is shown of an audit.

    Attributes:
        audit: The judged labels.
        split: Where the faces are from, one of `SPLITS`.
        split_sha256: Of the split's images, labels and votes.
        n_split: Faces in it.
        unlabelled: How many of them have no label.
        seen: How many were left out since they, or nearly they, are among the training images.
        folds: (m,) int64, from 1, the fold in which each face was held out; None without folds.
        answers: Where the probabilities come from: recipe, seed and folds, or a model or file.
        made: Command, time, data and versions.
    """

    audit: Audit
    split: str
    split_sha256: str
    n_split: int
    unlabelled: int
    seen: int
    folds: NDArray[np.int64] | None
    answers: Mapping[str, Any]
    made: Mapping[str, Any]

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes."""
        return self.audit.faces.label_set.labels

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as JSON-ready values, `format` first."""
        audit = self.audit
        return {
            "format": FORMAT,
            "dataset": audit.faces.name,
            "label_set": audit.faces.label_set.name,
            "split": self.split,
            "split_sha256": self.split_sha256,
            "n_split": self.n_split,
            "n": len(audit.faces),
            "left_out": {"unlabelled": self.unlabelled, "also_in_training": self.seen},
            "disputed": int(audit.disputed.sum()),
            "suggestions": {name: audit.count(name) for name in SUGGESTIONS},
            "estimated_noise": round(audit.estimated_noise, 4),
            "classes": {row.pop("label"): row for row in self.class_rows()},
            "pairs": list(self.pair_rows()),
            "voters": voters_agree(audit),
            "rule": {
                "disputed": "cleanlab find_label_issues, prune_by_noise_rate",
                "quality": "cleanlab self_confidence",
                "relabel_from": audit.relabel_from,
            },
            "answers": dict(self.answers),
            "provenance": dict(self.made),
        }

    def class_rows(self) -> Iterator[dict[str, Any]]:
        """Yield for each class: label, faces, disputed, estimated_noise, and each suggestion."""
        audit = self.audit
        for class_id, label in enumerate(self.labels):
            here = audit.given == class_id
            noise = audit.noise[class_id]
            yield {
                "label": label,
                "faces": int(here.sum()),
                "disputed": int((here & audit.disputed).sum()),
                "estimated_noise": None if np.isnan(noise) else round(float(noise), 4),
                **_by_suggestion(audit.suggestions[here]),
            }

    def pair_rows(self) -> Iterator[dict[str, Any]]:
        """Yield for each pair that is disputed: given, likely, faces, and each suggestion."""
        for given, likely, faces in self.audit.pairs():
            yield {
                "given": self.labels[given],
                "likely": self.labels[likely],
                "faces": len(faces),
                **_by_suggestion(self.audit.suggestions[faces]),
            }

    def face_rows(self) -> Iterator[dict[str, Any]]:
        """Yield a row for each face, worst label first, as `audit.csv` has them."""
        audit, faces = self.audit, self.audit.faces
        fingerprints = face_fingerprints(faces)
        for i in np.argsort(audit.quality, kind="stable").tolist():
            row: dict[str, Any] = {
                "source": faces.sources[i],
                "split": self.split,
                "face": fingerprints[i],
                "given": self.labels[audit.given[i]],
                "likely": self.labels[audit.likely[i]],
                "suggestion": SUGGESTIONS[audit.suggestions[i]],
                "disputed": int(audit.disputed[i]),
                "quality": round(float(audit.quality[i]), 4),
            }
            if self.folds is not None:
                row["fold"] = int(self.folds[i])
            if audit.voters is not None:
                row |= _votes_of(audit, i)
            probabilities = audit.probabilities[i].tolist()
            row |= {f"p_{k}": round(p, 4) for k, p in zip(self.labels, probabilities, strict=True)}
            yield row


def write_audit(report: AuditReport, out: Path) -> None:
    """Write `audit.csv` and `audit.json` into a folder, each whole or not at all."""
    rows = list(report.face_rows())
    scratch = out / "audit.csv.tmp"
    with scratch.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    scratch.replace(out / "audit.csv")
    text = json.dumps(report.to_dict(), indent=2, allow_nan=False) + "\n"
    (out / "audit.json").write_text(text, encoding="utf-8")


def in_a_sentence(report: AuditReport) -> str:
    """Return what came out in plain words."""
    audit = report.audit
    disputed = int(audit.disputed.sum())
    confirmed = disputed - audit.count("relabel") - audit.count("drop")
    kept = f", {count(confirmed)} to keep since most voters gave them" if confirmed else ""
    return (
        f"A model that did not learn from them disputes the labels of {count(disputed)} of "
        f"{count(len(audit.faces))} faces ({percent(disputed / len(audit.faces))}): "
        f"{count(audit.count('relabel'))} to relabel, {count(audit.count('drop'))} to drop{kept}."
    )


def what_voters_say(report: AuditReport) -> str:
    """Return how often the voters of FER+ side with a label; empty without votes."""
    shares = voters_agree(report.audit)
    heard = {name: share for name, share in shares.items() if share["n"]}
    if "disputed" not in heard:
        return ""
    disputed = heard["disputed"]
    text = (
        f"FER+ voters' first choice is the given label for {percent(disputed['given'])} of the "
        f"disputed faces and the likely one for {percent(disputed['likely'])}"
    )
    if "undisputed" in heard:
        text += f"; it is the given label for {percent(heard['undisputed']['given'])} of the others"
    return f"{text}."


def what_was_left_out(report: AuditReport) -> str:
    """Say which faces of the split were not judged; empty where all were."""
    parts = []
    if report.unlabelled:
        parts.append(f"{count(report.unlabelled)} faces have no label.")
    if report.seen:
        parts.append(
            f"{count(report.seen)} faces are left out: the same pictures, or nearly, are in the "
            "training split, so a model has seen them."
        )
    return " ".join(parts)


def terminal_audit(report: AuditReport) -> RenderableType:
    """Return what `mien data audit` prints: classes, the pairs most disputed, what voters say."""
    return Group(*_blocks(report))


def _blocks(report: AuditReport) -> Iterator[RenderableType]:
    name = report.audit.faces.name
    yield Text(f"{name}, {report.split} split, n = {count(len(report.audit.faces))}", style="bold")
    yield Text(in_a_sentence(report))
    for text in (what_voters_say(report), what_was_left_out(report)):
        if text:
            yield Text(text)
    yield Text()
    yield _class_table(report)
    pairs = list(report.pair_rows())
    if pairs:
        yield Text()
        yield _pair_table(pairs[:_PAIRS_SHOWN])
        if len(pairs) > _PAIRS_SHOWN:
            yield Text(f"and {len(pairs) - _PAIRS_SHOWN} more pairs", style="dim")


def _class_table(report: AuditReport) -> Table:
    names = ("faces", "disputed", "est. wrong", "relabel", "drop")
    table = _table("given label", names)
    for row in report.class_rows():
        noise = row["estimated_noise"]
        table.add_row(
            row["label"],
            count(row["faces"]),
            count(row["disputed"]),
            UNDEFINED if noise is None else percent(noise),
            count(row["relabel"]),
            count(row["drop"]),
        )
    return table


def _pair_table(pairs: list[dict[str, Any]]) -> Table:
    table = _table("given, but likely", ("faces", "relabel", "drop", "keep"))
    for row in pairs:
        numbers = (count(row[name]) for name in ("faces", "relabel", "drop", "keep"))
        table.add_row(f"{row['given']}, {row['likely']}", *numbers)
    return table


def _table(first: str, others: tuple[str, ...]) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1))
    table.add_column(first)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _by_suggestion(suggestions: NDArray[np.int64]) -> dict[str, int]:
    counts = np.bincount(suggestions, minlength=len(SUGGESTIONS)).tolist()
    return dict(zip(SUGGESTIONS, counts, strict=True))


def _votes_of(audit: Audit, face: int) -> dict[str, Any]:
    voters = audit.voters
    if voters is None or not voters.cast[face]:
        return dict.fromkeys(_VOTE_COLUMNS, "")
    numbers = (voters.cast[face], voters.given[face], voters.likely[face])
    top = FERPLUS_VOTE_COLUMNS[voters.top[face]]
    return dict(zip(_VOTE_COLUMNS, (*map(int, numbers), top), strict=True))
