"""Write the measured figures into the README and the docs, so that none is typed by hand.

    python docs/fill_figures.py            write them
    python docs/fill_figures.py --check    exit 1 and name every block that is out of date

A block is what stands between `<!-- figures:NAME -->` and `<!-- /figures -->`; NAME is a key
of `BLOCKS`. The figures come from files in docs/figures/:

    evaluate-MODEL.json    the report of `mien evaluate MODEL ... --split test --json FILE`
    bench.json             what `make bench` leaves in bench/results.json

from the bundles in the package, and from the command line itself.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from command_reference import command_reference

REPO = Path(__file__).resolve().parents[1]
FIGURES = REPO / "docs" / "figures"
BUNDLES = REPO / "src" / "mien" / "bundles"
BLOCK = re.compile(r"(<!-- figures:([\w-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
# What each rule's labels are called where people read them.
RULE_NAMES = {
    "fer2013": "FER2013 PrivateTest, 7 expressions",
    "majority": "FER+ `majority`, 8 expressions",
    "argmax10": "FER+ `argmax10`, 8 expressions",
    "argmax8": "FER+ `argmax8`, 8 expressions",
}
OURS = "mien-s"


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown; first column left, the others right."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def read_json(path: Path) -> Any:
    """Return what a JSON file holds, or None where there is no such file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def evaluations() -> list[dict[str, Any]]:
    """Return every evaluation in the figures folder, our own model first."""
    found = [read_json(path) for path in sorted(FIGURES.glob("evaluate-*.json"))]
    return sorted(found, key=lambda evaluation: evaluation["model"] != OURS)


def way(rule: dict[str, Any], crops: str, images: str) -> dict[str, Any] | None:
    """Return the figures of one way of evaluating a rule, or None where there are none."""
    for result in rule["results"]:
        if (result["crops"], result["images"]) == (crops, images):
            figures: dict[str, Any] = result["figures"]
            return figures
    return None


def percent(share: float | None) -> str:
    """Return a share of 0..1 in percent with one decimal."""
    return "" if share is None else f"{100 * share:.1f} %"


def accuracy_of(figures: dict[str, Any] | None) -> str:
    """Return an accuracy in percent, or nothing where there is none."""
    return "" if figures is None else percent(figures["accuracy"]["value"])


def results_block() -> str:
    """Return accuracy and F1 of every model that was evaluated, under every rule."""
    rows = []
    for evaluation in evaluations():
        for rule in evaluation["rules"]:
            single = way(rule, "single", "published")
            if single is None or rule["rule"] not in RULE_NAMES:
                continue
            accuracy = single["accuracy"]
            interval = f"{100 * accuracy['low']:.1f} to {100 * accuracy['high']:.1f}"
            rows.append(
                [
                    f"`{evaluation['model']}`",
                    RULE_NAMES[rule["rule"]],
                    f"{rule['n']:,}",
                    f"**{percent(accuracy['value'])}** ({interval})",
                    f"{single['macro_f1']:.3f}",
                    accuracy_of(way(rule, "flip", "published")),
                    accuracy_of(way(rule, "single", "unseen")),
                ]
            )
    if not rows:
        return "Not measured yet."
    head = ["model", "test set and labels", "n", "accuracy (95 % interval)", "macro-F1"]
    return markdown_table([*head, "with flip averaging", "without images also in training"], rows)


def per_class_block() -> str:
    """Return recall, precision and F1 of each expression for our own model."""
    parts = []
    for evaluation in evaluations():
        for rule in evaluation["rules"]:
            single = way(rule, "single", "published")
            if evaluation["model"] != OURS or single is None or rule["rule"] not in RULE_NAMES:
                continue
            rows = [
                [
                    entry["label"],
                    f"{entry['support']:,}",
                    *(percent(entry[name]) for name in ("recall", "precision", "f1")),
                ]
                for entry in single["per_class"]
            ]
            table = markdown_table(["expression", "faces", "recall", "precision", "F1"], rows)
            parts.append(f"{RULE_NAMES[rule['rule']]}, n {rule['n']:,}:\n\n{table}")
    return "\n\n".join(parts) or "Not measured yet."


def models_block() -> str:
    """Return the models in the package with their size."""
    rows = []
    for folder in sorted(path.parent for path in BUNDLES.glob("*/config.json")):
        config = read_json(folder / "config.json")
        size = config["input"]["size"]
        rows.append(
            [
                f"[`{config['name']}`](src/mien/bundles/{folder.name}/MODEL_CARD.md)",
                f"{config['architecture']['parameters']:,}",
                f"{size} x {size} gray",
                ", ".join(head["label_set"] for head in config["heads"]),
                f"{config['files']['model.onnx']['bytes'] / 1e6:.1f} MB",
                str(config["licence"]),
            ]
        )
    if not rows:
        return "No model is in the package yet."
    return markdown_table(["model", "parameters", "input", "label sets", "ONNX", "licence"], rows)


def flatten(figures: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted name, value) of every figure in nested objects and lists."""
    items = figures.items() if isinstance(figures, dict) else enumerate(figures)
    for key, value in items:
        name = f"{path}.{key}" if path else str(key)
        if isinstance(value, (dict, list)):
            yield from flatten(value, name)
        else:
            yield name, value


def speed_block() -> str:
    """Return every figure that `make bench` measured, and the machine."""
    bench = read_json(FIGURES / "bench.json")
    if bench is None:
        return "Not measured yet."
    rows = []
    for name, result in bench["results"].items():
        if result["status"] != "measured":
            rows.append([name, result["status"], result["reason"]])
            continue
        for figure, value in flatten(result["figures"]):
            text = f"{value:,.4g}" if isinstance(value, float) else str(value)
            rows.append([name, f"`{figure}`", text])
    machine = bench["machine"]
    said = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}"
    return f"{markdown_table(['measurement', 'figure', 'value'], rows)}\n\nMeasured on {said}."


BLOCKS: dict[str, Callable[[], str]] = {
    "results": results_block,
    "per-class": per_class_block,
    "models": models_block,
    "speed": speed_block,
    "commands": command_reference,
}


def filled(text: str) -> str:
    """Return a page with every block written anew.

    Raises:
        KeyError: If a block has a name that is not in `BLOCKS`.
    """
    return BLOCK.sub(lambda match: f"{match[1]}{BLOCKS[match[2]]()}\n{match[3]}", text)


def pages() -> list[Path]:
    """Return the pages that may have blocks."""
    return [REPO / "README.md", *sorted((REPO / "docs").glob("*.md"))]


def main() -> int:
    """Write or check every page; return 1 if a check found one out of date."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, say what is stale")
    only_check = parser.parse_args().check
    stale = []
    for page in pages():
        old = page.read_text(encoding="utf-8")
        new = filled(old)
        if new != old:
            stale.append(page)
            if not only_check:
                page.write_text(new, encoding="utf-8")
    for page in stale:
        said = "is out of date; run make figures" if only_check else "written"
        sys.stdout.write(f"{page.relative_to(REPO)} {said}\n")
    return int(bool(stale) and only_check)


if __name__ == "__main__":
    sys.exit(main())
