"""Texts that people write or files have: what a database can keep, and how long they may be."""

from __future__ import annotations

from mien.core.errors import ConfigError

# Of a title, a name, a word; and of a note or a consent.
SHORT, LONG = 200, 20_000


def storable(text: str) -> str:
    """Return a text without what no database keeps: NUL, and bytes of a name that are no text."""
    return text.replace("\x00", "").encode("utf-8", "backslashreplace").decode("utf-8")


def checked_text(what: str, text: str, *, least: int = 0, most: int = SHORT) -> str:
    """Return a text that can be kept, without blanks around it.

    Args:
        what: It is, for words.
        text: As somebody wrote it.
        least: So many characters must be left, at least.
        most: At most.

    Raises:
        ConfigError: If it is too short or too long.
    """
    found = storable(text).strip()
    if not least <= len(found) <= most:
        raise ConfigError(f"{what} must have {least} to {most:,} characters, got {len(found):,}")
    return found
