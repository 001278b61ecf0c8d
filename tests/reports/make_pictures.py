"""Makes the pictures of a video's report and plots that the docs show.

    python -m tests.reports.make_pictures

Needs Chromium; the clip is that of notebooks/composed_clip.py (NASA, public domain).
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

import mien
from mien.core.types import FrameResult
from mien.reports.digest import VideoDigest
from mien.reports.origin import VideoOrigin, model_facts
from mien.reports.video_page import write_video_page
from notebooks.composed_clip import write_clip
from tests.web.running import find_chromium, open_chromium

OUT = Path(__file__).resolve().parents[2] / "docs" / "images"
# Wide enough for cards side by side, high enough for everybody and the first person.
VIEW = {"width": 1120, "height": 900}


def main() -> int:
    """Make both pictures; return 1 where there is no Chromium."""
    chromium = find_chromium()
    if chromium is None:
        sys.stderr.write("no Chromium found; install it, or name it in MIEN_CHROMIUM\n")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = read_clip(folder)
        take_report(chromium, folder / "clip.html", OUT / "report.png")
        draw_plots(results, folder / "clip.mp4", OUT / "plots.png")
    return 0


def read_clip(folder: Path) -> list[FrameResult]:
    """Compose the clip, read it, and write its page beside it."""
    clip, digest, results = folder / "clip.mp4", VideoDigest(), []
    write_clip(clip)
    reader = mien.Recognizer(bundle="mien-s", detector="blazeface")
    with reader.video(clip) as reading:
        for frame, result in reading.frames():
            digest.add(result, frame.image_rgb)
            results.append(result)
    origin = VideoOrigin(info=reading.info, report=reading.report, model=model_facts(reader))
    write_video_page(folder / "clip.html", digest, origin=origin, title="clip.mp4")
    return results


def take_report(chromium: str, page_path: Path, out: Path) -> None:
    """Take the page from its top to the end of the first person."""
    with (
        sync_playwright() as playwright,
        open_chromium(playwright, chromium, film=None) as browser,
    ):
        page = browser.new_page(viewport=VIEW, color_scheme="light")  # type: ignore[arg-type]
        page.goto(page_path.as_uri())
        page.locator("#moment").fill("95")
        page.locator("#moment").blur()
        end = page.locator("#person-1").evaluate("one => one.getBoundingClientRect().bottom")
        page.evaluate("scrollTo(0, 0)")
        clip = {"x": 0, "y": 0, "width": VIEW["width"], "height": end + 30}
        page.screenshot(path=str(out), full_page=True, clip=clip)  # type: ignore[arg-type]
    shrink(Image.open(out), out)


def draw_plots(results: list[FrameResult], clip: Path, out: Path) -> None:
    """Draw the four plots of the first person, or of everybody, one below the other."""
    figures = (
        mien.plots.timeline(results, people=1),
        mien.plots.stacked_area(results, people=1),
        mien.plots.heat_map(results),
        mien.plots.face_strip(results, clip, people=1),
    )
    pictures = []
    for number, figure in enumerate(figures):
        path = clip.with_name(f"{number}.png")
        figure.savefig(path)
        pictures.append(Image.open(path).convert("RGB"))
    width, gap = max(picture.width for picture in pictures), 14
    together = Image.new(
        "RGB", (width, sum(picture.height + gap for picture in pictures) - gap), "white"
    )
    top = 0
    for picture in pictures:
        together.paste(picture, (0, top))
        top += picture.height + gap
    shrink(together, out)


def shrink(picture: Image.Image, out: Path) -> None:
    """Write a picture with a palette: the same to the eye, a third of the bytes."""
    picture.convert("RGB").quantize(256).save(out, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
