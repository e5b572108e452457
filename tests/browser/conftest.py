"""The real product, a real site to break, and a real Chromium that reports every complaint of its own.

Nothing here outlives the package: while Playwright runs, its event loop forbids Django's ORM in this thread.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from onebox.demo import DemoSite, State
from tests.road.box import Box, wait_until

CHROMIUMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENSHOTS = Path(__file__).resolve().parent.parent / "screenshots"

REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});
"""
ADD_UP_SHIFTS = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""

RENEW = """(selector) => new Promise((done) => {
  const part = document.querySelector(selector);
  delete part.dataset.etag;
  for (const row of part.querySelectorAll("[data-mark]")) row.dataset.mark = "old";
  const painted = () => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)));
  document.addEventListener("htmx:afterSettle", painted, { once: true });
  htmx.trigger(part, "poll");
})"""

OpenPage = Callable[..., "Visitor"]


@dataclass
class Visitor:
    """Somebody at a browser of a certain width, and what the browser complained about meanwhile."""

    page: Page
    width: int
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def shot(self, name: str) -> None:
        """Keep a picture, and see that nothing sticks out at the side."""
        SCREENSHOTS.mkdir(exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}-{self.width}.png", full_page=True)
        sticks_out = self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert sticks_out <= 0, f"{name} is {sticks_out} px wider than {self.width} px"


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("no Chromium here: on Debian, apt-get install chromium-headless-shell")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def box(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("box"))
    try:
        box.start()
        yield box
    finally:
        box.stop()
        print("\n".join(box.lines[-200:]))


class Site(DemoSite):
    """A site to watch, which the test can break, mend and make wait."""

    def __init__(self, state_file: Path) -> None:
        super().__init__(create_server(("127.0.0.1", 0)), state_file=state_file)
        self._answering = threading.Event()
        self._answering.set()

    @property
    def state(self) -> State:
        self._answering.wait()
        return super().state

    @contextmanager
    def held(self) -> Iterator[None]:
        """No request is answered inside, so that what shows only until the first answer can be looked at."""
        self._answering.clear()
        try:
            yield
        finally:
            self._answering.set()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path / "state") as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield site
        site.shutdown()


@pytest.fixture
def visitor(chromium: Browser, box: Box) -> Iterator[OpenPage]:
    """``visitor(360)`` opens a browser of that width; at the end none may have complained about anything."""
    opened: list[Visitor] = []

    def arrive(width: int, **options: Any) -> Visitor:
        context = chromium.new_context(base_url=box.url(""), viewport={"width": width, "height": 800}, **options)
        context.add_init_script(REPORT_VIOLATIONS)
        context.add_init_script(ADD_UP_SHIFTS)
        context.set_default_timeout(20_000)
        visitor = Visitor(context.new_page(), width)
        visitor.listen()
        opened.append(visitor)
        return visitor

    yield arrive
    for visitor in opened:
        visitor.page.context.close()
    assert [complaint for visitor in opened for complaint in visitor.complaints] == []


def holds_still(page: Page, part: str) -> None:
    """A polled part comes anew, every row of it, and nothing on the screen moves; what does move would be noticed."""
    page.reload()  # what follows a key or a click within half a second does not count as a shift
    page.evaluate(RENEW, part)
    assert page.evaluate("window.shifted") < 0.02
    page.evaluate("document.querySelector('main').style.paddingTop = '200px'")
    wait_until("the move is noticed", lambda: page.evaluate("window.shifted > 0.02"), seconds=5)
