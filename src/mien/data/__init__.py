"""Datasets: readers for FER2013, FER+ and folders of faces, and what can be said of them.

Everything that other rooms use is named here; `open_dataset` is the door.
"""

from mien.data.check import CheckReport, check_dataset
from mien.data.convert import is_csv_name, write_csv, write_folders
from mien.data.dataset import SPLITS, FaceDataset, Problem, canonical_split
from mien.data.duplicates import DuplicateGroup, also_in_training, find_duplicates
from mien.data.fer2013 import join_ferplus, read_fer2013
from mien.data.ferplus import (
    FERPLUS_RULES,
    FerPlusTargets,
    FerPlusVotes,
    ferplus_targets,
    label_by_votes,
    read_ferplus_votes,
)
from mien.data.folders import read_folders
from mien.data.open import open_dataset
from mien.data.overlap import TrainingOverlap, training_overlap
from mien.data.splits import stratified_splits
from mien.data.summary import DatasetSummary, summarise

__all__ = [
    "FERPLUS_RULES",
    "SPLITS",
    "CheckReport",
    "DatasetSummary",
    "DuplicateGroup",
    "FaceDataset",
    "FerPlusTargets",
    "FerPlusVotes",
    "Problem",
    "TrainingOverlap",
    "also_in_training",
    "canonical_split",
    "check_dataset",
    "ferplus_targets",
    "find_duplicates",
    "is_csv_name",
    "join_ferplus",
    "label_by_votes",
    "open_dataset",
    "read_fer2013",
    "read_ferplus_votes",
    "read_folders",
    "stratified_splits",
    "summarise",
    "training_overlap",
    "write_csv",
    "write_folders",
]
