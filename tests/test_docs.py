"""The docs hold: every command that they show exists, every figure comes from a file."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import typer.main

import mien
from mien.cli.main import app
from mien.core.labels import FER2013, FERPLUS

REPO = Path(__file__).resolve().parents[1]
DOCS = REPO / "docs"
PAGES = [REPO / "README.md", REPO / "CONTRIBUTING.md", REPO / "CHANGELOG.md", *DOCS.glob("*.md")]
MAKE_TARGETS = set(re.findall(r"^([a-z]+):", (REPO / "Makefile").read_text(), re.MULTILINE))


def commands(group: Any = None, path: str = "mien") -> Iterator[tuple[str, Any]]:
    """Every command and group by its whole name."""
    group = group or typer.main.get_command(app)
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if getattr(command, "commands", None):
            yield from commands(command, f"{path} {name}")


COMMANDS = dict(commands())
LEAVES = {name: one for name, one in COMMANDS.items() if not getattr(one, "commands", None)}


def shell_lines(page: Path) -> Iterator[str]:
    """The lines of the bash blocks of a page, continued lines joined, comments left out."""
    text = page.read_text(encoding="utf-8")
    for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            yield line.partition(" #")[0].strip()


SHOWN = sorted(
    {
        (page.name, line)
        for page in PAGES
        for line in shell_lines(page)
        if line.startswith("mien ") and not line.startswith("mien --")
    }
)


def test_docs_show_commands() -> None:
    assert len(SHOWN) > 20


@pytest.mark.parametrize(("page", "line"), SHOWN)
def test_command_in_the_docs_exists_with_its_options(page: str, line: str) -> None:
    words = shlex.split(re.split(r"[>|;]", line)[0])
    name, rest = " ".join(words[:2]), words[2:]
    while rest and f"{name} {rest[0]}" in COMMANDS:
        name, rest = f"{name} {rest[0]}", rest[1:]
    assert name in COMMANDS, f"{page}: {line}"
    command = COMMANDS[name]
    known = {opt for one in command.params for opt in (*one.opts, *one.secondary_opts)}
    given = {word.partition("=")[0] for word in rest if word.startswith("-")}
    assert given <= known | {"--help", "-h"}, f"{page}: {line}"
    needed = {one.opts[0] for one in command.params if one.required and one.opts[0][0] == "-"}
    assert needed <= given, f"{page}: {line} lacks {needed - given}"


@pytest.mark.parametrize("name", sorted(LEAVES))
def test_command_is_documented_and_its_options_are_explained(name: str) -> None:
    assert f"## `{name}`" in (DOCS / "cli.md").read_text(encoding="utf-8"), "run make figures"
    assert len(LEAVES[name].help or "") > 15
    for parameter in LEAVES[name].params:
        words = getattr(parameter, "help", None) or ""
        if parameter.name != "help":
            assert len(words) > 5, f"{name}: {parameter.opts} has no help"


def test_make_targets_in_the_docs_exist() -> None:
    shown = {
        target
        for page in PAGES
        for target in re.findall(
            r"\bmake (run|[a-z]+)\b(?=`|\s*#|$|\n)", "\n".join(shell_lines(page))
        )
    }
    assert {"run", "test", "bench"} <= shown
    assert shown <= MAKE_TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_readme_fits_on_a_few_screens() -> None:
    assert len((REPO / "README.md").read_text(encoding="utf-8").splitlines()) <= 200


def test_every_figure_in_the_docs_is_what_the_files_say() -> None:
    done = subprocess.run(
        [sys.executable, DOCS / "fill_figures.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def fill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The filler, with an empty folder of figures and no bundles."""
    monkeypatch.syspath_prepend(DOCS)
    spec = importlib.util.spec_from_file_location("fill_figures", DOCS / "fill_figures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "FIGURES", tmp_path / "figures")
    monkeypatch.setattr(module, "BUNDLES", tmp_path / "bundles")
    (tmp_path / "figures").mkdir()
    return module


def make_evaluation(model: str) -> dict[str, Any]:
    """An evaluation as the evaluation room makes it, of random answers on made-up faces."""
    from mien.data import FaceDataset
    from mien.evaluation.run import evaluate

    chance = np.random.default_rng(5)
    n = 60
    dataset = FaceDataset(
        name="made-up",
        images_gray=chance.integers(0, 256, (n, 8, 8)).astype(np.uint8),
        splits=np.repeat(np.array([0, 2], np.int8), n // 2),
        class_ids=chance.integers(0, 7, n).astype(np.int64),
        label_set=FER2013,
        votes=None,
        sources=tuple(range(n)),
    )

    class Guesser:
        name = model
        label_sets = ("fer2013",)

        def predict_logits(self, images: Any) -> dict[str, Any]:
            return {"fer2013": chance.normal(size=(len(images), 7)).astype(np.float32)}

    evaluation: dict[str, Any] = evaluate(Guesser(), dataset).to_dict()
    return json.loads(json.dumps(evaluation))


def test_results_table_has_the_figures_of_the_evaluation(fill: ModuleType) -> None:
    for model in ("cnn4", "mien-s"):
        evaluation = make_evaluation(model)
        (fill.FIGURES / f"evaluate-{model}.json").write_text(json.dumps(evaluation))
    # The table has the models in the package alone.
    (fill.BUNDLES / "mien-s").mkdir(parents=True)
    rows = fill.results_block().splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["`mien-s`"]
    rule = evaluation["rules"][0]
    single = rule["results"][0]["figures"]
    ours = rows[0]
    assert f"**{100 * single['accuracy']['value']:.1f} %**" in ours
    assert f"| {rule['n']} |" in ours
    assert "FER2013 PrivateTest" in ours


def test_experiments_table_has_a_row_for_each_run_with_what_it_began_with(
    fill: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fill, "LOGS", tmp_path)
    assert fill.experiments_block() == "None yet."
    for name, start, threads in (("b", {"from": "runs/a"}, 1), ("a", {}, 2)):
        (tmp_path / name).mkdir()
        recipe = {"description": "a net", "seed": 7, "corrections": "x.csv" if start else None}
        settings = {"name": name, "optimiser.momentum": 0.5} if name == "b" else {}
        run = {
            "recipe": recipe,
            "environment": {"threads": threads},
            "start": start,
            "settings": settings,
        }
        best = {"epoch": 3.0, "val/fer2013/accuracy": 0.70123}
        report = {"best": best, "epochs_done": 4, "seconds": 5400.0}
        (tmp_path / name / "run.json").write_text(json.dumps(run))
        (tmp_path / name / "report.json").write_text(json.dumps(report))
    rows = fill.experiments_block().splitlines()[2:]
    told = "a net | 7 | 3 of 4 | 70.1 % |  | 1.5 h, 2 threads |"
    assert rows[0] == f"| [`a`](../recipes/logs/a) | {told}"
    assert "a net; begun with a; labels corrected by x.csv; `optimiser.momentum=0.5` |" in rows[1]
    assert rows[1].endswith("1.5 h, 1 thread |")


def test_per_class_table_is_of_our_model_and_complete(fill: ModuleType) -> None:
    (fill.FIGURES / "evaluate-cnn4.json").write_text(json.dumps(make_evaluation("cnn4")))
    assert fill.per_class_block() == "Not measured yet."
    (fill.FIGURES / "evaluate-mien-s.json").write_text(json.dumps(make_evaluation("mien-s")))
    table = fill.per_class_block()
    assert all(f"| {label} |" in table for label in FER2013.labels)


def test_robustness_table_says_what_each_condition_costs_under_each_rule(
    fill: ModuleType,
) -> None:
    def rule(name: str, accuracy: float, lost: float) -> dict[str, Any]:
        row = {
            "name": "shift 5%",
            "accuracy": {"value": accuracy - lost},
            "loss": {"value": lost, "low": lost - 0.012, "high": lost + 0.012},
        }
        return {"rule": name, "n": 3589, "accuracy": {"value": accuracy}, "rows": [row]}

    measured = {
        "model": "mien-s",
        "split": "test",
        "seed": None,
        "rules": [
            {**rule("fer2013", 0.7, 0.02), "prior": {"name": "natural", "strength": 0.0}},
            {**rule("majority", 0.86, -0.0102), "prior": {"name": "balanced", "strength": 0.25}},
        ],
    }
    (fill.FIGURES / "robustness-mien-s.json").write_text(json.dumps(measured))
    lines = fill.robustness_block().splitlines()
    assert lines[0].startswith("`mien-s`, PrivateTest; n 3,589 for FER2013, 7 expressions, n ")
    assert lines[0].endswith("FER+ `majority`, 8 expressions, prior balanced 0.25:")
    assert lines[-2] == "| unchanged | **70.0 %** |  | **86.0 %** |  |"
    row = "| shift 5 % | 68.0 % | 2.0 (0.8 to 3.2) | 87.0 % | −1.0 (−2.2 to 0.2) |"
    assert lines[-1] == row
    (fill.FIGURES / "robustness-a.json").write_text(json.dumps({**measured, "model": "a"}))
    names = [line.split(",")[0] for line in fill.robustness_block().splitlines() if "; n " in line]
    assert names == ["`mien-s`", "`a`"]


def test_without_files_nothing_is_claimed(fill: ModuleType) -> None:
    assert fill.results_block() == fill.speed_block() == "Not measured yet."
    assert fill.robustness_block() == "Not measured yet."
    assert fill.models_block() == "No model is in the package yet."


def test_speed_table_says_what_was_measured_where(fill: ModuleType) -> None:
    start = {
        "import_mien_s": 0.123456,
        "import_mien_limit_s": 0.3,
        "predict_photo_s": 1.2,
        "predict_photo_limit_s": 1.5,
    }
    detectors = {
        "whole_frame_limit_ms": 15.0,
        "blazeface": {"whole_frame_ms": 8.82},
        "haar": {"whole_frame_ms": 161.7},
        "yunet": "no weights",
    }
    bench = {
        "machine": {"cpu": "Some CPU", "cores": 2, "python": "3.11.7"},
        "results": {
            "start": {"status": "measured", "figures": start},
            "detectors": {"status": "measured", "figures": detectors},
            "data_cache": {"status": "not here", "reason": "needs FER2013"},
        },
    }
    (fill.FIGURES / "bench.json").write_text(json.dumps(bench))
    block = fill.speed_block()
    assert "| `import mien` | 0.123 s | 0.3 s |" in block
    assert "detected by blazeface, read, one core | 8.82 ms | 15 ms |" in block
    # The cascades are no detector that is picked by itself, so they have no goal.
    assert "detected by haar, read, one core | 162 ms |  |" in block
    assert "yunet" not in block
    assert "Not measured: data_cache (needs FER2013)." in block
    assert "Some CPU, 2 cores, Python 3.11.7" in block


def test_filling_changes_blocks_alone_and_is_stable(fill: ModuleType) -> None:
    page = "before\n<!-- figures:speed -->\nold\n<!-- /figures -->\nafter 12.3 %\n"
    once = fill.filled(page)
    assert once == page.replace("old", "Not measured yet.")
    assert fill.filled(once) == once
    with pytest.raises(KeyError, match="nonesuch"):
        fill.filled(page.replace("speed", "nonesuch"))


@pytest.mark.dataset
def test_share_of_labels_that_the_votes_agree_with_is_as_stated(shared_data: Path) -> None:
    from mien.data import open_dataset

    faces = open_dataset(shared_data)
    assert faces.votes is not None
    eight = faces.votes[:, :8]
    voted = eight.sum(axis=1) > 0
    names = np.array(FERPLUS.labels)[eight.argmax(axis=1)]
    agreed = names == np.array(FER2013.labels)[faces.class_ids]
    stated = re.search(r"the same\s+for (\d+) % of the faces", (DOCS / "data.md").read_text())
    assert stated is not None
    assert round(100 * agreed[voted].mean()) == int(stated[1])


def python_blocks() -> list[tuple[str, str]]:
    return [
        (page.name, block)
        for page in PAGES
        for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    ]


@pytest.mark.parametrize(("page", "block"), python_blocks())
def test_python_in_the_docs_imports_and_calls_what_exists(page: str, block: str) -> None:
    tree = ast.parse(block)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            module = importlib.import_module(node.module or "")
            assert all(hasattr(module, alias.name) for alias in node.names), page
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = ast.unparse(node.func.value)
            takers = {"mien": mien, "reader": mien.Recognizer, "result": mien.FrameResult}
            if owner not in takers:
                continue
            signature = inspect.signature(getattr(takers[owner], node.func.attr))
            known = set(signature.parameters)
            assert {keyword.arg for keyword in node.keywords} <= known, f"{page}: {owner}"
