"""Table, summary, terminal and page say the same, and what the audit says."""

from __future__ import annotations

import csv
import io
import json
import re
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from mien.core.labels import FERPLUS_VOTE_COLUMNS
from mien.data.corrections import correct_labels, read_corrections
from mien.data.duplicates import face_fingerprints
from mien.evaluation.audit import judge_labels
from mien.evaluation.audit_page import render_audit_page
from mien.evaluation.audit_report import AuditReport, terminal_audit, write_audit
from mislabelled import answers_for, make_mislabelled, votes_for

N = 400


def make_report(*, votes: bool = True, folds: bool = True) -> AuditReport:
    faces, true = make_mislabelled(N, n_validation=0)
    if votes:
        counted = votes_for(true, 8)
        # One face in ten has no votes, one in ten is voted by six for the label it has, and of
        # two in ten most voters cannot tell.
        counted[::10] = 0
        counted[2::5] = votes_for(true[2::5], 3)
        counted[1::10] = votes_for(faces.class_ids[1::10], 6)
        faces = replace(faces, votes=counted)
    return AuditReport(
        audit=judge_labels(faces, answers_for(true)),
        split="train",
        split_sha256="ab" * 32,
        n_split=N + 5,
        unlabelled=3,
        seen=2,
        folds=np.arange(N) % 5 + 1 if folds else None,
        answers={"from": "models <that> learned otherwise", "recipe": "stripes", "folds": 5},
        made={
            "command": "mien data audit 'my faces' --out audit",
            "created": "2026-01-02T03:04:05+00:00",
            "data": "my faces",
            "versions": {"mien": "0.1.0", "cleanlab": "2.9.0"},
        },
    )


@pytest.fixture(scope="module")
def report() -> AuditReport:
    return make_report()


def rows_of(report: AuditReport, folder: Path) -> list[dict[str, str]]:
    write_audit(report, folder)
    return list(csv.DictReader(io.StringIO((folder / "audit.csv").read_text())))


def test_the_table_has_every_face_worst_first_with_all_that_is_known(
    report: AuditReport, tmp_path: Path
) -> None:
    rows, audit = rows_of(report, tmp_path), report.audit
    assert sorted(int(row["source"]) for row in rows) == list(range(N))
    qualities = [float(row["quality"]) for row in rows]
    assert qualities == sorted(qualities)
    fingerprints = face_fingerprints(audit.faces)
    for row in rows[:50]:
        face = int(row["source"])
        given, likely = report.labels[audit.given[face]], report.labels[audit.likely[face]]
        assert (row["given"], row["likely"], row["split"]) == (given, likely, "train")
        assert (row["face"], int(row["fold"])) == (fingerprints[face], face % 5 + 1)
        assert row["disputed"] == str(int(audit.disputed[face]))
        answers = [float(row[f"p_{label}"]) for label in report.labels]
        np.testing.assert_allclose(answers, audit.probabilities[face], atol=1e-4)
        votes = audit.faces.votes
        assert votes is not None
        if votes[face].any():
            expected = [votes[face, FERPLUS_VOTE_COLUMNS.index(name)] for name in (given, likely)]
            assert [int(row["votes_given"]), int(row["votes_likely"])] == expected
            assert row["votes_top"] == FERPLUS_VOTE_COLUMNS[votes[face].argmax()]
            assert row["votes"] == "10"
        else:
            assert row["votes"] == row["votes_given"] == row["votes_top"] == ""


def test_the_table_is_a_file_of_corrections(report: AuditReport, tmp_path: Path) -> None:
    rows = rows_of(report, tmp_path)
    faces = report.audit.faces
    corrected, done = correct_labels(faces, read_corrections(tmp_path / "audit.csv"))
    assert done.dropped == sum(row["suggestion"] == "drop" for row in rows) > 0
    assert done.relabelled == sum(row["suggestion"] == "relabel" for row in rows) > 0
    likely = {int(row["source"]): row["likely"] for row in rows if row["suggestion"] == "relabel"}
    for source, class_id in zip(corrected.sources, corrected.class_ids, strict=True):
        expected = likely.get(int(source), report.labels[faces.class_ids[int(source)]])
        assert report.labels[class_id] == expected
    # Which is what an audit is for: far fewer wrong labels than there were.
    true = make_mislabelled(N, n_validation=0)[1]
    left = corrected.class_ids != true[np.array(corrected.sources)]
    assert left.mean() < 0.05 < (faces.class_ids != true).mean()


def test_columns_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    row = rows_of(make_report(votes=False, folds=False), tmp_path)[0]
    assert not {"fold", "votes", "votes_given"} & set(row)


def test_the_summary_adds_up(report: AuditReport, tmp_path: Path) -> None:
    rows = rows_of(report, tmp_path)
    summary = json.loads((tmp_path / "audit.json").read_text())
    assert summary == json.loads(json.dumps(report.to_dict()))
    assert (summary["n"], summary["n_split"]) == (N, N + 5)
    assert summary["left_out"] == {"unlabelled": 3, "also_in_training": 2}
    disputed = [row for row in rows if row["disputed"] == "1"]
    assert summary["disputed"] == len(disputed)
    for name, n in summary["suggestions"].items():
        assert n == sum(row["suggestion"] == name for row in rows)
    for label, entry in summary["classes"].items():
        here = [row for row in rows if row["given"] == label]
        assert entry["faces"] == len(here)
        assert entry["drop"] == sum(row["suggestion"] == "drop" for row in here)
        assert (entry["estimated_noise"] is None) == (not here)
    assert sum(pair["faces"] for pair in summary["pairs"]) == len(disputed)
    for pair in summary["pairs"]:
        members = [
            row
            for row in disputed
            if (row["given"], row["likely"]) == (pair["given"], pair["likely"])
        ]
        assert pair["faces"] == len(members)
        assert pair["relabel"] == sum(row["suggestion"] == "relabel" for row in members)
    assert summary["provenance"]["command"].startswith("mien data audit")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_terminal_has_the_figures_and_fits(report: AuditReport, width: int) -> None:
    shown = io.StringIO()
    Console(file=shown, width=width).print(terminal_audit(report))
    lines = shown.getvalue().splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    text = " ".join(" ".join(lines).split())
    disputed = int(report.audit.disputed.sum())
    assert f"the labels of {disputed} of 400 faces" in text
    assert f"{report.audit.count('drop')} to drop" in text
    assert "2 faces are left out: the same pictures, or nearly, are in the training split" in text
    assert "FER+ voters' first choice is the given label for" in text


def test_the_page_is_whole_and_asks_for_nothing(report: AuditReport) -> None:
    html = render_audit_page(report, shown=3)
    assert html.startswith("<!doctype html>") and "<script" not in html
    assert all(url.startswith("data:") for url in re.findall(r'(?:src|href)="([^#"]+)"', html))
    assert "models &lt;that&gt; learned otherwise" in html
    assert "0.1.0" in html and "mien data audit &#x27;my faces&#x27;" in html
    for tag in ("section", "figure", "div", "table", "dl", "b"):
        assert len(re.findall(rf"<{tag}[ >]", html)) == html.count(f"</{tag}>"), tag


def test_the_page_shows_the_worst_faces_of_each_pair_and_counts_the_rest(
    report: AuditReport,
) -> None:
    html = render_audit_page(report, shown=3)
    pairs = report.audit.pairs()
    figures = re.findall(r"<figure>.*?</figure>", html)
    assert len(figures) == sum(min(len(faces), 3) for _, _, faces in pairs)
    first_given = html.index("<figure>")
    assert html.index('<section id="summary">') < first_given
    for given, likely, faces in pairs:
        names = report.labels[given], report.labels[likely]
        card = html[html.index(f'<section id="{names[0]}">') :]
        head = re.search(rf"{names[0]}, but likely <span[^>]*></span>{names[1]}: ([^<]*)<", card)
        assert head is not None
        n = len(faces)
        some = f"{n} face{'' if n == 1 else 's'}"
        assert head[1] == (f"the worst 3 of {some}" if n > 3 else some)
        assert f"row {faces[0]}</figcaption>" in card[head.start() :]


def test_a_figure_shows_the_very_face_with_labels_probabilities_and_votes(
    report: AuditReport,
) -> None:
    html, audit = render_audit_page(report, shown=500), report.audit
    found = re.findall(
        r'<figure><img src="data:image/png;base64,([^"]+)"[^>]*><figcaption>(.*?)</figcaption>',
        html,
    )
    assert len(found) == audit.disputed.sum()
    for picture, caption in found[:10]:
        face = int(re.search(r"row (\d+)$", caption)[1])  # type: ignore[index]
        image = cv2.imdecode(np.frombuffer(b64decode(picture), np.uint8), cv2.IMREAD_GRAYSCALE)
        np.testing.assert_array_equal(image, audit.faces.images_gray[face])
        given, likely = audit.given[face], audit.likely[face]
        assert caption.startswith(f"{report.labels[given]} {audit.probabilities[face, given]:.0%}")
        assert f"<br>{report.labels[likely]} {audit.probabilities[face, likely]:.0%}" in caption
        assert audit.voters is not None
        if audit.voters.cast[face]:
            n = int(audit.voters.likely[face])
            assert f", {n} vote{'' if n == 1 else 's'}<br><b" in caption
        else:
            assert "vote" not in caption


def test_page_and_terminal_hold_without_votes_and_without_a_dispute() -> None:
    faces, true = make_mislabelled(N, n_validation=0, wrong_share=0.0)
    sure = np.full((N, 7), 0.01)
    sure[np.arange(N), true] = 0.94
    report = replace(make_report(votes=False), audit=judge_labels(faces, sure))
    html = render_audit_page(report)
    assert "disputes the labels of 0 of 400 faces" in html and "<figure>" not in html
    shown = io.StringIO()
    Console(file=shown, width=80).print(terminal_audit(report))
    assert "0 to relabel, 0 to drop." in " ".join(shown.getvalue().split())
    assert "voters" not in shown.getvalue()
