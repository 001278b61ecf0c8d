"""The tables of docs/peers.md: every model in its place, and only figures of the same faces."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.etree import ElementTree

import pytest

REPO = Path(__file__).resolve().parents[1]
LABELS = ("neutral", "happiness", "contempt")


def figures(confusion: list[list[int]]) -> dict[str, Any]:
    """Figures of a confusion matrix, reckoned here by hand, not by mien."""
    n = sum(map(sum, confusion))
    right = sum(confusion[number][number] for number in range(3))
    recalls = [row[number] / sum(row) for number, row in enumerate(confusion)]
    share = right / n
    return {
        "labels": LABELS,
        "n": n,
        "accuracy": {"value": share, "low": share - 0.05, "high": share + 0.05},
        "macro_f1": 0.5,
        "balanced_accuracy": sum(recalls) / 3,
        "confusion": confusion,
        "per_class": [
            {"label": label, "support": sum(row), "recall": recall}
            for label, row, recall in zip(LABELS, confusion, recalls, strict=True)
        ],
        "baseline": None,
    }


def rule(name: str, confusion: list[list[int]], **more: Any) -> dict[str, Any]:
    published = {**figures(confusion), **more}
    unseen = {**published, "accuracy": {"value": 0.25, "low": 0.2, "high": 0.3}}
    results = [("flip", "published", {}), ("single", "published", published)]
    unlike = {**published, "accuracy": {"value": 0.125, "low": 0.1, "high": 0.2}}
    results += [("single", "unseen", unseen), ("single", "unlike", unlike)]
    return {
        "rule": name,
        "results": [{"crops": c, "images": i, "figures": f} for c, i, f in results],
    }


# 80 of 100 neutral, 50 of 50 happy and 2 of 10 contemptuous faces are right.
OURS = [[80, 15, 5], [0, 50, 0], [8, 0, 2]]
THEIRS = [[70, 30, 0], [10, 40, 0], [10, 0, 0]]


def evaluation(
    model: str, kind: str, confusion: list[list[int]], sha: str = "ab"
) -> dict[str, Any]:
    about = {"name": model, "kind": kind, "parameters": 1_649_863}
    about |= {"graph_bytes": 3_350_866} if kind == "bundle" else {}
    naive = {
        "label": "neutral",
        "accuracy": {"value": 0.625, "low": 0.55, "high": 0.7},
        "macro_f1": 0.256,
        "balanced_accuracy": 1 / 3,
    }
    return {
        "model": model,
        "split_sha256": sha,
        "rules": [rule(name, confusion, baseline=naive) for name in ("fer2013", "majority")],
        "provenance": {"model": about},
    }


def measured(speed: dict[str, Any] | None = None) -> dict[str, Any]:
    peer = {
        "name": "lib",
        "version": "1.2",
        "network": "a network",
        "parameters": None,
        "files": [
            {"name": "w.json", "bytes": 80_000, "sha256": "0" * 64},
            {"name": "w.bin", "bytes": 820_000, "sha256": "0123456789abcdef" * 4},
        ],
        "runs_on": {"tfjs": "4"},
        "speed": speed,
        "rules": [rule(name, THEIRS) for name in ("fer2013", "majority")],
    }
    machine = {"cpu": "A CPU", "cores": 2, "python": "3.11"}
    return {"split_sha256": "ab", "machine": machine, "peers": {"lib": peer}}


def keep(folder: Path, peers: dict[str, Any], sha: str = "ab") -> None:
    (folder / "peers.json").write_text(json.dumps(peers))
    for name, kind, confusion in (
        ("cnn6", "run, best checkpoint", THEIRS),
        ("mien-s", "bundle", OURS),
    ):
        text = json.dumps(evaluation(name, kind, confusion, sha))
        (folder / f"evaluate-{name}.json").write_text(text)


def test_without_a_measurement_nothing_is_claimed(fill: ModuleType) -> None:
    for block in (fill.peers_block, fill.peers_recall_block, fill.peers_networks_block):
        assert block() == "Not measured yet."
    assert fill.drawings() == {}


def test_ours_tutorials_libraries_and_the_naive_answer_stand_in_this_order(
    fill: ModuleType, tmp_path: Path
) -> None:
    keep(tmp_path, measured())
    block = fill.peers_block()
    first = [line for line in block.splitlines() if line.startswith("|")][2:6]
    assert [line.split(" | ")[0] for line in first] == [
        "| `mien-s`",
        "| `cnn6`",
        "| lib 1.2",
        "| always neutral",
    ]
    # 132 of 160; (0.8 + 1 + 0.2) / 3.
    assert "| `mien-s` | 1,649,863 | 3.4 MB | **82.5 %** (77.5 to 87.5) | 0.500 | 66.7 % |" in block
    assert "| 66.7 % | 25.0 % | 12.5 % |" in block
    assert "| lib 1.2 |  | 0.9 MB | 68.8 % (" in block
    assert "| always neutral |  |  | 62.5 % (55.0 to 70.0) | 0.256 | 33.3 % |  |  |  |  |" in block
    assert " ms |" not in block


def test_the_shared_columns_leave_out_faces_of_contempt_and_no_answer(
    fill: ModuleType, tmp_path: Path
) -> None:
    keep(tmp_path, measured())
    # 130 of 150 faces, and (0.8 + 1) / 2: the five answers of contempt stay wrong.
    assert "| 66.7 % | 25.0 % | 12.5 % | 86.7 % | 90.0 % |" in fill.peers_block()
    assert "7 shared: accuracy" in fill.peers_block()


def test_recall_by_expression_and_networks(fill: ModuleType, tmp_path: Path) -> None:
    keep(tmp_path, measured())
    recall = fill.peers_recall_block()
    assert "| model | neutral (100) | happiness (50) | contempt (10) |" in recall
    assert "| lib 1.2 | 70.0 % | 80.0 % | 0.0 % |" in recall
    networks = fill.peers_networks_block()
    assert "**lib** 1.2: a network. `w.bin`, sha256 `0123456789abcdef`; run by tfjs 4." in networks


def test_speed_stands_there_only_where_it_was_measured(fill: ModuleType, tmp_path: Path) -> None:
    speed = {"ms_a_face": 12.346, "low": 11.0, "high": 15.0, "runs": 270}
    keep(tmp_path, {**measured(speed), "ours": {"mien-s": {**speed, "ms_a_face": 1.5}}})
    block = fill.peers_block()
    assert "| `mien-s` | 1.50 ms | 11.00 to 15.00 |\n| lib | 12.35 ms |" in block
    assert "On A CPU, 2 cores, Python 3.11." in block


def test_figures_of_other_faces_are_refused(fill: ModuleType, tmp_path: Path) -> None:
    keep(tmp_path, measured(), sha="cd")
    with pytest.raises(ValueError, match="measured on different faces"):
        fill.peers_block()


def test_the_picture_has_a_mark_for_each_model_and_rule_at_its_accuracy(
    fill: ModuleType, tmp_path: Path
) -> None:
    keep(tmp_path, measured())
    (text,) = fill.drawings().values()
    drawing = ElementTree.fromstring(text)
    circles = [node for node in drawing.iter() if node.tag.endswith("circle")]
    # One in the legend, one in each panel: 82.5 % of the way from 40 to 95 %.
    assert len(circles) == 3
    middle = 210 + (82.5 - 40) / 55 * (760 - 210 - 62)
    assert float(circles[1].get("cx", "0")) == pytest.approx(middle, abs=0.1)
    words = [node.text for node in drawing.iter() if node.tag.endswith("text")]
    assert words.count("82.5 %") == 2 and words.count("lib 1.2") == 2


def test_the_readme_says_of_other_libraries_what_was_measured() -> None:
    said = (REPO / "README.md").read_text(encoding="utf-8")
    measured = json.loads((REPO / "docs/figures/peers.json").read_text(encoding="utf-8"))["peers"]
    (sentence,) = re.findall(r"networks inside `fer`.*?FER2013's labels", said, re.DOTALL)
    stated = [float(figure) for figure in re.findall(r"\d+\.\d", sentence)]
    named = ["fer", "human", "face-api", "pyemotion"]
    single = [measured[name]["rules"][0]["results"][0]["figures"] for name in named]
    assert [measured[name]["rules"][0]["rule"] for name in named] == ["fer2013"] * 4
    assert stated == [round(100 * one["accuracy"]["value"], 1) for one in single]
