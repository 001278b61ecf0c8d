"""What PyTorch computes on: CPU threads and GPUs, as asked for on the command line."""

from __future__ import annotations

import torch

from mien.core.errors import ConfigError


def use_threads(threads: int | None) -> None:
    """Let PyTorch use this many CPU threads; None leaves its choice, all cores."""
    if threads is not None:
        torch.set_num_threads(threads)


def check_gpus(devices: int) -> None:
    """Check that there are as many GPUs as asked for; 1 is always fine, there or not.

    Raises:
        ConfigError: If there are fewer.
    """
    found = torch.cuda.device_count()
    if devices > max(1, found):
        raise ConfigError(f"expected {devices} GPUs (--devices), this machine has {found}")
