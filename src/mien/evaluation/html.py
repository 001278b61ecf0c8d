"""The parts that every page of a report is made of: the frame, a row, what made it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from html import escape
from importlib.resources import files

from mien import __version__
from mien.evaluation.report import Provenance
from mien.evaluation.words import count


def html_page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """Return a page that stands alone: the style is in it, nothing is asked for.

    Args:
        title: Plain text.
        body: HTML, what stands inside of `main`.
        style: CSS of this page's own, after that of every page.
        script: JavaScript that runs when the page is there. The page forbids its browser every
            other script, and every request.
    """
    css = files("mien.evaluation").joinpath("page.css").read_text(encoding="utf-8") + style
    running = f"<script>{script}</script>\n" if script else ""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{_policy(script)}<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="mien {escape(__version__)}">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
<style>
{css}</style>
</head>
<body>
<main>
{body}
</main>
{running}</body>
</html>
"""


def _policy(script: str) -> str:
    """Return a content security policy under which this one script runs and nothing is loaded."""
    allowed = "img-src data:; style-src 'unsafe-inline'"
    if script:
        digest = b64encode(sha256(script.encode()).digest()).decode()
        allowed += f"; script-src 'sha256-{digest}'"
    return (
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        f"{allowed}; base-uri 'none'; form-action 'none'\">\n"
    )


def table_row(head: str, *cells: str, css: str = "") -> str:
    """Return a row of a table; the head and the cells are HTML, `css` is its class."""
    attribute = f' class="{css}"' if css else ""
    body = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr{attribute}><th scope="row">{head}</th>{body}</tr>'


def facts_section(heading: str, facts: Mapping[str, object], *, before: str = "") -> str:
    """Return a section with a list of names and values.

    Args:
        heading: Plain text.
        facts: Name to value, both plain.
        before: HTML that stands above the list.
    """
    rows = "".join(
        f"<dt>{escape(name)}</dt><dd>{escape(_as_text(value))}</dd>"
        for name, value in facts.items()
    )
    return (
        f'<section><h2>{escape(heading)}</h2><div class="card">{before}'
        f'<dl class="facts">{rows}</dl></div></section>'
    )


def provenance_section(provenance: Provenance, split_sha256: str) -> str:
    """Return the section that says what made a report, so that it can be made again."""
    facts = {
        **{f"model {key}".replace("_", " "): value for key, value in provenance.model.items()},
        "data": provenance.data,
        "sha256 of the split": split_sha256,
        "made": provenance.created,
        "took": f"{provenance.seconds:.1f} s, {provenance.faces_per_s:,.0f} faces a second",
        "versions": ", ".join(f"{name} {text}" for name, text in provenance.versions.items()),
    }
    command = f"<pre><code>{escape(provenance.command)}</code></pre>"
    return facts_section("What made it", facts, before=command)


def _as_text(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_as_text(part)}" for name, part in value.items())
    if isinstance(value, int):
        return count(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
