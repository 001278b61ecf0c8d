"""How `mien data` shows a dataset's counts and findings in a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mien.core.labels import COLOURS, FERPLUS
from mien.data import SPLITS, CheckReport, DatasetSummary, DuplicateGroup
from mien.data.dataset import Int64Array

_EXAMPLES = 3
_ROOMY = 78
# Blocks of an eighth to seven eighths of a cell, so that short bars still differ.
_EIGHTHS = " ▏▎▍▌▋▊▉"


def summary_view(summary: DatasetSummary, width: int) -> RenderableType:
    """Return the tables of `describe`, their bars as long as the terminal is wide."""
    data = summary.dataset
    height_px, width_px = data.image_size
    head = Text.assemble(
        (data.name, "bold"),
        f"  {len(data):,} faces of {width_px} x {height_px} px, "
        f"gray {summary.mean:.3f} ± {summary.std:.3f}",
    )
    labels, counts = data.label_set.labels, summary.counts
    parts: list[RenderableType] = [
        head,
        _count_table("labels", labels, counts, width, unlabelled=summary.unlabelled),
    ]
    if summary.ferplus:
        parts.append(
            _count_table("FER+ majority", FERPLUS.labels, summary.ferplus["majority"], width)
        )
        parts.append(_rule_table(summary, width))
    if data.problems:
        parts.append(Text(f"{len(data.problems):,} rows or files skipped: see mien data check"))
    # A blank line between parts, none at the ends.
    return Group(*(piece for part in parts for piece in (part, "")))


def _count_table(
    title: str,
    labels: Sequence[str],
    counts: Int64Array,
    width: int,
    *,
    unlabelled: Int64Array | None = None,
) -> Table:
    table = _table(title)
    for name in (*SPLITS, "all"):
        table.add_column(_short(name, width), justify="right", no_wrap=True, min_width=6)
    # A narrow terminal has the numbers whole, and no bars.
    roomy = width >= _ROOMY
    if roomy:
        table.add_column("share", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
    totals = counts.sum(axis=1)
    faces, longest = max(int(totals.sum()), 1), max(int(totals.max()), 1)
    cells = min(max(width - _ROOMY + 8, 8), 40)
    for label, row, total in zip(labels, counts, totals.tolist(), strict=True):
        bar = Text(_bar(total / longest, cells), style=COLOURS[label])
        numbers = [f"{n:,}" for n in (*row.tolist(), total)]
        extra = (f"{total / faces:.1%}", bar) if roomy else ()
        table.add_row(label, *numbers, *extra)
    table.add_section()
    if unlabelled is not None and unlabelled.any():
        numbers = [f"{n:,}" for n in (*unlabelled.tolist(), int(unlabelled.sum()))]
        table.add_row("unlabelled", *numbers)
    sums = [f"{n:,}" for n in (*counts.sum(axis=0).tolist(), int(totals.sum()))]
    table.add_row("labelled", *sums, style="bold")
    return table


def _rule_table(summary: DatasetSummary, width: int) -> Table:
    table = _table("FER+ rule")
    for name in (*SPLITS, "all"):
        table.add_column(_short(name, width), justify="right", no_wrap=True, min_width=6)
    for rule, counts in summary.ferplus.items():
        sums = counts.sum(axis=0).tolist()
        table.add_row(rule, *(f"{n:,}" for n in (*sums, sum(sums))))
    return table


def report_view(report: CheckReport) -> RenderableType:
    """Return the table of `check`: each kind of finding, how many, and the first few."""
    data = report.dataset
    table = _table("finding")
    table.add_column("count", justify="right", no_wrap=True, min_width=6)
    by_row = all(isinstance(source, int) for source in data.sources)
    table.add_column("rows" if by_row else "files", overflow="fold")
    kinds = report.problem_counts() or {"bad rows or files": 0}
    for kind, count in kinds.items():
        problems = [p for p in report.problems if p.kind == kind][:_EXAMPLES]
        label = f"skipped: {kind}" if report.problems else "skipped"
        _add(table, label, count, (str(problem) for problem in problems))
    _add(table, "constant faces", len(report.constant), _sources(report, report.constant))
    _add_groups(table, report, "groups of identical faces", report.duplicates)
    _add(table, "  faces in them", report.duplicate_faces, ())
    _add_groups(table, report, "  groups whose labels disagree", report.disagreeing)
    for (first, second), count in report.across_splits.items():
        _add(table, f"  groups in {first} and {second}", count, ())
    for split, count in report.also_in_training.items():
        _add(table, f"{split} faces also in train", count, ())
        _add(table, "  or nearly so", report.alike_in_training[split], _twins(report, split))
    if report.unlabelled:
        _add(table, "unlabelled faces", report.unlabelled, ())
    if report.no_face_votes is not None:
        _add(table, "faces that FER+ voted no face", report.no_face_votes, ())
    head = Text.assemble((data.name, "bold"), f"  {len(data):,} faces")
    foot = Text("--csv or --json list every finding with its row or path", style="dim")
    if by_row:
        foot.append("; rows count from 0, after the header")
    return Group(head, "", table, "", foot)


def _twins(report: CheckReport, split: str) -> Iterator[str]:
    """Yield the first few faces of a split that are nearly train faces, each with its twin."""
    overlap = report.overlaps.get(split)
    if overlap is not None:
        for face in np.flatnonzero(overlap.alike & ~overlap.same)[:_EXAMPLES].tolist():
            yield " ~ ".join(_sources(report, [face, int(overlap.twins[face])]))


def _add_groups(
    table: Table, report: CheckReport, label: str, groups: Sequence[DuplicateGroup]
) -> None:
    shown = (" = ".join(_sources(report, g.indices.tolist())) for g in groups[:_EXAMPLES])
    _add(table, label, len(groups), shown, more=len(groups) > _EXAMPLES)


def _add(
    table: Table, label: str, count: int, where: Iterable[str], *, more: bool | None = None
) -> None:
    shown = list(where)
    ends = count > len(shown) if more is None else more
    text = ", ".join(shown) + (", ..." if shown and ends else "")
    style = "" if count else "dim"
    table.add_row(label, f"{count:,}", Text(text, style="dim"), style=style)


def _sources(report: CheckReport, indices: Sequence[int]) -> list[str]:
    """Return the first few rows or paths."""
    return [str(report.dataset.sources[i]) for i in indices[:_EXAMPLES]]


def _table(first_column: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="dim")
    table.add_column(first_column)
    return table


def _short(split: str, width: int) -> str:
    return split if width >= _ROOMY else split[:5]


def _bar(part: float, cells: int) -> str:
    """Return a bar of `part` (0..1) of `cells`, to an eighth of a cell."""
    eighths = round(part * cells * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
