"""Write the measured figures into the README and the docs, so that none is typed by hand.

    python docs/fill_figures.py            write them
    python docs/fill_figures.py --check    exit 1 and name every block that is out of date

A block is what stands between `<!-- figures:NAME -->` and `<!-- /figures -->`; NAME is a key
of `BLOCKS`. The figures come from files in docs/figures/:

    evaluate-MODEL.json    the evaluation.json of `mien evaluate MODEL ... --split test --out DIR`,
                           with --ten-crops for the models that ship
    audit.json             the audit.json of `mien data audit ... --recipe mien-s-quick --folds 2`
    losses.json            what `python docs/losses_table.py EVALUATIONS` prints
    robustness-MODEL.json  the robustness.json of `mien robustness MODEL ... --split test --out DIR`
    bench.json             what `make bench` leaves in bench/results.json
    tracking.json          what `python -m bench.tracking` prints
    video.json             what `python -m bench.video` prints
    load.json              what `python -m bench.load` prints
    keras_cnn6.json        what `python -m bench.keras_cnn6` prints
    peers.json             what `python -m bench.peers` prints

from the bundles in the package, the logs of training runs in recipes/logs/, and from the
command line itself.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from audit_table import HEAD as AUDIT_HEAD
from audit_table import audit_rows, audit_words
from command_reference import command_reference
from losses_table import HEAD as LOSSES_HEAD
from losses_table import losses_rows
from peers_plot import peers_svg
from peers_tables import (
    naive_row,
    networks_words,
    peers_table,
    recall_table,
    rows_under,
    speed_table,
)
from speed_tables import (
    Table,
    inference_table,
    keras_table,
    load_table,
    load_words,
    training_table,
)
from tracking_table import HEAD as TRACKING_HEAD
from tracking_table import tracking_rows, tracking_words
from video_table import HEAD as VIDEO_HEAD
from video_table import video_rows, video_words

REPO = Path(__file__).resolve().parents[1]
FIGURES = REPO / "docs" / "figures"
LOGS = REPO / "recipes" / "logs"
BUNDLES = REPO / "src" / "mien" / "bundles"
BLOCK = re.compile(r"(<!-- figures:([\w-]+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
# What each rule's labels are called where people read them.
RULE_NAMES = {
    "fer2013": "FER2013 PrivateTest, 7 expressions",
    "majority": "FER+ `majority`, 8 expressions",
    "argmax10": "FER+ `argmax10`, 8 expressions",
    "argmax8": "FER+ `argmax8`, 8 expressions",
}
# The same where the split is named beside them, and FER2013's own names of the splits.
LABEL_NAMES = {rule: name.replace(" PrivateTest", "") for rule, name in RULE_NAMES.items()}
SPLIT_NAMES = {"train": "Training", "validation": "PublicTest", "test": "PrivateTest"}
OURS = "mien-s"
# The rules under which other libraries are measured.
PEER_RULES = ("fer2013", "majority")


def ours_first(model: str) -> tuple[bool, bool, str]:
    """Return what sorts the default model first, then the others that ship, then the rest."""
    return model != OURS, not (BUNDLES / model).is_dir(), model


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
    return sorted(found, key=lambda evaluation: ours_first(evaluation["model"]))


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
    """Return accuracy and F1 of the models in the package, under every rule."""
    rows = []
    for evaluation in evaluations():
        if not (BUNDLES / evaluation["model"]).is_dir():
            continue
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
                    accuracy_of(way(rule, "ten", "published")),
                    accuracy_of(way(rule, "single", "unseen")),
                    accuracy_of(way(rule, "single", "unlike")),
                ]
            )
    if not rows:
        return "Not measured yet."
    head = ["model", "test set and labels", "n", "accuracy (95 % interval)", "macro-F1"]
    head += ["with flip averaging", "with ten crops"]
    head += ["without images also in training", "nor nearly so"]
    return markdown_table(head, rows)


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


def robustness_block() -> str:
    """Return what every condition costs each model, under every rule it was measured by."""
    measured = [read_json(path) for path in sorted(FIGURES.glob("robustness-*.json"))]
    parts = [
        robustness_table(one) for one in sorted(measured, key=lambda m: ours_first(m["model"]))
    ]
    return "\n\n".join(parts) or "Not measured yet."


def robustness_table(measured: dict[str, Any]) -> str:
    """Return one model's table: for each rule the accuracy, and the points that are lost."""
    rules = measured["rules"]
    named = [LABEL_NAMES.get(rule["rule"], rule["rule"]) for rule in rules]
    head = ["condition"]
    unchanged = ["unchanged"]
    for rule, name in zip(rules, named, strict=True):
        head += [f"{name}: accuracy", "points lost (95 % interval)"]
        unchanged += [f"**{accuracy_of(rule)}**", ""]
    rows = [unchanged]
    for conditions in zip(*(rule["rows"] for rule in rules), strict=True):
        cells = [conditions[0]["name"].replace("%", " %")]
        for row in conditions:
            value, low, high = (signed_points(row["loss"][end]) for end in ("value", "low", "high"))
            cells += [accuracy_of(row), f"{value} ({low} to {high})"]
        rows.append(cells)
    counts = ", ".join(
        f"n {rule['n']:,} for {name}{under_prior(rule)}"
        for rule, name in zip(rules, named, strict=True)
    )
    where = SPLIT_NAMES.get(measured["split"], measured["split"])
    drawn = "" if measured["seed"] is None else f", a sample drawn with seed {measured['seed']}"
    return f"`{measured['model']}`, {where}{drawn}; {counts}:\n\n{markdown_table(head, rows)}"


def under_prior(rule: dict[str, Any]) -> str:
    """Return `, prior balanced 0.25`, or nothing where answers are natural or nothing is known."""
    prior = rule.get("prior")
    return f", prior {prior['name']} {prior['strength']:g}" if prior and prior["strength"] else ""


def signed_points(share: float) -> str:
    """Return a difference of shares in points of a hundred, with a true minus sign."""
    text = f"{100 * share:.1f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else "0.0"


def models_block() -> str:
    """Return the models in the package with their size."""
    rows = []
    folders = [path.parent for path in BUNDLES.glob("*/config.json")]
    for folder in sorted(folders, key=lambda folder: ours_first(folder.name)):
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


def experiments_block() -> str:
    """Return a row for every run whose log is kept: PublicTest, which chose its epoch."""
    runs = [folder for folder in LOGS.glob("*") if (folder / "report.json").is_file()]
    rows = []
    for folder in sorted(runs):
        report, run = read_json(folder / "report.json"), read_json(folder / "run.json")
        best, recipe = report["best"], run["recipe"]
        threads = run["environment"]["threads"]
        begun = run.get("start", {}).get("from")
        corrected = recipe.get("corrections")
        changed = {k: v for k, v in run.get("settings", {}).items() if k != "name"}
        changes = "".join(f"; `{key}={value}`" for key, value in changed.items())
        accuracies = [best.get(f"val/{head}/accuracy") for head in ("fer2013", "ferplus")]
        rows.append(
            [
                f"[`{folder.name}`](../recipes/logs/{folder.name})",
                recipe["description"]
                + (f"; begun with {Path(begun).name}" if begun else "")
                + (f"; labels corrected by {corrected}" if corrected else "")
                + changes,
                str(recipe["seed"]),
                f"{best['epoch']:.0f} of {report['epochs_done']}",
                *("" if value is None else percent(value) for value in accuracies),
                f"{report['seconds'] / 3600:.1f} h, {threads} thread{'s' * (threads > 1)}",
            ]
        )
    head = ["run", "what it is", "seed", "best epoch", "FER2013", "FER+ `majority`", "time"]
    return markdown_table(head, rows) if rows else "None yet."


def number(value: float) -> str:
    """Return a figure with three significant digits, without an exponent."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{float(f'{value:.3g}'):g}"


def speed_rows(measured: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield what was measured, the median, and the goal, for people to read."""
    face = measured.get("recognition")
    if face:
        ratio = number(face["one_face_over_arithmetic_limit"])
        yield (
            f"one face through the model, one core ({ratio} times the limit of its arithmetic)",
            f"{number(face['one_face_ms'])} ms",
            f"{number(face['one_face_limit_ms'])} ms",
        )
    frames = measured.get("detectors", {})
    for name, result in frames.items():
        if isinstance(result, dict) and "whole_frame_ms" in result:
            yield (
                f"a 640x480 JPEG with one face, decoded, detected by {name}, read, one core",
                f"{number(result['whole_frame_ms'])} ms",
                # `auto` never picks haar, which is here for the tutorials that use it.
                "" if name == "haar" else f"{number(frames['whole_frame_limit_ms'])} ms",
            )
    start = measured.get("start")
    if start:
        for figure, text in (
            ("import_mien", "`import mien`"),
            ("predict_photo", "`mien predict` of one photo, from a cold start"),
        ):
            goal = number(start[f"{figure}_limit_s"])
            yield text, f"{number(start[f'{figure}_s'])} s", f"{goal} s"
    data = measured.get("data_cache")
    if data:
        yield "first open of FER2013 with votes (.xz)", f"{number(data['first_open_s'])} s", ""
        yield (
            "any later open",
            f"{number(data['second_open_median_s'])} s",
            f"{number(data['second_open_limit_s'])} s",
        )
        peak, limit = data["all_pixels_read_peak_mb"], data["peak_limit_mb"]
        yield "peak memory, every pixel read", f"{number(peak)} MB", f"{number(limit)} MB"


def speed_block() -> str:
    """Return what `make bench` measured beside what it should stay under, and the machine."""
    bench = read_json(FIGURES / "bench.json")
    if bench is None:
        return "Not measured yet."
    results = bench["results"]
    measured = {k: r["figures"] for k, r in results.items() if r["status"] == "measured"}
    missing = [f"{k} ({r['reason']})" for k, r in results.items() if r["status"] != "measured"]
    table = markdown_table(["median of", "here", "at most"], speed_rows(measured))
    left_out = f" Not measured: {', '.join(missing)}." if missing else ""
    return f"{table}\n\nMeasured on {machine_words(bench['machine'])}.{left_out}"


def bench_block(name: str, table_of: Callable[[dict[str, Any]], Table]) -> str:
    """Return the table of one measurement of `make bench`, and the machine."""
    bench = read_json(FIGURES / "bench.json") or {"results": {}}
    result = bench["results"].get(name, {"status": "not here"})
    if result["status"] != "measured":
        return "Not measured yet."
    peaks = result["figures"].get("peak_gmacs_per_s", {})
    rates = "; ".join(f"{key}: {number(rate)}" for key, rate in peaks.items())
    told = f" Peaks in 10^9 MACs a second: {rates}." if rates else ""
    table = markdown_table(*table_of(result["figures"]))
    return f"{table}\n\nMeasured on {machine_words(bench['machine'])}.{told}"


def keras_block() -> str:
    """Return what the same network trains at in Keras and in mien, and on what."""
    measured = read_json(FIGURES / "keras_cnn6.json")
    if measured is None:
        return "Not measured yet."
    versions = ", ".join(f"{name} {version}" for name, version in measured["versions"].items())
    table = markdown_table(*keras_table(measured))
    return f"{table}\n\nMeasured on {machine_words(measured['machine'])}, {versions}."


def machine_words(machine: dict[str, Any]) -> str:
    """Return what a measurement was made on: processor, cores, Python."""
    return f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}"


def tracking_block() -> str:
    """Return how well faces keep their ids, scene by scene."""
    figures = read_json(FIGURES / "tracking.json")
    if figures is None:
        return "Not measured yet."
    table = markdown_table(TRACKING_HEAD, tracking_rows(figures))
    return f"{table}\n\n{tracking_words(figures)}"


def video_block() -> str:
    """Return how many times as fast as it plays a video is read, and on what."""
    figures = read_json(FIGURES / "video.json")
    if figures is None:
        return "Not measured yet."
    table = markdown_table(VIDEO_HEAD, video_rows(figures))
    measured_on = f"Measured on {machine_words(figures['machine'])}."
    return f"{table}\n\n{video_words(figures)}\n\n{measured_on}"


def load_block() -> str:
    """Return how many live viewers one server serves, and on what."""
    figures = read_json(FIGURES / "load.json")
    if figures is None:
        return "Not measured yet."
    measured_on = f"Measured on {machine_words(figures['machine'])}."
    return f"{markdown_table(*load_table(figures))}\n\n{load_words(figures)}\n\n{measured_on}"


def peers_block() -> str:
    """Return our models, the tutorials' networks and other libraries on the same faces."""
    peers = read_json(FIGURES / "peers.json")
    if peers is None:
        return "Not measured yet."
    parts = []
    for rule in PEER_RULES:
        rows = rows_under(rule, evaluations(), peers)
        naive = naive_row(rule, evaluations())
        table = markdown_table(*peers_table([*rows, *([naive] if naive else [])]))
        parts.append(f"{RULE_NAMES[rule]}, n {rows[0].published['n']:,}:\n\n{table}")
    speed = speed_table(peers)
    if speed is not None:
        parts.append(f"{markdown_table(*speed)}\n\nOn {machine_words(peers['machine'])}.")
    return "\n\n".join(parts)


def peers_recall_block() -> str:
    """Return which expressions each model finds, by FER2013's labels."""
    peers = read_json(FIGURES / "peers.json")
    if peers is None:
        return "Not measured yet."
    return markdown_table(*recall_table(rows_under("fer2013", evaluations(), peers)))


def peers_networks_block() -> str:
    """Return what each library's network is."""
    peers = read_json(FIGURES / "peers.json")
    return "Not measured yet." if peers is None else "\n".join(networks_words(peers))


def peers_drawing() -> str | None:
    """Return the picture of accuracies as SVG, or None where nothing was measured."""
    peers = read_json(FIGURES / "peers.json")
    if peers is None:
        return None
    return peers_svg([(RULE_NAMES[r], rows_under(r, evaluations(), peers)) for r in PEER_RULES])


def losses_block() -> str:
    """Return what each loss for rare expressions does, on PublicTest."""
    found = read_json(FIGURES / "losses.json")
    return markdown_table(LOSSES_HEAD, losses_rows(found)) if found else "Not measured yet."


def audit_block() -> str:
    """Return which of FER2013's training labels a model disputes that did not learn from them."""
    audit = read_json(FIGURES / "audit.json")
    if audit is None:
        return "Not measured yet."
    return f"{markdown_table(AUDIT_HEAD, audit_rows(audit))}\n\n{audit_words(audit)}"


BLOCKS: dict[str, Callable[[], str]] = {
    "results": results_block,
    "per-class": per_class_block,
    "robustness": robustness_block,
    "models": models_block,
    "experiments": experiments_block,
    "losses": losses_block,
    "audit": audit_block,
    "speed": speed_block,
    "inference": lambda: bench_block("inference", inference_table),
    "training-speed": lambda: bench_block("training", training_table),
    "keras": keras_block,
    "tracking": tracking_block,
    "peers": peers_block,
    "peers-recall": peers_recall_block,
    "peers-networks": peers_networks_block,
    "video": video_block,
    "load": load_block,
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


def drawings() -> dict[Path, str]:
    """Return the pictures that are drawn from the figures, by where they are kept."""
    drawn = {REPO / "docs" / "images" / "peers.svg": peers_drawing()}
    return {path: text for path, text in drawn.items() if text is not None}


def main() -> int:
    """Write or check every page and picture; return 1 if a check found one out of date."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing, say what is stale")
    only_check = parser.parse_args().check
    stale = []
    written = {page: filled(page.read_text(encoding="utf-8")) for page in pages()}
    for page, new in {**written, **drawings()}.items():
        if not page.is_file() or page.read_text(encoding="utf-8") != new:
            stale.append(page)
            if not only_check:
                page.write_text(new, encoding="utf-8")
    for page in stale:
        said = "is out of date; run make figures" if only_check else "written"
        sys.stdout.write(f"{page.relative_to(REPO)} {said}\n")
    return int(bool(stale) and only_check)


if __name__ == "__main__":
    sys.exit(main())
