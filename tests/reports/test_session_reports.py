"""A session as a page and as a PDF: what was said of it stands there, and nothing is asked for."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path

import pypdfium2
import pytest

from mien.core.errors import ConfigError, TableWriteError
from mien.reports.session_digest import digest_session, gap_of, summarise_session
from mien.reports.session_export import export_name, export_session
from mien.reports.session_page import render_session_page
from mien.store import Store, open_store
from recordings import make_frame
from tests.web.made_sessions import COMES_BACK, FRAMES, Made, make_session

A4_POINTS = (595.28, 841.89)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "sessions.db") as store:
        yield store


@pytest.fixture
def made(store: Store) -> Made:
    made = make_session(store, "Ann & <Bob>", note="Second\ntry", keep_days=30)
    store.people.name(made.session_id, 2, "<i>Ann</i>")
    return made


def page_of(store: Store, made: Made) -> str:
    return render_session_page(store, made.session_id)[0]


def text_of(path: Path) -> list[str]:
    """The words of each page of a PDF, blanks of any kind as one."""
    document = pypdfium2.PdfDocument(path)
    try:
        texts = []
        for page in document:
            assert page.get_size() == pytest.approx(A4_POINTS, abs=0.1)
            words = page.get_textpage()
            texts.append(" ".join(words.get_text_range().split()))
            words.close()
            page.close()
        return texts
    finally:
        document.close()


def test_a_page_asks_for_nothing_and_allows_nothing(store: Store, made: Made) -> None:
    html = page_of(store, made)
    policy = re.findall(r'Content-Security-Policy" content="(.*?)"', html)[0]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert (
        re.findall(r"https?://|//[a-z]", re.sub(r"<script>.*?</script>", "", html, flags=re.S))
        == []
    )
    assert all(
        address.startswith(("data:", "#")) for address in re.findall(r'(?:src|href)="(.*?)"', html)
    )


def test_what_was_said_of_a_session_stands_on_its_page_as_text(store: Store, made: Made) -> None:
    html = page_of(store, made)
    for words in (
        "<h1>Ann &amp; &lt;Bob&gt;</h1>",
        "<h2>&lt;i&gt;Ann&lt;/i&gt;</h2>",
        '<blockquote class="said">I agree.</blockquote>',
        "To be deleted after",
        "Second\ntry",
        'data-time="1.250" title="Show this moment"><b>0:01.2</b>slide 2',
        "<dd>tiny</dd>",
    ):
        assert words in html, words
    assert "<Bob>" not in html and "<i>Ann" not in html


def test_a_marker_is_drawn_where_it_was(store: Store, made: Made) -> None:
    digest = digest_session(store, made.session_id)
    (line,) = set(re.findall(r'class="marked" d="M([\d.]+) 0V200"', page_of(store, made)))
    assert float(line) == pytest.approx(1.25 / digest.bins.width_s, abs=0.01)


def test_faces_that_were_kept_are_shown_and_no_others(store: Store, made: Made) -> None:
    file = store.media.find(made.session_id, made.media_id)
    jpeg = base64.b64encode(store.media.path(file).read_bytes()).decode()
    html = page_of(store, made)
    assert f'<img src="data:image/jpeg;base64,{jpeg}" alt="Face of person 1"' in html
    assert set(re.findall(r'base64,(.*?)" alt', html)) == {jpeg}
    store.media.path(file).unlink()
    assert "<img" not in page_of(store, made)


def test_a_kept_face_is_that_of_the_person_it_was_merged_into(store: Store, made: Made) -> None:
    store.people.merge(made.session_id, 1, COMES_BACK)
    html = page_of(store, made)
    assert 'alt="Face of person 3"' in html and "Person 1" not in html


def test_who_is_hidden_is_on_no_report(store: Store, made: Made, tmp_path: Path) -> None:
    store.people.hide(made.session_id, 2)
    html = page_of(store, made)
    assert "Ann&lt;/i&gt;" not in html and "1 track is hidden" in html
    export_session(store, made.session_id, tmp_path / "talk.pdf")
    assert "<i>" not in " ".join(text_of(tmp_path / "talk.pdf")).replace("Ann & <Bob>", "")
    told = summarise_session(store, made.session_id)
    assert [person.track_id for person in told.people] == [1, COMES_BACK]


@pytest.mark.parametrize("suffix", [".html", ".pdf"])
def test_a_session_without_a_face_has_a_report_too(
    store: Store, tmp_path: Path, suffix: str
) -> None:
    with store.record(title="Empty") as recording:
        recording.add(make_frame(0))
    path = tmp_path / f"empty{suffix}"
    assert export_session(store, recording.session_id, path) == 0
    if suffix == ".pdf":
        (text,) = text_of(path)
    else:
        text = path.read_text(encoding="utf-8")
        assert "default-src 'none'" in text and "<script" not in text
    assert "Nobody in view" in text and "Nobody's consent was recorded" in text.replace(
        "&#x27;", "'"
    )


def test_a_pdf_has_title_people_markers_and_numbered_pages(
    store: Store, made: Made, tmp_path: Path
) -> None:
    path = tmp_path / "talk.pdf"
    assert export_session(store, made.session_id, path) == 2 * FRAMES
    pages = text_of(path)
    assert len(pages) >= 3
    for number, text in enumerate(pages, start=1):
        assert text.endswith(f"{number} / {len(pages)}") and "Ann & <Bob>" in text
    whole = " ".join(pages)
    for words in ("<i>Ann</i>", "Person 1", "slide 2", "I agree.", "Second try", "tiny", "yunet"):
        assert words in whole, words
    document = pypdfium2.PdfDocument(path)
    assert document.get_metadata_dict()["Title"] == "Ann & <Bob>"
    outline = [entry.get_title() for entry in document.get_toc()]
    document.close()
    assert outline[:2] == ["Together", "Markers"] and outline[-1] == "About this session"


def test_figures_of_a_pdf_are_those_of_the_summary(
    store: Store, made: Made, tmp_path: Path
) -> None:
    export_session(store, made.session_id, tmp_path / "talk.pdf")
    whole = " ".join(text_of(tmp_path / "talk.pdf"))
    overall = summarise_session(store, made.session_id).overall
    assert overall is not None
    for figures in (overall.shares, overall.means):
        assert "Everybody " + " ".join(f"{value:.1%}" for value in figures.values()) in whole


def test_texts_of_any_length_and_alphabet_make_a_pdf(store: Store, tmp_path: Path) -> None:
    made = make_session(store, "Ω " + "w" * 190, note="漢字 \U0001f600 שלום\n" + "word " * 3000)
    store.people.name(made.session_id, 1, "n" * 200)
    export_session(store, made.session_id, tmp_path / "long.pdf")
    whole = " ".join(text_of(tmp_path / "long.pdf"))
    assert "Ω w" in whole and whole.count("word") == 3000 and "漢" not in whole


def test_a_report_is_never_as_recorded_nor_over_another(
    store: Store, made: Made, tmp_path: Path
) -> None:
    path = tmp_path / "talk.html"
    with pytest.raises(ConfigError, match="as they were merged and hidden"):
        export_session(store, made.session_id, path, as_recorded=True)
    export_session(store, made.session_id, path)
    with pytest.raises(TableWriteError, match="is there already"):
        export_session(store, made.session_id, path)
    export_session(store, made.session_id, path, overwrite=True)
    with pytest.raises(TableWriteError, match="cannot write"):
        export_session(store, made.session_id, tmp_path / "no" / "talk.pdf")


def test_rarely_sampled_sessions_have_longer_gaps(store: Store) -> None:
    with (
        store.record(title="x", settings={"every_s": 5.0}) as rare,
        store.record(title="y") as often,
    ):
        for recording in (rare, often):
            for number in range(4):
                recording.add(make_frame(number, step_s=5.0))
    assert gap_of(store.session(rare.session_id)) == 12.5
    assert summarise_session(store, rare.session_id).watched_s == pytest.approx(15)
    assert summarise_session(store, often.session_id).watched_s == 0


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("A talk", "A-talk-1.csv"),
        ("../../etc/passwd", "etc-passwd-1.csv"),
        ('a"b\r\nc: d', "a-b-c-d-1.csv"),
        ("Übung 3_b", "Übung-3-b-1.csv"),
        ("..", "session-1.csv"),
        ("x" * 200, "x" * 60 + "-1.csv"),
    ],
)
def test_the_name_of_an_export_is_fit_for_every_file_system(
    store: Store, title: str, name: str
) -> None:
    store.record(title=title).close()
    assert export_name(store.session(1), ".csv") == name
