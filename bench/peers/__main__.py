"""Libraries whose weights come with their packages, on FER2013 and FER+ by mien's own rules.

    python -m venv /elsewhere/peers
    /elsewhere/peers/bin/pip install tensorflow-cpu==2.21.0 opencv-python-headless torch
    /elsewhere/peers/bin/pip install --no-deps fer==25.10.3 PyEmotion==1.0.0
    npm install --prefix /elsewhere/peers --ignore-scripts @vladmandic/human@3.3.6 \
        @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0

    python -m bench.peers --data ../shared/data --peer-python /elsewhere/peers/bin/python \
        --node-packages /elsewhere/peers > docs/figures/peers.json

The libraries go into an environment of their own (`fer` and `PyEmotion` without what they need
for videos and for finding faces), the program runs in mien's. Faces, labels and figures are those
of `mien evaluate`: the 48 x 48 crops of PrivateTest, one look at each, its labels by FER2013 and
by the FER+ rule `majority`, with and without the images that are also among the training images,
or nearly.
Each network gets a crop as its library would hand it on after detection, without the library's
own detector and margins. None of them knows contempt.

It takes some minutes on one core; `--speed` adds milliseconds a face, beside mien's, which only a
machine that does nothing else can tell. A table goes to standard error, the figures as JSON to
standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import NOT_HERE
from bench.peers.libraries import PEERS, Peer, answers_in
from mien.core.errors import MienError, ShapeError
from mien.data import SPLITS, FaceDataset, TrainingOverlap, open_dataset, training_overlap
from mien.evaluation.figures import Figures, compute_figures
from mien.evaluation.run import choose_faces, fingerprint_faces, image_parts
from mien.evaluation.targets import RuleTargets

REPO = Path(__file__).resolve().parents[2]
SPLIT, SIDE_PX, SCORES = "test", 48, 7
RULES = ("fer2013", "majority")
# Faces that are timed one by one, the first tenth of which warms up.
TURNS = 300
# What a face's answer alone can tell; the rest needs probabilities, which some have not.
KEPT = ("labels", "n", "accuracy", "macro_f1", "balanced_accuracy", "per_class", "confusion")
HOW_TO = {
    "python": "install it as `python -m bench.peers --help` says and name that --peer-python",
    "node": "install it as `python -m bench.peers --help` says, name its folder --node-packages",
}
ONE_CORE = {
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "CUDA_VISIBLE_DEVICES": "",
}


class PeerError(Exception):
    """A peer could not answer; `exit_code` is `NOT_HERE` where it is not installed."""

    def __init__(self, exit_code: int, words: str) -> None:
        super().__init__(words)
        self.exit_code = exit_code


def not_here(name: str, words: str) -> PeerError:
    """Return the error that says which library is missing, and what to do."""
    return PeerError(NOT_HERE, f"{name} is not here ({words}); {HOW_TO[PEERS[name].runs_in]}")


def ask(
    name: str, command: list[str], faces: NDArray[np.uint8], turns: int
) -> tuple[NDArray[np.float32], dict[str, Any]]:
    """Return what a peer answers, and what it says of itself.

    Args:
        name: Its key in `PEERS`.
        command: That runs `answer.py` or `answer.mjs`, up to the peer's name.
        faces: (n, 48, 48).
        turns: How many faces it shall also time.

    Returns:
        Scores (n, 7) in the library's order, and its facts.

    Raises:
        PeerError: If it cannot be run.
        ShapeError: If its answers are not as many as the faces.
    """
    with tempfile.TemporaryDirectory(prefix="mien-peers-") as folder:
        given, answered = Path(folder) / "faces", Path(folder) / "answers"
        np.ascontiguousarray(faces, np.uint8).tofile(given)
        options = ["--faces", str(given), "--answers", str(answered), "--turns", str(turns)]
        try:
            done = subprocess.run(
                [*command, *options],
                cwd=REPO,
                env={**os.environ, **ONE_CORE},
                capture_output=True,
                text=True,
                check=False,
            )
        except OSError as error:
            raise not_here(name, f"cannot run {command[0]}: {error.strerror}") from error
        words = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        if done.returncode == NOT_HERE:
            raise not_here(name, words)
        if done.returncode != 0:
            sys.stderr.write(done.stderr)
            raise PeerError(1, f"{name} failed with exit code {done.returncode}: {words}")
        scores = np.fromfile(answered, "<f4")
    if scores.size != SCORES * len(faces):
        raise ShapeError(
            f"expected {SCORES} scores from {name} for each of {len(faces)} faces, "
            f"got {scores.size}"
        )
    facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return scores.reshape(-1, SCORES).astype(np.float32), facts


def rule_figures(
    target: RuleTargets,
    scores: NDArray[np.float32],
    labels: tuple[str, ...],
    indices: NDArray[np.int64],
    overlap: TrainingOverlap,
) -> dict[str, Any]:
    """Return a peer's figures under a rule, in the form of `mien evaluate`'s.

    Args:
        target: The rule, applied to the whole dataset.
        scores: (m, 7) in the order of `labels`.
        labels: The library's.
        indices: (m,) which faces of the dataset were answered.
        overlap: Which of them are also among the training images.
    """
    label_set = target.rule.label_set
    answers = answers_in(label_set, scores, labels)
    class_ids = target.class_ids[indices]
    kept = class_ids >= 0
    results = [
        {
            "crops": "single",
            "images": images,
            "figures": slim(compute_figures(answers[mask], class_ids[mask], label_set)),
        }
        for images, mask in image_parts(kept, overlap).items()
    ]
    return {
        "rule": target.rule.name,
        "label_set": label_set.name,
        "n": int(kept.sum()),
        "n_also_in_training": int((kept & overlap.same).sum()),
        "n_alike_in_training": int((kept & overlap.alike).sum()),
        "results": results,
    }


def slim(figures: Figures) -> dict[str, Any]:
    """Return the figures that top answers alone can tell."""
    return {name: value for name, value in figures.to_dict().items() if name in KEPT}


def measure(
    dataset: FaceDataset, commands: Mapping[str, list[str]], *, turns: int, limit: int | None
) -> dict[str, Any]:
    """Return all figures of some peers.

    Args:
        dataset: FER2013 with its votes, whole.
        commands: For each key of `PEERS` that is asked the command up to its options.
        turns: Faces to time.
        limit: Only the first faces of the split, to try; None is all.

    Raises:
        PeerError: If a peer cannot be run.
        MienError: If the data or an answer are not as they must be.
    """
    split, targets, indices = choose_faces(dataset, ("fer2013", "ferplus"), SPLIT, RULES)
    if dataset.image_size != (SIDE_PX, SIDE_PX):
        raise ShapeError(f"expected faces of {SIDE_PX} x {SIDE_PX} pixels, got {dataset!r}")
    overlap = training_overlap(dataset, split)
    if overlap is None:
        raise ShapeError(f"{dataset!r} has no training images to look for in the test images")
    asked = indices[:limit]
    faces = np.ascontiguousarray(dataset.images_gray[asked])
    measured = {}
    for name, command in commands.items():
        sys.stderr.write(f"{name}: {len(faces):,} faces\n")
        scores, facts = ask(name, command, faces, turns)
        measured[name] = {
            **described(PEERS[name], facts),
            "rules": [
                rule_figures(target, scores, PEERS[name].labels, asked, overlap.at(asked))
                for target in targets
            ],
        }
    return {
        "split": split,
        "split_sha256": fingerprint_faces(dataset, dataset.splits == SPLITS.index(split)),
        "faces": len(faces),
        "peers": measured,
    }


def described(peer: Peer, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is written of a peer: what we know of it, and what it said of itself."""
    from bench.timing import Spread

    ms = facts["ms"]
    return {
        "name": peer.name,
        "package": peer.package,
        "network": peer.network,
        **{key: facts[key] for key in ("version", "parameters", "files", "runs_on")},
        "speed": Spread.of(ms).to_dict("ms_a_face") if ms else None,
    }


def time_ours(name: str, faces: NDArray[np.uint8], turns: int) -> dict[str, Any]:
    """Return a bundle's milliseconds a face, on one thread and with its own preparation.

    Raises:
        BundleError: If it cannot be loaded.
    """
    from bench.timing import Spread
    from mien.bundle.load import load_bundle
    from mien.evaluation.predictors import BundlePredictor

    predictor = BundlePredictor(load_bundle(name, threads=1))
    took = []
    for turn in range(turns):
        face = faces[turn % len(faces)][None]
        begun = time.perf_counter()
        predictor.predict_logits(face)
        took.append(1000 * (time.perf_counter() - begun))
    return Spread.of(took[-(-turns // 10) :]).to_dict("ms_a_face")


def commands_of(
    names: Iterable[str], *, peer_python: str, node: str, node_packages: Path
) -> dict[str, list[str]]:
    """Return what runs each of some peers, by its key in `PEERS`."""
    commands = {}
    for name in names:
        if PEERS[name].runs_in == "python":
            commands[name] = [peer_python, "-m", "bench.peers.answer", name]
        else:
            script = str(Path(__file__).with_name("answer.mjs"))
            packages = str(node_packages.resolve())
            commands[name] = [node, script, name, "--packages", packages]
    return commands


def show(figures: Mapping[str, Any]) -> None:
    """Print the table on standard error."""
    from rich.console import Console
    from rich.table import Table

    columns = ("library", "labels", "n", "accuracy", "macro-F1", "bal. accuracy")
    table = Table(*columns, "unseen", "unlike")
    for peer in figures["peers"].values():
        table.add_section()
        for rule in peer["rules"]:
            parts = {result["images"]: result["figures"] for result in rule["results"]}
            published = parts["published"]
            table.add_row(
                f"{peer['name']} {peer['version']}",
                rule["rule"],
                f"{published['n']:,}",
                f"{published['accuracy']['value']:.1%}",
                f"{published['macro_f1']:.3f}",
                f"{published['balanced_accuracy']:.1%}",
                *(
                    f"{parts[name]['accuracy']['value']:.1%}" if name in parts else ""
                    for name in ("unseen", "unlike")
                ),
            )
    Console(stderr=True).print(table)


def main() -> int:
    """Measure; return `NOT_HERE` where a library is not installed."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, help="FER2013 with fer2013new.csv beside it")
    add("--peer-python", default=sys.executable, help="the Python that has the libraries")
    add("--node", default="node", help="Node 18 or newer")
    add("--node-packages", type=Path, default=Path(), help="the folder that has node_modules")
    add("--peers", nargs="+", choices=list(PEERS), default=list(PEERS), help="only some")
    add("--limit", type=int, help="only the first faces, to try")
    add("--speed", metavar="BUNDLE", nargs="?", const="mien-s", help="time them beside a bundle")
    wanted = parser.parse_args()
    if wanted.limit is not None and wanted.limit < 1:
        parser.error("expected a limit of at least 1")

    from bench.machine import describe_machine

    machine = describe_machine()
    commands = commands_of(
        wanted.peers,
        peer_python=wanted.peer_python,
        node=wanted.node,
        node_packages=wanted.node_packages,
    )
    try:
        dataset = open_dataset(wanted.data)
        turns = TURNS if wanted.speed else 0
        figures = measure(dataset, commands, turns=turns, limit=wanted.limit)
        if wanted.speed:
            faces = np.ascontiguousarray(dataset.select_split(SPLIT).images_gray[:TURNS])
            figures["ours"] = {wanted.speed: time_ours(wanted.speed, faces, TURNS)}
    except PeerError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    except MienError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    figures = {"machine": machine, **figures}
    show(figures)
    json.dump(figures, sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
