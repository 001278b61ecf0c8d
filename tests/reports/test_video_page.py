"""The report of a video: its numbers are the summary's, and it needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest

from mien.core.errors import MienError
from mien.core.labels import COLOURS, FERPLUS
from mien.core.types import FrameResult
from mien.media.frames import SourceBreak, SourceInfo, SourceReport
from mien.recognition.summary.summary import summary
from mien.reports.digest import VideoDigest
from mien.reports.origin import VideoOrigin
from mien.reports.video_page import render_video_page, write_video_page
from mien.reports.words import clock, length
from tests.reports.clips import any_clip, expression, face, frame

VOID = {"meta", "link", "img", "input", "br"}


class Reader(HTMLParser):
    """Checks that every tag is closed in order, and keeps text by table row and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.rows: list[list[str]] = []
        self.images: list[dict[str, str | None]] = []
        self.labels: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if tag not in VOID and tag not in ("rect", "path"):
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "img":
            self.images.append(found)
        if found.get("role") == "img":
            self.labels.append(found.get("aria-label") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "path"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.text += data
        if "td" in self.open[-2:] or "th" in self.open[-2:]:
            self.rows[-1][-1] += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def digest_of(clip: list[FrameResult], *, pictures: bool = False) -> VideoDigest:
    digest = VideoDigest(thumbnails=pictures)
    image_rgb = np.full((240, 320, 3), 120, np.uint8)
    for one in clip:
        digest.add(one, image_rgb if pictures else None)
    return digest


def percent(share: float) -> str:
    return f"{100 * share:.1f}%"


def test_the_table_has_the_numbers_of_the_summary() -> None:
    clip = any_clip(300, 4)
    told = summary(clip)
    rows = {
        row[0]: row[1:] for row in read(render_video_page(digest_of(clip))).rows if len(row) > 13
    }
    assert told.overall is not None
    for name, one in (
        ("Everybody", told.overall),
        *((f"Person {p.track_id}", p) for p in told.people),
    ):
        changes = sum(sum(after.values()) for after in one.transitions.values())
        assert rows[name] == [
            length(one.visible_s),
            clock(one.first_s, digits=1),
            clock(one.last_s, digits=1),
            f"{one.observations:,}",
            str(changes),
            *(percent(one.shares[label]) for label in FERPLUS.labels),
        ]
    means = {
        row[0]: row[1:] for row in read(render_video_page(digest_of(clip))).rows if len(row) == 9
    }
    for one in told.people:
        assert means[f"Person {one.track_id}"] == [percent(mean) for mean in one.means.values()]


def test_every_peak_and_transition_of_the_summary_is_there() -> None:
    clip = any_clip(300, 2)
    html, told = render_video_page(digest_of(clip)), summary(clip)
    for one in told.people:
        section = html.partition(f'id="person-{one.track_id}"')[2].partition("</section>")[0]
        shown = re.findall(r'data-time="([\d.]+)".*?title="Show person \d+, (\w+) (\d+)%', section)
        expected = [
            (f"{peak.timestamp_s:.3f}", label, f"{100 * peak.probability:.0f}")
            for label, peaks in one.peaks.items()
            for peak in peaks
        ]
        assert sorted(shown) == sorted(expected)
    assert told.overall is not None
    after = {row[0]: row[1:] for row in read(html).rows if 1 < len(row) < 9}
    heads = next(row for row in read(html).rows if row[0] == "" and 1 < len(row) < 9)
    for before, then in told.overall.transitions.items():
        counts = dict(zip(heads[1:], after[before], strict=True))
        assert {label: n for label, n in counts.items() if n not in ("", "0")} == {
            label: f"{n:,}" for label, n in then.items()
        }


def test_what_can_be_read_off_a_course_are_the_bins() -> None:
    clip = any_clip(200, 2)
    digest = digest_of(clip)
    html = render_video_page(digest)
    told = json.loads(re.findall(r'id="clip">(.*?)</script>', html)[0])
    assert told == {
        "labels": list(FERPLUS.labels),
        "begin": digest.bins.start_s,
        "width": digest.bins.width_s,
        "count": digest.bins.count,
    }
    for who in (1, 2):
        first, values = re.findall(
            rf'data-who="Person {who}" data-first="(\d+)" data-values="(.*?)"', html
        )[0]
        course = digest.bins.person(who)
        kept = np.frombuffer(base64.b64decode(values), np.uint8).reshape(-1, 8)
        expected = course.probabilities[int(first) :][: len(kept)]
        away = np.isnan(expected).any(axis=1)
        assert (kept[away] == 255).all() and (kept[~away] <= 200).all()
        assert kept[~away] / 200 == pytest.approx(expected[~away], abs=0.0026)
        outside = np.ones(len(course.seconds), bool)
        outside[int(first) : int(first) + len(kept)] = False
        assert not course.seconds[outside].any()


def test_areas_are_as_high_as_the_probabilities_and_stop_where_somebody_is_away() -> None:
    times_s = [n / 10 for n in range(10)] + [8 + n / 10 for n in range(10)]
    clip = [frame(at_s, face(1, expression("happiness", 0.65))) for at_s in times_s]
    digest = digest_of(clip)
    svg = re.findall(r'<svg class="area".*?</svg>', render_video_page(digest))[0]
    (path,) = re.findall(rf'fill="{COLOURS["happiness"]}" d="(.*?)"', svg)
    assert path.count("M") == 2
    # neutral at 5 % lies below it, so 70 % of 200 units from the bottom.
    assert re.findall(r"V(\d+)h", path) == ["60", "60"]
    begins = [int(x) * digest.bins.width_s for x in re.findall(r"M(\d+) ", path)]
    assert begins == pytest.approx([0, 8], abs=digest.bins.width_s)


def test_every_colour_of_the_areas_is_named_below_them() -> None:
    clip = [frame(n / 10, face(1, expression("happiness", 0.93))) for n in range(20)]
    clip += [frame(2 + n / 10, face(1, expression("fear", 0.93))) for n in range(20)]
    card = render_video_page(digest_of(clip)).partition('<svg class="area"')[2]
    key = re.findall(r'<ul class="key">(.*?)</ul>', card)[0]
    # All others are at 1 % throughout.
    assert re.findall(r"</i>(\w+)", key) == ["happiness", "fear"]
    assert [COLOURS[label] in key for label in ("happiness", "fear")] == [True, True]


def test_the_page_stands_alone_and_lets_one_script_run() -> None:
    origin = VideoOrigin(info=SourceInfo("https://example.org/x.mp4", "stream", 320, 240))
    html = render_video_page(digest_of(any_clip(), pictures=True), origin=origin)
    outside_of_text = re.sub(
        r">[^<]*<", "><", re.sub(r"<script>.*?</script>", "", html, flags=re.S)
    )
    assert not re.search(r"https?:|url\(|@import|@font-face|src=\"(?!data:)", outside_of_text)
    scripts = re.findall(r"<script>(.*?)</script>", html, re.S)
    assert len(scripts) == 1
    assert not re.search(r"fetch\(|XMLHttp|import\(|https?:|innerHTML|eval\(", scripts[0])
    digest = base64.b64encode(hashlib.sha256(scripts[0].encode()).digest()).decode()
    policy = re.findall(r'Content-Security-Policy" content="(.*?)"', html)[0]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(r"\son\w+=", html.replace(scripts[0], ""))


def test_every_picture_says_what_it_shows() -> None:
    page = read(render_video_page(digest_of(any_clip(), pictures=True)))
    assert len(page.images) > 3
    assert all(re.match(r"Face of person \d+", image["alt"] or "") for image in page.images)
    assert len(page.labels) > 6
    assert all(len(label) > 20 for label in page.labels)


def test_faces_are_small_and_can_be_left_out() -> None:
    with_faces = render_video_page(digest_of(any_clip(), pictures=True))
    pictures = re.findall(r"data:image/jpeg;base64,([^\"]+)", with_faces)
    sizes = {
        cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), cv2.IMREAD_COLOR).shape  # type: ignore[union-attr]
        for one in pictures
    }
    assert sizes == {(96, 96, 3)}
    without = VideoDigest(thumbnails=False)
    for one in any_clip():
        without.add(one, np.zeros((240, 320, 3), np.uint8))
    assert "<img" not in render_video_page(without)
    assert "Strongest moments" in render_video_page(without)


def test_names_are_text_whatever_is_in_them(tmp_path: Path) -> None:
    name = 'a <script>alert("1")</script> & 🙂 clip.mp4'
    clip = [frame(n / 10, face(1, expression("fear", 0.9)), source=f"in/{name}") for n in range(9)]
    origin = VideoOrigin(
        info=SourceInfo(f"in/{name}", "file", 320, 240), settings={"<b>": "<i>x</i>"}, command=name
    )
    path = tmp_path / "out 🙂 <1>.html"
    write_video_page(path, digest_of(clip), origin=origin)
    html = path.read_text(encoding="utf-8")
    assert html.count("<script>") == 1
    assert "<i>x</i>" not in html and "<b>:" not in html
    assert name in read(html).text


@pytest.mark.parametrize("clip", [[], [frame(n / 10) for n in range(20)]])
def test_nothing_and_nobody_are_told_as_such(clip: list[FrameResult]) -> None:
    html = render_video_page(digest_of(clip))
    page = read(html)
    assert "Nobody in view" in page.text
    assert (
        "No face was found in 20 frames" if clip else "Not one frame could be read"
    ) in page.text
    assert "<script>" not in html


def test_damage_holes_and_dropped_frames_are_named() -> None:
    clip = [frame(at_s, face(1, expression("fear", 0.9))) for at_s in (0.0, 0.5, 1.0, 61.0, 61.5)]
    clip.append(FrameResult(9, 62.0, (0, 0), (), "fake", {}, source="clip.mp4", error="no picture"))
    report = SourceReport(damaged=3, breaks=(SourceBreak(61.5, "the file ends"),))
    page = read(render_video_page(digest_of(clip), origin=VideoOrigin(report=report, dropped=1)))
    for words in (
        "3 frames were damaged and left out.",
        "1 frame was of the live source left out",
        "1 frame was not read because of an error.",
        "No frame between 0:01.0 and 1:01.0",
        "broke off after 61.500 s: the file ends",
    ):
        assert words in page.text
    whole = read(render_video_page(digest_of(any_clip(60))))
    assert "every frame that was asked for could be read" not in page.text
    assert "No frame between" in whole.text


def test_what_read_it_is_named() -> None:
    origin = VideoOrigin(
        model={"model": "mien-s"}, settings={"every": "0.2 s"}, created="2026-01-02T03:04:05+00:00"
    )
    text = read(render_video_page(digest_of(any_clip()), origin=origin)).text
    for words in (
        "mien-s",
        "0.2 s",
        "2026-01-02T03:04:05+00:00",
        "detectorfake",
        "label setferplus",
    ):
        assert words in text
    assert "not what" not in text or "Expressions, not feelings." in text


def test_an_hour_of_ten_people_is_a_small_page_soon() -> None:
    shown = [expression(label, 0.8) for label in FERPLUS.labels]
    begin = time.process_time()
    digest = VideoDigest()
    image_rgb = np.random.default_rng(1).integers(0, 255, (240, 320, 3), np.uint8)
    for n in range(10_000):
        seen = [face(who, shown[(n // 50 + who) % 8]) for who in range(10)]
        digest.add(frame(n * 0.36, *seen, index=n), image_rgb)
    html = render_video_page(digest)
    # 100,000 rows; noise compresses worse than any face.
    assert len(html.encode()) < 4_000_000
    assert len(re.sub(r"data:image/jpeg;base64,[^\"]+", "", html).encode()) < 1_000_000
    assert time.process_time() - begin < 60


def test_hundreds_of_people_do_not_make_the_page_long() -> None:
    shown = expression("neutral", 0.8)
    clip = [frame(n / 5, face(n // 20, shown), index=n) for n in range(8000)]
    html = render_video_page(digest_of(clip))
    assert len(html.encode()) < 300_000
    assert html.count('class="person"') == 16
    text = read(html).text
    assert "400 people in view" in text and "384 more were in view" in text
    assert "200 more are left out" in text


def test_a_table_or_its_file_will_do(tmp_path: Path) -> None:
    import mien

    clip = any_clip(80, 2)
    path = tmp_path / "page.html"
    write_video_page(path, mien.to_dataframe(clip), title="From a table")
    text = read(path.read_text(encoding="utf-8")).text
    assert "From a table" in text and "2 people in view" in text


def test_a_page_that_cannot_be_written_is_an_error_and_leaves_the_old_one(tmp_path: Path) -> None:
    with pytest.raises(MienError, match="cannot write"):
        write_video_page(tmp_path / "nowhere" / "page.html", digest_of([]))
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(MienError, match="cannot write"):
        write_video_page(tmp_path / "folder.html", digest_of([]))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.html"]
