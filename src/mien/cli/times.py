"""Times as people write them on a command line."""

from __future__ import annotations

import re

_PARTS = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


def parse_time(text: str) -> float:
    """Return the seconds of a time such as `90`, `1:30` or `1:02:03.5`.

    Raises:
        ValueError: If it is none.
    """
    found = _PARTS.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"expected seconds, m:ss or h:mm:ss, got {text!r}")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    if (found[1] is not None and minutes >= 60) or (found[2] is not None and seconds >= 60):
        raise ValueError(f"minutes and seconds beside larger parts go up to 59, got {text!r}")
    return 3600 * hours + 60 * minutes + seconds
