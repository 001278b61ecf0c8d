"""Faces that are nearly the same: one picture cut, sized, packed or mirrored a little otherwise.

`mien.data.duplicates` finds what is the same to the last pixel, which is too narrow to keep a
face apart from what a model learned: FER2013 has many pictures twice, with a pixel, a watermark
or a JPEG between them.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.data.dataset import Int64Array, UInt8Array

# Side of the thumbnails that are compared: a quarter of FER2013's 48 px forgives a shift of a
# pixel and what JPEG leaves, and is coarse enough to compare every pair of 30,000 faces in seconds.
THUMBNAIL_PX = 12
# Judged by eye on FER2013: every pair looked at from 0.96 up shows one picture twice, and from 0.94
# to 0.95 there are the first that show two people.
ALIKE_FROM = 0.96
_FACES_PER_BLOCK = 1024


def alike_groups(images_gray: UInt8Array, *, alike_from: float = ALIKE_FROM) -> Int64Array:
    """Number the groups of faces that show the same picture, or its mirror image.

    Two faces are alike where thumbnails of 12 x 12 pixels, freed of brightness and contrast,
    correlate by `alike_from` at least; groups are what such pairs connect. Faces of one gray all
    over are alike. Faces that are identical to the last pixel always are in one group.

    Args:
        images_gray: (n, h, w) uint8.
        alike_from: Correlation of thumbnails, below 1.

    Returns:
        (n,) int64, numbers from 0 in the order of each group's first face.
    """
    thumbnails, constant = _thumbnails(images_gray)
    parents = np.arange(len(images_gray))
    for face in np.flatnonzero(constant)[1:].tolist():
        _join(parents, int(np.flatnonzero(constant)[0]), face)
    ways = _both_ways(thumbnails)
    for start in range(0, len(images_gray), _FACES_PER_BLOCK):
        block = ways[0][start : start + _FACES_PER_BLOCK]
        for way in ways:
            # Each pair once: a face is compared with itself and with those after it.
            for first, second in np.argwhere(block @ way[start:].T >= alike_from).tolist():
                if first < second:
                    _join(parents, start + first, start + second)
    roots = [_root(parents, face) for face in range(len(parents))]
    return np.unique(roots, return_inverse=True)[1].astype(np.int64)


def find_likest(
    images_gray: UInt8Array, others_gray: UInt8Array
) -> tuple[Int64Array, NDArray[np.float32]]:
    """Find for each face the likest of the others, as they are or mirrored.

    Args:
        images_gray: (n, h, w) uint8.
        others_gray: (m, h, w) uint8, one at least.

    Returns:
        (n,) the places of the likest, the first of equals, and (n,) float32, how alike they are:
        the correlation of thumbnails as in `alike_groups`, from `ALIKE_FROM` up the same picture.
        Two faces of one gray all over are alike by 1.
    """
    thumbnails, constant = _thumbnails(images_gray)
    others, others_constant = _thumbnails(others_gray)
    known = others.reshape(len(others), THUMBNAIL_PX**2)
    likest = np.zeros(len(thumbnails), np.int64)
    alikeness = np.full(len(thumbnails), -1, np.float32)
    for way in _both_ways(thumbnails):
        # In blocks of both, or the pairs of a large dataset would fill the memory.
        for start in range(0, len(way), _FACES_PER_BLOCK):
            block = slice(start, start + _FACES_PER_BLOCK)
            for first in range(0, len(known), _FACES_PER_BLOCK):
                pairs = way[block] @ known[first : first + _FACES_PER_BLOCK].T
                best = pairs.max(axis=1)
                more = best > alikeness[block]
                likest[block][more] = first + pairs[more].argmax(axis=1)
                alikeness[block][more] = best[more]
    if others_constant.any():
        likest[constant] = others_constant.argmax()
        alikeness[constant] = 1
    return likest, alikeness


def _both_ways(thumbnails: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Return (n, 144) as they are, and mirrored."""
    ways = (thumbnails, thumbnails[:, :, ::-1])
    return [np.ascontiguousarray(way.reshape(len(way), THUMBNAIL_PX**2)) for way in ways]


def _thumbnails(images_gray: UInt8Array) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return (n, 12, 12) float32 of mean 0 and norm 1, and which faces have but one gray."""
    side = (THUMBNAIL_PX, THUMBNAIL_PX)
    small = np.empty((len(images_gray), *side), np.float32)
    for thumbnail, face in zip(small, images_gray, strict=True):
        thumbnail[:] = cv2.resize(face.astype(np.float32), side, interpolation=cv2.INTER_AREA)
    small -= small.mean(axis=(1, 2), keepdims=True)
    norms = np.sqrt((small**2).sum(axis=(1, 2), keepdims=True))
    constant = (images_gray == images_gray[:, :1, :1]).all(axis=(1, 2))
    small /= np.maximum(norms, 1e-6)
    small[constant] = 0
    return small, constant


def _join(parents: Int64Array, first: int, second: int) -> None:
    """Let two faces be of one group, whose root is its first face."""
    roots = _root(parents, first), _root(parents, second)
    parents[max(roots)] = min(roots)


def _root(parents: Int64Array, face: int) -> int:
    root = face
    while parents[root] != root:
        root = int(parents[root])
    while parents[face] != root:
        parents[face], face = root, int(parents[face])
    return root
