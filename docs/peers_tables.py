"""The tables of docs/peers.md: mien, the tutorials and other libraries on the same faces."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Table = tuple[list[str], list[list[str]]]
Kind = Literal["mien", "tutorial", "library", "naive"]
HEAD = ["model", "parameters", "weights", "accuracy (95 % interval)", "macro-F1"]
HEAD += ["balanced accuracy", "without images also in training", "nor nearly so"]
# What FER+ has and FER2013, hence every library here, has not.
UNSHARED = "contempt"


@dataclass(frozen=True)
class Row:
    """One model under one rule.

    Attributes:
        kind: Whose it is.
        name: As people read it.
        parameters: How many, or None where nothing says.
        weights_bytes: Of its files as they are handed on, or None where it is a training run.
        published: Figures over the whole test set.
        unseen: Figures without the images that are also among the training images, or None.
        unlike: Figures without those either that are nearly so, or None.
    """

    kind: Kind
    name: str
    parameters: int | None
    weights_bytes: int | None
    published: dict[str, Any]
    unseen: dict[str, Any] | None
    unlike: dict[str, Any] | None


def rows_under(
    rule: str, evaluations: Sequence[dict[str, Any]], peers: dict[str, Any]
) -> list[Row]:
    """Return a row for each model that was measured under a rule: ours, tutorials', libraries'.

    Args:
        rule: `fer2013` or `majority`.
        evaluations: What `mien evaluate` wrote.
        peers: What `python -m bench.peers` printed.

    Raises:
        ValueError: If they were not measured on the same faces.
    """
    rows = []
    for one in evaluations:
        if one["split_sha256"] != peers["split_sha256"]:
            raise ValueError(
                f"{one['model']} and the libraries were measured on different faces: run "
                "mien evaluate and python -m bench.peers on the same data"
            )
        for found in (entry for entry in one["rules"] if entry["rule"] == rule):
            model = one["provenance"]["model"]
            kind: Kind = "mien" if model["kind"] == "bundle" else "tutorial"
            sizes = (model["parameters"], model.get("graph_bytes"))
            rows.append(Row(kind, f"`{one['model']}`", *sizes, *_parts(found)))
    for peer in peers["peers"].values():
        for found in (entry for entry in peer["rules"] if entry["rule"] == rule):
            name = f"{peer['name']} {peer['version']}"
            size = sum(file["bytes"] for file in peer["files"])
            rows.append(Row("library", name, peer["parameters"], size, *_parts(found)))
    order: list[Kind] = ["mien", "tutorial", "library"]
    return sorted(rows, key=lambda row: (order.index(row.kind), -_accuracy(row)))


def naive_row(rule: str, evaluations: Sequence[dict[str, Any]]) -> Row | None:
    """Return what always answering the most frequent expression reaches, or None."""
    for one in evaluations:
        for found in (entry for entry in one["rules"] if entry["rule"] == rule):
            baseline = _parts(found)[0]["baseline"]
            if baseline is not None:
                name = f"always {baseline['label']}"
                return Row("naive", name, None, None, baseline, None, None)
    return None


def _parts(
    rule: dict[str, Any],
) -> tuple[dict[str, Any], dict[str, Any] | None, dict[str, Any] | None]:
    single = {r["images"]: r["figures"] for r in rule["results"] if r["crops"] == "single"}
    return single["published"], single.get("unseen"), single.get("unlike")


def _accuracy(row: Row) -> float:
    return float(row.published["accuracy"]["value"])


def peers_table(rows: Sequence[Row]) -> Table:
    """Return head and rows; with figures over the shared expressions where not all are shared."""
    shared = any(UNSHARED in row.published.get("labels", ()) for row in rows)
    head = HEAD + ["7 shared: accuracy", "7 shared: balanced accuracy"] * shared
    return head, [_cells(row, shared=shared) for row in rows]


def _cells(row: Row, *, shared: bool) -> list[str]:
    accuracy = row.published["accuracy"]
    interval = f"{100 * accuracy['low']:.1f} to {100 * accuracy['high']:.1f}"
    value = _percent(accuracy["value"])
    cells = [
        row.name,
        "" if row.parameters is None else f"{row.parameters:,}",
        "" if row.weights_bytes is None else f"{row.weights_bytes / 1e6:.1f} MB",
        f"{f'**{value}**' if row.kind == 'mien' else value} ({interval})",
        f"{row.published['macro_f1']:.3f}",
        _percent(row.published["balanced_accuracy"]),
        *(
            "" if part is None else _percent(part["accuracy"]["value"])
            for part in (row.unseen, row.unlike)
        ),
    ]
    if shared:
        known = "confusion" in row.published
        cells += [_percent(one) for one in over_shared(row.published)] if known else ["", ""]
    return cells


def over_shared(figures: dict[str, Any]) -> tuple[float, float]:
    """Return accuracy and balanced accuracy over the faces of the expressions that all know.

    An answer that is not among them counts as wrong, though only ours can give it.
    """
    pairs = [
        (row[number], sum(row))
        for number, (label, row) in enumerate(
            zip(figures["labels"], figures["confusion"], strict=True)
        )
        if label != UNSHARED and sum(row)
    ]
    right, faces = (sum(column) for column in zip(*pairs, strict=True))
    return right / faces, sum(hits / n for hits, n in pairs) / len(pairs)


def recall_table(rows: Sequence[Row]) -> Table:
    """Return the recall of every expression for every model."""
    first = rows[0].published["per_class"]
    head = ["model", *(f"{entry['label']} ({entry['support']:,})" for entry in first)]
    return head, [
        [row.name, *(_percent(entry["recall"]) for entry in row.published["per_class"])]
        for row in rows
    ]


def networks_words(peers: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each library: what its network is and the checksum of its weights."""
    for peer in peers["peers"].values():
        weights = peer["files"][-1]
        runs_on = ", ".join(f"{name} {version}" for name, version in peer["runs_on"].items())
        yield (
            f"- **{peer['name']}** {peer['version']}: {peer['network']}. `{weights['name']}`, "
            f"sha256 `{weights['sha256'][:16]}`; run by {runs_on}."
        )


def speed_table(peers: dict[str, Any]) -> Table | None:
    """Return milliseconds a face, where they were measured, ours first."""
    timed = [(f"`{name}`", speed) for name, speed in peers.get("ours", {}).items()]
    timed += [(p["name"], p["speed"]) for p in peers["peers"].values() if p["speed"]]
    if not timed:
        return None
    return ["one face, one core", "median", "10 to 90 %"], [
        [name, f"{speed['ms_a_face']:.2f} ms", f"{speed['low']:.2f} to {speed['high']:.2f}"]
        for name, speed in timed
    ]


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
