"""Chromium, one per file: sync Playwright keeps an event loop in its thread for as long as it lives."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.fake_server import Script, fake_server, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium", path="/usr/bin")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    if CHROMIUM is None:
        pytest.skip("no /usr/bin/chromium: install it with `apt-get install chromium`")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: `make setup`")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def address(script: Script) -> Iterator[str]:
    with served(fake_server(script)) as address:
        yield address
        script.go_on.set()


@pytest.fixture
def look() -> dict[str, object]:
    """How the browser looks at the page; a test may override it."""
    return {}


@pytest.fixture
def page(browser: "Browser", address: str, look: dict[str, object]) -> Iterator["Page"]:
    """The page, opened; at the end it must have asked its own server only, and broken neither script nor policy."""
    context = browser.new_context(**look)
    page = context.new_page()
    hosts, broken = set(), []
    page.on("request", lambda request: hosts.add(request.url.split("/static/")[0].split("/v1/")[0].rstrip("/")))
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("console", lambda line: broken.append(line.text) if "Content Security Policy" in line.text else None)
    page.goto(address)
    yield page
    context.close()
    assert hosts == {address}
    assert broken == []
