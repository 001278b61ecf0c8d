"""The tutorial's network `cnn6` in Keras 3 with TensorFlow and in mien: images a second.

    pip install keras tensorflow-cpu        into mien's environment, or into one of its own
    python -m bench.keras_cnn6              from the top of the checkout, in mien's environment
    python -m bench.keras_cnn6 --keras-python /elsewhere/bin/python     where Keras is elsewhere

Keras builds the network layer by layer as its author has it, 2,598,732 parameters of which 1,896
are not trained; another count ends the run. All train on the same faces in batches of 64, with
Adam, on one core and then on two (on Linux each process is held to its cores). Keras is measured
with XLA, which `fit` uses by itself, and without; mien without augmentation, which is the same
work, and as its recipe has it, which is more. Each is a process that stays open, and they take
turns, so that a machine that slows down does so for all. A turn is some steps in the library's
own loop, the first of them left out.

All of it takes about seven minutes on two cores. A table goes to standard error, the figures as
JSON to standard output.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

# Here only what Python itself has: the process with Keras may have no mien.
from bench import NOT_HERE
from bench.workers import BeforeTurn, Worker, WorkerError, serve_turns

BATCH, SIDE_PX, CLASSES = 64, 48, 8
LEARNING_RATE = 2e-3
PARAMETERS, UNTRAINED = 2_598_732, 1_896
STEPS, ROUNDS = 12, 6
COMPETITORS = {
    "keras-xla": "Keras 3 with TensorFlow, with XLA as by default",
    "keras": "Keras 3 with TensorFlow, without XLA",
    "mien": "mien, the same work",
    "mien-recipe": "mien, with its recipe's augmentation",
}
KERAS = ("keras-xla", "keras")
NEEDS = (
    "needs Keras 3 with TensorFlow: pip install keras tensorflow-cpu, here or into another "
    "environment, whose Python --keras-python names"
)


def check_parameters(total: int, untrained: int) -> None:
    """Raise RuntimeError if a network has another number of parameters than the tutorial's."""
    if (total, untrained) != (PARAMETERS, UNTRAINED):
        raise RuntimeError(
            f"expected {PARAMETERS:,} parameters, {UNTRAINED:,} of them not trained, got "
            f"{total:,} and {untrained:,}: this is not the same network"
        )


def build_keras_model(*, xla: bool) -> Any:
    """Return the tutorial's network, compiled.

    Raises:
        RuntimeError: If it has another number of parameters than the tutorial's.
    """
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((SIDE_PX, SIDE_PX, 1))])
    for stage, filters in enumerate((32, 64, 128), start=1):
        for _ in range(2):
            model.add(layers.Conv2D(filters, 3, padding="same"))
            model.add(layers.BatchNormalization())
            model.add(layers.ReLU())
        model.add(layers.MaxPooling2D())
        if stage == 2:
            model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(500))
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())
    model.add(layers.Dense(CLASSES))
    untrained = sum(weights.numpy().size for weights in model.non_trainable_weights)
    check_parameters(model.count_params(), untrained)
    model.compile(
        optimizer=keras.optimizers.Adam(LEARNING_RATE),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        jit_compile=xla,
    )
    return model


def train_keras(faces: Path, turns: int, before_turn: BeforeTurn, *, xla: bool) -> None:
    """Train in turns, in Keras's own loop."""
    import keras
    import numpy as np

    with np.load(faces) as arrays:
        images = arrays["images_gray"][..., None].astype(np.float32) / 255.0
        targets = np.eye(CLASSES, dtype=np.float32)[arrays["votes"][:, :CLASSES].argmax(axis=1)]
    model = build_keras_model(xla=xla)
    last_step = len(images) // BATCH - 1

    class Clock(keras.callbacks.Callback):
        """Starts after the first step, stops after the last."""

        started, rate = 0.0, None

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 0:
                self.started = time.perf_counter()
            elif batch == last_step:
                self.rate = BATCH * last_step / (time.perf_counter() - self.started)

    clock = Clock()
    for _ in range(turns):
        before_turn(clock.rate)
        model.fit(images, targets, batch_size=BATCH, verbose=0, callbacks=[clock])
    before_turn(clock.rate)


def train_mien(faces: Path, turns: int, before_turn: BeforeTurn, *, augment: bool) -> None:
    """Train in turns, in mien's own loop."""
    import numpy as np

    from bench.training import StepClock, as_dataset, train_in_turns
    from mien.models import build_model, count_parameters
    from mien.training.recipe import AugmentRecipe, load_recipe

    check_parameters(*count_parameters(build_model("cnn6", {"ferplus": CLASSES})))
    recipe = load_recipe("cnn6")
    # As Keras does; the recipe itself takes bfloat16 where the processor has it.
    recipe = replace(recipe, loop=replace(recipe.loop, precision="fp32"))
    if not augment:
        recipe = replace(recipe, augment=AugmentRecipe())
    with np.load(faces) as arrays:
        dataset = as_dataset(arrays["images_gray"], arrays["votes"])
    clock = StepClock(lambda: before_turn(clock.rates[-1] if clock.rates else None))
    train_in_turns(recipe, dataset, clock, turns=turns)
    before_turn(clock.rates[-1])


def compete(name: str, faces: Path, threads: int, turns: int) -> int:
    """Be one of the competitors; return `NOT_HERE` where there is no Keras 3."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    if name not in KERAS:
        import torch

        torch.set_num_threads(threads)
        before_turn = serve_turns({"torch": torch.__version__})
        train_mien(faces, turns, before_turn, augment=name == "mien-recipe")
        return 0
    try:
        import keras
        import tensorflow as tf
    except ImportError as error:
        sys.stderr.write(f"{NEEDS} ({error})\n")
        return NOT_HERE
    if int(keras.__version__.partition(".")[0]) < 3:
        sys.stderr.write(f"{NEEDS} (there is Keras {keras.__version__})\n")
        return NOT_HERE
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    before_turn = serve_turns({"keras": keras.__version__, "tensorflow": tf.__version__})
    train_keras(faces, turns, before_turn, xla=name == "keras-xla")
    return 0


def start(name: str, python: str, faces: Path, threads: int, turns: int) -> Worker:
    """Return a competitor that is ready for its first turn.

    Raises:
        WorkerError: If it cannot run; its words say why.
    """
    count = str(threads)
    command = [python, "-m", "bench.keras_cnn6", "--compete", name, "--threads", count]
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = {
        **dict.fromkeys(pools, count),
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # It is processors that are compared.
        "CUDA_VISIBLE_DEVICES": "",
    }
    return Worker([*command, "--faces", str(faces), "--turns", str(turns)], environment)


def measure(
    pythons: Mapping[str, str], faces: Path, *, threads: Sequence[int], rounds: int
) -> dict[str, Any]:
    """Return images a second of each competitor for each number of threads.

    Args:
        pythons: Which of `COMPETITORS`, each with the interpreter that it runs in.
        faces: An .npz with `images_gray` and `votes`.
        threads: Thread counts.
        rounds: Turns of each competitor that count, after one to warm up.

    Raises:
        WorkerError: If a competitor cannot run.
    """
    from bench.peak import fp32_macs_per_s
    from bench.timing import Spread
    from bench.training import count_training_macs
    from mien.training.recipe import load_recipe

    macs = count_training_macs(load_recipe("cnn6"))
    versions: dict[str, str] = {}
    rows: dict[str, Any] = {}
    for count in threads:
        rates: dict[str, list[float]] = {name: [] for name in pythons}
        with ExitStack() as open_workers:
            workers = {
                name: open_workers.enter_context(start(name, python, faces, count, rounds + 1))
                for name, python in pythons.items()
            }
            for number in range(rounds + 1):
                sys.stderr.write(f"threads {count}: turn {number + 1} of {rounds + 1} of each\n")
                for name, worker in workers.items():
                    rate = worker.turn()
                    # Compiling and choosing kernels belong to the first turn.
                    rates[name] += [rate] if number else []
            for worker in workers.values():
                versions |= worker.facts
        peak = fp32_macs_per_s(count)
        spreads = {name: Spread.of(each) for name, each in rates.items()}
        quicker_keras = max((spreads[name].median for name in KERAS if name in spreads), default=0)
        rows[f"{count} thread{'s' * (count > 1)}"] = {
            name: {
                **spread.to_dict("images_per_s"),
                "share_of_peak": spread.median * macs / peak,
                "times_keras": spread.median / quicker_keras if quicker_keras else None,
            }
            for name, spread in spreads.items()
        }
    return {"network": "cnn6", "batch": BATCH, "versions": versions, "rows": rows}


def save_faces(path: Path, data: Path | None, steps: int) -> None:
    """Write the faces and votes that all train on: noise, or the first of a dataset.

    Raises:
        DatasetError: If the dataset cannot be read, has no votes or too few faces of 48 pixels.
    """
    import numpy as np

    from bench.training import random_faces
    from mien.core.errors import DatasetError
    from mien.data import open_dataset

    count = steps * BATCH
    if data is None:
        images_gray, votes = random_faces(count)
    else:
        faces = open_dataset(data).select_split("train")
        if faces.votes is None or len(faces) < count or faces.image_size != (SIDE_PX, SIDE_PX):
            raise DatasetError(
                f"expected at least {count:,} training faces of {SIDE_PX} px with FER+ votes, "
                f"got {faces!r}"
            )
        images_gray, votes = np.asarray(faces.images_gray[:count]), faces.votes[:count]
    np.savez(path, images_gray=images_gray, votes=votes)


def show(figures: Mapping[str, Any]) -> None:
    """Print the table on standard error."""
    from rich.console import Console
    from rich.table import Table

    table = Table("cnn6, batch 64", "images/s", "10 to 90 %", "of peak", "times Keras")
    for threads, rows in figures["rows"].items():
        table.add_section()
        for name, row in rows.items():
            table.add_row(
                f"{COMPETITORS[name]}, {threads}",
                f"{row['images_per_s']:.1f}",
                f"{row['low']:.1f} to {row['high']:.1f}",
                f"{row['share_of_peak']:.0%}",
                "" if row["times_keras"] is None else f"{row['times_keras']:.2f}",
            )
    console = Console(stderr=True)
    console.print(table)
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    console.print(f"{figures['machine']['cpu']}; {versions}; medians of {figures['rounds']} turns")


def main() -> int:
    """Measure, or be a competitor; return `NOT_HERE` where there is no Keras 3."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.keras_cnn6",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--keras-python", default=sys.executable, help="the Python that has Keras")
    add("--data", type=Path, help="faces to train on; noise if not given")
    add("--steps", type=int, default=STEPS, help="steps a turn, at least 2")
    add("--rounds", type=int, default=ROUNDS, help="turns of each that count")
    add("--threads", type=int, nargs="+", help="1 and 2 if not given, where there are two cores")
    add("--compete", choices=list(COMPETITORS), help=argparse.SUPPRESS)
    add("--faces", type=Path, help=argparse.SUPPRESS)
    add("--turns", type=int, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.compete:
        return compete(wanted.compete, wanted.faces, wanted.threads[0], wanted.turns)
    if wanted.steps < 2 or wanted.rounds < 1:
        parser.error("expected at least 2 steps and 1 round")

    from bench.machine import describe_machine
    from bench.peak import thread_counts
    from mien.core.errors import MienError

    pythons = {
        name: wanted.keras_python if name in KERAS else sys.executable for name in COMPETITORS
    }
    threads = wanted.threads or thread_counts()
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="mien-bench-") as folder:
        faces = Path(folder) / "faces.npz"
        try:
            save_faces(faces, wanted.data, wanted.steps)
            figures = measure(pythons, faces, threads=threads, rounds=wanted.rounds)
        except (MienError, OSError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
        except WorkerError as error:
            sys.stderr.write(f"{error}\n")
            return NOT_HERE if error.exit_code == NOT_HERE else 1
    figures = {"machine": machine, "steps": wanted.steps, "rounds": wanted.rounds, **figures}
    show(figures)
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
