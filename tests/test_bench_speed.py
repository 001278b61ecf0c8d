"""What `make bench` says of speed: medians in turns, and shares of a peak as worked out by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import save_file

from bench import inference, peak, timing, training
from bench.timing import Spread, best_seconds, take_turns
from bench.training import StepClock, as_dataset, count_training_macs, random_faces
from bench.workers import Worker, WorkerError
from mien.bundle.bundle import Bundle
from mien.bundle.config import Architecture
from mien.bundle.load import load_bundle
from mien.core.errors import BundleError
from mien.core.session import OnnxSession
from mien.models import build_model
from mien.training.export import export_model
from mien.training.recipe import load_recipe
from tests.bundles import write_tiny_bundle


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[Iterator[float]], None]:
    """Sets the times that a stopwatch will show."""

    def set_times(times: Iterator[float]) -> None:
        fake = SimpleNamespace(perf_counter=lambda: next(times))
        monkeypatch.setattr(timing, "time", fake)
        monkeypatch.setattr(training, "time", fake)

    return set_times


@pytest.fixture
def one_thread(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    threads = torch.get_num_threads()
    for module in (inference, training):
        monkeypatch.setattr(module, "thread_counts", lambda: (1,))
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles")
    config = load_bundle(write_tiny_bundle(folder)).config
    heads = {head.label_set: len(head.labels) for head in config.heads}
    model = build_model("residual", heads, {"widths": [8, 16], "blocks": [1, 1]})
    return export_model(model, config, folder / "small")


def test_spread_is_median_and_outer_tenths() -> None:
    spread = Spread.of([5.0, 1.0, 2.0, 3.0, 4.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0])
    assert spread == Spread(median=6.0, low=2.0, high=10.0, runs=11)
    assert spread.to_dict("ms_per_face", scale=0.5) == {
        "ms_per_face": 3.0,
        "low": 1.0,
        "high": 5.0,
        "runs": 11,
    }


def test_best_is_the_fastest_run_after_the_first(clock: Any) -> None:
    clock(iter([0.0, 3.0, 10.0, 11.5, 20.0, 22.0]))
    calls: list[int] = []
    assert best_seconds(lambda: calls.append(1), 3) == 1.5
    assert len(calls) == 4


def test_turns_go_round_and_only_warm_runs_count() -> None:
    order: list[str] = []
    spent = take_turns({k: lambda k=k: order.append(k) for k in "ab"}, runs=6, turns=3)
    turn = timing.WARM_UP + 2
    assert "".join(order) == ("a" * turn + "b" * turn) * 3
    assert {key: spread.runs for key, spread in spent.items()} == {"a": 6, "b": 6}


@pytest.mark.parametrize("operator", ["MatMul", "MatMulInteger"])
def test_what_the_peak_is_measured_with_is_the_product(operator: str) -> None:
    generator = np.random.default_rng(1)
    if operator == "MatMul":
        a, b = generator.standard_normal((2, 16, 16), dtype=np.float32)
    else:
        a = generator.integers(0, 128, (16, 16), dtype=np.uint8)
        b = generator.integers(-64, 64, (16, 16), dtype=np.int8)
    (found,) = peak._onnx_product(operator, a, b, threads=1)()
    np.testing.assert_allclose(found, a.astype(np.float64) @ b.astype(np.float64), atol=1e-4)
    if operator == "MatMul":
        np.testing.assert_allclose(peak._torch_product(a, b, 1)(), a @ b, atol=1e-4)


def test_peak_is_that_of_the_quickest_library(
    monkeypatch: pytest.MonkeyPatch, one_thread: None
) -> None:
    seconds = iter([0.5, 0.25, 0.4, 0.125])
    monkeypatch.setattr(
        peak, "best_seconds", lambda work, runs: work() is not None and next(seconds)
    )
    assert peak.fp32_macs_per_s(1, side=16) == 16**3 / 0.25
    assert peak.int8_macs_per_s(1, side=16) == 16**3 / 0.125


def test_share_of_peak_is_the_arithmetics_time_over_the_measured() -> None:
    spent = {
        ("fp32", 1, 4): Spread(8.0, 6.0, 12.0, 10),
        ("int8", 1, 4): Spread(4.0, 4.0, 4.0, 10),
    }
    rows = inference.rows(spent, 1_000_000, {("fp32", 1): 1e9, ("int8", 1): 4e9})
    assert rows["fp32, 1 thread, batch 4"] == {
        "ms_per_face": 2.0,
        "low": 1.5,
        "high": 3.0,
        "runs": 10,
        # 4 faces of a million MACs at 1e9 a second are 4 ms of the 8.
        "share_of_peak": 0.5,
        "times_fp32": 1.0,
    }
    assert rows["int8, 1 thread, batch 4"]["share_of_peak"] == 0.25
    assert rows["int8, 1 thread, batch 4"]["times_fp32"] == 2.0


def test_inference_measures_both_precisions_and_batches_of_a_bundle(
    small_bundle: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "fp32_macs_per_s", lambda threads: 1e9)
    monkeypatch.setattr(inference, "int8_macs_per_s", lambda threads: 2e9)
    figures = inference.measure([str(small_bundle)], {1: 2, 3: 2})
    (bundle,) = figures["bundles"].values()
    names = [f"{p}, 1 thread, batch {n}" for n in (1, 3) for p in ("fp32", "int8")]
    assert list(bundle["rows"]) == names
    assert all(
        0 < row["low"] <= row["ms_per_face"] <= row["high"] for row in bundle["rows"].values()
    )
    assert figures["peak_gmacs_per_s"] == {"fp32, 1 thread": 1.0, "int8, 1 thread": 2.0}


def test_a_bundle_that_is_in_8_bits_is_measured_as_that(
    small_bundle: Path, one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load_bundle(small_bundle)
    small = Bundle(
        config=replace(plain.config, precision="int8"),
        path=plain.path,
        session=OnnxSession((plain.path / "model.onnx").read_bytes()),
    )
    monkeypatch.setattr(inference, "load_bundle", lambda name, threads: small)
    monkeypatch.setattr(inference, "fp32_macs_per_s", lambda threads: 1e9)
    monkeypatch.setattr(inference, "int8_macs_per_s", lambda threads: 2e9)
    (bundle,) = inference.measure(["small"], {1: 2})["bundles"].values()
    (row,) = bundle["rows"].items()
    assert row[0] == "int8, 1 thread, batch 1"
    assert "times_fp32" not in row[1]


def test_the_graph_that_is_made_here_has_8_bit_weights(small_bundle: Path) -> None:
    graph = onnx.load_from_string(inference.make_int8_graph(load_bundle(small_bundle))).graph
    kinds = [tensor.data_type for tensor in graph.initializer if len(tensor.dims) == 4]
    assert kinds.count(onnx.TensorProto.INT8) > len(kinds) / 2


def test_the_float_form_of_an_8_bit_bundle_is_made_of_its_weights(
    small_bundle: Path, tmp_path: Path
) -> None:
    options = {"widths": [8, 16], "blocks": [1, 1]}
    config = replace(
        load_bundle(small_bundle).config, architecture=Architecture("residual", options, 1)
    )
    heads = {head.label_set: len(head.labels) for head in config.heads}
    model = build_model("residual", heads, options)
    plain = load_bundle(export_model(model, config, tmp_path / "plain"))
    save_file(model.state_dict(), plain.path / "model.safetensors")
    made = Bundle(
        config=config,
        path=plain.path,
        session=OnnxSession(inference.make_float_graph(plain)),
    )
    crops = inference.random_faces(4, plain.config.input.size)
    for head, logits in plain.predict_logits(crops).items():
        np.testing.assert_allclose(made.predict_logits(crops)[head], logits, atol=1e-5)


def test_a_float_bundle_is_no_8_bit_bundle(
    small_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = load_bundle(small_bundle)
    monkeypatch.setattr(inference, "load_bundle", lambda name, threads: plain)
    monkeypatch.setattr(inference, "list_bundles", lambda: [SimpleNamespace(name="small-int8")])
    with pytest.raises(
        BundleError, match="expected a bundle of precision int8, small-int8 is fp32"
    ):
        inference.open_bundles("small", (1,))


def test_rates_are_of_all_steps_of_an_epoch_but_the_first(clock: Any) -> None:
    clock(iter([100.0, 100.5, 200.0, 204.0]))
    waits: list[int] = []
    watch = StepClock(lambda: waits.append(len(watch.rates)))
    trainer: Any = SimpleNamespace(num_training_batches=3)
    for _ in range(2):
        watch.on_train_epoch_start(trainer, Any)
        for number in range(3):
            watch.on_train_batch_end(trainer, Any, None, (np.zeros(8), None), number)
    assert watch.rates == [16 / 0.5, 16 / 4.0]
    assert waits == [0, 1]


def test_training_arithmetic_is_forward_and_twice_backward() -> None:
    conv = [(48, 1, 32), (48, 32, 32), (24, 32, 64), (24, 64, 64), (12, 64, 128), (12, 128, 128)]
    forward = [side * side * 9 * seen * filters for side, seen, filters in conv]
    forward += [128 * 6 * 6 * 500, 500 * 8]
    # Nothing is learned before the first layer, so no gradient goes through it.
    assert count_training_macs(load_recipe("cnn6")) == 3 * sum(forward) - forward[0]


def test_training_is_measured_in_miens_own_loop(
    one_thread: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "BATCH", 4)
    monkeypatch.setattr(training, "fp32_macs_per_s", lambda threads: 1e10)
    figures = training.measure(turns=2, steps=3)
    row = figures["rows"]["1 thread"]
    assert row["runs"] == 2
    assert 0 < row["low"] <= row["images_per_s"] <= row["high"]
    share = row["images_per_s"] * figures["macs_per_image"] / 1e10
    assert row["share_of_peak"] == pytest.approx(share)
    assert (figures["network"], figures["batch"]) == ("cnn6", 4)


def test_faces_of_noise_can_be_trained_on() -> None:
    images, votes = random_faces(70)
    dataset = as_dataset(images, votes)
    assert [int((dataset.splits == split).sum()) for split in (0, 1)] == [70, training.BATCH]
    assert (votes.sum(axis=1) == 10).all()


SPEAKS = """
from bench.workers import serve_turns
before_turn = serve_turns({"library": "1.2"})
print("what a library prints")
before_turn(None)
for number in range(2):
    before_turn(number + 0.5)
raise SystemExit("no more turns")
"""


def test_a_worker_computes_when_told_and_says_why_it_ended() -> None:
    with Worker([sys.executable, "-c", SPEAKS], {}) as worker:
        assert worker.facts == {"library": "1.2"}
        assert [worker.turn(), worker.turn()] == [0.5, 1.5]
        with pytest.raises(WorkerError, match="no more turns") as failure:
            worker.turn()
    assert failure.value.exit_code == 1


def test_a_worker_that_cannot_start_says_why() -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('needs a library')"]
    with pytest.raises(WorkerError, match="needs a library"):
        Worker(command, {})
