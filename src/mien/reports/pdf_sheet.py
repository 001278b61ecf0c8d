"""Sheets of A4 in one look: type, colours, running footer, and the small parts of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import cast

import matplotlib
from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace, TTFFont

from mien import __version__
from mien.evaluation.words import percent
from mien.reports.palette import THEMES, colour_of

# All lengths are in millimetres, sizes of type in points.
WIDTH, MARGIN, BOTTOM = 174.0, 18.0, 20.0
ACCENT = "#0072b2"
LOOK = THEMES["light"]
_FONT = "dejavu"
# DejaVu Sans knows most alphabets and runs wide; a little narrower, it reads as a text face.
_STRETCH = 92.0
_LEAST_SHARE = 0.005
_UNKNOWN = "\ufffd"


class Sheet(FPDF):
    """A document that is filled from top to bottom; pages come by themselves."""

    def __init__(self, title: str) -> None:
        """Begin with the first page.

        Args:
            title: What the document is called, plain.
        """
        super().__init__(unit="mm", format="A4")
        fonts = Path(matplotlib.get_data_path()) / "fonts/ttf"
        self.add_font(_FONT, "", fonts / "DejaVuSans.ttf")
        self.add_font(_FONT, "B", fonts / "DejaVuSans-Bold.ttf")
        self.set_margins(MARGIN, MARGIN, MARGIN)
        # What is written begins where what is drawn does.
        self.c_margin = 0.0
        self.set_auto_page_break(True, BOTTOM)
        self.set_lang("en-GB")
        self.set_creator(f"mien {__version__}")
        self.set_stretching(_STRETCH)
        self.running_title = ""
        self.type(9)
        self.running_title = self.known(title)
        self.set_title(self.running_title)
        self.add_page()

    def footer(self) -> None:
        """Draw title and number below every page; fpdf2 calls it."""
        self.set_y(-14)
        self.type(7, colour=LOOK.soft)
        name = self.cut(self.running_title, WIDTH - 30)
        self.cell(WIDTH - 30, 5, name, new_x=XPos.RIGHT, new_y=YPos.TOP)
        self.cell(30, 5, f"{self.page_no()} / {{nb}}", align="R")

    def type(self, size: float, *, bold: bool = False, colour: str = LOOK.ink) -> None:
        """Set size in points, weight and colour of what is written next."""
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(colour)

    @cached_property
    def _drawable(self) -> frozenset[int]:
        font = cast(TTFFont, self.fonts[_FONT])
        return frozenset(font.cmap) | {ord("\n")}

    def known(self, text: str) -> str:
        """Return a text in which letters that the font lacks are shown to be unknown."""
        flat = text.replace("\r\n", "\n").replace("\t", " ")
        return "".join(one if ord(one) in self._drawable else _UNKNOWN for one in flat)

    def cut(self, text: str, width: float) -> str:
        """Return a text, cut off with dots where it is wider in the type that is set."""
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(text + "…") > width:
            text = text[:-1]
        return text.rstrip() + "…"

    def room(self, height: float) -> None:
        """Begin a new page unless so much fits on this one."""
        if self.will_page_break(height):
            self.add_page()

    def gap(self, height: float) -> None:
        """Leave room, but none at the top of a page."""
        if self.get_y() > MARGIN + 0.1:
            self.set_y(self.get_y() + height)

    def paragraph(
        self, text: str, *, size: float = 9, colour: str = LOOK.ink, indent: float = 0.0
    ) -> None:
        """Write a text over the whole width, as many lines as it takes."""
        self.type(size, colour=colour)
        self.set_x(MARGIN + indent)
        self.multi_cell(
            WIDTH - indent,
            size * 0.5,
            self.known(text),
            align="L",
            new_x=XPos.LMARGIN,
            new_y=YPos.NEXT,
        )

    def chapter(self, text: str, *, follows: float = 40.0) -> None:
        """Write a heading that is in the outline, on a page where what follows it begins too."""
        self.room(12 + follows)
        self.gap(8)
        name = self.known(text)
        self.start_section(name)
        self.type(14, bold=True)
        self.cell(WIDTH, 7, self.cut(name, WIDTH), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.gap(1)

    def heading(self, text: str, *, follows: float = 20.0) -> None:
        """Write a smaller heading."""
        self.room(8 + follows)
        self.gap(4)
        self.type(9, bold=True)
        self.cell(WIDTH, 5, self.known(text), new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self.gap(1)

    def dot(self, x: float, y: float, label: str) -> None:
        """Draw the round mark of an expression's colour around a point."""
        self.set_fill_color(colour_of(label))
        self.circle(x, y, 1.1, style="F")

    def key(self, shares: Mapping[str, float | None]) -> None:
        """Write names of expressions beside their colours, with shares where there are any."""
        x, y = MARGIN, self.get_y() + 1
        for label, share in shares.items():
            self.type(7.5, colour=LOOK.soft)
            width = self.get_string_width(label) + 4.5
            number = "" if share is None else percent(share, digits=0)
            self.type(7.5, bold=True)
            whole = width + (self.get_string_width(number) + 1.5 if number else 0)
            if x + whole > MARGIN + WIDTH:
                x, y = MARGIN, y + 5
            self.dot(x + 1.1, y + 2, label)
            self.type(7.5, colour=LOOK.soft)
            self.text(x + 3.4, y + 3, label)
            self.type(7.5, bold=True)
            self.text(x + width, y + 3, number)
            x += whole + 4
        self.set_y(y + 5)

    def share_bar(self, shares: Mapping[str, float]) -> None:
        """Draw shares that sum to 1 as a bar in their colours, and the key to it."""
        self.room(12)
        x, y = MARGIN, self.get_y() + 1
        for label, share in shares.items():
            if share > 0:
                self.set_fill_color(colour_of(label))
                self.rect(x, y, max(0.2, share * WIDTH - 0.4), 4, style="F")
                x += share * WIDTH
        self.set_y(y + 5)
        ranked = sorted(shares.items(), key=lambda item: -item[1])
        self.key({label: share for label, share in ranked if share >= _LEAST_SHARE})

    def tiles(self, tiles: Sequence[tuple[str, str, str]]) -> None:
        """Draw figures side by side: what it is, the figure, and a word about it."""
        width = WIDTH / len(tiles)
        top = self.get_y()
        for place, (name, value, about) in enumerate(tiles):
            x = MARGIN + place * width
            self.set_draw_color(LOOK.grid if place else ACCENT)
            self.set_line_width(0.6)
            self.line(x, top, x + width - 4, top)
            lines = (
                (3.0, 7.0, False, LOOK.soft, name),
                (8.5, 12.0, True, LOOK.ink, value),
                (14.0, 7.0, False, LOOK.soft, about),
            )
            for down, size, bold, colour, text in lines:
                self.type(size, bold=bold, colour=colour)
                self.text(x, top + down + 1.6, self.cut(self.known(text), width - 4))
        self.set_y(top + 18)

    def facts(self, facts: Mapping[str, str], *, name_width: float = 42.0) -> None:
        """Write names and values, a row each."""
        for name, value in facts.items():
            self.type(8)
            text = self.known(value)
            written = self.multi_cell(
                WIDTH - name_width, 4.2, text, align="L", dry_run=True, output="LINES"
            )
            lines = len(cast(list[str], written))
            # A value of many lines may go on overleaf; its first ones stay with its name.
            self.room(4.2 * min(lines, 3) + 1)
            top = self.get_y()
            self.type(8, colour=LOOK.soft)
            self.text(MARGIN, top + 2.95, self.cut(self.known(name), name_width - 2))
            self.type(8)
            self.set_xy(MARGIN + name_width, top)
            self.multi_cell(
                WIDTH - name_width, 4.2, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
            )
            self.gap(0.8)

    def grid(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, first: float) -> None:
        """Draw a table whose head is repeated on each page.

        Args:
            head: What the columns are called.
            rows: As many words each; all but the first are figures.
            first: How wide the first column is; the others share the rest.
        """
        other = (WIDTH - first) / (len(head) - 1)
        self.type(7.5)
        self.set_draw_color(LOOK.grid)
        self.set_fill_color(LOOK.ground)
        self.set_line_width(0.2)
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=(first, *[other] * (len(head) - 1)),
            headings_style=FontFace(emphasis="BOLD", color=LOOK.soft, size_pt=7),
            line_height=4.6,
            padding=(0.2, 0.6, 0.2, 0),
            text_align=("LEFT", *["RIGHT"] * (len(head) - 1)),
            width=WIDTH,
        ) as table:
            for words in (head, *rows):
                row = table.row()
                for word in words:
                    row.cell(self.known(word))
        self.set_x(MARGIN)
