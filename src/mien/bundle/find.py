"""Where bundles are: in the package, in the user's folder, or at a path.

A plain word is a name: first one of the packaged bundles, then one in the user's folder, and
only then a folder of the working directory, so that a stray folder never takes the place of
a model that was asked for by name. Anything with a separator in it is a path.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from mien.bundle.config import CONFIG_FILE
from mien.core.errors import BundleError
from mien.core.paths import bundles_folder

PACKAGED = Path(__file__).resolve().parents[1] / "bundles"


@dataclass(frozen=True)
class FoundBundle:
    """A bundle that can be loaded by its name.

    Attributes:
        name: The name of its folder.
        path: The folder.
        where: `package` or `user`.
    """

    name: str
    path: Path
    where: str


def list_bundles() -> list[FoundBundle]:
    """Return the bundles that can be loaded by name, packaged ones first.

    A user's bundle with the name of a packaged one is left out: the name means the packaged.
    """
    found: dict[str, FoundBundle] = {}
    for where, folder in (("package", PACKAGED), ("user", bundles_folder())):
        # `*/config.json` of a folder that does not exist gives nothing.
        for path in sorted(config.parent for config in folder.glob(f"*/{CONFIG_FILE}")):
            if not path.name.startswith("."):
                found.setdefault(path.name, FoundBundle(path.name, path, where))
    return list(found.values())


def find_bundle(name_or_path: str | Path) -> Path:
    """Return the folder of a bundle given by name or path.

    Raises:
        BundleError: If there is none; the text lists the names that there are.
    """
    text = str(name_or_path)
    if not text:
        raise BundleError("expected the name or folder of a bundle, got nothing")
    by_name = {bundle.name: bundle.path for bundle in list_bundles()}
    if isinstance(name_or_path, str) and text in by_name:
        return by_name[text]
    path = Path(text).expanduser()
    if path.is_dir():
        return path
    available = ", ".join(by_name) or "none"
    if path.exists():
        raise BundleError(f"expected the folder of a bundle, got the file {path}")
    if isinstance(name_or_path, Path) or os.sep in text or (os.altsep and os.altsep in text):
        raise BundleError(f"there is no folder {path}; bundles known by name: {available}")
    raise BundleError(
        f"unknown bundle {text!r}; available: {available}. A bundle of your own is given by "
        f"the path of its folder, or by name once the folder lies in {bundles_folder()}"
    )
