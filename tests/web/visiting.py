"""What every page is held to, measured in the page itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, expect

REPO = Path(__file__).resolve().parents[2]
AXE = REPO / "web/node_modules/axe-core/axe.min.js"
LONG_MS = 30_000
# A machine that runs other tests beside these may take its time.
expect.set_options(timeout=LONG_MS)

# Sums up what moved by itself (https://web.dev/articles/cls), before anything else runs.
_WATCH_SHIFTS = """
window.shifted = 0;
new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) shifted += entry.value;
}).observe({type: 'layout-shift', buffered: true});
"""

# Every control that is seen and can be used; of radio buttons of one name Tab comes to one only.
_CONTROLS = """
() => {
    const seen = new Set();
    const wanted = 'a[href], button, input, select, textarea, summary, [tabindex="0"]';
    return [...document.querySelectorAll(wanted)]
        .filter(one => one.checkVisibility({visibilityProperty: true}) && !one.disabled)
        .filter(one => !one.matches('.skip'))
        .filter(one => {
            if (one.type !== 'radio') return true;
            const isFirst = !seen.has(one.name);
            seen.add(one.name);
            return isFirst;
        })
        .map(one => {
            const isRadio = one.type === 'radio';
            one.dataset.control ??= isRadio ? `radio ${one.name}` : one.outerHTML.slice(0, 120);
            return one.dataset.control;
        });
}
"""
_FOCUSED = """
() => {
    const one = document.activeElement;
    if (one.type === 'radio') return `radio ${one.name}`;
    return one === document.body ? null : (one.dataset.control ?? one.className);
}
"""


@dataclass
class Visit:
    """A page that is open, and what it asked for and complained of meanwhile.

    Attributes:
        page: The page.
        url: The server's.
        asked: Addresses of all requests.
        complaints: Errors of scripts and of the console.
    """

    page: Page
    url: str
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    @property
    def strangers(self) -> list[str]:
        """Requests to anybody but the server."""
        own = (self.url, self.url.replace("http", "ws"), "blob:", "data:")
        return [url for url in self.asked if not url.startswith(own)]

    def settle(self) -> None:
        """Wait until nothing is fetched any more and the fonts are there."""
        self.page.wait_for_load_state("networkidle")
        self.page.evaluate("document.fonts.ready.then(() => null)")
        self.page.wait_for_timeout(200)

    def axe(self) -> list[str]:
        """Return what axe-core finds against WCAG 2.2 A and AA, a line each."""
        # By the debugger, since the page's own policy would not let it in.
        self.page.evaluate(AXE.read_text())
        found: list[dict[str, Any]] = self.page.evaluate(
            """() => axe.run(document, {runOnly: [
                'wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']
            }).then(result => result.violations.map(
                ({id, help, nodes}) => ({id, help, where: nodes.map(node => node.html)})))"""
        )
        return [f"{one['id']}: {one['help']}: {one['where'][:3]}" for one in found]

    def sideways_px(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        script = "document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth"
        # A gutter that is kept for a scrollbar counts as window here, and not there.
        return max(0, int(self.page.evaluate(script)))

    def unreachable(self) -> list[str]:
        """Return the controls that the Tab key does not come to."""
        controls: list[str] = self.page.evaluate(_CONTROLS)
        reached: set[str] = set()
        self.page.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
        for _ in range(len(controls) + 10):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(_FOCUSED)
            if focused is None and reached:
                break
            reached.add(focused or "")
        return [one for one in controls if one not in reached]


@contextmanager
def visiting(browser: Browser, url: str, path: str, **look: Any) -> Iterator[Visit]:
    """Open a page in a profile of its own.

    Args:
        browser: What to open it in.
        url: The server's.
        path: The page's.
        look: What `new_context` takes: viewport, color_scheme, reduced_motion.
    """
    context = browser.new_context(**look)
    context.set_default_timeout(LONG_MS)
    visit = Visit(context.new_page(), url)

    def complain(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            visit.complaints.append(message.text)

    visit.page.add_init_script(_WATCH_SHIFTS)
    visit.page.on("request", lambda request: visit.asked.append(request.url))
    visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    visit.page.on("console", complain)
    visit.page.goto(url + path)
    visit.settle()
    yield visit
    context.close()
