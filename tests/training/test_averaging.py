"""The running average of weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from mien.training.averaging import running_average


def _follow(weights: Tensor, decay: float) -> list[float]:
    """Return the average of one weight after each of the values that it takes."""
    model = nn.Linear(1, 1, bias=False)
    average = AveragedModel(model, avg_fn=running_average(decay))
    values = []
    for weight in weights:
        nn.init.constant_(model.weight, float(weight))
        average.update_parameters(model)
        values.append(float(average.module.weight.detach()))
    return values


def test_fresh_weights_are_soon_forgotten() -> None:
    values = _follow(torch.cat([torch.zeros(1), torch.ones(100)]), decay=0.998)
    assert values[0] == 0
    assert values[30] > 0.99, "with one decay throughout it would be 0.06"


def test_after_many_steps_it_forgets_no_faster_than_the_decay_says() -> None:
    values = _follow(torch.cat([torch.zeros(2000), torch.ones(100)]), decay=0.98)
    torch.testing.assert_close(values[-1], 1 - 0.98**100, rtol=1e-4, atol=0)


def test_what_is_no_float_is_never_averaged() -> None:
    model = nn.Module()
    model.register_buffer("partners", torch.arange(256) ^ 1)
    model.register_buffer("share", torch.zeros(1))
    average = AveragedModel(model, avg_fn=running_average(0.998), use_buffers=True)
    for _ in range(2000):
        model.share += 1
        average.update_parameters(model)
    assert torch.equal(average.module.partners, torch.arange(256) ^ 1)
    assert 0 < float(average.module.share) < 2000
