"""Where a user's own models, detector weights and recorded sessions lie.

One owner for these places. They are worked out when asked for, never on import, and
nothing here creates them: whoever writes into one makes it.
"""

from __future__ import annotations

import os
from pathlib import Path


def home_folder() -> Path:
    """Return mien's folder in the user's data: `MIEN_HOME`, else the XDG place.

    That is `$XDG_DATA_HOME/mien`, or `~/.local/share/mien` where the variable is unset, empty
    or relative (which the XDG specification says to ignore).
    """
    own = os.environ.get("MIEN_HOME", "")
    if own:
        return Path(own).expanduser().absolute()
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    base = data if data.is_absolute() else Path.home() / ".local" / "share"
    return base / "mien"


def detectors_folder() -> Path:
    """Return the folder of fetched face detector weights."""
    return home_folder() / "detectors"


def bundles_folder() -> Path:
    """Return the folder of the user's own bundles, one folder each."""
    return home_folder() / "bundles"


def sessions_file() -> Path:
    """Return the database file of recorded sessions."""
    return home_folder() / "sessions.db"


def without_home(words: str) -> str:
    """Return words in which `home_folder` is not spelt out, for strangers to read."""
    return words.replace(str(home_folder()), "MIEN_HOME")
