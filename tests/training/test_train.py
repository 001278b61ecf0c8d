from __future__ import annotations

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from rich.console import Console

from mien.core.errors import ConfigError, DatasetError
from mien.data import FaceDataset
from mien.training import callbacks
from mien.training.batches import EpochSampler
from mien.training.module import FaceModule
from mien.training.predictor import load_run_predictor
from mien.training.recipe import parse_recipe
from mien.training.run import load_run_model
from mien.training.train import train

QUIET = Console(file=StringIO())


def _weights(folder: Path, checkpoint: str = "last") -> dict[str, torch.Tensor]:
    return load_run_model(folder, checkpoint=checkpoint)[0].state_dict()


def _log(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((folder / "log.csv").read_text().splitlines()))


def _same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_learns_and_leaves_a_whole_folder(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"].update(epochs=20, batch_size=8)
    shown = StringIO()
    report = train(
        parse_recipe(recipe_values), faces, tmp_path / "run", console=Console(file=shown, width=200)
    )
    run = tmp_path / "run"
    for name in ("run.json", "log.csv", "curves.png", "report.json", "tensorboard"):
        assert (run / name).exists(), name
    assert [float(row["epoch"]) for row in _log(run)] == list(range(1, 21))
    # Chance is 1 in 7; a bar's place is easy.
    assert report["best"]["val/fer2013/accuracy"] > 0.5
    assert json.loads((run / "report.json").read_text()) == report
    assert "images/s" in shown.getvalue() and "left" in shown.getvalue()
    info = json.loads((run / "run.json").read_text())
    assert info["environment"]["precision"] == "fp32"
    assert sum(info["training_priors"]["ferplus"]) == pytest.approx(1, abs=1e-4)


class Failing(Callback):
    """Lets an epoch fail."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.current_epoch == self.epoch:
            raise OSError("no space left")


@pytest.mark.parametrize(
    ("redraw_after_s", "fails_in", "drawn"),
    [(0.0, None, [1, 2, 3, 4]), (3600.0, None, [1, 4]), (3600.0, 3, [1, 3])],
    ids=["long epochs", "short ones", "short ones, one of which fails"],
)
def test_all_epochs_are_drawn_in_the_end_and_short_ones_together(
    faces: FaceDataset,
    recipe_values: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    redraw_after_s: float,
    fails_in: int | None,
    drawn: list[int],
) -> None:
    pictures: list[int] = []
    monkeypatch.setattr(callbacks, "REDRAW_AFTER_S", redraw_after_s)
    monkeypatch.setattr(callbacks, "draw_curves", lambda rows, *_, **__: pictures.append(len(rows)))
    recipe = parse_recipe(recipe_values)
    if fails_in is None:
        train(recipe, faces, tmp_path / "run", console=QUIET)
    else:
        with pytest.raises(OSError, match="no space left"):
            watching = [Failing(fails_in)]
            train(recipe, faces, tmp_path / "run", console=QUIET, callbacks=watching)
    assert pictures == drawn


def test_a_resumed_run_ends_as_the_unbroken_one(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe = parse_recipe(recipe_values)
    train(recipe, faces, tmp_path / "whole", console=QUIET)
    train(recipe, faces, tmp_path / "broken", console=QUIET, max_epochs_now=2)
    assert not _same(_weights(tmp_path / "whole"), _weights(tmp_path / "broken"))
    train(recipe, faces, tmp_path / "broken", console=QUIET, resume=True)
    assert _same(_weights(tmp_path / "whole"), _weights(tmp_path / "broken"))
    assert _same(_weights(tmp_path / "whole", "best"), _weights(tmp_path / "broken", "best"))
    logs = _log(tmp_path / "whole"), _log(tmp_path / "broken")
    for whole, broken in zip(*logs, strict=True):
        assert {**whole, "seconds": ""} == {**broken, "seconds": ""}


def test_resuming_a_run_that_is_at_its_end_only_reports_it(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 2
    recipe, run = parse_recipe(recipe_values), tmp_path / "run"
    report = train(recipe, faces, run, console=QUIET)
    weights, log, info = _weights(run), _log(run), (run / "run.json").read_text()
    assert train(recipe, faces, run, console=QUIET, resume=True) == report
    assert _same(_weights(run), weights)
    assert _log(run) == log
    assert (run / "run.json").read_text() == info


_KILLED = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from conftest import make_faces
from mien.training.recipe import parse_recipe
from mien.training.train import train
import json
import torch

torch.set_num_threads(int(sys.argv[4]))
train(parse_recipe(json.loads(sys.argv[2])), make_faces(), Path(sys.argv[3]))
"""


@pytest.mark.slow
def test_a_run_killed_in_the_middle_of_an_epoch_resumes_to_the_same_end(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 12
    recipe = parse_recipe(recipe_values)
    run = tmp_path / "killed"
    command = [sys.executable, "-c", _KILLED, str(Path(__file__).parent)]
    child = subprocess.Popen(
        # Sums come out the same for the same number of threads alone.
        [*command, json.dumps(recipe_values), str(run), str(torch.get_num_threads())],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (run / "checkpoints" / "last.ckpt").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    before = len((run / "log.csv").read_text().splitlines()) - 1
    assert 0 < before < 12, "the run was to be killed half-way"
    train(recipe, faces, run, console=QUIET, resume=True)
    train(recipe, faces, tmp_path / "whole", console=QUIET)
    assert _same(_weights(run), _weights(tmp_path / "whole"))


def test_two_seeds_give_two_models_and_one_seed_one(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 1
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(parse_recipe({**recipe_values, "seed": seed}), faces, tmp_path / name, console=QUIET)
    assert _same(_weights(tmp_path / "a"), _weights(tmp_path / "b"))
    assert not _same(_weights(tmp_path / "a"), _weights(tmp_path / "c"))


@pytest.mark.parametrize(
    "optimiser",
    [
        {"name": "adam", "learning_rate": 1e-3, "schedule": "plateau", "plateau_patience": 0},
        {"name": "adamw", "learning_rate": 1e-3, "schedule": "cosine", "clip_norm": 1.0},
        {"name": "sgd", "learning_rate": 0.01, "schedule": "constant"},
    ],
    ids=lambda o: o["name"],
)
def test_every_optimiser_and_schedule_trains(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path, optimiser: dict[str, Any]
) -> None:
    recipe_values["optimiser"] = optimiser
    recipe_values["augment"] = {"mixup": 0.4, "cutmix": 1.0}
    recipe_values["heads"] = {"ferplus": {"target": "sampled", "class_weights": "balanced"}}
    recipe_values["loop"] = {"epochs": 2, "batch_size": 16, "early_stop_patience": 1}
    report = train(parse_recipe(recipe_values), faces, tmp_path / "run", console=QUIET)
    assert np.isfinite(report["last"]["train/loss"])


def test_early_stopping_ends_a_run_that_no_longer_gets_better(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    # A rate this small changes nothing, so no epoch is better than the first.
    recipe_values["optimiser"] = {"learning_rate": 1e-12, "schedule": "constant"}
    recipe_values["loop"] = {"epochs": 9, "batch_size": 16, "early_stop_patience": 2}
    recipe_values["augment"] = {}
    recipe_values["model"]["options"]["dropout"] = 0.0
    report = train(parse_recipe(recipe_values), faces, tmp_path / "run", console=QUIET)
    assert report["epochs_done"] < 9


def test_the_last_epoch_is_kept_where_the_recipe_says_so(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    # At this rate each epoch undoes the one before; the first is seldom beaten by score.
    recipe_values["optimiser"] = {"learning_rate": 5.0, "schedule": "constant"}
    recipe_values["loop"] = {"epochs": 3, "batch_size": 16, "monitor": "last"}
    report = train(parse_recipe(recipe_values), faces, tmp_path / "run", console=QUIET)
    assert report["best"]["epoch"] == 3
    assert report["selected_by"] == "being the last"
    best, last = (load_run_model(tmp_path / "run", checkpoint=c)[0] for c in ("best", "last"))
    assert all(torch.equal(a, b) for a, b in zip(best.parameters(), last.parameters(), strict=True))


def test_bf16_autocast_trains(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"].update(precision="bf16", epochs=1)
    report = train(parse_recipe(recipe_values), faces, tmp_path / "run", console=QUIET)
    assert np.isfinite(report["last"]["train/loss"])


def test_a_folder_that_holds_a_run_is_not_overwritten(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 1
    recipe = parse_recipe(recipe_values)
    train(recipe, faces, tmp_path / "run", console=QUIET)
    with pytest.raises(ConfigError, match="--resume"):
        train(recipe, faces, tmp_path / "run", console=QUIET)
    other = parse_recipe({**recipe_values, "seed": 9})
    with pytest.raises(ConfigError, match=r"another recipe.*seed"):
        train(other, faces, tmp_path / "run", console=QUIET, resume=True)


def test_accuracy_grows_within_the_epoch_to_what_is_logged(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 1
    shown = StringIO()
    console = Console(file=shown, force_terminal=True, width=200, color_system=None)
    report = train(parse_recipe(recipe_values), faces, tmp_path / "run", console=console)
    bars = re.findall(
        r"loss ([\d.]+)  fer2013 ([\d.]+)%  ferplus ([\d.]+)%  [\d,]+ images/s.*ends in",
        shown.getvalue(),
    )
    assert bars, shown.getvalue()
    logged = [f"{100 * report['last'][f'train/{h}/accuracy']:.1f}" for h in ("fer2013", "ferplus")]
    assert list(bars[-1]) == [f"{report['last']['train/loss']:.3f}", *logged]


def test_ctrl_c_says_how_to_go_on(
    faces: FaceDataset,
    recipe_values: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(FaceModule, "training_step", interrupt)
    # Lightning ignores further Ctrl-C until the process ends, which here it does not.
    handler, shown = signal.getsignal(signal.SIGINT), StringIO()
    try:
        with pytest.raises(SystemExit) as ended:
            train(
                parse_recipe(recipe_values),
                faces,
                tmp_path / "run",
                console=Console(file=shown, width=200),
            )
    finally:
        signal.signal(signal.SIGINT, handler)
    assert ended.value.code == 1
    assert "stopped in epoch 1" in shown.getvalue() and "--resume" in shown.getvalue()


def test_a_network_that_cannot_be_built_leaves_no_run(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["model"]["options"]["depth"] = 3
    for _ in range(2):
        with pytest.raises(ConfigError, match="no option depth"):
            train(parse_recipe(recipe_values), faces, tmp_path / "run", console=QUIET)


def test_a_damaged_run_is_refused_by_the_file_that_is_damaged(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 1
    recipe, run = parse_recipe(recipe_values), tmp_path / "run"
    train(recipe, faces, run, console=QUIET)
    last, best = (run / "checkpoints" / f"{name}.ckpt" for name in ("last", "best"))
    for content in (last.read_bytes()[:2000], b"", b"not a checkpoint"):
        last.write_bytes(content)
        with pytest.raises(DatasetError, match=r"last\.ckpt is damaged"):
            train(recipe, faces, run, console=QUIET, resume=True)
    # One byte of the weights changed: a zip still, but not the one that was written.
    content = bytearray(best.read_bytes())
    content[len(content) // 2] ^= 255
    best.write_bytes(content)
    with pytest.raises(DatasetError, match=r"best\.ckpt is damaged"):
        load_run_model(run)
    for content in (b"{", b"[]", b"\xff", b'{"recipe": 3}'):
        (run / "run.json").write_bytes(content)
        with pytest.raises(ConfigError, match=r"run\.json"):
            train(recipe, faces, run, console=QUIET, resume=True)


def test_resuming_what_was_never_started_is_said(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 1
    shown = StringIO()
    train(
        parse_recipe(recipe_values),
        faces,
        tmp_path / "run",
        console=Console(file=shown, width=200),
        resume=True,
    )
    assert "no checkpoint" in shown.getvalue()


_ON_TWO = """
import json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from conftest import make_faces
import mien.training.train as training
from mien.training.recipe import parse_recipe
training.trainer_hardware = lambda n: {"accelerator": "cpu", "devices": n, "strategy": "ddp"}
training.train(parse_recipe(json.loads(sys.argv[2])), make_faces(), Path(sys.argv[3]), devices=2)
"""


@pytest.mark.slow
def test_two_processes_train_one_model(recipe_values: dict[str, Any], tmp_path: Path) -> None:
    """What several GPUs do, on two CPU processes: Lightning starts the script twice."""
    recipe_values["loop"].update(epochs=2, ema_decay=0.0)
    script, run = tmp_path / "on_two.py", tmp_path / "run"
    script.write_text(_ON_TWO)
    command = [sys.executable, str(script), str(Path(__file__).parent)]
    done = subprocess.run(
        [*command, json.dumps(recipe_values), str(run)], capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert [row["epoch"] for row in _log(run)] == ["1.0", "2.0"]
    assert json.loads((run / "report.json").read_text())["finished"]
    # 80 faces to learn from, 40 a process, 8 of a batch of 16 each: 5 steps an epoch.
    steps = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert steps == 2 * 5


def test_an_empty_split_is_named(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    only_train = faces.select_split("train")
    with pytest.raises(DatasetError, match="validation"):
        train(parse_recipe(recipe_values), only_train, tmp_path / "run", console=QUIET)


def test_a_runs_predictor_answers_in_logits_and_resizes(
    faces: FaceDataset, recipe_values: dict[str, Any], tmp_path: Path
) -> None:
    recipe_values["loop"]["epochs"] = 1
    train(parse_recipe(recipe_values), faces, tmp_path / "run", console=QUIET)
    predictor = load_run_predictor(tmp_path / "run")
    rng = np.random.default_rng(0)
    logits = predictor.predict_logits(rng.integers(0, 256, (3, 30, 30)).astype(np.uint8))
    assert {k: v.shape for k, v in logits.items()} == {"fer2013": (3, 7), "ferplus": (3, 8)}


def test_the_order_of_faces_depends_on_seed_and_epoch_alone() -> None:
    sampler = EpochSampler(100, seed=4)
    first = list(sampler)
    sampler.set_epoch(1)
    assert list(sampler) != first
    sampler.set_epoch(0)
    assert list(sampler) == first
    assert sorted(first) == list(range(100))


def test_devices_share_an_epoch_without_overlap() -> None:
    shares = [list(EpochSampler(101, seed=4, rank=r, world=2)) for r in (0, 1)]
    assert len(shares[0]) == len(shares[1]) == 50
    assert not set(shares[0]) & set(shares[1])
