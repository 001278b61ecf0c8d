"""The models that clients may choose among: by name, loaded when they are first asked for."""

from __future__ import annotations

import time

from mien.bundle.bundle import Bundle
from mien.bundle.config import CONFIG_FILE, BundleConfig
from mien.bundle.find import list_bundles
from mien.bundle.load import load_bundle
from mien.core.errors import BundleError

# Beside the server's own; each takes some tens of megabytes. The one unused for longest goes first.
MOST_OTHERS = 3


class UnknownBundleError(BundleError):
    """A client asked for a model that there is not."""


class BundleShelf:
    """The server's own bundle, and at most `MOST_OTHERS` more that were used last.

    Whoever starts the server may name a folder of this machine; its clients may only name bundles,
    so that no path of theirs is ever looked at. Not thread-safe but where it says so.

    Attributes:
        own: What reads where nothing else is asked for.
    """

    def __init__(self, own: str, *, threads: int) -> None:
        """Load the server's own bundle.

        Args:
            own: Its name or folder.
            threads: CPU threads for one call of any of them.

        Raises:
            BundleError: If it cannot be loaded.
        """
        self.own = load_bundle(own, threads=threads)
        self._threads = threads
        self._others: dict[str, Bundle] = {}
        self._used_s: dict[str, float] = {}

    def take(self, name: str | None) -> Bundle:
        """Return a bundle by its name in `configs`, loaded; None is the server's own.

        Raises:
            UnknownBundleError: If there is none of that name.
            BundleError: If it cannot be loaded.
        """
        if name is None or name == self.own.name:
            return self.own
        if name not in self._others:
            paths = {found.name: found.path for found in list_bundles()}
            if name not in paths:
                available = dict.fromkeys([self.own.name, *paths])
                raise UnknownBundleError(
                    f"unknown bundle {name!r}; available: {', '.join(available)}"
                )
            loaded = load_bundle(paths[name], threads=self._threads)
            if len(self._others) >= MOST_OTHERS:
                longest_unused = min(self._others, key=lambda one: self._used_s[one])
                del self._others[longest_unused], self._used_s[longest_unused]
            self._others[name] = loaded
        self.mark_used(name)
        return self._others[name]

    def mark_used(self, name: str) -> None:
        """Count a bundle as in use now, if it is loaded; any thread may do that."""
        # Clients may ask for any number of names that there are not: none of them is kept.
        if name in self._others:
            self._used_s[name] = time.monotonic()

    def has(self, bundle: Bundle) -> bool:
        """Tell whether a bundle is kept still."""
        return any(bundle is one for one in (self.own, *self._others.values()))

    def configs(self) -> dict[str, BundleConfig]:
        """Return what is known of each model that can be asked for, by name, own first."""
        configs = {self.own.name: self.own.config}
        for found in list_bundles():
            if found.path == self.own.path or found.name in configs:
                continue
            try:
                configs[found.name] = BundleConfig.read(found.path / CONFIG_FILE)
            except BundleError:
                continue  # `mien models` says what is wrong with it; it cannot be served
        return configs
