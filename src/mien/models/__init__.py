"""Architectures in PyTorch: the tutorials' networks and mien's own.

A model takes normalised faces (n, 1, h, w) float32 and returns a dict of head name to
logits (n, classes). Needs the `train` extra; nothing that serves imports this room.
"""

from mien.models.registry import available_models, build_model, count_parameters

__all__ = ["available_models", "build_model", "count_parameters"]
