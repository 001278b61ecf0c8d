"""Batches out of arrays in memory, in an order that seed and epoch decide.

Faces stay uint8 until they are on the device that trains; targets travel by index, so that
labels can be sampled anew at each epoch. A resumed run sees the order that the unbroken run
would have seen, because nothing but seed and epoch enters it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from mien.core.imaging import resize_gray


class RowBatches(Dataset[tuple[Tensor, Tensor]], ABC):
    """Rows of a table by batches of indices, each with its index."""

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of rows."""

    @abstractmethod
    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        """Return what is in rows, and the rows' indices (k,)."""

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        batch = self.__getitems__([index])
        return batch[0][0], batch[1][0]


class FaceBatches(RowBatches):
    """Faces by batches of indices.

    Args:
        images_gray: (n, h, w) uint8.
        size: Side in pixels that faces are given out at.
    """

    def __init__(self, images_gray: NDArray[np.uint8], size: int) -> None:
        if images_gray.shape[1:] != (size, size):
            images_gray = np.stack([resize_gray(face, size) for face in images_gray])
        self.images_gray = images_gray

    def __len__(self) -> int:
        return len(self.images_gray)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, Tensor]:
        """Return faces (k, 1, size, size) uint8 and their indices (k,)."""
        rows = np.asarray(indices)
        return torch.from_numpy(np.ascontiguousarray(self.images_gray[rows]))[:, None], (
            torch.from_numpy(rows)
        )


class EpochSampler(Sampler[int]):
    """A shuffle that seed and epoch decide, shared out among devices.

    Args:
        count: Number of faces.
        seed: Of the run.
        shuffle: False gives the plain order.
        rank: This device's number.
        world: Number of devices; each gets an equal share, a few faces are dropped.
    """

    def __init__(
        self, count: int, *, seed: int = 0, shuffle: bool = True, rank: int = 0, world: int = 1
    ) -> None:
        self.count, self.seed, self.shuffle = count, seed, shuffle
        self.rank, self.world = rank, world
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Tell the epoch; Lightning calls this before each one."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count // self.world

    def __iter__(self) -> Iterator[int]:
        order = np.arange(self.count)
        if self.shuffle:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(self.count)
        share = order[self.rank : len(self) * self.world : self.world]
        return iter(share.tolist())


def make_loader(
    batches: RowBatches,
    *,
    batch_size: int,
    seed: int = 0,
    shuffle: bool = False,
    rank: int = 0,
    world: int = 1,
) -> DataLoader[tuple[Tensor, Tensor]]:
    """Return a loader of what `batches` gives for some indices, in the order of seed and epoch.

    Args:
        batches: `FaceBatches`, or others that are asked in the same way.
        batch_size: Faces a batch on this device.
        seed: Of the run.
        shuffle: Whether to shuffle and drop the last, smaller batch, as training does.
        rank: This device's number.
        world: Number of devices.
    """
    sampler = EpochSampler(len(batches), seed=seed, shuffle=shuffle, rank=rank, world=world)
    return DataLoader(
        batches,
        batch_size=batch_size,
        sampler=sampler,
        # A dataset smaller than one batch still trains.
        drop_last=shuffle and len(sampler) >= batch_size,
        collate_fn=lambda batch: batch,
        pin_memory=torch.cuda.is_available(),
    )
