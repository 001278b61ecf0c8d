"""All that the pages say stands in web/words: the HTML has only places for it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

WEB = Path(__file__).resolve().parents[2] / "web"
WORDS = WEB / "words/en"
HTML = sorted([*WEB.glob("*.html"), *WEB.glob("parts/*.html")])
HOLE = re.compile(r"\{\{([a-z]+)\.([a-z0-9_]+)\}\}")
# Attributes that are read, seen or heard.
SPOKEN = {"aria-label", "aria-description", "aria-valuetext", "alt", "title", "placeholder"}
NAMES = {"mien", "API"}


class Spoken(HTMLParser):
    """Collects what a page says by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []
        self._is_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_script = tag in ("script", "style")
        given = dict(attrs)
        spoken = SPOKEN | ({"content"} if given.get("name") == "description" else set())
        self.said += [value or "" for name, value in attrs if name in spoken]

    def handle_data(self, data: str) -> None:
        if not self._is_script:
            self.said.append(data)


def words_of(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]{2,}", HOLE.sub("", text))) - NAMES


@pytest.mark.parametrize("file", HTML, ids=lambda file: file.name)
def test_html_says_nothing_that_is_not_in_words(file: Path) -> None:
    page = Spoken()
    page.feed(file.read_text(encoding="utf-8"))
    assert set().union(*map(words_of, page.said)) == set()


def test_a_page_that_did_would_be_found() -> None:
    page = Spoken()
    page.feed('<p>Read</p><img alt="Face"><script>let it = 1</script><b>{{live.agree}} · mien</b>')
    assert set().union(*map(words_of, page.said)) == {"Read", "Face"}


@pytest.mark.parametrize("file", HTML, ids=lambda file: file.name)
def test_every_place_has_its_word(file: Path) -> None:
    for group, key in HOLE.findall(file.read_text(encoding="utf-8")):
        words = json.loads((WORDS / f"{group}.json").read_text(encoding="utf-8"))
        assert key in words, f"{group}.{key}"
