"""Features of faces under a frozen trunk, computed once and kept on disk.

    <cache>/features/<sha256 of all that decides them>-v1.npy     (n, width) float32

A file is written under another name and renamed when whole, so that a kill or a full disk leaves
none that is half. All of them may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from mien.core.imaging import normalise, resize_gray
from mien.data.cache import default_cache_folder
from mien.training.recipe import InputRecipe
from mien.training.start import weights_sha256

# Raise it when the same key comes to mean other features.
_FORMAT = 1
_BATCH = 128
_STALE_S = 3600.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Features:
    """What a trunk says of faces.

    Attributes:
        values: (n, width) float32; a read-only memory map where they are kept.
        path: Where they are kept; None where the cache cannot be written.
        computed: Whether that was done just now, instead of read.
    """

    values: NDArray[np.float32]
    path: Path | None
    computed: bool


class FeatureCache:
    """The features of one trunk.

    Args:
        trunk: Takes faces (n, 1, size, size) float32; in eval mode.
        width: Length of its feature vectors.
        record: What the trunk is built by; with its weights it decides what it says.
        input: How faces are made its input.
        folder: The cache folder; None for the user's.
    """

    def __init__(
        self,
        trunk: nn.Module,
        *,
        width: int,
        record: Mapping[str, Any],
        input: InputRecipe,
        folder: Path | None = None,
    ) -> None:
        self._trunk, self._width, self._input = trunk, width, input
        self._folder = (folder or default_cache_folder()) / "features"
        built_by = {k: v for k, v in record.items() if k not in ("from", "revision", "sha256")}
        self._identity = {
            "trunk": weights_sha256(trunk.state_dict()),
            "built_by": built_by,
            "input": [input.size, input.mean, input.std],
        }

    def features(
        self,
        images_gray: NDArray[np.uint8],
        on_progress: Callable[[int], None] | None = None,
    ) -> Features:
        """Return the features of faces (n, h, w) uint8; computed where they are not known yet.

        Args:
            images_gray: The faces.
            on_progress: Is told the number of faces that are done; not called for known ones.
        """
        path = self._path(images_gray)
        shape = (len(images_gray), self._width)
        kept = _read(path, shape)
        if kept is not None:
            return Features(kept, path, computed=False)
        progress = on_progress or (lambda _: None)
        try:
            self._keep(path, images_gray, progress)
            kept = _read(path, shape)
            if kept is None:
                raise OSError(f"{path} cannot be read back")
        except OSError as error:
            _log.warning(
                "the cache %s cannot be used (%s): features are kept in memory, and computed "
                "again by the next run",
                self._folder,
                error.strerror or error,
            )
            values = np.empty(shape, np.float32)
            self._compute(images_gray, values, progress)
            return Features(values, None, computed=True)
        return Features(kept, path, computed=True)

    def _path(self, images_gray: NDArray[np.uint8]) -> Path:
        faces = hashlib.sha256(np.ascontiguousarray(images_gray).data).hexdigest()
        identity = {**self._identity, "faces": [faces, *images_gray.shape]}
        key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        return self._folder / f"{key}-v{_FORMAT}.npy"

    def _keep(
        self, path: Path, images_gray: NDArray[np.uint8], progress: Callable[[int], None]
    ) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        for left in self._folder.glob(".part-*"):
            if time.time() - left.stat().st_mtime > _STALE_S:
                left.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", suffix=".npy", dir=self._folder)
        os.close(handle)
        part = Path(name)
        try:
            values = np.lib.format.open_memmap(
                part, mode="w+", dtype=np.float32, shape=(len(images_gray), self._width)
            )
            self._compute(images_gray, values, progress)
            values.flush()
            del values
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @torch.inference_mode()
    def _compute(
        self,
        images_gray: NDArray[np.uint8],
        values: NDArray[np.float32],
        progress: Callable[[int], None],
    ) -> None:
        """Fill `values`, in float32 whatever the precision of training is."""
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        trunk, spec = self._trunk.to(device), self._input
        for start in range(0, len(images_gray), _BATCH):
            faces = np.stack(
                [resize_gray(f, spec.size) for f in images_gray[start : start + _BATCH]]
            )
            batch = torch.from_numpy(normalise(faces, mean=spec.mean, std=spec.std)).to(device)
            batch = batch.contiguous(memory_format=torch.channels_last)
            values[start : start + len(faces)] = trunk(batch).float().cpu().numpy()
            progress(start + len(faces))
        trunk.to("cpu")


def _read(path: Path, shape: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return what is kept, or None if it is not there or damaged."""
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    return values if values.shape == shape and values.dtype == np.float32 else None
