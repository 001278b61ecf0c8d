"""Expression names, their orders, their colours, and the maps between label sets.

This file is the one owner of these facts. FER2013 and FER+ name and order the same
expressions differently, which is the classic silent bug of this field: everywhere else
in mien a column of probabilities travels with the `LabelSet` that names it.

Sources:
    FER2013: Goodfellow et al., "Challenges in Representation Learning" (2013), label ids 0..6.
    FER+: Barsoum et al., "Training Deep Networks for Facial Expression Recognition with
    Crowd-Sourced Label Distribution" (2016), column order of `fer2013new.csv`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mien.core.errors import LabelError


@dataclass(frozen=True)
class LabelSet:
    """An ordered set of expression names.

    Attributes:
        name: How the set is called in configs and on the command line.
        labels: Canonical expression names; a class id is an index into them.
    """

    name: str
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Return the class id of `label`, in any usual spelling.

        Raises:
            LabelError: If the expression is not in this set.
        """
        name = canonical_label(label)
        if name not in self.labels:
            raise LabelError(f"{label!r} is not in label set {self.name}: {', '.join(self.labels)}")
        return self.labels.index(name)


FER2013 = LabelSet(
    "fer2013", ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
)
FERPLUS = LabelSet(
    "ferplus",
    ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
)
LABEL_SETS: Mapping[str, LabelSet] = MappingProxyType({s.name: s for s in (FER2013, FERPLUS)})

# The ten vote columns of fer2013new.csv: the eight expressions, then the two refusals.
FERPLUS_VOTE_COLUMNS: tuple[str, ...] = (*FERPLUS.labels, "unknown", "NF")

# Okabe-Ito's colour-blind-safe palette, assigned so that expressions that are often
# confused (anger/disgust, fear/surprise) are far apart in both hue and lightness.
COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "neutral": "#8a8f98",
        "happiness": "#e69f00",
        "surprise": "#56b4e9",
        "sadness": "#0072b2",
        "anger": "#d55e00",
        "disgust": "#009e73",
        "fear": "#cc79a7",
        "contempt": "#b8a800",
    }
)

# How the library deepface spells FER2013's expressions, in its order, which is FER2013's own.
DEEPFACE_SPELLINGS: Mapping[str, str] = MappingProxyType(
    {
        "anger": "angry",
        "disgust": "disgust",
        "fear": "fear",
        "happiness": "happy",
        "sadness": "sad",
        "surprise": "surprise",
        "neutral": "neutral",
    }
)

_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "angry": "anger",
        "disgusted": "disgust",
        "afraid": "fear",
        "fearful": "fear",
        "scared": "fear",
        "happy": "happiness",
        "joy": "happiness",
        "smile": "happiness",
        "sad": "sadness",
        "unhappy": "sadness",
        "surprised": "surprise",
        "normal": "neutral",
        "calm": "neutral",
        "contemptuous": "contempt",
        "scorn": "contempt",
    }
)


def canonical_label(name: str) -> str:
    """Return mien's name of an expression given in any usual spelling.

    Case, blanks, dashes and underscores around and inside the name do not matter, and
    `happy`, `angry`, `sad` and the like are known.

    Raises:
        LabelError: If the name is no expression that mien knows.
    """
    key = name.strip().strip("_-").lower()
    key = _ALIASES.get(key, key)
    if key not in COLOURS:
        raise LabelError(f"unknown expression {name!r}; known: {', '.join(COLOURS)}")
    return key


def label_set(name: str) -> LabelSet:
    """Return the label set called `name`.

    Raises:
        LabelError: If there is none of that name.
    """
    if name not in LABEL_SETS:
        raise LabelError(f"unknown label set {name!r}; available: {', '.join(LABEL_SETS)}")
    return LABEL_SETS[name]
