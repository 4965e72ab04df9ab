"""A browser that reaches this machine alone, and a server of built pages."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import theme_page
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from bookkit.commands import host

# A machine that does other things too needs its time.
expect.set_options(timeout=20_000)

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


# Files that take minutes are begun first, so that neither of two processes waits for the other.
LONGEST = ("test_site.py", "test_sphinx.py", "test_install.py", "test_exercises.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of the files that take longest first; all keep their order otherwise."""
    place = {name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path.name, len(LONGEST)))


class Visit:
    """What a page asked of other hosts, and what it reported as wrong."""

    def __init__(self, page: Page, origin: str) -> None:
        self.elsewhere: list[str] = []
        self.missing: list[str] = []
        self.errors: list[str] = []
        local = (origin, "data:", "blob:", "about:")
        page.route(lambda url: not url.startswith(local), self._refuse)
        page.on("console", lambda note: note.type == "error" and self.errors.append(note.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("response", lambda reply: reply.status >= 400 and self.missing.append(reply.url))

    def _refuse(self, route) -> None:
        self.elsewhere.append(route.request.url)
        route.abort()


@pytest.fixture(scope="session")
def chromium() -> str | None:
    """The system's browser; None stands for playwright's own."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """What starts browsers; there is one in a process."""
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(driver: Playwright, chromium: str | None) -> Iterator[Browser]:
    running = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    yield running
    running.close()


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[[Path], str]]:
    """Serve a folder on this machine alone and return its address."""
    servers = []

    def start(folder: Path) -> str:
        servers.append(host.serve(folder))
        return host.address(servers[-1])

    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address in a fresh context; ``page.visit`` holds what went wrong.

    What follows predictions shows, unless ``shown`` is false.
    """
    contexts = []

    def opened(
        address: str, width: int = 1280, shown: bool = True, **context_options: object
    ) -> Page:
        viewport = {"width": width, "height": 900}
        context = browser.new_context(viewport=viewport, **context_options)
        contexts.append(context)
        if shown:
            context.add_init_script(theme_page.SHOWN)
        page = context.new_page()
        disk = address.startswith("file:")
        page.visit = Visit(page, "file:" if disk else address[: address.index("/", 8)])
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
