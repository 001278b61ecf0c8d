"""Datasets: readers for FER2013, FER+ and folders of faces, and what can be said of them.

Everything that other rooms use is named here; `open_dataset` is the door.
"""

from mien.data.dataset import SPLITS, FaceDataset, Problem, canonical_split
from mien.data.fer2013 import join_ferplus, read_fer2013
from mien.data.ferplus import (
    FERPLUS_RULES,
    FerPlusTargets,
    FerPlusVotes,
    ferplus_targets,
    read_ferplus_votes,
)
from mien.data.open import open_dataset

__all__ = [
    "FERPLUS_RULES",
    "SPLITS",
    "FaceDataset",
    "FerPlusTargets",
    "FerPlusVotes",
    "Problem",
    "canonical_split",
    "ferplus_targets",
    "join_ferplus",
    "open_dataset",
    "read_fer2013",
    "read_ferplus_votes",
]
