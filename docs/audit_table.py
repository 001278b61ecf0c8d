"""The table of labels that are likely wrong, from the audit.json that `mien data audit` writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

HEAD = ("label", "faces", "disputed", "keep all the same", "relabel", "drop", "most often rather")


def audit_rows(audit: dict[str, Any]) -> Iterator[list[str]]:
    """Yield a row for each label, the most disputed first, and one for all of them."""
    classes = audit["classes"].items()
    for label, counts in sorted(classes, key=lambda item: -_share(item[1])):
        pairs = [pair for pair in audit["pairs"] if pair["given"] == label]
        most = max(pairs, key=lambda pair: pair["faces"], default=None)
        yield _row(label, counts, f"{most['likely']} ({most['faces']:,})" if most else "")
    total = {name: sum(counts[name] for _, counts in classes) for name in ("faces", "disputed")}
    yield _row("all", {**audit["suggestions"], **total}, "")


def audit_words(audit: dict[str, Any]) -> str:
    """Return what stands under the table: what judged, and whom the voters side with."""
    answers, voters = audit["answers"], audit["voters"]
    words = (
        f"Judged by `{answers['recipe']}`, {answers['epochs']} epochs, seed {answers['seed']}, on "
        f"{answers['folds']} folds."
    )
    if not voters:
        return words
    disputed, others = voters["disputed"], voters["undisputed"]
    return (
        f"{words} FER+ voters' first choice is the given label for {_percent(disputed['given'])} "
        f"of the disputed faces and the likely one for {_percent(disputed['likely'])}; it is the "
        f"given label for {_percent(others['given'])} of the others."
    )


def _row(label: str, counts: dict[str, int], rather: str) -> list[str]:
    # Its "keep" also counts the faces that nobody disputes.
    kept = counts["disputed"] - counts["relabel"] - counts["drop"]
    return [
        label,
        f"{counts['faces']:,}",
        f"{counts['disputed']:,} ({_percent(_share(counts))})",
        *(f"{count:,}" for count in (kept, counts["relabel"], counts["drop"])),
        rather,
    ]


def _share(counts: dict[str, int]) -> float:
    return counts["disputed"] / counts["faces"] if counts["faces"] else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
