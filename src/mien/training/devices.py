"""What PyTorch computes on: CPU threads and GPUs, as asked for on the command line."""

from __future__ import annotations

from typing import Any

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


def trainer_hardware(devices: int) -> dict[str, Any]:
    """Return what Lightning's trainer must be told to use this many GPUs, or the CPU."""
    return {
        "accelerator": "auto",
        "devices": devices if torch.cuda.is_available() else 1,
        "strategy": "ddp" if devices > 1 else "auto",
    }


def is_first_process() -> bool:
    """Whether this is the process that prints and writes.

    On several GPUs Lightning starts the same command once more for each further GPU.
    """
    from lightning.pytorch.utilities import rank_zero_only

    return bool(getattr(rank_zero_only, "rank", 0) == 0)
