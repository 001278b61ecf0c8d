"""Names that files have where they come from: fit to be shown, and never used as a path."""

from __future__ import annotations

import re
import unicodedata

MOST_CHARACTERS = 120
_MOST_OF_SUFFIX = 12


def shown_name(name: str, otherwise: str) -> str:
    """Return a file's name as it may be shown.

    Args:
        name: As a client sent it, perhaps with folders.
        otherwise: What to say where nothing of it is left.
    """
    last = re.split(r"[/\\]", name)[-1]
    # Control characters, and those that turn the direction of what follows.
    visible = "".join(one for one in last if not unicodedata.category(one).startswith("C"))
    clean = unicodedata.normalize("NFC", visible).strip(" .")
    if len(clean) <= MOST_CHARACTERS:
        return clean or otherwise
    stem, dot, suffix = clean.rpartition(".")
    end = f"{dot}{suffix}" if stem and len(suffix) <= _MOST_OF_SUFFIX else ""
    return f"{clean[: MOST_CHARACTERS - len(end) - 1]}…{end}"


def title_of(name: str) -> str:
    """Return what to call a session of a file: its name without the suffix."""
    stem, _, suffix = name.rpartition(".")
    return stem if stem and len(suffix) <= _MOST_OF_SUFFIX else name
