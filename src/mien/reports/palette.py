"""The colours of reports: of expressions, and of what is around them in light and in dark."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mien.core.errors import ConfigError
from mien.core.labels import COLOURS

ThemeName = Literal["light", "dark"]


@dataclass(frozen=True)
class Theme:
    """What plots are drawn on and with.

    Attributes:
        ground: Behind everything; opaque, so that a plot is readable on any page.
        ink: Of words.
        soft: Of words that matter less.
        grid: Of lines that help to read.
        empty: Where nobody is in view.
    """

    ground: str
    ink: str
    soft: str
    grid: str
    empty: str


THEMES: dict[str, Theme] = {
    "light": Theme("#ffffff", "#1c2430", "#5b6676", "#e1e5eb", "#eef0f3"),
    "dark": Theme("#171c23", "#e7ebf0", "#9aa6b5", "#2a323d", "#20262f"),
}


def theme_of(name: str) -> Theme:
    """Return the theme of a name.

    Raises:
        ConfigError: If there is none.
    """
    if name not in THEMES:
        raise ConfigError(f"expected a theme of {', '.join(THEMES)}, got {name!r}")
    return THEMES[name]


def colour_of(label: str) -> str:
    """Return the colour of an expression, gray for one of somebody's own label set."""
    return COLOURS.get(label, "#888888")
