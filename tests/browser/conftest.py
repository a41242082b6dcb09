"""Chromium, one per file: sync Playwright keeps an event loop in its thread for as long as it lives."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.fake_server import Script, fake_server, served

Open = Callable[..., Page]

PATIENCE = 120_000  # ms; a machine that is busy with other tests is no failure
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
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no /usr/bin/chromium: install it with `apt-get install chromium`")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS), timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Opens an address; at the end each page has asked its own server only, and broken neither script nor policy."""
    opened: list[tuple[BrowserContext, str, set[str], list[str]]] = []

    def open_one(address: str, **look: object) -> Page:
        context = browser.new_context(**look)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        hosts: set[str] = set()
        broken: list[str] = []
        page.on("request", lambda request: hosts.add("/".join(request.url.split("/")[:3])))
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.on("console", lambda line: broken.append(line.text) if "Content Security Policy" in line.text else None)
        opened.append((context, address, hosts, broken))
        page.goto(address)
        return page

    yield open_one
    for context, *_ in opened:
        context.close()
    for _, address, hosts, broken in opened:
        assert hosts == {address}
        assert broken == []


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
    """How the browser looks at the page; a class of tests may override it."""
    return {}


@pytest.fixture
def page(address: str, open_page: Open, look: dict[str, object]) -> Page:
    return open_page(address, **look)
