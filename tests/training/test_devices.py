"""Threads and GPUs are what was asked for, or an error says what there is."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from mien.core.errors import ConfigError
from mien.training.devices import check_gpus, use_threads


@pytest.fixture
def threads_restored() -> Iterator[int]:
    before = torch.get_num_threads()
    yield before
    torch.set_num_threads(before)


def test_threads_are_those_asked_for_and_else_left_alone(threads_restored: int) -> None:
    use_threads(None)
    assert torch.get_num_threads() == threads_restored
    use_threads(3)
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize(("asked", "there"), [(1, 0), (1, 4), (2, 2)])
def test_enough_gpus_are_fine(asked: int, there: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    check_gpus(asked)


def test_too_few_gpus_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ConfigError, match=r"expected 2 GPUs.*has 1"):
        check_gpus(2)
