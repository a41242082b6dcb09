"""Light and dark, on a phone, and without a serious finding of axe-core."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tacitly.report.palette import DARK, LIGHT
from tests.browser.fake_server import Script
from tests.browser.test_asking import ask
from tests.browser.test_existing_and_layers import score

PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "is_mobile": True}


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"))


def serious(page: Page) -> list[str]:
    """What axe-core finds that is serious or worse, in one line each."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {node['html']} {node['failureSummary']}"
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def show_all(page: Page) -> None:
    ask(page)
    page.locator("#panel-ask").get_by_role("button", name="Show every layer").click()
    expect(page.locator("#panel-ask table")).to_be_visible()
    page.locator("#panel-ask .word").nth(2).hover()
    expect(page.locator("#panel-ask [role=tooltip]")).to_be_visible()


class TestOnAPhone:
    @pytest.fixture
    def look(self) -> dict[str, object]:
        return dict(PHONE)

    def test_nothing_scrolls_sideways(self, page: Page, script: Script) -> None:
        assert page.evaluate("innerWidth") == 360
        assert fits(page)
        script.layers = 31
        ask(page)
        page.locator("#panel-ask .word", has_text="blocker").first.tap()
        expect(page.locator("#panel-ask [role=tooltip]")).to_contain_text("17 % likely right")
        assert fits(page)
        page.get_by_role("button", name="Show every layer").tap()
        table = page.locator("#panel-ask table")
        expect(table).to_be_visible()
        assert table.evaluate("table => table.scrollWidth > table.parentElement.clientWidth")
        assert fits(page)
        score(page)
        expect(page.locator("#panel-existing .verdict")).to_be_visible()
        assert fits(page)


@pytest.mark.parametrize(("scheme", "colours"), [("light", LIGHT), ("dark", DARK)])
class TestInLightAndDark:
    @pytest.fixture
    def look(self, scheme: str) -> dict[str, object]:
        return {"color_scheme": scheme}

    def test_the_colours_are_the_reports(self, page: Page, colours: dict[str, str]) -> None:
        for part in ("paper", "panel", "ink", "soft", "line", "accent", "contrast"):
            held = page.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{part}')")
            assert held.strip() == colours[part]
        paper = [int(colours["paper"][i : i + 2], 16) for i in (1, 3, 5)]
        drawn = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert drawn == f"rgb({', '.join(map(str, paper))})"

    def test_axe_finds_nothing_serious(self, page: Page, colours: dict[str, str]) -> None:
        show_all(page)
        assert serious(page) == []
        score(page)
        expect(page.locator("#panel-existing .verdict")).to_be_visible()
        assert serious(page) == []

    def test_axe_while_writing_and_after_an_error(self, page: Page, script: Script, colours: dict[str, str]) -> None:
        script.hold_after = script.lose_after = 6
        ask(page)
        expect(page.locator("#panel-ask .word", has_text="a").last).to_be_visible()
        assert serious(page) == []
        script.go_on.set()
        expect(page.locator("#panel-ask [data-alarm]")).to_be_visible()
        assert serious(page) == []


def test_axe_finds_what_is_wrong(page: Page) -> None:
    page.evaluate("document.querySelector('label[for=question]').remove()")
    assert any(line.startswith("label:") for line in serious(page))
